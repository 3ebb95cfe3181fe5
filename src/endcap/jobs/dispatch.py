"""From rows that ask for work to durable workflows, each once: the outbox's reader, in the jobs process only."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSPortableJSONSerializer, SetWorkflowID

from endcap.errors import EndcapError, UnavailableError
from endcap.jobs.lifecycles import Work, finish, lifecycle_of, queue_of
from endcap.jobs.workflows import VERSION, elders
from endcap.jobs.workspace import Workspace
from endcap.registry.jobs import Job
from endcap.registry.ownership import Lost

QUICK = 16
"""Quick lifecycles done at once: they write a row or two each."""
QUICK_POLL, LONG_POLL = 0.05, 0.15
"""Seconds between looks into a queue while there is work. DBOS needs 1.8 ms of processor time a look, so that this
pace would take a tenth of a core for nothing."""
IDLE_POLL = 0.4
"""The same when there was none for `CALM` seconds."""
CALM = 3.0
LIVE = ("ENQUEUED", "PENDING", "DELAYED")
RECONCILE_EVERY = 5.0
FORGET_EVERY = 3600.0
KEPT_DAYS = 7
"""How long finished workflows stay in the jobs' database; the jobs themselves stay listed."""


class Dispatch:
    """Enqueues what is pending, stops what is cancelled before it began, starts again what has no live workflow."""

    def __init__(self, workspace: Workspace, executor: str, job: Callable[[str], str]) -> None:
        self._workspace, self._executor, self._job = workspace, executor, job
        self._application = application(workspace)
        self._sent: set[str] = set()
        self._reconcile_at = self._forget_at = 0.0
        self._worked = time.monotonic()
        self._quick = True

    def register_queues(self, *, quick: bool = True) -> None:
        """Limits: long work of one sort never waits for another sort's, quick work for none."""
        self._quick = quick
        long = self._workspace.settings.jobs_parallel
        for name, at_once, poll in (
            ("quick", QUICK, QUICK_POLL),
            ("imports", long, LONG_POLL),
            ("trainings", long, LONG_POLL),
            ("batches", long, LONG_POLL),
        ):
            DBOS.register_queue(
                f"{self._application}-{name}",
                worker_concurrency=at_once,
                polling_interval_sec=poll if quick else IDLE_POLL,
                on_conflict="always_update",
            )

    def recover(self) -> None:
        """Take over what earlier processes of this home were doing: they are dead, for this one holds the lock."""
        for found in self._workflows("PENDING"):
            if found.app_version == VERSION and found.executor_id != self._executor:
                DBOS.resume_workflow(found.workflow_id, queue_name=found.queue_name)

    def turn(self) -> bool:
        """One look at the rows; whether there was something to do lately."""
        waiting = self._workspace.jobs.pending()
        self._pace(bool(waiting or self._sent))
        for job in waiting:
            if job.cancel:
                self._stop_waiting(job)
            elif job.id not in self._sent and not self._must_wait(job):
                self._send(job, job.id)
        if time.monotonic() >= self._reconcile_at:
            self._reconcile_at = time.monotonic() + RECONCILE_EVERY
            self.reconcile()
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY
            self.forget_finished()
        return self._quick

    def _must_wait(self, job: Job) -> bool:
        """Jobs that wait for a long one on the same resource take no place in the queue of quick ones."""
        return job.verb != "delete" and bool(elders(self._workspace, job))

    def reconcile(self) -> None:
        """Every row that is not ended has a live workflow afterwards."""
        rows = self._workspace.jobs.list(statuses=("pending", "running"))
        self._sent.intersection_update(row.id for row in rows)
        started = [row for row in rows if row.id in self._sent or row.status == "running"]
        if not started:
            return
        live = {
            found.workflow_id.partition(".")[0]
            for found in self._workflows(*LIVE)
            if found.app_version == VERSION and (found.status != "PENDING" or found.executor_id == self._executor)
        }
        for row in started:
            if row.id not in live and self._workspace.jobs.get(row.id).ended is None:
                self._workspace.jobs.tell(row.id, line="Its workflow was lost; started again.")
                self._send(row, f"{row.id}.{row.attempt}.{time.time_ns()}")

    def forget_finished(self) -> None:
        """Remove workflows that ended long ago from the jobs' database."""
        before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - KEPT_DAYS * 86_400))
        if old := self._workflows(completed_before=before, limit=1000):
            DBOS.delete_workflows([found.workflow_id for found in old])

    def _workflows(self, *statuses: str, **given: Any) -> list[Any]:
        """This home's workflows."""
        return DBOS.list_workflows(  # type: ignore[no-any-return]
            status=list(statuses) or None,
            application_name=self._application,
            load_input=False,
            load_output=False,
            **given,
        )

    def _pace(self, busy: bool) -> None:
        """Look often while there is work."""
        if busy:
            self._worked = time.monotonic()
        if self._quick != (time.monotonic() - self._worked < CALM):
            self.register_queues(quick=not self._quick)

    def _send(self, job: Job, workflow: str) -> None:
        with SetWorkflowID(workflow):
            DBOS.enqueue_workflow(f"{self._application}-{queue_of(job)}", self._job, job.id)
        self._sent.add(job.id)

    def _stop_waiting(self, job: Job) -> None:
        """A job that nobody has begun ends at once, however long the queue is; one that just began sees it itself."""
        try:
            finish(Work.of(self._workspace, job), lifecycle_of(job), {"outcome": "stopped"})
        except Lost:
            return
        except UnavailableError:  # asked again at the next turn
            raise
        except EndcapError as error:
            self._workspace.jobs.end(job.id, "stopped", error.message)


def application(workspace: Workspace) -> str:
    """What this home is called in the jobs' database, which homes may share: by where its metadata was at first.

    A home that was moved or copied keeps its name where that database lies in it, or its own jobs would be another's.
    """
    settings = workspace.settings
    path = Path(settings.jobs_database.partition("///")[2])
    is_own = settings.jobs_database.startswith("sqlite") and path.absolute().parent == settings.home.absolute()
    known = _named_in(path) if is_own else ""
    return known or f"endcap-{hashlib.sha256(workspace.settings.database.encode()).hexdigest()[:8]}"


def _named_in(path: Path) -> str:
    """The application of a database that is one home's alone; empty where it has none yet."""
    if not path.is_file():
        return ""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        try:
            row = connection.execute("SELECT application_name FROM application_versions LIMIT 1").fetchone()
        except sqlite3.OperationalError:  # it has no tables yet
            return ""
    return str(row[0] or "") if row else ""


def config(workspace: Workspace, executor: str) -> dict[str, Any]:
    """DBOS's settings: JSON only, nothing listens, nothing is told to anyone, nothing is printed but errors."""
    return {
        "name": application(workspace),
        "system_database_url": workspace.settings.jobs_database,
        "serializer": DBOSPortableJSONSerializer(),
        "application_version": VERSION,
        "executor_id": executor,
        "log_level": "ERROR",
        "console_log_level": "ERROR",
        "enable_otlp": False,
        "use_listen_notify": False,
        "scheduler_polling_interval_sec": 3600.0,
    }
