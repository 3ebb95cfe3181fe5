"""What uses what: what must be there before something is made, and gone before something is deleted.

A resource is created and deleted here in one transaction that locks the rows it depends on, so that nothing is made in
a group that is going, and nothing goes that was taken into use a moment ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy import delete as remove

from endcap.errors import StateError, UnknownName
from endcap.registry.jobs import ENDED
from endcap.registry.quotas import Quotas, is_going, is_unfinished
from endcap.registry.resources import Resource, add, alter, by_key, of_row, peek
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import jobs, resources
from endcap.types import AccountKey, ShopKey

DELETION_ORDER = (
    "file-import",
    "evaluation",
    "batch-inference-job",
    "batch-segment-job",
    "dataset-export-job",
    "dataset-import-job",
    "data-deletion-job",
    "metric-attribution",
    "campaign",
    "recommender",
    "event-tracker",
    "filter",
    "solution-version",
    "solution",
    "dataset",
    "dataset-group",
)
"""What must be gone before what; schemas, which belong to the account, come last of all."""
PARTS: Mapping[str, tuple[str, ...]] = {
    "dataset-group": ("data-deletion-job", "file-import", "evaluation"),
    "dataset": ("dataset-import-job", "dataset-export-job"),
    "solution": ("solution-version", "batch-inference-job", "batch-segment-job"),
}
"""What has no life of its own: it goes with what it belongs to, once it is finished."""
MEMBERS = ("dataset", "solution", "campaign", "recommender", "filter", "event-tracker", "metric-attribution")
"""What must be deleted before its group."""


class InUse(StateError):
    """Something needs it, or something is being done with it."""


class Dependencies:
    """Creates and deletes what hangs together, within its account."""

    def __init__(self, database: Database, *, clock: Clock | None = None, quotas: Quotas | None = None) -> None:
        self._database, self._clock, self.quotas = database, clock or SystemClock(), quotas or Quotas()

    def create(self, resource: Resource, needs: Sequence[Resource] = (), *, verb: str = "create") -> Resource:
        """Insert a resource and its job, if all that it needs is still there and no quota is full.

        Raises `Exists`, `UnknownName` or `InUse` for what it needs, `QuotaExceeded`.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Resource:
            for needed in needs:
                _require_alive(connection, needed)
            if peek(connection, resource.account, resource.kind, resource.id) is None:
                self.quotas.check(connection, resource)
            return add(connection, resource, now, verb=verb)

        return self._database.write(work)

    def update(
        self, resource: Resource, document: Mapping[str, Any], needs: Sequence[Resource] = (), *, verb: str = "update"
    ) -> Resource:
        """Other members of its document, and the job that brings them about, if all that it needs is still there.

        Raises `Stale` where someone else changed it meanwhile, `UnknownName`, `InUse`.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Resource:
            for needed in needs:
                _require_alive(connection, needed)
            return alter(connection, resource, now, document=document, verb=verb)

        return self._database.write(work)

    def delete(self, resource: Resource, *, at_once: bool = False) -> Resource:
        """Ask for a resource to be deleted; whatever else is being done with it is cancelled.

        `at_once` removes the row here and now. Raises `InUse`, naming what uses it, `UnknownName`.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Resource:
            there = _require_alive(connection, resource)
            users = _users(connection, there)
            if users:
                named = ", ".join(f"{user.arn} ({user.status})" for user in users[:10])
                raise InUse(f"{there.arn} is used by {named}.", fix="Delete them, or wait for them, first.")
            _cancel(connection, there)
            if at_once:
                connection.execute(remove(resources).where(*by_key(there.account, there.kind, there.id)))
                return there
            return alter(connection, there, now, status="DELETE PENDING", verb="delete")

        return self._database.write(work)

    def stop(self, resource: Resource, status: str, *, verb: str = "") -> Resource:
        """Another status, everything that is being done with it cancelled, and with `verb` a job. Raises `Stale`."""
        now = self._clock.now()

        def work(connection: Connection) -> Resource:
            _cancel(connection, resource)
            return alter(connection, resource, now, status=status, verb=verb)

        return self._database.write(work)

    def users(self, resource: Resource) -> list[Resource]:
        """What must be deleted, or finished, before this can be deleted."""
        with self._database.read() as connection:
            return _users(connection, resource)

    def parts(self, resource: Resource) -> list[Resource]:
        """What is to be removed together with this."""
        with self._database.read() as connection:
            return _parts(connection, resource)

    def group(self, shop: ShopKey) -> list[Resource]:
        """Everything of a group, and the group, in an order in which each can be deleted, oldest first of a kind."""
        with self._database.read() as connection:
            all_of_it = _rows(connection, shop.account, DELETION_ORDER, resources.c.shop == shop.group)
        return deletion_order(all_of_it)

    def schemas_of(self, shop: ShopKey) -> list[Resource]:
        """Schemas that this group's datasets use, and nobody else's: what is left over once the group is gone."""
        with self._database.read() as connection:
            datasets = _rows(connection, shop.account, ("dataset",))
            schemas = _rows(connection, shop.account, ("schema",))
        mine = {arn for dataset in datasets if dataset.shop == shop.group for arn in _schemas(dataset)}
        others = {arn for dataset in datasets if dataset.shop != shop.group for arn in _schemas(dataset)}
        return [schema for schema in schemas if schema.arn in mine - others]

    def regions(self, account: AccountKey, kind: str, identity: str) -> list[str]:
        """Other regions of the account that have a resource of this kind and id."""
        same = (resources.c.account == account.account, resources.c.kind == kind, resources.c.id == identity)
        query = select(resources.c.region).where(*same, resources.c.region != account.region)
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())


def deletion_order(given: Iterable[Resource]) -> list[Resource]:
    """Sorted so that nothing comes before what uses it."""
    place = {kind: number for number, kind in enumerate((*DELETION_ORDER, "schema"))}
    return sorted(given, key=lambda resource: (place[resource.kind], resource.created, resource.id))


def _require_alive(connection: Connection, resource: Resource) -> Resource:
    """The row as it is now, locked until the transaction ends (SQLite's writers queue anyway)."""
    mine = by_key(resource.account, resource.kind, resource.id)
    row = connection.execute(select(resources).where(*mine).with_for_update()).first()
    if row is None:
        raise UnknownName(resource.kind, resource.arn, ())
    there = of_row(row)
    if is_going(there.status):
        raise InUse(f"{there.arn} is being deleted ({there.status}).")
    return there


def _cancel(connection: Connection, resource: Resource) -> None:
    same = (
        jobs.c.account == resource.account.account,
        jobs.c.region == resource.account.region,
        jobs.c.kind == resource.kind,
        jobs.c.resource == resource.id,
    )
    connection.execute(update(jobs).where(*same, jobs.c.status.not_in(ENDED)).values(cancel=True))


def _rows(connection: Connection, account: AccountKey, kinds: Sequence[str], *where: Any) -> list[Resource]:
    mine = (resources.c.account == account.account, resources.c.region == account.region)
    query = select(resources).where(*mine, resources.c.kind.in_(kinds), *where)
    return [of_row(row) for row in connection.execute(query.order_by(resources.c.created, resources.c.id))]


def _users(connection: Connection, resource: Resource) -> list[Resource]:
    rule = _RULES.get(resource.kind)
    return [] if rule is None else rule(connection, resource)


def _parts(connection: Connection, resource: Resource) -> list[Resource]:
    kinds = PARTS.get(resource.kind, ())
    rows = _rows(connection, resource.account, kinds, resources.c.shop == resource.shop) if kinds else []
    if resource.kind == "dataset-group":
        return rows
    within = f"{resource.id}/"
    return [row for row in rows if row.parent == resource.id or row.parent.startswith(within)]


def _running(rows: Iterable[Resource]) -> list[Resource]:
    return [row for row in rows if is_unfinished(row.status)]


def _schemas(dataset: Resource) -> set[str]:
    """ARNs of the schema that a dataset has, and of the one it is about to have."""
    planned = dataset.document.get("latestDatasetUpdate") or {}
    return {arn for arn in (dataset.document.get("schemaArn"), planned.get("schemaArn")) if arn}


def serves(campaign: Resource, solution: Resource) -> bool:
    """Whether a campaign has, or is about to have, a version of a solution."""
    planned = campaign.document.get("latestCampaignUpdate") or {}
    arns = (str(campaign.document.get("solutionVersionArn", "")), str(planned.get("solutionVersionArn", "")))
    return any(arn.startswith(f"{solution.arn}/") for arn in arns)


def _users_of_schema(connection: Connection, schema: Resource) -> list[Resource]:
    return [row for row in _rows(connection, schema.account, ("dataset",)) if schema.arn in _schemas(row)]


def _users_of_group(connection: Connection, group: Resource) -> list[Resource]:
    rows = _rows(connection, group.account, MEMBERS, resources.c.shop == group.id)
    return [*rows, *_running(_parts(connection, group))]


def _users_of_dataset(connection: Connection, dataset: Resource) -> list[Resource]:
    """Jobs on it, and whatever learns from the group's data at the moment."""
    kinds = ("solution-version", "recommender", "data-deletion-job")
    learning = _rows(connection, dataset.account, kinds, resources.c.shop == dataset.shop)
    return _running([*_parts(connection, dataset), *(row for row in learning if not is_going(row.status))])


def _users_of_solution(connection: Connection, solution: Resource) -> list[Resource]:
    rows = _rows(connection, solution.account, ("campaign",), resources.c.shop == solution.shop)
    return [*(row for row in rows if serves(row, solution)), *_running(_parts(connection, solution))]


def _users_of_filter(connection: Connection, filter_: Resource) -> list[Resource]:
    kinds = ("batch-inference-job", "batch-segment-job")
    rows = _rows(connection, filter_.account, kinds, resources.c.shop == filter_.shop)
    return _running(row for row in rows if row.document.get("filterArn") == filter_.arn)


_RULES: Mapping[str, Callable[[Connection, Resource], list[Resource]]] = {
    "schema": _users_of_schema,
    "dataset-group": _users_of_group,
    "dataset": _users_of_dataset,
    "solution": _users_of_solution,
    "filter": _users_of_filter,
}
