"""Train a solution version or a recommender's model: in a child process, published by this one, once.

The child leaves a version's files in `home/training/ID/`; this process makes a version of them. Killed at any moment,
it can be called again: a version that is there already is done, a search for hyper-parameters goes on, and so does the
training of a network from its last checkpoint. Of two attempts
at one version only the newer one publishes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from endcap.errors import InputError, StateError, UnknownName
from endcap.jobs.children import run_child
from endcap.jobs.profile_groups import given_groups, profile_groups
from endcap.jobs.solution_data import MINIMUM, Minimum, Solution
from endcap.jobs.training_child import Report, Request, Trained
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset, Interactions, Vocabulary
from endcap.lake.locks import locked
from endcap.registry import artefacts
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.feature_windows import window_documents
from endcap.registry.jobs import Job
from endcap.registry.lineage import Lineage
from endcap.registry.ownership import hold
from endcap.registry.recipe_arns import offer
from endcap.registry.resources import Resource, Stale
from endcap.registry.versions import HIDDEN, Version, random_id
from endcap.seams import Disk, Progress, no_progress
from endcap.types import ShopKey

TRAINING = ("create", "train", "retrain")
"""Verbs of jobs that train."""
CHANGES = 20
"""Attempts at changing a record that others change too."""


def train_version(
    workspace: Workspace,
    resource: Resource,
    *,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] = lambda: False,
    minimum: Minimum = MINIMUM,
) -> Version:
    """Train what a `solution-version` record asks for and publish it under the record's own id.

    Its document then holds `trainingHours`, `tunedHPOParams` (after a search), and `_metrics`, `_standsIn`, `_native`,
    `_weights` (SHA-256 of the trained arrays), `_snapshot` (of the lake); after performAutoML the solution's holds
    `autoMLResult`. Raises `Stopped` when `cancelled`, `EndcapError` with the service's words where it has some.
    """
    identity, account = resource.id.rpartition("/")[2], resource.account
    solution = workspace.resources.get(account, "solution", resource.parent)
    asked = Solution.of({**solution.document, **resource.document})
    version = _there(workspace, resource, resource.parent, identity)
    if version is None:
        version = _train(workspace, resource, resource.parent, identity, asked, minimum, progress, cancelled)
    notes = version.lineage.metrics
    tuned = notes.get("tuned")
    _note(
        workspace,
        resource,
        {
            "trainingHours": round(version.lineage.seconds / 3600, 4),
            "recipeArn": notes["recipeArn"],
            "tunedHPOParams": {"algorithmHyperParameters": tuned} if tuned else None,
            **_card(version),
        },
    )
    if asked.automatic:
        _note(workspace, solution, {"autoMLResult": {"bestRecipeArn": notes["recipeArn"]}})
    return version


def train_recommender(
    workspace: Workspace,
    resource: Resource,
    *,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] = lambda: False,
    minimum: Minimum = MINIMUM,
) -> Version:
    """Train a recommender's model as a version of its hidden solution; the document then holds `modelMetrics`.

    The version belongs to the job that asks for it: the same job again finds it done, another job trains anew.
    """
    job = _job(workspace, resource)
    identity = own_version(job) if job else random_id()
    version = _there(workspace, resource, HIDDEN + resource.id, identity)
    if version is None:
        asked = Solution.of(resource.document)
        version = _train(workspace, resource, HIDDEN + resource.id, identity, asked, minimum, progress, cancelled)
    _note(workspace, resource, {"modelMetrics": version.lineage.metrics.get("metrics") or {}, **_card(version)})
    return version


def _train(
    workspace: Workspace,
    resource: Resource,
    solution: str,
    identity: str,
    asked: Solution,
    minimum: Minimum,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Version:
    shop, job = resource.shop_key, _job(workspace, resource)
    native = "" if asked.automatic else offer(asked.recipe_arn).native
    groups = profile_groups(
        FeatureGroups(workspace.database, clock=workspace.clock), shop.account, given_groups(asked.config), native
    )
    home = workspace.settings.home.absolute()
    folder = home / "training" / identity
    attempt = job.attempt if job else 0
    staging = folder / f"attempt-{attempt}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    request = Request(
        home=str(home),
        account=shop.account.account,
        region=shop.account.region,
        group=shop.group,
        snapshot=workspace.lake.snapshot(shop).text,
        identity=identity,
        solution=asked,
        staging=str(staging),
        tuning=str(folder / "search.db"),
        checkpoints=str(folder / "checkpoints"),
        sources=workspace.sources(shop),
        before=_before(workspace, shop, solution) if asked.mode == "UPDATE" else None,
        least_interactions=minimum.interactions,
        least_users=minimum.users,
        windows=tuple(map(dict, window_documents(workspace.resources, shop))),
        groups=groups,
        moment=workspace.clock.now(),
    )
    threads = workspace.settings.threads
    try:
        answer = run_child(
            "endcap.jobs.training_child",
            msgspec.json.encode(request),
            doing=f"The training of {solution}/{identity}",
            progress=progress,
            cancelled=cancelled,
            environment={"NUMBA_NUM_THREADS": str(threads)} if threads else None,
        )
    except (InputError, StateError):  # what would come again; a search is kept where the process merely died
        shutil.rmtree(folder, ignore_errors=True)
        raise
    report = msgspec.convert(answer, Report)
    with locked(home / "training" / f".lock-{identity[0]}"):  # a few files for all versions, that stay
        version = _published(workspace, resource, solution, identity, staging, report, attempt)
    shutil.rmtree(folder, ignore_errors=True)
    return version


def _published(
    workspace: Workspace,
    resource: Resource,
    solution: str,
    identity: str,
    staging: Path,
    report: Report,
    attempt: int,
) -> Version:
    """Make a version of what lies in staging. Raises `Lost` where a newer attempt is at it."""
    job = _job(workspace, resource)
    fence = None if job is None else partial(hold, identity=job.id, attempt=attempt)
    if (version := _there(workspace, resource, solution, identity)) is not None:
        return version
    read = artefacts.read(staging, identity, report.manifest)
    beside = artefacts.beside(staging, identity, report.manifest)
    lineage = Lineage.of(msgspec.json.decode((staging / "lineage.json").read_bytes()))
    # Files without a row are what a kill in the middle of publishing leaves: no version, and in the way of one.
    orphan = workspace.settings.home.joinpath("models", *resource.shop_key.parts(), solution, identity)
    if orphan.exists():
        Disk().remove(orphan)
    none = np.zeros(0, np.int32)
    empty = Interactions(
        none, none, none.astype(np.int64), none.astype(np.int16), none.astype(np.float32), none.astype(np.int64)
    )
    dataset = Dataset(Vocabulary.of(pa.array([], pa.string())), read.items, empty, read.event_types, read.time_kind)
    return workspace.versions.publish(
        resource.shop_key, solution, read.recipe, dataset, lineage, identity=identity, fence=fence, beside=beside
    )


def _before(workspace: Workspace, shop: ShopKey, solution: str) -> Trained:
    """The newest version of the solution. Raises `InputError` where there is none to update."""
    found = workspace.versions.list(shop, solution)
    if not found:
        raise InputError(
            f"Solution {solution} has no solution version to update.", fix="Train one with trainingMode FULL first."
        )
    path = workspace.settings.home.absolute() / "models" / found[0].path
    return Trained(path=str(path), id=found[0].id, manifest=found[0].manifest)


def own_version(job: Job) -> str:
    """The id of the version that a recommender's job trains: the same at every attempt."""
    return hashlib.sha256(job.id.encode()).hexdigest()[:8]


def _there(workspace: Workspace, resource: Resource, solution: str, identity: str) -> Version | None:
    """The version, where an earlier attempt has made it. Raises `StateError` where the id is another solution's."""
    try:
        found = workspace.versions.find(identity)
    except UnknownName:
        return None
    if (found.shop, found.solution) != (resource.shop_key, solution):
        raise StateError(f"The id {identity} is taken by another version.", fix="Create another solution version.")
    return found


def _job(workspace: Workspace, resource: Resource) -> Job | None:
    """The job that this is done for: the running one, else the newest. Others wait for it, and run as well."""
    found = [job for job in workspace.jobs.on(resource) if job.verb in TRAINING]
    running = [job for job in found if job.status == "running"]
    return next(iter(running or found), None)


def _card(version: Version) -> dict[str, Any]:
    """What the record says of its model beside what the service would."""
    notes = version.lineage.metrics
    return {
        "_metrics": notes.get("metrics") or {},
        "_standsIn": notes.get("standsIn") or None,
        "_native": notes["native"],
        "_weights": notes.get("weights"),
        "_snapshot": version.lineage.snapshot,
    }


def _note(workspace: Workspace, resource: Resource, members: Mapping[str, Any]) -> None:
    """Merge members into a record that others may be changing. Raises `StateError` when they never stop."""
    for _ in range(CHANGES):
        current = workspace.resources.get(resource.account, resource.kind, resource.id)
        try:
            workspace.resources.change(current, document=members)
        except Stale:
            continue
        return
    raise StateError(f"{resource.arn} is being changed all the time.", fix="Try again.")
