"""What each job does: for every (verb, kind) the statuses its resource passes and an ordered tuple of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from endcap.errors import StateError
from endcap.jobs.progress import Cancellation, JobProgress
from endcap.jobs.workspace import Workspace
from endcap.registry.jobs import Job
from endcap.registry.ownership import Lost, Members, settle
from endcap.registry.resources import Resource

QueueName = Literal["quick", "imports", "trainings", "batches"]


@dataclass
class Work:
    """One job being done, at one attempt. Steps get it, and change the resource through it only."""

    workspace: Workspace
    job: Job
    resource: Resource
    cancelled: Cancellation
    progress: JobProgress
    facts: dict[str, Any] = field(default_factory=dict)
    """What steps hand to later steps and to the end: JSON, remembered through a restart."""

    @classmethod
    def of(cls, workspace: Workspace, job: Job) -> Work:
        """Raises `UnknownName` when the resource is gone."""
        cancelled = Cancellation(workspace.jobs, job.id)
        progress = JobProgress(workspace.jobs, job.id, workspace.clock, cancelled.check)
        resource = workspace.resources.get(job.account, job.kind, job.resource)
        return cls(workspace, job, resource, cancelled, progress)

    def change(self, *, status: str | None = None, members: Members | None = None) -> Resource:
        """Change the resource while this attempt holds. Raises `Lost`."""
        after = settle(self.workspace.database, self.workspace.clock, self.job, status=status, members=members)
        if after is None:
            raise Lost(f"{self.resource.arn} is gone.")
        self.resource = after
        return after

    def say(self, line: str) -> None:
        """A line of the job's log."""
        self.workspace.jobs.tell(self.job.id, line=line)


Step = Callable[[Work], None]


@dataclass(frozen=True)
class Lifecycle:
    """`steps` are done in order; each is remembered when done, so that a killed job goes on at the one it was in.

    A step must be safe to run again from its start. With `latest`, the statuses are those of that member of the
    document (`latestCampaignUpdate`), while the resource itself stays as it is.
    """

    during: str
    done: str = "ACTIVE"
    """Empty: the resource is removed."""
    failed: str = "CREATE FAILED"
    stopped: str = ""
    """Where it differs from `failed`."""
    steps: tuple[tuple[str, Step], ...] = ()
    queue: QueueName = "quick"
    latest: str = ""
    keeps: bool = False
    """The resource's status is left alone: whatever it is meanwhile, someone else has made it so."""
    undo: Step | None = None
    """What makes a failed or stopped attempt's effects unseen."""


CREATE = Lifecycle("CREATE IN_PROGRESS")
DELETE = Lifecycle("DELETE IN_PROGRESS", done="", failed="DELETE FAILED")
UPDATE = Lifecycle("UPDATE IN_PROGRESS", failed="UPDATE FAILED")


def creating(
    *steps: tuple[str, Step], queue: QueueName = "quick", stopped: str = "", undo: Step | None = None
) -> Lifecycle:
    """PENDING → IN_PROGRESS → ACTIVE | CREATE FAILED."""
    return replace(CREATE, steps=steps, queue=queue, stopped=stopped, undo=undo)


def deleting(*steps: tuple[str, Step]) -> Lifecycle:
    """DELETE PENDING → DELETE IN_PROGRESS → gone."""
    return replace(DELETE, steps=steps)


def updating(latest: str, *steps: tuple[str, Step], undo: Step | None = None) -> Lifecycle:
    """The same in the document's `latest…Update`, while the resource stays ACTIVE."""
    return replace(UPDATE, steps=steps, latest=latest, undo=undo)


def lifecycle_of(job: Job) -> Lifecycle:
    """Raises `StateError` for a verb that its kind does not have."""
    from endcap.jobs.table import LIFECYCLES  # noqa: PLC0415 - the table imports the steps, which import this module

    try:
        return LIFECYCLES[job.verb, job.kind]
    except KeyError:
        raise StateError(f"There is no way to {job.verb} a {job.kind}.") from None


def queue_of(job: Job) -> QueueName:
    """Where a job waits for its turn; what nobody knows how to do is quick to refuse."""
    try:
        return lifecycle_of(job).queue
    except StateError:
        return "quick"


def begin(work: Work, lifecycle: Lifecycle) -> None:
    """Show that it has begun."""
    if lifecycle.latest:
        work.change(members=lambda there: {lifecycle.latest: _latest(work, there, lifecycle.latest, lifecycle.during)})
    else:
        work.change(status=None if lifecycle.keeps else lifecycle.during, members={"failureReason": None})


def finish(work: Work, lifecycle: Lifecycle, outcome: Mapping[str, Any]) -> None:
    """The last word on a job and its resource, in one transaction. Raises `Lost` when another attempt has it."""
    kind, reason = outcome["outcome"], str(outcome.get("reason", ""))
    status = {"done": lifecycle.done, "failed": lifecycle.failed, "stopped": lifecycle.stopped or lifecycle.failed}[
        kind
    ]
    failure = reason or None

    def members(there: Resource) -> Mapping[str, Any]:
        facts = work.facts.get("members", {}) if kind == "done" else {}
        if not lifecycle.latest:
            return {**facts, "failureReason": failure}
        ended = _latest(work, there, lifecycle.latest, status, failure)
        return {**facts, lifecycle.latest: ended}

    settle(
        work.workspace.database,
        work.workspace.clock,
        work.job,
        status=_shown(lifecycle, kind, status),
        members=members,
        remove=kind == "done" and not lifecycle.done,
        end=kind,
        reason=reason,
    )


_UPDATED = "ACTIVE"
"""What an update that is done leaves behind, also where the creation had failed before."""


def _shown(lifecycle: Lifecycle, kind: str, status: str) -> str | None:
    """The resource's status at the end; None where it stays what it is."""
    if lifecycle.keeps:
        return None
    if lifecycle.latest:
        return _UPDATED if kind == "done" else None
    return status or None


def _latest(work: Work, there: Resource, name: str, status: str, failure: str | None = None) -> dict[str, Any]:
    before = {key: value for key, value in there.document.get(name, {}).items() if key != "failureReason"}
    ended = {**before, "status": status, "lastUpdatedDateTime": work.workspace.clock.now()}
    return ended if failure is None else {**ended, "failureReason": failure}
