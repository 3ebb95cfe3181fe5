"""Feature groups as resources of an account: a record's document holds what `DescribeFeatureGroup` answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from endcap.errors import UnknownName
from endcap.features.groups import Feature, FeatureGroup, Store, duration, feature
from endcap.registry.quotas import Quotas
from endcap.registry.resources import Resource, Resources, add, of_row, peek
from endcap.seams import Clock, SystemClock
from endcap.storage.db import Database
from endcap.storage.schema import resources
from endcap.types import AccountKey

KIND = "feature-group"
CREATED = "Created"
QUOTAS = Quotas(account={KIND: 500})
"""Groups that an account may have, five times the service's own."""


class FeatureGroups:
    """The groups of all accounts; whatever is asked for is asked for within one."""

    def __init__(self, database: Database, *, clock: Clock | None = None, quotas: Quotas = QUOTAS) -> None:
        self._database, self.clock, self._quotas = database, clock or SystemClock(), quotas
        self.resources = Resources(database, clock=clock)

    def create(
        self, group: FeatureGroup, document: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> FeatureGroup:
        """Make a group; `document` holds further members of its description.

        Raises `InputError` for definitions that make none, `Exists`, `QuotaExceeded`.
        """
        group, now = group.checked(), self.clock.now()
        told = {**document_of(group), **(document or {})}
        resource = Resource(group.account, KIND, group.name, status=CREATED, document=told, tags=tags or {})

        def work(connection: Connection) -> Resource:
            if peek(connection, resource.account, KIND, resource.id) is None:
                self._quotas.check(connection, resource)
            return add(connection, resource, now)

        return group_of(self._database.write(work))

    def get(self, account: AccountKey, name: str) -> FeatureGroup:
        """Raises `UnknownName`."""
        return group_of(self.resources.get(account, KIND, name))

    def list(self, account: AccountKey) -> list[FeatureGroup]:
        """All groups of an account, the oldest first."""
        return [group_of(resource) for resource in self.resources.list(account, KIND)]

    def everywhere(self) -> Sequence[FeatureGroup]:
        """The groups of all accounts and regions: for whoever serves all of them."""
        with self._database.read() as connection:
            rows = connection.execute(select(resources).where(resources.c.kind == KIND)).all()
        return [group_of(of_row(row)) for row in rows]

    def by_key(self, account: AccountKey, key: str) -> FeatureGroup | None:
        """The group whose records have this key; None where it was deleted, or another has its name now."""
        try:
            group = self.get(account, key.partition(".")[0])
        except UnknownName:
            return None
        return group if group.key == key else None

    def ensure(self, group: FeatureGroup) -> FeatureGroup:
        """The group of this name, made where there is none; features that it lacks are added.

        Raises `InputError` where it has one of them in another type.
        """
        try:
            there = self.get(group.account, group.name)
        except UnknownName:
            return self.create(group)
        fresh = [each for each in group.features if each not in there.features]
        return self.add_features(there, fresh) if fresh else there

    def add_features(self, group: FeatureGroup, added: Sequence[Feature]) -> FeatureGroup:
        """The group with features more. Raises `InputError`, `Stale`."""
        resource = self.resources.get(group.account, KIND, group.name)
        extended = group_of(resource).with_features(added)
        definitions = document_of(extended)["FeatureDefinitions"]
        return group_of(self.resources.change(resource, document={"FeatureDefinitions": definitions}))

    def delete(self, account: AccountKey, name: str) -> None:
        """Remove the group: its records are found online no more. What is in the lake stays there.

        Raises `UnknownName`.
        """
        self.resources.delete(self.resources.get(account, KIND, name))


def group_of(resource: Resource) -> FeatureGroup:
    """The group that a record describes."""
    told = resource.document
    online: Mapping[str, Any] = told.get("OnlineStoreConfig", {})
    stores: list[Store] = ["online"] if online.get("EnableOnlineStore") else []
    if "OfflineStoreConfig" in told:
        stores.append("offline")
    lasting = online.get("TtlDuration")
    return FeatureGroup(
        resource.account,
        resource.id,
        str(told["RecordIdentifierFeatureName"]),
        str(told["EventTimeFeatureName"]),
        tuple(feature_of(each) for each in told["FeatureDefinitions"]),
        tuple(stores),
        duration(lasting["Unit"], int(lasting["Value"])) if lasting else 0,
        resource.created,
    )


def feature_of(definition: Mapping[str, Any]) -> Feature:
    """A feature from its definition on the wire. Raises `InputError`."""
    vector = definition.get("CollectionConfig", {}).get("VectorConfig", {})
    return feature(
        str(definition["FeatureName"]),
        str(definition["FeatureType"]),
        str(definition.get("CollectionType", "")),
        int(vector.get("Dimension", 0)),
    )


def document_of(group: FeatureGroup) -> dict[str, Any]:
    """What describes a group. A time to live in whole seconds."""
    online: dict[str, Any] = {"EnableOnlineStore": True}
    if group.ttl:
        online["TtlDuration"] = {"Unit": "Seconds", "Value": max(1, group.ttl // 1_000_000)}
    told: dict[str, Any] = {
        "RecordIdentifierFeatureName": group.identifier,
        "EventTimeFeatureName": group.event_time,
        "FeatureDefinitions": [_definition(each) for each in group.features],
    }
    if "online" in group.stores:
        told["OnlineStoreConfig"] = online
    return told | ({"OfflineStoreConfig": {}} if "offline" in group.stores else {})


def _definition(each: Feature) -> dict[str, Any]:
    told: dict[str, Any] = {"FeatureName": each.name, "FeatureType": each.type}
    if each.collection:
        told["CollectionType"] = each.collection
    if each.dimension:
        told["CollectionConfig"] = {"VectorConfig": {"Dimension": each.dimension}}
    return told
