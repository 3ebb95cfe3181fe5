"""The child process of a training: reads one request from stdin, trains, and leaves a version's files in staging.

It publishes nothing: whether what it made becomes a version is the parent's to say.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from endcap.errors import DataError, InputError
from endcap.jobs.children import serve
from endcap.jobs.profile_groups import SETTINGS, ProfileGroups, with_groups
from endcap.jobs.solution_choice import Chosen, choose
from endcap.jobs.solution_data import MINIMUM, Minimum, Solution, View, event_weights, training_data
from endcap.jobs.solution_metrics import solution_metrics
from endcap.jobs.training import CHECKPOINT_SECONDS
from endcap.jobs.tuning import Search, tune
from endcap.lake.dataset import Dataset
from endcap.lake.tables import Lake, Snapshot
from endcap.recipes import create, recipe_name
from endcap.recipes.base import Recipe
from endcap.recipes.neural.processes import checkpoints_in
from endcap.recipes.updated import Updated, weights_hash
from endcap.registry import artefacts
from endcap.registry.lineage import File, Lineage, SourceFile
from endcap.registry.recipe_arns import Offer, offer
from endcap.seams import Disk, Progress
from endcap.types import AccountKey, ShopKey

STEERED = ("USER_PERSONALIZATION", "PERSONALIZED_RANKING")
"""Types of recipes whose order an `optimizationObjective` pulls."""
PARAMETERS = ("algorithmHyperParameters", "featureTransformationParameters")
"""Where a solution's configuration holds hyper-parameters: `trend_discovery_frequency` comes in the latter."""


class Trained(msgspec.Struct, kw_only=True, frozen=True):
    """A version to build on: where its files are, and the manifest that vouches for them."""

    path: str
    id: str
    manifest: File


class Request(msgspec.Struct, kw_only=True, frozen=True):
    """Everything the child needs, as JSON. `staging` is an empty directory, `tuning` the file of the search."""

    home: str
    account: str
    region: str
    group: str
    snapshot: str
    identity: str
    solution: Solution
    staging: str
    tuning: str
    sources: tuple[SourceFile, ...] = ()
    seed: int = 0
    before: Trained | None = None
    least_interactions: int = MINIMUM.interactions
    least_users: int = MINIMUM.users
    windows: tuple[dict[str, Any], ...] = ()
    """Windows that the shop has declared, as documents."""
    groups: ProfileGroups = ProfileGroups()
    moment: int = 0
    """Microseconds: records of those groups up to then count."""
    checkpoints: str = ""
    """Directory where unfinished trainings of networks are kept and gone on from; empty: nowhere."""
    checkpoint_seconds: float = CHECKPOINT_SECONDS


class Report(msgspec.Struct, kw_only=True, frozen=True):
    """What was made: the manifest of the files in staging."""

    manifest: File
    recipe_arn: str


def run_training(request: Request, progress: Progress) -> Report:
    """Train one version in this process. Raises `EndcapError` with the service's words where it has some."""
    shop = ShopKey(AccountKey(request.account, request.region), request.group)
    lake, snapshot = Lake(Path(request.home) / "lake"), Snapshot.parse(request.snapshot)
    minimum = Minimum(request.least_interactions, request.least_users)
    solution = request.solution

    def data(wanted: Offer) -> Dataset:
        view = View.of(wanted, solution.config, solution.event_type)
        learned = training_data(lake, shop, snapshot, wanted, view, minimum)
        return replace(with_groups(lake, learned, request.groups, request.moment), windows=request.windows)

    started = time.perf_counter()
    if solution.mode == "UPDATE":
        recipe, dataset, notes = _updated(request, data(offer(solution.recipe_arn)))
        chosen, files = offer(solution.recipe_arn), _files_beside(request.before)
    else:
        choice = _chosen(request, data, progress)
        chosen, files = choice.offer, dict(choice.files)
        dataset = data(chosen)
        with _resumable(request):
            recipe, metrics = _trained(chosen, choice.parameters, dataset, solution, request.seed, progress)
        notes = {**choice.notes, "metrics": metrics, "weights": weights_hash(recipe), **request.groups.notes}
        if dataset.refused:
            notes["refusedNumbers"] = dict(dataset.refused)
        if said := getattr(recipe, "notes", ()):
            notes["notes"] = list(said)
    lineage = Lineage(
        sources=request.sources,
        snapshot=request.snapshot,
        recipe=chosen.native,
        settings=recipe.settings(),
        seed=int(recipe.settings().get("seed", 0)),
        metrics={**notes, "recipeArn": chosen.arn, "standsIn": chosen.stands_in, "native": chosen.native},
        trained_until=dataset.last_time,
        seconds=time.perf_counter() - started,
    )
    return Report(manifest=_stage(request, recipe, dataset, lineage, files), recipe_arn=chosen.arn)


def _resumable(request: Request) -> AbstractContextManager[None]:
    """Networks trained inside go on from where an attempt before was killed."""
    if not request.checkpoints:
        return nullcontext()
    return checkpoints_in(Path(request.checkpoints), every=request.checkpoint_seconds)


def _chosen(request: Request, data: Any, progress: Progress) -> Chosen:
    """The recipe and its hyper-parameters, searched where the solution says so."""
    solution = request.solution
    members = PARAMETERS[:1] if solution.automatic else PARAMETERS
    told = {name: str(value) for member in members for name, value in (solution.config.get(member) or {}).items()}
    given = {name: value for name, value in told.items() if name not in SETTINGS}
    if solution.automatic:
        folder = Path(request.tuning).parent
        return choose(solution, given, data, folder, shop=request.group, seed=request.seed, progress=progress)
    wanted = offer(solution.recipe_arn)
    if not solution.tuned:
        return Chosen(wanted, given, {}, {})
    search = Search.of(wanted, solution.config, request.seed)
    found = tune(wanted, given, data(wanted), search, Path(request.tuning), progress=progress)
    notes = {"tuned": dict(found.parameters), "trials": found.trials, "pruned": found.pruned}
    return Chosen(found.offer, found.parameters, notes, {})


def _trained(
    chosen: Offer, given: Mapping[str, str], dataset: Dataset, solution: Solution, seed: int, progress: Progress
) -> tuple[Recipe, dict[str, float]]:
    """The recipe fitted on all data, and the metrics of one fitted without what was held back."""
    make = partial(create, chosen.native, chosen.native_settings(given))
    view = View.of(chosen, solution.config, solution.event_type)
    objective = solution.config.get("optimizationObjective") or {}
    reward, sensitivity = (str(objective.get(name) or "") for name in ("itemAttribute", "objectiveSensitivity"))
    off = sensitivity in ("", "OFF") or not reward
    if not off and chosen.type in STEERED:
        wrapped = {"base": chosen.native, "base_settings": chosen.native_settings(given)}
        make = partial(create, "steered", {**wrapped, "attribute": reward, "sensitivity": sensitivity})
    try:
        metrics = solution_metrics(
            chosen,
            make,
            dataset,
            seed=seed,
            weights=event_weights(dataset, view),
            reward="" if off else reward,
            progress=progress,
        )
    except DataError:  # nobody has two answers yet: there is nothing to hold back
        metrics = {}
    return make().fit(dataset, progress), metrics


def _updated(request: Request, dataset: Dataset) -> tuple[Recipe, Dataset, dict[str, Any]]:
    """The model of an earlier version over the items of now; the event types keep the codes it was trained with."""
    before = request.before
    if before is None:
        raise InputError("trainingMode UPDATE needs an earlier solution version.", fix="Train with FULL first.")
    folder = Path(before.path)
    read = artefacts.read(folder, before.id, before.manifest)
    earlier = Lineage.of(msgspec.json.decode((folder / "lineage.json").read_bytes()))
    recipe = Updated.extend(read.recipe, recipe_name(read.recipe), read.items, dataset)
    notes = {**earlier.metrics, "updatedFrom": before.id, "weights": weights_hash(recipe)}
    held = {"event_types": read.event_types, "time_kind": read.time_kind, "scales": read.scales}
    return recipe, replace(dataset, **held), notes  # type: ignore[arg-type]


def _files_beside(before: Trained | None) -> dict[str, bytes]:
    """What says how the recipe was chosen holds of the version that builds on it, too."""
    return artefacts.beside(Path(before.path), before.id, before.manifest) if before else {}


def _stage(request: Request, recipe: Recipe, dataset: Dataset, lineage: Lineage, beside: Mapping[str, bytes]) -> File:
    files = artefacts.encode(request.identity, recipe, dataset, lineage.stored(), beside)
    disk, folder = Disk(), Path(request.staging)
    for name, data in files.items():
        disk.write(folder / name, data)
    return File.of(files[artefacts.MANIFEST])


def main() -> int:
    """Work for the parent on the other end of stdin and stdout."""
    return serve(
        lambda line, progress: msgspec.to_builtins(run_training(msgspec.json.decode(line, type=Request), progress))
    )


if __name__ == "__main__":
    os._exit(main())  # at once: a thread still reads stdin, and nothing is left to tidy up
