"""Solutions, their versions and recommenders: what is trained, and what becomes of an attempt that was given up."""

from __future__ import annotations

import shutil

from endcap.jobs.lifecycles import Work
from endcap.registry.versions import Version

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
    version = _version_of(work)
    if version is not None:
        work.workspace.versions.delete(version)
    identity = work.resource.id.rpartition("/")[2]
    shutil.rmtree(work.workspace.settings.home / "training" / identity, ignore_errors=True)


def train_recommender(work: Work) -> None:
    """Train a recommender's own version."""
    from endcap.jobs.solution_training import train_recommender as train  # noqa: PLC0415 - heavy, only needed here

    version = train(work.workspace, work.resource, progress=work.progress, cancelled=work.cancelled)
    work.facts["version"] = version.id


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
