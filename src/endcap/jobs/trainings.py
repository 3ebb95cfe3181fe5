"""Solutions, their versions and recommenders: what is trained, and what becomes of an attempt that was given up."""

from __future__ import annotations

import shutil

from endcap.jobs.deploying import asked_for, withdraw
from endcap.jobs.lifecycles import Work
from endcap.registry.versions import HIDDEN, Version

ADOPTED = ("performAutoTraining", "performIncrementalUpdate")
"""Members of `latestSolutionUpdate` that the solution takes over."""


def train_version(work: Work) -> None:
    """Train one solution version, in a process of its own."""
    from endcap.jobs.solution_training import train_version as train  # noqa: PLC0415 - heavy, and only needed here

    train(work.workspace, work.resource, progress=work.progress, cancelled=work.cancelled)
    if _version_of(work) is None:
        raise LookupError(f"{work.resource.arn} was trained without leaving a version")


def forget_version(work: Work) -> None:
    """A stopped or failed training leaves no version that could be deployed."""
    solution, _, identity = work.resource.id.rpartition("/")
    _forget(work, solution, identity)


def train_recommender(work: Work) -> None:
    """Train a recommender's own version."""
    from endcap.jobs.solution_training import train_recommender as train  # noqa: PLC0415 - heavy, only needed here

    version = train(work.workspace, asked_for(work), progress=work.progress, cancelled=work.cancelled)
    work.facts["version"] = version.id


def take_back_recommender(work: Work) -> None:
    """A stopped or failed training serves nothing, and leaves no model that a later update would deploy."""
    from endcap.jobs.solution_training import own_version  # noqa: PLC0415 - heavy, and only needed here

    withdraw(work)
    _forget(work, f"{HIDDEN}{work.resource.id}", own_version(work.job))


def adopt_solution_update(work: Work) -> None:
    """What the update asked for holds for every version trained from now on."""
    latest = work.resource.document.get("latestSolutionUpdate", {})
    adopted = {name: latest[name] for name in ADOPTED if name in latest}
    if "solutionUpdateConfig" in latest:
        before = work.resource.document.get("solutionConfig", {})
        adopted["solutionConfig"] = {**before, **latest["solutionUpdateConfig"]}
    work.facts["members"] = adopted


def _version_of(work: Work) -> Version | None:
    solution, _, identity = work.resource.id.rpartition("/")
    found = work.workspace.versions.list(work.resource.shop_key, solution)
    return next((version for version in found if version.id == identity), None)


def _forget(work: Work, solution: str, identity: str) -> None:
    """A version's row first, so that nothing finds files that are going; they go also where the row went before."""
    workspace, shop = work.workspace, work.resource.shop_key
    for version in workspace.versions.list(shop, solution):
        if version.id == identity:
            workspace.versions.delete(version)
    home = workspace.settings.home
    for folder in (home.joinpath("models", *shop.parts(), solution, identity), home / "training" / identity):
        shutil.rmtree(folder, ignore_errors=True)
