"""A job as a durable workflow: each step's outcome is kept, so that whoever goes on after a kill skips what is done."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from dbos import DBOS

from endcap.errors import EndcapError, StateError, UnavailableError, UnknownName
from endcap.jobs.lifecycles import Lifecycle, Step, Work, begin, finish, lifecycle_of
from endcap.jobs.progress import CHECK_EVERY, Cancelled
from endcap.jobs.workspace import Workspace
from endcap.registry.jobs import ENDED, Job
from endcap.registry.ownership import Lost

VERSION = "1"
"""Of the workflow below, not of the product: raised when its steps change, which strands nothing (see `dispatch`)."""
ATTEMPTS = 25
"""A job that was interrupted more often than this takes the process down with it, and is not begun again."""
PATIENCE = (0.2, 1.0, 5.0, 10.0)
"""Seconds between tries while a database does not answer."""
Outcome = dict[str, Any]


def register(workspace: Workspace) -> Callable[[str], str]:
    """The one workflow of this process; call it before DBOS is launched."""

    @DBOS.workflow(name="job", max_recovery_attempts=None)
    def job(identity: str) -> str:
        return perform(workspace, identity)

    return job  # type: ignore[no-any-return]


def perform(workspace: Workspace, identity: str) -> str:
    """Do one job from wherever it was left; how it ended. Work that was lost to another attempt is left alone."""
    job = workspace.jobs.start(identity)
    if job.status in ENDED:
        return job.status
    try:
        lifecycle = lifecycle_of(job)
        work = Work.of(workspace, job)
    except (StateError, UnknownName) as error:
        workspace.jobs.end(identity, "failed", str(error))
        return "failed"
    try:
        outcome = _steps(work, lifecycle)
        if outcome["outcome"] != "done" and lifecycle.undo is not None:
            DBOS.run_step({"name": "undo"}, partial(_guarded, lifecycle.undo, work))
        _patiently(lambda: finish(work, lifecycle, outcome))
    except Lost:
        return "lost"
    return str(outcome["outcome"])


def _steps(work: Work, lifecycle: Lifecycle) -> Outcome:
    if work.job.attempt > ATTEMPTS:
        return {"outcome": "failed", "reason": f"The job was interrupted {ATTEMPTS} times and is not begun again."}
    steps: tuple[tuple[str, Step], ...] = (("begin", partial(_begin, lifecycle)), *lifecycle.steps)
    for name, step in steps:
        outcome: Outcome = DBOS.run_step({"name": name}, partial(_guarded, step, work))
        work.facts.update(outcome.get("facts", {}))
        if outcome["outcome"] != "done":
            return outcome
    return {"outcome": "done"}


def _begin(lifecycle: Lifecycle, work: Work) -> None:
    await_elders(work)
    work.cancelled.check()
    begin(work, lifecycle)


def await_elders(work: Work) -> None:
    """Jobs on one resource are done one after the other; a delete stops those before it first."""
    while waited_for := elders(work.workspace, work.job):
        if work.job.verb == "delete":
            for elder in waited_for:
                work.workspace.jobs.cancel(elder.id)
        work.cancelled.check()
        time.sleep(CHECK_EVERY / 2)


def elders(workspace: Workspace, job: Job) -> list[Job]:
    """Jobs on the same resource that were asked for before and have not ended."""
    unfinished = [each for each in workspace.jobs.on(job) if each.status not in ENDED]
    return [each for each in unfinished if (each.created, each.id) < (job.created, job.id)]


def _guarded(step: Step, work: Work) -> Outcome:
    """Run a step; what it raises becomes an outcome, because an outcome can be remembered as JSON and an error cannot.

    Only `Lost` passes: then nothing more may be remembered in this job's name.
    """
    try:
        _patiently(lambda: step(work))
    except Lost:
        raise
    except Cancelled:
        return {"outcome": "stopped"}
    except EndcapError as error:
        if work.cancelled():
            return {"outcome": "stopped"}
        return {"outcome": "failed", "reason": error.message}
    except Exception as error:  # a fault of ours must end its job, not the process that does all jobs
        work.say("".join(traceback.format_exception(error))[-4000:])
        return {"outcome": "failed", "reason": f"Internal error ({type(error).__name__}: {error})."}
    return {"outcome": "done", "facts": dict(work.facts)}


def _patiently(work: Callable[[], None]) -> None:
    """Try again for a while when a database is away; then raise its `UnavailableError`."""
    for pause in PATIENCE:
        try:
            return work()
        except UnavailableError:
            time.sleep(pause)
    return work()
