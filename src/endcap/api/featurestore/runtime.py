"""`sagemaker-featurestore-runtime`: records written through the log, read from the online store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec
from botocore.model import OperationModel

from endcap.api.acknowledging import acknowledged
from endcap.api.callers import Access
from endcap.api.door import Exchange, Route
from endcap.api.featurestore.faults import RUNTIME, renamed, runtime_refusal
from endcap.api.featurestore.finding import GroupFinder
from endcap.api.metrics import Metrics
from endcap.api.personalize.validation import validated
from endcap.api.shapes import service
from endcap.api.wire import JSON_HEADERS, Refusal, Reply, invalid, read_json
from endcap.errors import EndcapError, InputError, SchemaError, UnavailableError, UnknownName
from endcap.features.groups import FeatureGroup, Given, Store, duration
from endcap.features.online import Found, OnlineStore
from endcap.features.online_feed import OnlineFeed
from endcap.seams import Clock
from endcap.storage.log import Log, Record
from endcap.stream.collect import feature_record
from endcap.stream.records import FeatureRecord
from endcap.types import SECOND, AccountKey

SERVICE = "sagemaker-featurestore-runtime"
PATH = "/FeatureGroup/{FeatureGroupName}"
BODY_LIMIT = 4 << 20
"""Bytes: twenty-five records may come in one body."""
STORES: Mapping[str, Store] = {"OnlineStore": "online", "OfflineStore": "offline"}
READING: tuple[Access, ...] = ("runtime",)
WRITING: tuple[Access, ...] = ("runtime", "events")
"""Both: a back end's key may write, one that a browser carries (`events`) or that only reads may not."""
MOST_NAMES = 2_600
"""Values that a query may have: a name for every feature that a group can have."""
_DONE = Reply(200, b"{}")
_ENCODER = msgspec.json.Encoder()
Answer = Callable[[AccountKey, dict[str, Any], Exchange], Awaitable[Reply]]


class Windowed(Protocol):
    """What declared windows amount to now, by feature name: `jobs.feature_feed.WindowFeed`."""

    def values(self, group: FeatureGroup, ids: Sequence[str]) -> list[dict[str, str]]: ...

    def idle(self, group: FeatureGroup) -> dict[str, str]: ...


class FeatureRuntime:
    """The handlers of the service. `remote` says that reading the store waits for a network."""

    def __init__(
        self,
        groups: GroupFinder,
        log: Log,
        store: OnlineStore,
        feed: OnlineFeed,
        metrics: Metrics,
        clock: Clock,
        *,
        remote: bool = False,
        windows: Windowed | None = None,
    ) -> None:
        self._windows = windows
        self._groups, self._log, self._store, self._feed = groups, log, store, feed
        self._metrics, self._clock, self._remote = metrics, clock, remote

    def routes(self) -> tuple[Route, ...]:
        """The service's rows of the table."""
        rows: tuple[tuple[str, str, str, Answer, tuple[Access, ...]], ...] = (
            ("PUT", PATH, "PutRecord", self.put_record, WRITING),
            ("GET", PATH, "GetRecord", self.get_record, READING),
            ("DELETE", PATH, "DeleteRecord", self.delete_record, WRITING),
            ("POST", "/BatchGetRecord", "BatchGetRecord", self.batch_get_record, READING),
            ("POST", "/BatchWriteRecord", "BatchWriteRecord", self.batch_write_record, WRITING),
        )
        return tuple(
            Route(method, path, self._operation(name, answer, access), BODY_LIMIT)
            for method, path, name, answer, access in rows
        )

    async def put_record(self, account: AccountKey, given: dict[str, Any], exchange: Exchange) -> Reply:
        """PutRecord."""
        record = await self._record(account, given, given.get("TtlDuration"))
        await self._taken(account, [record], exchange)
        return _DONE

    async def batch_write_record(self, account: AccountKey, given: dict[str, Any], exchange: Exchange) -> Reply:
        """BatchWriteRecord: what fits is taken, of the rest is said what is wrong with it."""
        records, errors = [], []
        for entry in given["Entries"]:
            try:
                records.append(await self._record(account, entry, entry.get("TtlDuration", given.get("TtlDuration"))))
            except InputError as error:
                code = "ResourceNotFound" if isinstance(error, UnknownName) else "ValidationError"
                errors.append({"Entry": entry, "ErrorCode": code, "ErrorMessage": str(error)[:2048]})
        if records:
            await self._taken(account, records, exchange)
        return _reply({"Errors": errors, "UnprocessedEntries": []})

    async def delete_record(self, account: AccountKey, given: dict[str, Any], exchange: Exchange) -> Reply:
        """DeleteRecord."""
        group = await self._groups.group(account, given["FeatureGroupName"])
        hard = given.get("DeletionMode") == "HardDelete"
        record = group.deletion(
            given["RecordIdentifierValueAsString"], given["EventTime"], hard=hard, stores=_stores(given)
        )
        await self._taken(account, [record], exchange)
        return _DONE

    async def get_record(self, account: AccountKey, given: dict[str, Any], exchange: Exchange) -> Reply:
        """GetRecord: nothing where there is no such record."""
        del exchange
        group = await self._groups.group(account, given["FeatureGroupName"])
        names = await self._names(group, given.get("FeatureNames"))
        (found,) = await self._read([(group, group.identity(given["RecordIdentifierValueAsString"]))])
        live = self._live(group, given["RecordIdentifierValueAsString"], found)
        return _reply(_record(found, names, _wants_expiry(given), live))

    async def batch_get_record(self, account: AccountKey, given: dict[str, Any], exchange: Exchange) -> Reply:
        """BatchGetRecord: all records in one question to the store."""
        del exchange
        wanted: list[tuple[FeatureGroup, str]] = []
        told: list[tuple[str, str, Sequence[str] | None]] = []
        errors: list[dict[str, str]] = []
        for each in given["Identifiers"]:
            named, ids = each["FeatureGroupName"], each["RecordIdentifiersValueAsString"]
            try:
                group = await self._groups.group(account, named)
                names = await self._names(group, each.get("FeatureNames"))
                wanted += [(_online(group), group.identity(identity)) for identity in ids]
                told += [(named, identity, names) for identity in ids]
            except InputError as error:
                code = "ResourceNotFound" if isinstance(error, UnknownName) else "ValidationError"
                errors += [_error(named, identity, code, str(error)) for identity in ids]
        expiry, records = _wants_expiry(given), []
        read = await self._read(wanted)
        for (named, identity, names), (group, _), found in zip(told[: len(wanted)], wanted, read, strict=True):
            record = _record(found, names, expiry, self._live(group, identity, found))
            if record:
                records.append({"FeatureGroupName": named, "RecordIdentifierValueAsString": identity, **record})
        return _reply({"Records": records, "Errors": errors, "UnprocessedIdentifiers": []})

    def _operation(
        self, name: str, answer: Answer, needed: tuple[Access, ...]
    ) -> Callable[[Exchange], Awaitable[Reply]]:
        model = service(SERVICE).operation_model(name)
        modelled = {shape.name for shape in model.error_shapes}

        async def handler(exchange: Exchange) -> Reply:
            try:
                for access in needed:
                    exchange.caller.require(access)
                given = validated(_given(model, exchange), model.input_shape)
                return await answer(exchange.caller.account, given, exchange)
            except Refusal as refusal:
                raise renamed(refusal, RUNTIME) from None
            except EndcapError as error:
                raise runtime_refusal(error, modelled) from error

        return handler

    async def _record(self, account: AccountKey, given: Mapping[str, Any], ttl: Any) -> FeatureRecord:
        group = await self._groups.group(account, given["FeatureGroupName"])
        values, stores = _values(given["Record"]), _stores(given)
        lasting = duration(ttl["Unit"], ttl["Value"]) if ttl else None
        if ttl and "online" not in (stores or group.stores):
            raise InputError("TtlDuration was given, and the record does not go into an online store.")
        try:
            return group.record(values, ttl=lasting, stores=stores)
        except SchemaError:
            group = await self._groups.again(account, given["FeatureGroupName"])
            return group.record(values, ttl=lasting, stores=stores)

    async def _names(self, group: FeatureGroup, names: Sequence[str] | None) -> Sequence[str] | None:
        """Raises `InputError` for a feature that the group has not, in its newest form."""
        unknown = [name for name in names or () if name not in group.by_name]
        if unknown:
            group = await self._groups.again(group.account, group.name)
            unknown = [name for name in unknown if name not in group.by_name]
        if unknown:
            raise InputError(f"Feature group {group.name} has no feature {unknown[0]!r}.")
        return names

    async def _taken(self, account: AccountKey, records: Sequence[FeatureRecord], exchange: Exchange) -> None:
        now = self._clock.now()
        invocation = exchange.header(b"amz-sdk-invocation-id").decode("ascii", "replace")
        made: list[Record] = [
            feature_record(account, record, now, invocation=invocation, index=index)
            for index, record in enumerate(records)
        ]
        await acknowledged(self._log, made)
        self._metrics.taken("feature", len(made))

    def _live(self, group: FeatureGroup, identity: str, found: Found | None) -> dict[str, str]:
        """What declared windows add to a record, or all there is of one that was never written."""
        if self._windows is None:
            return {}
        (live,) = self._windows.values(group, [identity])
        if found is not None:
            return self._windows.idle(group) | live
        moment = self._clock.now()
        at = repr(moment / SECOND)
        if group.by_name[group.event_time].type == "String":
            at = datetime.fromtimestamp(moment / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {group.identifier: identity, group.event_time: at, **live} if live else {}

    async def _read(self, wanted: Sequence[tuple[FeatureGroup, str]]) -> list[Found | None]:
        if not self._feed.is_ready:
            raise UnavailableError("The online store is being filled; try again in a moment.")
        for group, _ in wanted:
            _online(group)
        if self._remote:
            return await asyncio.to_thread(self._store.get_many, wanted)
        return self._store.get_many(wanted)


def _given(model: OperationModel, exchange: Exchange) -> Any:
    """The operation's members from body, path and query."""
    shape = model.input_shape
    body = read_json(exchange.body) if model.has_streaming_input or exchange.body else {}
    if not isinstance(body, dict):
        raise invalid("The body is no JSON object.")
    try:
        query = parse_qs(exchange.query.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_NAMES,
                         errors="strict") if exchange.query else {}  # fmt: skip
    except ValueError:
        raise invalid("The query cannot be read, or has too many values.") from None
    for name, member in shape.members.items():
        where = member.serialization.get("location")
        if where == "uri":
            body[name] = exchange.part
        elif where == "querystring":
            body.pop(name, None)
            values = query.get(member.serialization["name"])
            if values:
                body[name] = values if member.type_name == "list" else values[0]
    return body


def _values(record: Sequence[Mapping[str, Any]]) -> dict[str, Given]:
    """By feature name. Raises `InputError` for a feature twice, or with no value or two."""
    values: dict[str, Given] = {}
    for each in record:
        name, one, several = each["FeatureName"], each.get("ValueAsString"), each.get("ValueAsStringList")
        if name in values:
            raise InputError(f"Feature {name} occurs twice in the record.")
        if one is not None and several is not None:
            raise InputError(f"Feature {name} has ValueAsString and ValueAsStringList, expected one of them.")
        given = one if one is not None else several
        if given is not None:  # null is as if it were not there
            values[name] = given
    return values


def _stores(given: Mapping[str, Any]) -> tuple[Store, ...]:
    return tuple(STORES[name] for name in given.get("TargetStores", ()))


def _online(group: FeatureGroup) -> FeatureGroup:
    """The group itself. Raises `InputError` where it has no online store."""
    if "online" not in group.stores:
        raise InputError(f"Feature group {group.name} has no online store to read from.")
    return group


def _wants_expiry(given: Mapping[str, Any]) -> bool:
    return given.get("ExpirationTimeResponse") == "Enabled"


def _record(found: Found | None, names: Sequence[str] | None, expiry: bool, live: Mapping[str, str]) -> dict[str, Any]:
    values = {**(found.values() if found else {}), **live}
    if names is not None:
        values = {name: values[name] for name in names if name in values}
    made: dict[str, Any] = {
        "Record": [
            {"FeatureName": name, "ValueAsString" if isinstance(value, str) else "ValueAsStringList": value}
            for name, value in values.items()
        ]
    }
    if not values:
        made = {}
    if expiry and found and found.until:
        made["ExpiresAt"] = datetime.fromtimestamp(found.until // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return made


def _error(named: str, identity: str, code: str, message: str) -> dict[str, str]:
    return {
        "FeatureGroupName": named,
        "RecordIdentifierValueAsString": identity,
        "ErrorCode": code,
        "ErrorMessage": message[:2048],
    }


def _reply(answer: Mapping[str, Any]) -> Reply:
    return Reply(200, _ENCODER.encode(answer), JSON_HEADERS)
