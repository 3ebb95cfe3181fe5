"""Feature groups: which features records of a kind have, of which types, and how long they are worth anything.

A record is held against its group when it is written, never later: what is stored fits. Words and limits are those of
Amazon SageMaker's feature store (API reference, `CreateFeatureGroup` and `PutRecord`).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, get_args

import pyarrow as pa

from endcap.errors import InputError, SchemaError
from endcap.stream.records import FeatureRecord
from endcap.types import DAY, HOUR, MINUTE, SECOND, AccountKey, Micros

FeatureType = Literal["Integral", "Fractional", "String"]
Collection = Literal["", "List", "Set", "Vector"]
Store = Literal["online", "offline"]
Given = str | Sequence[str]
"""A value as the wire has it: text, or texts where the feature is a collection."""

NAME = re.compile(r"[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}")
RESERVED = ("write_time", "api_invocation_time", "is_deleted")
"""Columns that every offline table has; no feature can be called so, as in the service."""
MOST = 2500
"""Features of a group."""
LONGEST = 350 * 1024
"""Bytes that one record may have."""
UNITS: Mapping[str, int] = {
    "Seconds": SECOND, "Minutes": MINUTE, "Hours": HOUR, "Days": DAY, "Weeks": 7 * DAY,
}  # fmt: skip
_ARROW = {"Integral": pa.int64(), "Fractional": pa.float64(), "String": pa.string()}
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?")
_EXPECTED = {
    "Integral": "a whole number of 64 bits",
    "Fractional": "a finite number",
    "String": "text",
}
_SHOWN = 64
_REPORTED = 10


@dataclass(frozen=True)
class Feature:
    """One feature of a group. `dimension` is how long a vector is."""

    name: str
    type: FeatureType
    collection: Collection = ""
    dimension: int = 0

    @property
    def is_numeric(self) -> bool:
        """One number, so that it is packed beside the texts."""
        return not self.collection and self.type != "String"

    @property
    def arrow(self) -> pa.DataType:
        """Its column's type in the offline table."""
        kind = _ARROW[self.type]
        return pa.list_(kind) if self.collection else kind

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        one = _EXPECTED[self.type]
        if self.collection == "Vector":
            return f"a Vector of {self.dimension} numbers (ValueAsStringList), each {one}"
        return f"a {self.collection} (ValueAsStringList) of {self.type}, each {one}" if self.collection else one

    def typed(self, given: Given) -> Any:
        """The value as a Python object of the column's type. Raises `ValueError` where it is none."""
        if isinstance(given, str):
            if self.collection:
                raise ValueError
            return _READERS[self.type](given)
        if not self.collection or (self.collection == "Vector" and len(given) != self.dimension):
            raise ValueError
        values = [_READERS[self.type](each) for each in given]
        if self.collection == "Set" and len(set(values)) < len(values):
            raise ValueError
        return values


@dataclass(frozen=True)
class FeatureGroup:
    """A group of an account. `ttl` is how long (microseconds) after its event time a record is found online, 0 for
    ever; `created` tells it from others that had its name."""

    account: AccountKey
    name: str
    identifier: str
    event_time: str
    features: tuple[Feature, ...]
    stores: tuple[Store, ...] = ("online", "offline")
    ttl: int = 0
    created: Micros = Micros(0)

    @property
    def key(self) -> str:
        """Under what records, online entries and the offline table are kept: `NAME.HEX`; no name has a point."""
        return f"{self.name}.{self.created:x}"

    @cached_property
    def by_name(self) -> Mapping[str, Feature]:
        """The features by their names."""
        return {feature.name: feature for feature in self.features}

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Names of the features that are one number, in the order of `FeatureRecord.numbers`."""
        return tuple(feature.name for feature in self.features if feature.is_numeric)

    @property
    def arrow(self) -> pa.Schema:
        """The features as columns."""
        return pa.schema([(feature.name, feature.arrow) for feature in self.features])

    def checked(self) -> FeatureGroup:
        """The group itself. Raises `InputError` for definitions that make none."""
        for name in (self.name, *(feature.name for feature in self.features)):
            if not NAME.fullmatch(name) or len(name) > _SHOWN:
                raise InputError(f"{name!r} is no name: 1 to 64 of [a-zA-Z0-9-_], a letter or digit first and last.")
        _require_distinct(self.features)
        for feature in self.features:
            if feature.collection == "Vector" and (feature.type == "String" or feature.dimension < 1):
                raise InputError(f"The vector {feature.name} must be Fractional or Integral, with a Dimension.")
        identifier, moment = self.by_name.get(self.identifier), self.by_name.get(self.event_time)
        if identifier is None or identifier.collection or identifier.type == "Fractional":
            raise InputError(f"RecordIdentifierFeatureName {self.identifier!r} must be a String or Integral feature.")
        if moment is None or moment.collection or moment.type == "Integral" or moment is identifier:
            raise InputError(f"EventTimeFeatureName {self.event_time!r} must be a String or Fractional feature.")
        if not self.stores:
            raise InputError("A feature group needs an online store, an offline store, or both.")
        return self

    def with_features(self, added: Sequence[Feature]) -> FeatureGroup:
        """The group with features more. Raises `InputError` as `checked`."""
        return replace(self, features=(*self.features, *added)).checked()

    def record(
        self, values: Mapping[str, Given], *, ttl: int | None = None, stores: Sequence[Store] = ()
    ) -> FeatureRecord:
        """What is written for values given by feature name; features without one are null.

        `ttl` (microseconds) is this record's own, `stores` the only ones that take it. Raises `SchemaError` naming
        every feature that is unknown, missing or of a wrong type; `InputError` for stores that the group has not.
        """
        absent = [store for store in stores if store not in self.stores]
        if absent:
            raise InputError(f"Feature group {self.name} has no {absent[0]} store; it has {' and '.join(self.stores)}.")
        typed, time = self._typed(values)
        lasting = self.ttl if ttl is None else ttl
        numbers = [typed.get(name, math.nan) for name in self.numeric]
        asked = set(stores or self.stores) & set(self.stores)
        return FeatureRecord(
            group=self.key,
            id=str(typed[self.identifier]),
            time=time,
            values={name: given if isinstance(given, str) else list(given) for name, given in values.items()},
            numbers=struct.pack(f"<{len(numbers)}d", *numbers) if numbers else b"",
            until=min(max(time + lasting, 1), _LAST * SECOND - 1) if lasting else 0,
            stores="" if len(asked) > 1 or asked == set(self.stores) else next(iter(asked)),
        )

    def identity(self, given: str) -> str:
        """The record id that a text means. Raises `SchemaError`."""
        try:
            return str(self.by_name[self.identifier].typed(given))
        except ValueError:
            raise SchemaError(self._wrong(self.identifier, given), column=self.identifier) from None

    def deletion(self, identity: str, event_time: str, *, hard: bool, stores: Sequence[Store] = ()) -> FeatureRecord:
        """What is written to delete a record as of a time. Raises as `record`."""
        made = self.record({self.identifier: identity, self.event_time: event_time}, ttl=0, stores=stores)
        return FeatureRecord(
            group=made.group, id=made.id, time=made.time, values=made.values, deleted=True, hard=hard,
            stores=made.stores,
        )  # fmt: skip

    def columns(self, values: Mapping[str, Given]) -> dict[str, Any]:
        """Values that were checked, as the offline table has them; what fits no column (any more) is left out."""
        found: dict[str, Any] = {}
        for name, given in values.items():
            feature = self.by_name.get(name)
            try:
                found[name] = feature.typed(given) if feature else None
            except ValueError:
                found[name] = None
        return found

    def _typed(self, values: Mapping[str, Given]) -> tuple[dict[str, Any], int]:
        """By name; and the event time in microseconds."""
        faults, found, time = list[str](), dict[str, Any](), 0
        for name in (self.identifier, self.event_time):
            if not values.get(name):
                faults.append(f"Feature {name} of feature group {self.name} is missing: every record needs it.")
        for name, given in values.items():
            feature = self.by_name.get(name)
            if feature is None:
                faults.append(f"Feature group {self.name} has no feature {name!r}.")
                continue
            try:
                if name == self.event_time:
                    time = moment(given, feature.type)
                found[name] = feature.typed(given)
            except ValueError:
                faults.append(self._wrong(name, given))
        if faults:
            named = next((name for name in values if name not in found), self.identifier)
            raise SchemaError(" ".join(faults[:_REPORTED]), column=named)
        size = sum(len(name) + (len(given) if isinstance(given, str) else sum(map(len, given)))
                   for name, given in values.items())  # fmt: skip
        if size > LONGEST:
            raise SchemaError(f"The record has {size} bytes, expected at most {LONGEST}.", column=self.identifier)
        return found, time

    def _wrong(self, name: str, given: Given) -> str:
        feature = self.by_name[name]
        shown = repr(given[:_SHOWN]) if isinstance(given, str) else f"a list of {len(given)} values"
        expected = feature.expected if name != self.event_time else _MOMENTS[feature.type]
        return f"Feature {name} of feature group {self.name} is {shown}, expected {feature.type}: {expected}."


def moment(given: Given, kind: FeatureType) -> int:
    """Microseconds of an event time: a String in ISO 8601 (UTC where it names no zone), or Fractional seconds of Unix.

    Raises `ValueError`.
    """
    if not isinstance(given, str):
        raise ValueError
    if kind == "String":
        if not _ISO.fullmatch(given):
            raise ValueError
        at = datetime.fromisoformat(given)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    seconds = _number(given)
    if not 0 <= seconds < _LAST:
        raise ValueError
    return round(seconds * SECOND)


def duration(unit: str, value: int) -> int:
    """Microseconds. Raises `InputError` for an unknown unit or no positive number."""
    if unit not in UNITS or value < 1:
        raise InputError(f"TtlDuration {value} {unit} is none.", fix=f"Units are {', '.join(UNITS)}.")
    return min(value * UNITS[unit], 2**61)


def feature(name: str, kind: str, collection: str = "", dimension: int = 0) -> Feature:
    """A feature from texts. Raises `InputError` for types that do not exist."""
    if kind not in get_args(FeatureType) or collection not in get_args(Collection):
        known = ", ".join((*get_args(FeatureType), *get_args(Collection)[1:]))
        raise InputError(f"Feature {name} is of the type {kind} {collection}.", fix=f"Types are {known}.")
    return Feature(name, kind, collection, dimension)  # type: ignore[arg-type]


def _require_distinct(features: Sequence[Feature]) -> None:
    if not 1 <= len(features) <= MOST:
        raise InputError(f"There are {len(features)} features, expected 1 to {MOST}.")
    seen: set[str] = set(RESERVED)
    for each in features:
        if each.name.lower() in seen:
            told = "is reserved" if each.name.lower() in RESERVED else "occurs twice (case does not count)"
            raise InputError(f"The feature name {each.name} {told}.", fix="Take another name.")
        seen.add(each.name.lower())


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_LAST = 253_402_300_800  # the year 10000
_READERS: Mapping[str, Callable[[str], Any]] = {"Integral": _whole, "Fractional": _number, "String": str}
_MOMENTS = {
    "String": "a time in ISO 8601, as 2026-05-01T12:30:00Z",
    "Fractional": "seconds since 1970, as 1767225600.25",
}
