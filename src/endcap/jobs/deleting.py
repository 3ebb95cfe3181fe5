"""A whole shop taken down in dependency order: what runs is stopped, what uses goes before what is used.

Everything is asked for as the API would ask, and done by the jobs process; interrupted, it is simply begun again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from endcap.errors import StateError, UnknownName
from endcap.jobs.supervisor import JobsProcess
from endcap.jobs.worker import sole
from endcap.jobs.workspace import Workspace
from endcap.registry.dependencies import DELETION_ORDER, PARTS, Dependencies, InUse
from endcap.registry.jobs import ENDED, Job
from endcap.registry.quotas import is_going
from endcap.registry.resources import Resource, Stale
from endcap.seams import Progress, no_progress
from endcap.types import ShopKey

POLL = 0.05
GOES_WITH = frozenset(kind for kinds in PARTS.values() for kind in kinds)
"""Kinds that are removed with what they belong to."""


def plan(workspace: Workspace, shop: ShopKey) -> list[Resource]:
    """What would go, in order. Raises `UnknownName` for a shop that is not there."""
    found = Dependencies(workspace.database).group(shop)
    if not found:
        known = [group.id for group in workspace.resources.list(shop.account, "dataset-group")]
        raise UnknownName("shop", shop.group, known)
    return found


def take_down(
    workspace: Workspace,
    shop: ShopKey,
    *,
    schemas: bool = False,
    progress: Progress = no_progress,
    say: Callable[[str], object] = str,
) -> list[Resource]:
    """Delete a shop and all that belongs to it; with `schemas` also those that nobody else uses. What went.

    Raises `StateError` when a deletion fails; what went before stays gone, and another try goes on from there.
    """
    dependencies = Dependencies(workspace.database, clock=workspace.clock)
    order = plan(workspace, shop)
    leftover = dependencies.schemas_of(shop) if schemas else []
    with jobs_being_done(workspace), progress(f"deleting {shop.group}", total=len(order), unit="resources") as tick:
        for job in _running(workspace, shop):
            say(f"stopping {job.name} {job.resource}")
            workspace.jobs.cancel(job.id)
        for resource in order:
            if resource.kind in GOES_WITH:
                _await_end(workspace, resource)
            else:
                _delete(workspace, dependencies, resource)
                say(f"deleted {resource.arn}")
            tick(1)
    for schema in leftover:
        dependencies.delete(schema, at_once=True)
        say(f"deleted {schema.arn}")
    return [*order, *leftover]


@contextmanager
def jobs_being_done(workspace: Workspace) -> Iterator[None]:
    """Where no jobs process runs for this home, one does for the time of the block."""
    try:
        with sole(workspace.settings.home, wait=False):
            pass
    except StateError:
        yield
        return
    process = JobsProcess(workspace.settings)
    process.start()
    try:
        yield
    finally:
        process.stop()


def _running(workspace: Workspace, shop: ShopKey) -> list[Job]:
    found = workspace.jobs.list(shop=shop, statuses=("pending", "running"))
    return [job for job in found if job.verb != "delete"]


def _await_end(workspace: Workspace, resource: Resource) -> None:
    """Wait until nothing is done with it any more; it goes with what it belongs to."""
    while any(job.status not in ENDED for job in workspace.jobs.on(resource)):
        time.sleep(POLL)


def _delete(workspace: Workspace, dependencies: Dependencies, resource: Resource) -> None:
    asked = False
    while (there := _there(workspace, resource)) is not None:
        if there.status == "DELETE FAILED" and asked:
            raise StateError(f"{there.arn} could not be deleted: {there.document.get('failureReason', '')}")
        if not asked or not there.status.startswith("DELETE"):
            asked = _ask(workspace, dependencies, there)
        time.sleep(POLL)


def _ask(workspace: Workspace, dependencies: Dependencies, resource: Resource) -> bool:
    """Whether its deletion is on its way. What uses it since the plan was made goes first; then ask again."""
    if is_going(resource.status):
        return True
    try:
        dependencies.delete(resource)
    except (InUse, Stale):
        for user in dependencies.users(resource):
            if user.kind in GOES_WITH:
                _cancel(workspace, user)
            elif user.kind in DELETION_ORDER[: DELETION_ORDER.index(resource.kind)]:
                _delete(workspace, dependencies, user)
        return False
    except UnknownName:
        return True
    return True


def _cancel(workspace: Workspace, resource: Resource) -> None:
    for job in workspace.jobs.on(resource):
        if job.status not in ENDED:
            workspace.jobs.cancel(job.id)


def _there(workspace: Workspace, resource: Resource) -> Resource | None:
    try:
        return workspace.resources.get(resource.account, resource.kind, resource.id)
    except UnknownName:
        return None
