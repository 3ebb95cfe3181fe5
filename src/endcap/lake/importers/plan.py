"""What an import will do, decided before a row is read: which file feeds which dataset, column by column."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from endcap.errors import InputError, SchemaError
from endcap.lake.importers import generic
from endcap.lake.importers.feeds import FeedSource
from endcap.lake.importers.mapping import Dialect, TableMapping, load_dialect, overridden
from endcap.lake.importers.opening import open_source
from endcap.lake.importers.shopify import ShopifySource
from endcap.lake.importers.sources import Limits, Source, find_files, package_folder
from endcap.lake.importers.sql import Columns, missing_fields, needed_columns, resolves
from endcap.lake.importers.times import TimeReading, read_times
from endcap.lake.schemas import KINDS, DatasetKind, Schema
from endcap.lake.shop_schemas import SHOP, narrowed


@dataclass(frozen=True)
class Part:
    """One file's contribution to one dataset."""

    source: Source
    table: TableMapping
    columns: Columns
    wanted: tuple[str, ...]
    times: Mapping[str, TimeReading]


@dataclass(frozen=True)
class Plan:
    """All parts of one import, their schemas, and what the user should know (`notes`)."""

    dialect: Dialect
    parts: tuple[Part, ...]
    schemas: Mapping[DatasetKind, Schema]
    notes: tuple[str, ...] = ()

    @property
    def kinds(self) -> list[DatasetKind]:
        """Datasets to be written, those referred to first."""
        present = {part.table.kind for part in self.parts}
        return [kind for kind in KINDS if kind in present]

    @property
    def sources(self) -> list[Source]:
        """Every file that is read, once."""
        return list(dict.fromkeys(part.source for part in self.parts))


@dataclass
class _Draft:
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[tuple[Path, DatasetKind, list[str], list[str]]] = field(default_factory=list)


def plan_import(
    paths: Sequence[Path | str],
    *,
    dialect: str | Path | Dialect | None = None,
    mapping: Mapping[str, str] | None = None,
    kind: DatasetKind | None = None,
    schemas: Mapping[DatasetKind, Schema] | None = None,
    limits: Limits | None = None,
) -> Plan:
    """Decide how files become datasets; only headers and first rows are read.

    `dialect` None finds it out from the headers; `mapping` is `field=column`; `kind` says what every file holds;
    `schemas` replace the shop's ready-made ones (columns they do not name are ignored).
    Raises `SchemaError` naming missing columns, `DataError` for files that cannot be read, `InputError` otherwise.
    """
    given = _resolve(dialect, schemas)
    chosen = given or generic.generic_dialect()
    folders = [Path(path) for path in paths] or _package(chosen)
    files = find_files(folders, chosen.beside)
    if given is None:
        chosen = _recognised([file.path for file in files], limits) or chosen
        files = find_files(folders, chosen.beside)
    chosen = overridden(chosen, mapping or {})
    known = {**SHOP, **(schemas or {})}
    draft = _Draft()
    if chosen.package:  # an export of many files: those that no table names are not opened
        files = [file for file in files if any(_named(table, file.path) for table in chosen.tables)]
    for file in files:
        source = open_source(file, chosen.encoding, limits)
        tables = _for_file(chosen, source, kind, known)
        for table in tables:
            _add_part(draft, chosen, table, source, known[table.kind])
    _drop_fallbacks(draft)
    _refuse_incomplete(draft, bool(schemas))
    notes = [*chosen.notes, *dict.fromkeys(draft.notes), *_unused(draft, [file.path for file in files])]
    present = {part.table.kind for part in draft.parts}
    used = {kind: _used_schema(known[kind], draft.parts, kind in (schemas or {})) for kind in KINDS if kind in present}
    return Plan(chosen, tuple(draft.parts), used, tuple(notes))


def _resolve(dialect: str | Path | Dialect | None, schemas: Mapping[DatasetKind, Schema] | None) -> Dialect | None:
    if isinstance(dialect, Dialect):
        return dialect
    if dialect == "personalize" or (dialect is None and schemas):
        return generic.named_dialect(schemas or SHOP)
    if dialect == "generic":
        return generic.generic_dialect()
    return None if dialect is None else load_dialect(dialect)


def _package(dialect: Dialect) -> list[Path]:
    if not dialect.package:
        raise InputError("No file was given.", fix="Give a file or a folder to import.")
    return [package_folder(dialect.package)]


def _recognised(paths: Sequence[Path], limits: Limits | None) -> Dialect | None:
    """A built-in dialect whose files or headers these are."""
    names = {path.name.lower().split(".")[0] for path in paths}
    if {"transactions", "products"} <= names:
        return load_dialect("complete-journey")
    retail = load_dialect("online-retail")
    for file in find_files(list(paths)) if len(paths) <= 4 else ():
        source = open_source(file, "utf-8", limits)
        columns = set(source.columns)
        if isinstance(source, ShopifySource):
            return load_dialect("shopify")
        if isinstance(source, FeedSource) or {"id", "title", "link", "price", "availability"} <= columns:
            return load_dialect("merchant-feed")
        if {"StockCode", "InvoiceDate", "Quantity"} <= columns or {"order_id", "sheet", "quantity"} <= columns:
            return retail
        if {"USER_ID", "ITEM_ID"} & columns:
            return generic.named_dialect(SHOP)
    return None


def _for_file(
    dialect: Dialect, source: Source, kind: DatasetKind | None, schemas: Mapping[DatasetKind, Schema]
) -> list[TableMapping]:
    tables = [table for table in dialect.tables if _named(table, source.file.path)]
    if kind is not None:
        return [table for table in tables if table.kind == kind]
    columns = Columns(dict.fromkeys(source.columns, "VARCHAR"))
    if dialect.name == "personalize":  # interactions name items and users too, but are no records of them
        fitting = {table.kind for table in tables if not missing_fields(table, schemas[table.kind], columns)}
        return [table for table in tables if table.kind == "interactions" or "interactions" not in fitting]
    if dialect.name != "generic":
        return tables
    overrides = {table.kind: table for table in tables}
    mapped = [table for table in tables if not missing_fields(_lenient(table, columns), SHOP[table.kind], columns)]
    if any(table.kind == "interactions" for table in mapped):
        return [overrides["interactions"]]
    return [overrides[generic.fitted_kind(columns, source.file.stem)]]


def _lenient(table: TableMapping, columns: Columns) -> TableMapping:
    return generic.with_event_type(table, columns)[0]


def _add_part(draft: _Draft, dialect: Dialect, table: TableMapping, source: Source, schema: Schema) -> None:
    headers = Columns(dict.fromkeys(source.columns, "VARCHAR"))
    if dialect.name == "generic":
        table, note = generic.with_event_type(table, headers)
        draft.notes += [note] if note else []
    missing = missing_fields(table, schema, headers)
    if missing:
        draft.missing.append((source.file.path, table.kind, missing, source.columns))
        return
    kept = {name: value for name, value in table.fields.items() if name in schema and resolves(value, headers)}
    table = msgspec.structs.replace(table, fields=kept, rules=tuple(r for r in table.rules if r.keep.field in kept))
    wanted = needed_columns(table, headers)
    sample = source.sample(wanted)
    columns = Columns(_types(sample, wanted))
    times = {
        name: read_times(value, name, *_time_column(sample, columns, value.column), dialect.zone)
        for name, value in kept.items()
        if schema[name].is_time
    }
    draft.notes += [reading.said(name) for name, reading in times.items()]
    if dialect.name in ("generic", "personalize"):
        draft.notes.append(_recognised_note(source, table, columns))
    draft.parts.append(Part(source, table, columns, tuple(wanted), times))


def _recognised_note(source: Source, table: TableMapping, columns: Columns) -> str:
    pairs = [f"{name.lower()}={columns.find(value.column)}" for name, value in table.fields.items() if value.column]
    unused = [name for name in source.columns if name not in {columns.find(v.column) for v in table.fields.values()}]
    left = f" Not used: {', '.join(unused)}." if unused else ""
    return f"{source.file.path.name} is read as {table.kind}: {', '.join(pairs)}.{left}"


def _time_column(sample: pa.Table, columns: Columns, names: tuple[str, ...]) -> tuple[pa.ChunkedArray | None, str]:
    name = columns.find(names)
    return (sample[name], columns.types[name]) if name is not None else (None, "VARCHAR")


def _types(sample: pa.Table, wanted: Sequence[str]) -> dict[str, str]:
    """DuckDB's types of the columns, as they will arrive."""
    with duckdb.default_connection().cursor() as connection:  # opening another database takes 15 ms
        connection.register("sample", sample.select(list(wanted)).slice(0, 0))
        return {str(row[0]): str(row[1]) for row in connection.execute("DESCRIBE SELECT * FROM sample").fetchall()}


def _named(table: TableMapping, path: Path) -> bool:
    return any(fnmatch.fnmatchcase(path.name.lower(), pattern.lower()) for pattern in table.files)


def _drop_fallbacks(draft: _Draft) -> None:
    settled = {part.table.kind for part in draft.parts if not part.table.fallback}
    draft.parts = [part for part in draft.parts if not (part.table.fallback and part.table.kind in settled)]


def _refuse_incomplete(draft: _Draft, strict: bool) -> None:
    """A file that fits no table, or one that was declared and does not fit, ends the import before it begins."""
    served = {part.source.file.path for part in draft.parts}
    for path, kind, missing, columns in sorted(draft.missing, key=lambda entry: len(entry[2])):
        if strict or path not in served:
            raise SchemaError(
                f"Input csv is missing the following columns: [{', '.join(missing)}]. {path} was read as {kind} and has"
                f" {', '.join(columns) or 'no columns'}.",
                column=missing[0],
                fix=f"Say which it is: {' '.join(f'--map {name.lower()}=COLUMN' for name in missing)}.",
            )
    if not draft.parts:
        raise InputError("None of the files fits this dialect.", fix="Leave --dialect out to have headers recognised.")


def _unused(draft: _Draft, files: Sequence[Path]) -> list[str]:
    served = {part.source.file.path for part in draft.parts}
    return [f"{path.name} is not used by this dialect." for path in files if path not in served]


def _used_schema(schema: Schema, parts: Sequence[Part], declared: bool) -> Schema:
    if declared:
        return schema
    names = {name for part in parts if part.table.kind == schema.kind for name in part.table.fields}
    return narrowed(schema, names)
