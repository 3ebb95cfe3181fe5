"""Do again what failed or was stopped."""

from __future__ import annotations

from endcap.errors import StateError
from endcap.jobs.lifecycles import lifecycle_of
from endcap.jobs.workspace import Workspace
from endcap.registry.jobs import ENDED, Job

PENDING = {"create": "CREATE PENDING", "delete": "DELETE PENDING"}


def retry(workspace: Workspace, job: Job) -> Job:
    """A new job of the same sort on the same resource. Raises `StateError` where the old one did not fail, or another
    is at work on the resource, `UnknownName` where that is gone."""
    if job.status not in ("failed", "stopped"):
        raise StateError(
            f"{job.name} {job.resource} is {job.status}.", fix="Only what failed or stopped is done again."
        )
    newer = [each for each in workspace.jobs.on(job) if each.status not in ENDED]
    if newer:
        raise StateError(
            f"{newer[0].name} {job.resource} is {newer[0].status} already.", fix="Wait for it, or stop it."
        )
    lifecycle = lifecycle_of(job)
    resource = workspace.resources.get(job.account, job.kind, job.resource)
    status = None if lifecycle.keeps or lifecycle.latest else PENDING.get(job.verb)
    changed = workspace.resources.change(resource, status=status, document={"failureReason": None}, verb=job.verb)
    return workspace.jobs.on(changed)[0]
