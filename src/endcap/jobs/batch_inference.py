"""What a batch inference job does: from its record to answered lines.

The snapshot of the shop's data and the moment of asking are fixed when the job begins, so that it gives the same
answers however often it is interrupted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from endcap.errors import EndcapError, InputError
from endcap.jobs.answering import lake_shops
from endcap.jobs.batch import CHUNK, Totals, data_path, job_folder
from endcap.jobs.batch_answers import Answers
from endcap.jobs.batch_filters import ItemSieve
from endcap.jobs.batch_lines import Answer, LineJob, Plan
from endcap.jobs.workspace import Workspace
from endcap.lake.tables import Snapshot
from endcap.registry.campaigns import CampaignConfig, Deployment
from endcap.registry.recipe_arns import Offer, offer
from endcap.registry.resources import Resource
from endcap.registry.variants import SLOTS, Variant
from endcap.seams import Progress, no_progress
from endcap.serving.model import ServedModel
from endcap.serving.shop import ShopState, ShopStates
from endcap.serving.snapshot import Snapshot as Served
from endcap.storage.objects import open_objects
from endcap.types import ShopKey

DEFAULT_RESULTS, MOST_RESULTS = 25, 500
NOT_IN_BATCH = ("PERSONALIZED_ACTIONS", "USER_SEGMENTATION")
"""Recipe types that batch inference does not know."""


def infer(workspace: Workspace, resource: Resource, *, progress: Progress = no_progress, chunk: int = CHUNK) -> Totals:
    """Do the job in this process; what was read and written. Raises `EndcapError` with the reason of failure."""
    document = resource.document
    version, recipe = find_version(workspace, document)
    if recipe.type in NOT_IN_BATCH or recipe.native == "trending":
        raise InputError(f"Batch inference is not available for the recipe {recipe.arn}.", fix="Use a campaign.")
    k, theme = results_wanted(document, MOST_RESULTS), _theme_field(document, recipe)

    def open_answers(snapshot: Snapshot) -> Answer:
        state = open_state(workspace, resource.shop_key, snapshot)
        model = ServedModel.of(workspace.versions.load(version), state)
        answers = Answers(
            _served(resource, model),
            k,
            form=recipe.type,
            sieve=ItemSieve.of(workspace, resource, state),
            threads=threads(workspace),
            asked_at=resource.created,
        )
        if theme:
            from endcap.jobs.themes import Themes  # noqa: PLC0415 - few jobs want them

            answers.finish = Themes.of(workspace, resource.shop_key, state, theme).finish
        return answers.answer

    return run_lines(workspace, resource, open_answers, progress, chunk)


def _served(resource: Resource, model: ServedModel) -> Served:
    """The model as a campaign of its own would serve it, configured by `batchInferenceJobConfig`."""
    config = CampaignConfig.from_document({"campaignConfig": resource.document.get("batchInferenceJobConfig") or {}})
    variants = (Variant(model.version, model.version, SLOTS),)
    return Served(Deployment(resource.shop_key, resource.id, 1, variants, config), model.state, {model.version: model})


def run_lines(
    workspace: Workspace,
    resource: Resource,
    open_answers: Callable[[Snapshot], Answer],
    progress: Progress,
    chunk: int,
) -> Totals:
    """Do a batch job, of either kind, from wherever it was left; `open_answers` makes the answers at a snapshot."""
    source = data_path(resource.document, "jobInput", "s3DataSource")
    target = data_path(resource.document, "jobOutput", "s3DataDestination")
    lake, shop, objects = workspace.lake, resource.shop_key, open_objects(workspace.settings, resource.account.account)
    objects.check(target, write=True)
    job = LineJob(job_folder(workspace, resource), objects, chunk=chunk)

    def begun() -> Plan:
        return job.plan(f"{resource.arn} {resource.created}", source, target, lambda: lake.snapshot(shop).text)

    plan = begun()
    if (done := job.finished) is not None:
        return done
    try:
        answer = open_answers(Snapshot.parse(plan.snapshot))
    except EndcapError:
        if lake.snapshot(shop).text == plan.snapshot:
            raise
        # The snapshot it began with was erased meanwhile: no file may hold answers from two, so it begins anew.
        job.forget()
        plan = begun()
        answer = open_answers(Snapshot.parse(plan.snapshot))

    return job.run(plan, answer, progress)


def find_version(workspace: Workspace, document: Mapping[str, Any]) -> tuple[str, Offer]:
    """(id of the version, the recipe that was asked for). Raises `InputError`, `UnknownName`."""
    arn = str(document.get("solutionVersionArn", ""))
    record = workspace.resources.find(arn)
    if record.status != "ACTIVE":
        raise InputError(f"The solution version {arn} is {record.status}.", fix="Wait until it is ACTIVE.")
    return record.id.rpartition("/")[2], offer(str(record.document.get("recipeArn", "")))


def open_state(workspace: Workspace, shop: ShopKey, snapshot: Snapshot) -> ShopState:
    """Histories and catalogue at one snapshot, kept under `home/state` like those that are served."""
    return ShopStates(lake_shops(workspace).at(snapshot.text), workspace.settings.home / "state").load(shop)


def threads(workspace: Workspace) -> int:
    """How many threads may compute."""
    return workspace.settings.threads or os.cpu_count() or 1


def results_wanted(document: Mapping[str, Any], most: int) -> int:
    """`numResults`. Raises `InputError` where it is out of range."""
    wanted = int(document.get("numResults") or DEFAULT_RESULTS)
    if not 1 <= wanted <= most:
        raise InputError(f"numResults is {wanted}, expected 1 to {most:,}.")
    return wanted


def _theme_field(document: Mapping[str, Any], recipe: Offer) -> str:
    """The field that names items, where themes are wanted."""
    if document.get("batchInferenceJobMode") != "THEME_GENERATION":
        return ""
    if recipe.type != "RELATED_ITEMS":
        raise InputError(
            f"THEME_GENERATION needs a recipe of type RELATED_ITEMS, {recipe.arn} is {recipe.type}.",
            fix="Use aws-similar-items, or the mode BATCH_INFERENCE.",
        )
    config = (document.get("themeGenerationConfig") or {}).get("fieldsForThemeGeneration") or {}
    if not config.get("itemName"):
        raise InputError("themeGenerationConfig.fieldsForThemeGeneration.itemName is missing.")
    return str(config["itemName"])
