"""Who may still write for a job: a fencing check in the very transaction that makes its effect.

Every start of a job counts its `attempt` up. Whoever works on an older attempt was taken for dead, and must change
nothing any more: neither a resource, nor a version row, nor the job's own ending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, select, update

from endcap.errors import StateError
from endcap.registry.jobs import Job, JobStatus
from endcap.registry.resources import Resource, Stale, alter, by_key, peek
from endcap.seams import Clock
from endcap.storage.db import Conflict, Database
from endcap.storage.schema import jobs, resources

Members = Mapping[str, Any] | Callable[[Resource], Mapping[str, Any]]
"""Members to merge into a document (None removes one), or what makes them from the resource as it is now."""


class Lost(StateError):
    """The job belongs to someone else by now, or has ended."""


def hold(connection: Connection, identity: str, attempt: int) -> None:
    """Keep the job's row locked for this transaction. Raises `Lost` when it is no longer at this attempt."""
    query = select(jobs.c.attempt, jobs.c.status).where(jobs.c.id == identity).with_for_update()
    row = connection.execute(query).first()
    if row is None or row.attempt != attempt or row.status not in ("pending", "running"):
        raise Lost(f"Job {identity} is not at attempt {attempt} any more.", fix="Leave it to whoever has it now.")


def settle(
    database: Database,
    clock: Clock,
    job: Job,
    *,
    status: str | None = None,
    members: Members | None = None,
    remove: bool = False,
    end: JobStatus | None = None,
    reason: str = "",
) -> Resource | None:
    """Change the job's resource and, with `end`, end the job: both or neither, and only while the attempt holds.

    `remove` deletes the resource's row. What is being deleted keeps its status until a job deletes it. The resource as
    it is afterwards; None where it is gone. Raises `Lost`.
    """
    now = clock.now()

    def work(connection: Connection) -> Resource | None:
        hold(connection, job.id, job.attempt)
        there = peek(connection, job.account, job.kind, job.resource)
        if there is not None and remove:
            connection.execute(delete(resources).where(*by_key(there.account, there.kind, there.id)))
            there = None
        elif there is not None and (status is not None or members is not None):
            merged = members(there) if callable(members) else members
            shown = status if job.verb == "delete" or not there.status.startswith("DELETE") else None
            there = _altered(connection, there, now, shown, merged)
        if end is not None:
            ending = {"status": end, "reason": reason, "ended": now}
            connection.execute(update(jobs).where(jobs.c.id == job.id).values(ending))
        return there

    return database.write(work)


def _altered(
    connection: Connection, resource: Resource, now: Any, status: str | None, members: Mapping[str, Any] | None
) -> Resource:
    try:
        return alter(connection, resource, now, status=status, document=members)
    except Stale as error:  # only where readers do not wait for writers: the transaction is run again
        raise Conflict(error.message) from error
