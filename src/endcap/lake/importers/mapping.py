"""Declared mappings: which source column becomes which field, how it is converted, which rows are left out and why.

A mapping is data (TOML or JSON), never code: names are quoted and values escaped when it becomes SQL.
The built-in dialects beside this module are examples to copy.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from endcap.errors import InputError, UnknownName
from endcap.lake.schemas import DatasetKind

Unit = Literal["auto", "s", "ms", "us", "ns", "iso"]
Aggregate = Literal["", "first", "last", "mode", "median", "min", "max", "sum", "count"]
Scalar = str | int | float | bool


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where one field comes from: exactly one of `column`, `constant`, `template`, `divide` or `total`."""

    column: tuple[str, ...] = ()
    """Names the source column may have; the first that is there is used (compared without case and punctuation)."""
    constant: Scalar | None = None
    template: str = ""
    """Text with `{column}` in it; a piece between commas is left out where a column of it is empty."""
    divide: tuple[str, ...] = ()
    """Two source columns; the first divided by the second, or the first alone where the second is 0."""
    total: tuple[str, ...] = ()
    """Source columns to add up, empty ones as 0."""
    patterns: dict[str, str] = {}
    """Regular expression -> value; the first that matches the source value wins."""
    otherwise: str | None = None
    """The value where no pattern matches; None keeps the source value."""
    extract: str = ""
    """Regular expression whose first group is the value; where it does not match, the value is empty."""
    style: Literal["", "title", "lower", "upper", "plain", "money"] = ""
    """`plain` is text without HTML; `money` a number out of `£1,299.00`, `EUR 12,50` or `12.5 USD`."""
    whole: bool = False
    """An id that another program wrote as the number 13085.0 is 13085."""
    absolute: bool = False
    """The sign is dropped once the rules have seen it."""
    empty: str = ""
    """Reason given for rows in which a required field is empty."""
    split: str = ""
    """Separator of several values in the source; they are stored joined by `|`."""
    unit: Unit = "auto"
    """Unit of a time given as a number; `iso` for text; `auto` finds out from the first rows or refuses."""
    format: str = ""
    """strptime format of a time given as text, where it is not ISO 8601."""
    zone: str = ""
    """IANA time zone of times without an offset; empty is the dialect's."""
    aggregate: Aggregate = "first"
    """How values of several rows become one, in a grouped table."""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A test of one mapped field; an empty field fails every test."""

    field: str
    op: Literal["=", "!=", "<", "<=", ">", ">=", "in", "matches", "present"]
    value: Scalar | tuple[Scalar, ...] = ""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows are kept where `keep` holds, or `unless` does; the others become rejects with this reason."""

    keep: Condition
    reason: str
    unless: Condition | None = None


class Merge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows equal in `key` become one: `total` fields are added up, the others taken from the first row."""

    key: tuple[str, ...]
    total: tuple[str, ...] = ()


class TableMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How files become one dataset. It applies to each file that has a column for every required field."""

    kind: DatasetKind
    fields: dict[str, Value]
    files: tuple[str, ...] = ("*",)
    """Patterns of file names, compared without case."""
    rules: tuple[Rule, ...] = ()
    merge: Merge | None = None
    grouped: bool = False
    """One row per key, made from all rows with it by each value's `aggregate`."""
    fallback: bool = False
    """Used only where no other table of this kind found a file."""


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about one kind of export: its tables, its time zone, its encoding."""

    name: str
    tables: tuple[TableMapping, ...]
    description: str = ""
    package: str = ""
    """Python package whose `data` folder is read when no path is given."""
    beside: tuple[str, ...] = ()
    """Endings of companion files: with `_items`, `shop_items.csv` is read along with `shop.csv`."""
    zone: str = "UTC"
    encoding: str = "utf-8"
    notes: tuple[str, ...] = ()


def dialect_names() -> list[str]:
    """Names of the built-in dialects, `generic` (which recognises headers) among them."""
    folder = resources.files(__package__) / "dialects"
    return sorted(["generic", *(file.name.removesuffix(".toml") for file in folder.iterdir() if _is_toml(file.name))])


def load_dialect(name: str | Path) -> Dialect:
    """A built-in dialect by name, or one from a TOML or JSON file.

    Raises `UnknownName` for a name that is neither, `InputError` naming the key for a file that does not fit.
    """
    text = str(name)
    if isinstance(name, Path) or text.lower().endswith((".toml", ".json")):
        return _from_file(Path(name))
    file = resources.files(__package__) / "dialects" / f"{text}.toml"
    if text not in dialect_names() or not file.is_file():
        raise UnknownName("dialect", text, dialect_names(), fix="A path that ends in .toml or .json is read as one.")
    return parse_dialect(tomllib.loads(file.read_text("utf-8")), text)


def parse_dialect(data: Any, source: str) -> Dialect:
    """A dialect from plain data. Raises `InputError` naming the key that does not fit."""
    try:
        dialect = msgspec.convert(data, Dialect)
    except msgspec.ValidationError as error:
        raise InputError(f"The mapping {source} does not fit: {error}.") from None
    for table in dialect.tables:
        for field, value in table.fields.items():
            _check_value(value, f"{source}, {table.kind}.{field}")
    check_zone(dialect.zone)
    return dialect


def check_zone(name: str) -> str:
    """The name of a time zone. Raises `InputError` where it is none."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(f"There is no time zone {name!r}.", fix="Give an IANA name such as Europe/London.") from None
    return name


def overridden(dialect: Dialect, mapping: Mapping[str, str], names: Sequence[str] = ()) -> Dialect:
    """The dialect with `field=column` overrides put in front, in every table that has the field.

    A column that begins with `=` is a constant. The keys `time_unit`, `time_format`, `time_zone`, `encoding` set how
    times and text are read. Raises `InputError` for a field that no table knows (`names` are allowed besides).
    """
    general = {"time_unit", "time_format", "time_zone", "encoding"}
    fields = {key.upper(): column for key, column in mapping.items() if key not in general}
    known = {field for table in dialect.tables for field in table.fields} | set(names)
    for field in fields:
        if field not in known:
            raise UnknownName("field", field.lower(), [name.lower() for name in known], fix="Use --map field=column.")
    tables = tuple(_with_fields(table, fields, mapping, set(names)) for table in dialect.tables)
    zone = check_zone(mapping.get("time_zone", dialect.zone))
    encoding = mapping.get("encoding", dialect.encoding)
    return msgspec.structs.replace(dialect, tables=tables, zone=zone, encoding=encoding)


def _with_fields(
    table: TableMapping, fields: Mapping[str, str], mapping: Mapping[str, str], extra: set[str]
) -> TableMapping:
    changed = dict(table.fields)
    for field, column in fields.items():
        if field in changed or field in extra:
            old = changed.get(field, Value(column=(field,)))
            changed[field] = (
                Value(constant=column[1:])
                if column.startswith("=")
                else msgspec.structs.replace(old, column=(column,), constant=None, template="", divide=(), total=())
            )
    times = {key.removeprefix("time_"): mapping[key] for key in ("time_unit", "time_format") if key in mapping}
    if times:
        _known_unit(times.get("unit", "auto"))
        _check_format(times.get("format", ""))
        for field in ("TIMESTAMP", "CREATION_TIMESTAMP"):
            if field in changed:
                changed[field] = msgspec.structs.replace(changed[field], **times)
    return msgspec.structs.replace(table, fields=changed)


def _known_unit(unit: str) -> None:
    if unit not in ("auto", "s", "ms", "us", "ns", "iso"):
        raise UnknownName("time unit", unit, ("auto", "s", "ms", "us", "ns", "iso"))


def _check_format(text: str) -> None:
    if not text:
        return
    import duckdb  # noqa: PLC0415 - a mapping without a format needs none

    try:
        with duckdb.connect() as connection:
            connection.execute("SELECT try_strptime('', ?)", [text]).fetchall()
    except duckdb.Error as error:
        said = str(error).partition(": ")[2] or str(error)
        raise InputError(f"time_format {text!r} is none: {said}.", fix="Write it like '%d/%m/%Y %H:%M'.") from None


def _check_value(value: Value, where: str) -> None:
    origins = [value.column, value.constant is not None, value.template, value.divide, value.total]
    if sum(1 for origin in origins if origin) != 1:
        raise InputError(f"{where}: expected exactly one of column, constant, template, divide, total.")
    if value.divide and len(value.divide) != 2:
        raise InputError(f"{where}: divide needs two columns, given {len(value.divide)}.")
    if value.zone:
        check_zone(value.zone)


def _from_file(path: Path) -> Dialect:
    try:
        text = path.read_text("utf-8")
        data = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        raise InputError(f"There is no mapping file {path}.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid TOML or JSON: {error}.") from None
    return parse_dialect(data, str(path))


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")
