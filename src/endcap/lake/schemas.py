"""Schemas of datasets: Personalize's Avro records as types, checked against its reserved fields and limits.

A schema is one flat Avro record named Interactions, Items, Users, Actions or Action_Interactions. Columns of tables are
the field names in lower case; timestamps are int64 microseconds there (importers convert the wire's seconds).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from endcap.errors import InputError, SchemaError

if TYPE_CHECKING:
    from endcap.lake.signals import Signals

DatasetKind = Literal["interactions", "items", "users", "actions", "action_interactions"]
Domain = Literal["ECOMMERCE", "VIDEO_ON_DEMAND"]

KINDS: tuple[DatasetKind, ...] = ("items", "users", "actions", "interactions", "action_interactions")
"""Every kind, what is referred to before what refers to it."""
RECORDS: Mapping[DatasetKind, str] = {
    "interactions": "Interactions",
    "items": "Items",
    "users": "Users",
    "actions": "Actions",
    "action_interactions": "Action_Interactions",
}
KEYS: Mapping[DatasetKind, tuple[str, ...]] = {
    "interactions": ("USER_ID", "ITEM_ID", "TIMESTAMP"),
    "items": ("ITEM_ID",),
    "users": ("USER_ID",),
    "actions": ("ACTION_ID",),
    "action_interactions": ("USER_ID", "ACTION_ID", "EVENT_TYPE", "TIMESTAMP"),
}
"""Required in every schema of the kind, and never null."""
DOMAIN_REQUIRED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("ECOMMERCE", "interactions"): ("EVENT_TYPE",),
    ("ECOMMERCE", "items"): ("PRICE", "CATEGORY_L1"),
    ("VIDEO_ON_DEMAND", "interactions"): ("EVENT_TYPE",),
    ("VIDEO_ON_DEMAND", "items"): ("GENRES", "CREATION_TIMESTAMP"),
}
TIMES = frozenset({"TIMESTAMP", "CREATION_TIMESTAMP", "EXPIRATION_TIMESTAMP"})
"""Fields that hold a time: seconds on the wire, microseconds in tables."""

NUMBER = ("float", "double", "int", "long")
RESERVED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("USER_ID", "ITEM_ID", "ACTION_ID", "EVENT_TYPE", "IMPRESSION", "RECOMMENDATION_ID"), ("string",)),
    **dict.fromkeys(("EVENT_ATTRIBUTION_SOURCE", "CATEGORY_L1", "CATEGORY_L2", "CATEGORY_L3"), ("string",)),
    **dict.fromkeys(("GENRES", "GENRE_L2", "GENRE_L3", "CONTENT_OWNER", "CONTENT_CLASSIFICATION"), ("string",)),
    **dict.fromkeys(("PRODUCT_DESCRIPTION", "AGE_GROUP", "ADULT", "GENDER", "SUBSCRIPTION_MODEL"), ("string",)),
    **dict.fromkeys(("EVENT_VALUE", "PRICE", "AVERAGE_RATING", "DURATION", "VALUE"), NUMBER),
    **dict.fromkeys(TIMES, ("long",)),
}
"""Types that reserved fields may have, wherever they appear."""

ARROW: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}
MAX_TEXT = 20_000
MAX_METADATA: Mapping[str, int] = {"items": 100, "users": 25}
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,126}")
_NAMESPACE = "com.amazonaws.personalize.schema"


@dataclass(frozen=True)
class Field:
    """One column: Avro type without its null, and what recipes and filters may do with it."""

    name: str
    type: str = "string"
    nullable: bool = False
    categorical: bool = False
    textual: bool = False
    item_name: bool = False
    signal: tuple[tuple[str, str], ...] = ()
    """What its numbers say of how much an event counts (`signals.Signals.of`): (event type, empty for all; meaning)."""

    @property
    def column(self) -> str:
        """The column's name in tables."""
        return self.name.lower()

    @property
    def is_time(self) -> bool:
        """Whether the field holds a time (microseconds in tables)."""
        return self.name in TIMES

    def avro(self) -> dict[str, Any]:
        """The field as Avro JSON."""
        text: dict[str, Any] = {"name": self.name, "type": [self.type, "null"] if self.nullable else self.type}
        flags = (("categorical", self.categorical), ("textual", self.textual), ("itemName", self.item_name))
        signal = {"": dict(self.signal).get("", "")} if len(self.signal) == 1 else dict(self.signal)
        told: dict[str, Any] = {"signal": signal.get("") or dict(self.signal)} if self.signal else {}
        return text | {name: True for name, is_set in flags if is_set} | told


@dataclass(frozen=True)
class Schema:
    """The fields of one dataset. Build it with `from_avro` or by hand; both are checked on construction.

    Raises `SchemaError` naming the field, for what Personalize refuses too.
    """

    kind: DatasetKind
    fields: tuple[Field, ...]
    domain: Domain | None = None

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_avro(cls, text: str, domain: Domain | None = None) -> Schema:
        """Parse an Avro record (at most 20,000 characters). Raises `SchemaError`."""
        record = _record(text)
        kinds = {name.lower(): kind for kind, name in RECORDS.items()}
        name = record.get("name")
        if not isinstance(name, str) or name.lower() not in kinds:
            raise SchemaError(f"The record is named {name!r}, expected one of {', '.join(RECORDS.values())}.")
        fields = record.get("fields")
        if not isinstance(fields, list) or not fields:
            raise SchemaError("The record has no fields.", fix='Give "fields": [{"name": …, "type": …}, …].')
        return cls(kinds[name.lower()], tuple(_field(item) for item in fields), domain)

    def to_avro(self) -> str:
        """The Avro record that `from_avro` reads back to the same schema."""
        record = {
            "type": "record",
            "name": RECORDS[self.kind],
            "namespace": _NAMESPACE,
            "fields": [field.avro() for field in self.fields],
            "version": "1.0",
        }
        return json.dumps(record)

    def arrow(self) -> pa.Schema:
        """Columns of the table: lower-case names, times int64 microseconds, key columns not null."""
        return pa.schema(
            [
                pa.field(field.column, pa.int64() if field.is_time else ARROW[field.type], nullable=field.nullable)
                for field in self.fields
            ]
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Fields that must be there and filled in."""
        return KEYS[self.kind]

    @property
    def signals(self) -> Signals:
        """What the fields declare of how much events count."""
        from endcap.lake.signals import Signals  # noqa: PLC0415 - loads NumPy, which few schemas need

        return Signals.of({field.name: dict(field.signal) for field in self.fields if field.signal})

    @property
    def required(self) -> tuple[str, ...]:
        """Fields whose column must be in every imported file: all that may not be null."""
        return tuple(field.name for field in self.fields if not field.nullable)

    def __contains__(self, name: str) -> bool:
        return any(field.name == name for field in self.fields)

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise SchemaError(f"The {self.kind} schema has no field {name}.", column=name)


def _record(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise SchemaError(f"The schema has {len(text):,} characters, at most {MAX_TEXT:,} are allowed.")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"The schema is not valid JSON: {error}.") from None
    if not isinstance(record, dict) or record.get("type") != "record":
        raise SchemaError('The schema is not an Avro record: "type" must be "record".')
    return record


def _field(item: Any) -> Field:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise SchemaError(f"A field is {item!r}, expected an object with a name and a type.")
    name, given = item["name"], item.get("type")
    types = given if isinstance(given, list) else [given]
    plain = [kind for kind in types if kind != "null"]
    if len(plain) != 1 or plain[0] not in list(ARROW) or len(types) > 2:
        raise SchemaError(
            f"Field {name} has type {json.dumps(given)}, expected one of {', '.join(ARROW)}, alone or with null.",
            column=name,
        )
    flags = {}
    for flag, avro in (("categorical", "categorical"), ("textual", "textual"), ("item_name", "itemName")):
        flags[flag] = item.get(avro, False)
        if not isinstance(flags[flag], bool):
            raise SchemaError(f"Field {name}: {avro} is {flags[flag]!r}, expected true or false.", column=name)
    return Field(name, str(plain[0]), "null" in types, **flags, signal=_signal(name, item.get("signal")))


def _signal(name: str, given: Any) -> tuple[tuple[str, str], ...]:
    if given is None:
        return ()
    from endcap.lake.signals import Signals  # noqa: PLC0415 - as in `signals`

    told = given if isinstance(given, dict) else {"": given}
    if not all(isinstance(each, str) for each in told.values()):
        raise SchemaError(f"Field {name}: signal is {given!r}, expected a text, or texts by event type.", column=name)
    try:
        Signals.of({name: told})
    except InputError as error:
        raise SchemaError(error.message, column=name, fix=error.fix or "") from None
    return tuple(told.items())


def _check(schema: Schema) -> None:
    names = [field.name for field in schema.fields]
    missing = [name for name in _must_have(schema) if name not in names]
    if missing:
        where = f"{schema.domain} " if schema.domain else ""
        raise SchemaError(
            f"The {where}{schema.kind} schema is missing required field(s) {', '.join(missing)}.", column=missing[0]
        )
    if len({name.lower() for name in names}) < len(names):
        twice = next(name for name in names if [other.lower() for other in names].count(name.lower()) > 1)
        raise SchemaError(f"Field {twice} is there twice (names are compared without case).", column=twice)
    for field in schema.fields:
        _check_field(schema, field)
    _check_counts(schema)


def _must_have(schema: Schema) -> tuple[str, ...]:
    return KEYS[schema.kind] + DOMAIN_REQUIRED.get((schema.domain or "", schema.kind), ())


def _check_field(schema: Schema, field: Field) -> None:
    if not _FIELD.fullmatch(field.name):
        raise SchemaError(f"Field name {field.name!r} must match [A-Za-z_][A-Za-z0-9_]*.", column=field.name)
    if field.type not in ARROW:
        raise SchemaError(f"Field {field.name} has unknown type {field.type!r}.", column=field.name)
    allowed = RESERVED.get(field.name)
    if allowed and field.type not in allowed:
        raise SchemaError(
            f"Reserved field {field.name} has type {field.type}, expected {' or '.join(allowed)}.", column=field.name
        )
    if field.nullable and field.name in KEYS[schema.kind]:
        raise SchemaError(f"Field {field.name} identifies rows and cannot be null.", column=field.name)
    if (field.categorical or field.textual or field.item_name) and field.type != "string":
        raise SchemaError(f"Field {field.name} is categorical or textual and must be a string.", column=field.name)
    if field.categorical and field.name in {*KEYS[schema.kind], "EVENT_TYPE", "IMPRESSION"}:
        raise SchemaError(f"Reserved field {field.name} cannot be categorical.", column=field.name)
    if field.name == "CATEGORY_L1" and schema.domain == "ECOMMERCE" and not field.categorical:
        raise SchemaError("Field CATEGORY_L1 must be categorical in an ECOMMERCE schema.", column=field.name)


def _check_counts(schema: Schema) -> None:
    metadata = [field for field in schema.fields if field.name not in KEYS[schema.kind]]
    if schema.kind in {"items", "users", "actions"} and not metadata:
        raise SchemaError(f"The {schema.kind} schema needs at least one metadata field besides its id.")
    most = MAX_METADATA.get(schema.kind)
    if most and len(metadata) > most:
        raise SchemaError(f"The {schema.kind} schema has {len(metadata)} metadata fields, at most {most} are allowed.")
    for flag, number in (("textual", 1), ("item_name", 1)):
        marked = [field.name for field in schema.fields if getattr(field, flag)]
        if len(marked) > number:
            raise SchemaError(f"Only one {flag} field is allowed, found {', '.join(marked)}.", column=marked[1])
