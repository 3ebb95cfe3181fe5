"""Runs: what was asked to be done, how far it is, what went wrong, and how to stop or repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.errors import StateError, UnknownName
from endcap.jobs.retrying import retry
from endcap.registry.jobs import ENDED, Job

PATH = "/console/api/runs"
LARGEST = 200
Status = Literal["pending", "running", "done", "failed", "stopped"]


class RunsAsked(Ask, frozen=True):
    """Which, newest first; an empty `shop`, `status` or `kind` is any."""

    shop: str = ""
    status: Status | Literal["", "open"] = ""
    kind: str = ""
    page: int = 0
    size: int = 50


class RunLine(Shape, frozen=True):
    """One job. `done` of `total` `unit` of the step `label`; `eta`, `created`, `started` and `ended` are milliseconds;
    `canStop` and `canRetry` say what may be done about it."""

    id: str
    shop: str
    verb: str
    kind: str
    resource: str
    status: str
    cancel: bool
    attempt: int
    label: str
    done: int
    total: int | None
    unit: str
    eta: int | None
    reason: str
    created: int
    started: int | None
    ended: int | None
    can_stop: bool
    can_retry: bool


class RunList(Shape, frozen=True):
    """A page of `total`; `kinds` and `counts` by status are of the shop's all, for filters."""

    total: int
    runs: tuple[RunLine, ...]
    open: int
    failed: int
    now: int


class LogLine(Shape, frozen=True):
    """What was said, and when."""

    at: int
    line: str


class RunAsked(Ask, frozen=True):
    """Nothing beside the id in the path."""


class RunShown(Shape, frozen=True):
    """One job in full, the oldest line of its log first."""

    run: RunLine
    log: tuple[LogLine, ...]
    others: tuple[RunLine, ...]
    """Other jobs on the same resource, newest first."""


class Runs:
    """`/console/api/runs`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def operations(self) -> Sequence[Operation]:
        """Its rows."""
        one = f"{PATH}/{{id}}"
        return (
            Operation("listRuns", "GET", PATH, "What was asked to be done.", self.list, RunsAsked, RunList),
            Operation("getRun", "GET", one, "One run with its log.", self.show, RunAsked, RunShown),
            Operation("stopRun", "POST", f"{one}/stop", "Stop it.", self.stop, RunAsked, RunLine, access="control"),
            Operation(
                "retryRun", "POST", f"{one}/retry", "Do it again.", self.retry, RunAsked, RunLine, access="control"
            ),
        )

    def list(self, call: Call, asked: RunsAsked) -> RunList:
        """A page of them."""
        jobs, size = self._backstage.workspace.jobs, min(max(asked.size, 1), LARGEST)
        live: tuple[Status, ...] = ("pending", "running")
        statuses = live if asked.status == "open" else (asked.status,) if asked.status else ()
        total, found = jobs.page(
            call.account,
            shop=asked.shop,
            statuses=statuses,
            kind=asked.kind,
            start=max(asked.page, 0) * size,
            size=size,
        )
        waiting, _ = jobs.page(call.account, shop=asked.shop, statuses=live, size=0)
        failed, _ = jobs.page(call.account, shop=asked.shop, statuses=("failed",), size=0)
        now = self._backstage.clock.now() // 1000
        return RunList(total=total, runs=tuple(map(line, found)), open=waiting, failed=failed, now=now)

    def show(self, call: Call, asked: RunAsked) -> RunShown:
        """Raises `UnknownName`."""
        job = self._job(call)
        told = tuple(LogLine(at=at // 1000, line=text) for at, text in job.log)
        others = [each for each in self._backstage.workspace.jobs.on(job) if each.id != job.id]
        return RunShown(run=line(job), log=told, others=tuple(map(line, others[:20])))

    def stop(self, call: Call, asked: RunAsked) -> RunLine:
        """Raises `UnknownName`, `StateError` for what has ended."""
        job = self._job(call)
        if job.status in ENDED:
            raise StateError(f"{job.name} {job.resource} has ended already: {job.status}.")
        self._backstage.workspace.jobs.cancel(job.id)
        return line(self._job(call))

    def retry(self, call: Call, asked: RunAsked) -> RunLine:
        """Raises `UnknownName`, `StateError` for what did not fail."""
        return line(retry(self._backstage.workspace, self._job(call)))

    def _job(self, call: Call) -> Job:
        job = self._backstage.workspace.jobs.get(call.part)
        if job.account != call.account:
            raise UnknownName("job", call.part, (), fix="List them with endcap jobs.")
        return job


def line(job: Job) -> RunLine:
    """A job on the wire."""
    told = job.progress if job.status not in ENDED else {}
    total, eta = told.get("total"), told.get("eta")
    return RunLine(
        id=job.id,
        shop=job.shop,
        verb=job.verb,
        kind=job.kind,
        resource=job.resource,
        status=job.status,
        cancel=job.cancel,
        attempt=job.attempt,
        label=str(told.get("label", "")),
        done=int(told.get("done") or 0),
        total=None if total is None else int(total),
        unit=str(told.get("unit", "")),
        eta=None if eta is None else int(eta) // 1000,
        reason=job.reason,
        created=job.created // 1000,
        started=None if job.started is None else job.started // 1000,
        ended=None if job.ended is None else job.ended // 1000,
        can_stop=job.status not in ENDED and not job.cancel,
        can_retry=job.status in ("failed", "stopped"),
    )
