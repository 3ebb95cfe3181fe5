"""What an import would make of the first rows: shown before anything is read whole.

Works where a plan cannot be made too, so that whoever sees the columns can say which is which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from endcap.errors import DataError, EndcapError
from endcap.lake.importers import generic
from endcap.lake.importers.mapping import Dialect, overridden
from endcap.lake.importers.opening import open_source
from endcap.lake.importers.plan import Part, Plan, plan_import
from endcap.lake.importers.remembering import Remembered, recalled
from endcap.lake.importers.sources import Limits, Source, find_files
from endcap.lake.importers.sql import Columns, checks, mapped, missing_fields, quoted, typed
from endcap.lake.schemas import DatasetKind
from endcap.lake.shop_schemas import SHOP

ROWS = 20
WIDEST = 200
"""Characters of a cell that are shown."""
MOST_COLUMNS = 200


class FieldRead(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a dataset and where it comes from; `column` is empty for what is computed or constant."""

    field: str
    column: str = ""
    how: str = ""


class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it would be read: its columns, which field each becomes, and its first rows before and after."""

    file: str
    kind: DatasetKind
    format: str
    size: int
    rows: int | None
    columns: tuple[str, ...]
    fields: tuple[FieldRead, ...]
    missing: tuple[str, ...]
    """Required fields that no column is for."""
    times: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    """Cells of the first rows, by `columns`."""
    read: tuple[tuple[str, ...], ...]
    """The same rows by `fields`; times as they will be stored, in ISO 8601."""
    reasons: tuple[str, ...]
    """Why each of the rows would be rejected; empty where it would not."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before an import: `problem` says why it cannot begin, `mapping` what was said or remembered."""

    dialect: str
    files: tuple[FileRead, ...]
    notes: tuple[str, ...] = ()
    problem: str = ""
    fix: str = ""
    column: str = ""
    mapping: dict[str, str] = {}
    kind: str | None = None
    remembered: bool = False


def preview_import(
    paths: Sequence[Path | str],
    *,
    dialect: str | None = None,
    mapping: Mapping[str, str] | None = None,
    kind: DatasetKind | None = None,
    remembered: Sequence[Remembered] = (),
    limits: Limits | None = None,
) -> Preview:
    """The plan of an import and the first rows of each file. What was remembered counts where nothing is said.

    Raises `InputError` and `DataError` for files that cannot be opened at all.
    """
    said = dict(mapping or {})
    memory = None if mapping is not None or dialect or kind else _recalled(paths, remembered, limits)
    if memory is not None:
        said, dialect, kind = dict(memory.mapping), memory.dialect, _kind(memory.kind)
    told: dict[str, Any] = {"mapping": said, "kind": kind, "remembered": memory is not None}
    try:
        plan = plan_import(paths, dialect=dialect, mapping=said, kind=kind, limits=limits)
    except EndcapError as error:
        guessed = tuple(_guess(source, said, kind) for source in _opened(paths, said, limits))
        column = (error.column or "") if isinstance(error, DataError) else ""
        return Preview(
            dialect=dialect or "generic", files=guessed, problem=error.message, fix=error.fix, column=column, **told
        )
    return Preview(
        dialect=plan.dialect.name, files=tuple(_planned(plan, part) for part in plan.parts), notes=plan.notes, **told
    )


def _recalled(paths: Sequence[Path | str], memories: Sequence[Remembered], limits: Limits | None) -> Remembered | None:
    return recalled((source.columns for source in _opened(paths, {}, limits)), memories) if memories else None


def _opened(paths: Sequence[Path | str], said: Mapping[str, str], limits: Limits | None) -> list[Source]:
    encoding = said.get("encoding", "utf-8")
    return [open_source(file, encoding, limits) for file in find_files([Path(path) for path in paths])]


def _kind(name: str | None) -> DatasetKind | None:
    return next((kind for kind in SHOP if kind == name), None)


def _planned(plan: Plan, part: Part) -> FileRead:
    schema = plan.schemas[part.table.kind]
    present = [item for item in schema.fields if item.name in part.table.fields]
    picks = [typed(part.table.fields[item.name], item, part.columns, part.times.get(item.name)) for item in present]
    with_names = ", ".join(f"{sql} AS {mapped(item.name)}" for item, sql in zip(present, picks, strict=True))
    reasons = " ".join(
        f"WHEN {check.condition} THEN '{check.reason.replace(chr(39), chr(39) * 2)}'"
        for check in checks(part.table, schema, part.columns, part.times)
    )
    shown = ", ".join(
        f"CAST(make_timestamp({mapped(item.name)}) AS VARCHAR)"
        if item.is_time
        else f"CAST({mapped(item.name)} AS VARCHAR)"
        for item in present
    )
    sample = _sample(part.source, part.wanted)
    why = f"CASE {reasons} END" if reasons else "NULL"
    query = f"SELECT {shown}, {why} FROM (SELECT *, {with_names} FROM sample)"
    with duckdb.connect() as connection:
        connection.register("sample", sample)
        found = connection.execute(query).fetchall() if present else []
    return FileRead(
        **_facts(part.source, part.table.kind),
        fields=tuple(_field(part, item.name) for item in present),
        missing=(),
        times=tuple(reading.said(name.lower()) for name, reading in part.times.items()),
        sample=_cells(sample, _columns(part.source)),
        read=tuple(tuple(_cell(value) for value in row[:-1]) for row in found),
        reasons=tuple(str(row[-1] or "") for row in found),
    )


def _field(part: Part, name: str) -> FieldRead:
    value = part.table.fields[name]
    if value.column:
        return FieldRead(field=name.lower(), column=part.columns.find(value.column) or "")
    how = (
        f"={value.constant}"
        if value.constant is not None
        else value.template or " / ".join(value.divide) or " + ".join(value.total)
    )
    return FieldRead(field=name.lower(), how=how)


def _guess(source: Source, said: Mapping[str, str], kind: DatasetKind | None) -> FileRead:
    """What the headers alone say, where no plan can be made."""
    columns = Columns(dict.fromkeys(source.columns, "VARCHAR"))
    chosen = kind or generic.fitted_kind(columns, source.file.stem)
    try:
        dialect: Dialect = overridden(generic.generic_dialect((chosen,)), said)
    except EndcapError:
        dialect = generic.generic_dialect((chosen,))
    table, _ = generic.with_event_type(dialect.tables[0], columns)
    found = {name: columns.find(value.column) for name, value in table.fields.items() if value.column}
    fields = tuple(FieldRead(field=name.lower(), column=column) for name, column in found.items() if column)
    try:
        sample = _sample(source, ())
    except EndcapError:
        sample = pa.table({name: pa.array([], pa.string()) for name in _columns(source)})
    return FileRead(
        **_facts(source, chosen),
        fields=fields,
        missing=tuple(name.lower() for name in missing_fields(table, SHOP[chosen], columns)),
        times=(),
        sample=_cells(sample, _columns(source)),
        read=(),
        reasons=(),
    )


def _facts(source: Source, kind: DatasetKind) -> dict[str, Any]:
    file = source.file
    return {
        "file": file.path.name,
        "kind": kind,
        "format": file.format + (".gz" if file.gzipped else ""),
        "size": file.size,
        "rows": source.rows,
        "columns": _columns(source),
    }


def _columns(source: Source) -> tuple[str, ...]:
    """Those that can be named, as many as are shown."""
    return tuple(name for name in source.columns if name)[:MOST_COLUMNS]


def _sample(source: Source, wanted: Sequence[str]) -> pa.Table:
    names = list(dict.fromkeys([*wanted, *_columns(source)]))
    table = source.sample(names).slice(0, ROWS)
    missing = [name for name in names if name not in table.column_names]
    for name in missing:
        table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return table


def _cells(sample: pa.Table, columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    with duckdb.connect() as connection:
        connection.register("sample", sample)
        shown = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in columns) or "NULL"
        rows = connection.execute(f"SELECT {shown} FROM sample").fetchall()
    return tuple(tuple(_cell(value) for value in row) for row in rows)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)[:WIDEST]
