"""The control plane's records: whatever can be described has one row here, whoever made it.

A row is found by its ARN's parts `(account, region, kind, id)`. Its document holds what `Describe…` answers beside ARN,
status and times, under the wire's member names, so that answers are shaped by the service model alone. Times within
documents are int microseconds. Every change counts `revision` up; a change based on an older one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from endcap.errors import InputError, StateError, UnknownName
from endcap.registry.jobs import Job, enqueue
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import resources
from endcap.types import AccountKey, Micros, ShopKey

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,62}")
KINDS: Mapping[str, str] = {
    "schema": "schema",
    "dataset-group": "dataset-group",
    "dataset": "dataset",
    "dataset-import-job": "dataset-import-job",
    "dataset-export-job": "dataset-export-job",
    "data-deletion-job": "data-deletion-job",
    "solution": "solution",
    "solution-version": "solution",
    "campaign": "campaign",
    "recommender": "recommender",
    "filter": "filter",
    "event-tracker": "event-tracker",
    "batch-inference-job": "batch-inference-job",
    "batch-segment-job": "batch-segment-job",
    "metric-attribution": "metric-attribution",
}
"""Every kind of Personalize's, and the word that its ARNs carry: a solution version's is `solution/NAME/8HEX`."""
STORE_KINDS = ("feature-group", "feature-window")
"""Kinds of the feature store, whose ARNs are SageMaker's and carry the kind itself. A group belongs to the account
(its `shop` is empty), a declared window to a shop."""
OWN_KINDS = ("file-import", "evaluation")
"""What only the console and the command line ask for; nothing describes them by ARN."""
_ARN = re.compile(r"arn:[a-z\d-]+:(personalize|sagemaker):([^:]*):([^:]*):([a-z-]+)/(.+)")


class Exists(StateError):
    """A resource of this name is there already."""


class Stale(StateError):
    """The resource was changed by someone else meanwhile."""


@dataclass(frozen=True)
class Resource:
    """One record. `shop` is the dataset group's name, empty for what belongs to the account (schemas, feature groups);
    `parent` the id of what it belongs to."""

    account: AccountKey
    kind: str
    id: str
    shop: str = ""
    parent: str = ""
    status: str = "ACTIVE"
    document: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    revision: int = 1
    created: Micros = Micros(0)
    updated: Micros = Micros(0)

    @property
    def arn(self) -> str:
        """`arn:aws:personalize:REGION:ACCOUNT:KIND/ID`, and `arn:aws:sagemaker:…` of what the feature store has."""
        own = self.kind in (*STORE_KINDS, *OWN_KINDS)
        service = "sagemaker" if self.kind in STORE_KINDS else "personalize"
        word = self.kind if own else KINDS[self.kind]
        return f"arn:aws:{service}:{self.account.region}:{self.account.account}:{word}/{self.id}"

    @property
    def shop_key(self) -> ShopKey:
        """The shop that this belongs to; a dataset group's own key."""
        return ShopKey(self.account, self.shop)


@dataclass(frozen=True)
class Reference:
    """What an ARN says: whose, of which kind, which."""

    account: AccountKey
    kind: str
    id: str


def parse_arn(arn: str) -> Reference:
    """The parts of a resource's ARN. Raises `InputError` for what is none."""
    found = _ARN.fullmatch(arn)
    if not found or found[4] not in (STORE_KINDS if found[1] == "sagemaker" else KINDS.values()):
        raise InputError(f"{arn!r} is no ARN of a resource.", fix="It looks like arn:aws:personalize:…:KIND/NAME.")
    kind, identity = found[4], found[5]
    if kind == "solution" and "/" in identity:
        kind = "solution-version"
    return Reference(AccountKey(found[3], found[2]), kind, identity)


class Resources:
    """The records of all accounts. Whatever is asked for is asked for within one account."""

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    def create(self, resource: Resource, *, verb: str = "") -> Resource:
        """Insert a row, and with `verb` the job that is to bring it about. Raises `Exists`, `InputError` for a name."""
        now = self._clock.now()

        def work(connection: Connection) -> Resource:
            return add(connection, resource, now, verb=verb)

        return self._database.write(work)

    def get(self, account: AccountKey, kind: str, identity: str) -> Resource:
        """Raises `UnknownName`."""
        with self._database.read() as connection:
            found = peek(connection, account, kind, identity)
        if found is None:
            raise UnknownName(kind, identity, (), fix="List those that exist.")
        return found

    def find(self, arn: str) -> Resource:
        """By ARN, in whatever account it names. Raises `InputError`, `UnknownName`."""
        reference = parse_arn(arn)
        return self.get(reference.account, reference.kind, reference.id)

    def list(
        self,
        account: AccountKey,
        kind: str,
        *,
        shop: str | None = None,
        parent: str | None = None,
        after: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[Resource]:
        """Oldest first (the newest is last, as clients expect); `after` is (created, id) of the last one seen."""
        query = select(resources).where(*_of_account(account), resources.c.kind == kind)
        if shop is not None:
            query = query.where(resources.c.shop == shop)
        if parent is not None:
            query = query.where(resources.c.parent == parent)
        if after is not None:
            created, identity = after
            query = query.where(
                (resources.c.created > created) | ((resources.c.created == created) & (resources.c.id > identity))
            )
        query = query.order_by(resources.c.created, resources.c.id).limit(limit)
        with self._database.read() as connection:
            return [of_row(row) for row in connection.execute(query)]

    def count(self, account: AccountKey, kind: str, *, shop: str | None = None) -> int:
        """How many there are: quotas are counted with this."""
        query = select(func.count()).select_from(resources).where(*_of_account(account), resources.c.kind == kind)
        if shop is not None:
            query = query.where(resources.c.shop == shop)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def change(
        self,
        resource: Resource,
        *,
        status: str | None = None,
        document: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        verb: str = "",
    ) -> Resource:
        """Another status, other members of the document (merged; None removes one), other tags; with `verb` a job.

        Raises `Stale` when the row is no longer at `resource.revision`.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Resource:
            return alter(connection, resource, now, status=status, document=document, tags=tags, verb=verb)

        return self._database.write(work)

    def delete(self, resource: Resource) -> None:
        """Remove the row; nothing where it is gone already."""
        with self._database.begin() as connection:
            connection.execute(delete(resources).where(*by_key(resource.account, resource.kind, resource.id)))


def add(connection: Connection, resource: Resource, now: Micros, *, verb: str = "") -> Resource:
    """`Resources.create` inside the caller's transaction."""
    if peek(connection, resource.account, resource.kind, resource.id) is not None:
        raise Exists(f"Another resource with Arn {resource.arn} already exists.", fix="Take another name.")
    made = Resource(
        resource.account,
        resource.kind,
        resource.id,
        resource.shop,
        resource.parent,
        resource.status,
        dict(resource.document),
        dict(resource.tags),
        1,
        now,
        now,
    )
    connection.execute(insert(resources).values(_values(made)))
    if verb:
        enqueue(connection, Job.of(made, verb, now))
    return made


def alter(
    connection: Connection,
    resource: Resource,
    now: Micros,
    *,
    status: str | None = None,
    document: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    verb: str = "",
) -> Resource:
    """`Resources.change` inside the caller's transaction."""
    merged = {**resource.document, **(document or {})}
    after = Resource(
        resource.account,
        resource.kind,
        resource.id,
        resource.shop,
        resource.parent,
        status or resource.status,
        {name: value for name, value in merged.items() if value is not None},
        resource.tags if tags is None else dict(tags),
        resource.revision + 1,
        resource.created,
        now,
    )
    mine = (*by_key(resource.account, resource.kind, resource.id), resources.c.revision == resource.revision)
    if connection.execute(update(resources).where(*mine).values(_values(after))).rowcount == 0:
        raise Stale(f"{resource.arn} was changed or deleted meanwhile.", fix="Describe it and try again.")
    if verb:
        enqueue(connection, Job.of(after, verb, now))
    return after


def peek(connection: Connection, account: AccountKey, kind: str, identity: str) -> Resource | None:
    """One row inside the caller's transaction."""
    row = connection.execute(select(resources).where(*by_key(account, kind, identity))).first()
    return None if row is None else of_row(row)


def ensure_shop(connection: Connection, shop: ShopKey, now: Micros) -> None:
    """The shop's own record, made where there is none: an import from the command line is enough."""
    if peek(connection, shop.account, "dataset-group", shop.group) is None:
        document = {"name": shop.group}
        add(connection, Resource(shop.account, "dataset-group", shop.group, shop.group, document=document), now)


def ensure_named(
    connection: Connection, kind: str, shop: ShopKey, name: str, document: Mapping[str, Any], now: Micros
) -> None:
    """The record of a solution, campaign or recommender, made where there is none.

    Raises `InputError` for an impossible name, or one that another shop of the account has taken.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{kind} name {name!r} must be 1-63 of [a-zA-Z0-9-_], starting with a letter or digit.")
    there = peek(connection, shop.account, kind, name)
    if there is None:
        ensure_shop(connection, shop, now)
        known = {"name": name, "datasetGroupArn": shop.arn("dataset-group", shop.group), **document}
        add(connection, Resource(shop.account, kind, name, shop.group, document=known), now)
    elif there.shop != shop.group:
        raise InputError(
            f"The {kind} {name!r} belongs to shop {there.shop!r}; names are unique in an account and region.",
            fix="Take another name.",
        )


def by_key(account: AccountKey, kind: str, identity: str) -> tuple[Any, ...]:
    """The conditions under which a row is this resource's."""
    return (*_of_account(account), resources.c.kind == kind, resources.c.id == identity)


def _of_account(account: AccountKey) -> tuple[Any, ...]:
    return resources.c.account == account.account, resources.c.region == account.region


def _values(resource: Resource) -> dict[str, Any]:
    return {
        "account": resource.account.account,
        "region": resource.account.region,
        "kind": resource.kind,
        "id": resource.id,
        "shop": resource.shop,
        "parent": resource.parent,
        "status": resource.status,
        "document": dict(resource.document),
        "tags": dict(resource.tags),
        "revision": resource.revision,
        "created": resource.created,
        "updated": resource.updated,
    }


def of_row(row: Row[Any]) -> Resource:
    """A resource from its row."""
    return Resource(
        AccountKey(row.account, row.region),
        row.kind,
        row.id,
        row.shop,
        row.parent,
        row.status,
        row.document,
        row.tags,
        row.revision,
        Micros(row.created),
        Micros(row.updated),
    )
