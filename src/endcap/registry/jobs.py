"""Work asked for: one row a job, written in the very transaction that changes the resource, so that neither can be
without the other. The jobs process takes pending rows in order, and reports in them what is being done.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update

from endcap.errors import UnknownName
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import jobs
from endcap.types import AccountKey, Micros, ShopKey

if TYPE_CHECKING:
    from endcap.registry.resources import Resource

JobStatus = Literal["pending", "running", "done", "failed", "stopped"]
ENDED: tuple[JobStatus, ...] = ("done", "failed", "stopped")
LOG_LINES = 200
"""Kept per job; the newest stay."""


_NEWEST_FIRST = (jobs.c.created.desc(), jobs.c.id.desc())


@dataclass(frozen=True)
class Job:
    """One piece of work: a `verb` (create, update, delete, start, stop) on a resource.

    `progress` holds `label`, `done`, `total` and `unit` of the step being done, and `eta` (microseconds UTC) where it
    can be told; `log` lines of text, each with its time; `cancel` that someone wants it stopped.
    """

    id: str
    account: AccountKey
    shop: str
    verb: str
    kind: str
    resource: str
    status: JobStatus = "pending"
    cancel: bool = False
    attempt: int = 0
    progress: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[tuple[int, str]] = ()
    reason: str = ""
    created: Micros = Micros(0)
    started: Micros | None = None
    ended: Micros | None = None

    @classmethod
    def of(cls, resource: Resource, verb: str, now: Micros) -> Job:
        """A new job on a resource."""
        identity = str(uuid.uuid4())
        return cls(identity, resource.account, resource.shop, verb, resource.kind, resource.id, created=now)

    @property
    def name(self) -> str:
        """As people and tables of workflows say it, for example `create dataset-import-job`."""
        return f"{self.verb} {self.kind}"


class Jobs:
    """The jobs of all accounts."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def get(self, identity: str) -> Job:
        """Raises `UnknownName`."""
        with self._database.read() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == identity)).first()
        if row is None:
            raise UnknownName("job", identity, (), fix="List them with endcap jobs.")
        return _job(row)

    def on(self, resource: Resource | Job) -> list[Job]:
        """The jobs on one resource, or on the one that a job is on, newest first."""
        query = select(jobs).where(
            jobs.c.account == resource.account.account,
            jobs.c.region == resource.account.region,
            jobs.c.kind == resource.kind,
            jobs.c.resource == (resource.resource if isinstance(resource, Job) else resource.id),
        )
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query.order_by(*_NEWEST_FIRST))]

    def pending(self) -> list[Job]:
        """What waits, oldest first."""
        query = select(jobs).where(jobs.c.status == "pending").order_by(jobs.c.created, jobs.c.id)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query)]

    def start(self, identity: str) -> Job:
        """Running, once more: `attempt` counts up. What has ended already stays ended."""

        def work(connection: Connection) -> None:
            job = self._locked(connection, identity)
            if job.status not in ENDED:
                values = {"status": "running", "attempt": job.attempt + 1, "started": job.started or self._clock.now()}
                connection.execute(update(jobs).where(jobs.c.id == identity).values(values))

        self._database.write(work)
        return self.get(identity)

    def tell(self, identity: str, *, progress: Mapping[str, Any] | None = None, line: str = "") -> None:
        """Note how far a job is, and a line in its log."""

        def work(connection: Connection) -> None:
            job = self._locked(connection, identity)
            values: dict[str, Any] = {} if progress is None else {"progress": dict(progress)}
            if line:
                values["log"] = [*job.log, (self._clock.now(), line)][-LOG_LINES:]
            if values:
                connection.execute(update(jobs).where(jobs.c.id == identity).values(values))

        self._database.write(work)

    def end(self, identity: str, status: JobStatus, reason: str = "") -> None:
        """Done, failed or stopped; the first ending stays."""
        now = self._clock.now()
        waiting = (jobs.c.id == identity, jobs.c.status.in_(("pending", "running")))
        with self._database.begin() as connection:
            connection.execute(update(jobs).where(*waiting).values(status=status, reason=reason, ended=now))

    def cancel(self, identity: str) -> None:
        """Ask for a job to be stopped; it ends when the jobs process has stopped it."""
        with self._database.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.id == identity).values(cancel=True))

    def is_cancelled(self, identity: str) -> bool:
        """Whether someone wants it stopped."""
        with self._database.read() as connection:
            return bool(connection.execute(select(jobs.c.cancel).where(jobs.c.id == identity)).scalar())

    def list(
        self,
        account: AccountKey | None = None,
        *,
        shop: ShopKey | None = None,
        statuses: Sequence[JobStatus] = (),
        limit: int | None = None,
    ) -> list[Job]:
        """Newest first."""
        query = select(jobs).order_by(*_NEWEST_FIRST)
        if shop is not None:
            account, query = shop.account, query.where(jobs.c.shop == shop.group)
        if account is not None:
            query = query.where(jobs.c.account == account.account, jobs.c.region == account.region)
        if statuses:
            query = query.where(jobs.c.status.in_(statuses))
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query.limit(limit))]

    def page(
        self,
        account: AccountKey,
        *,
        shop: str = "",
        statuses: Sequence[JobStatus] = (),
        kind: str = "",
        start: int = 0,
        size: int = 50,
    ) -> tuple[int, Sequence[Job]]:
        """(how many there are, those from `start` on), newest first; empty `shop` and `kind` are any."""
        wanted = [jobs.c.account == account.account, jobs.c.region == account.region]
        wanted += [jobs.c.shop == shop] if shop else []
        wanted += [jobs.c.status.in_(statuses)] if statuses else []
        wanted += [jobs.c.kind == kind] if kind else []
        query = select(jobs).where(*wanted).order_by(*_NEWEST_FIRST).offset(start).limit(size)
        with self._database.read() as connection:
            total = connection.execute(select(func.count()).select_from(jobs).where(*wanted)).scalar_one()
            return int(total), [_job(row) for row in connection.execute(query)]

    @staticmethod
    def _locked(connection: Connection, identity: str) -> Job:
        row = connection.execute(select(jobs).where(jobs.c.id == identity).with_for_update()).first()
        if row is None:
            raise UnknownName("job", identity, ())
        return _job(row)


def enqueue(connection: Connection, job: Job) -> Job:
    """Insert a job inside the caller's transaction."""
    values = {
        "id": job.id,
        "account": job.account.account,
        "region": job.account.region,
        "shop": job.shop,
        "verb": job.verb,
        "kind": job.kind,
        "resource": job.resource,
        "status": job.status,
        "cancel": job.cancel,
        "attempt": job.attempt,
        "progress": dict(job.progress),
        "log": list(job.log),
        "reason": job.reason,
        "created": job.created,
    }
    connection.execute(insert(jobs).values(values))
    return job


def _job(row: Row[Any]) -> Job:
    return Job(
        row.id,
        AccountKey(row.account, row.region),
        row.shop,
        row.verb,
        row.kind,
        row.resource,
        row.status,
        bool(row.cancel),
        row.attempt,
        row.progress,
        tuple((int(at), str(line)) for at, line in row.log),
        row.reason,
        Micros(row.created),
        None if row.started is None else Micros(row.started),
        None if row.ended is None else Micros(row.ended),
    )
