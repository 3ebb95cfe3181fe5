"""Entries of a Delta log, written here because the data files are: one DuckDB query sorts, compresses and measures.

Fields as the Delta transaction protocol names them (protocol versions 1 and 2, no table features).
https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from endcap.types import Micros

if TYPE_CHECKING:
    from deltalake import DeltaTable

_PRIMITIVES = {
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.int8(): "byte",
    pa.int16(): "short",
    pa.int32(): "integer",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
}


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that an entry adds: its name, size in bytes, rows, and what `statistics` made of its columns."""

    name: str
    size: int
    rows: int
    statistics: Mapping[str, Any]


def entry(
    existing: DeltaTable | None,
    schema: pa.Schema,
    files: list[DataFile],
    *,
    append: bool,
    transaction: str,
    upto: int = 1,
    rewritten: Collection[str] = (),
    notes: Mapping[str, Any],
    now: Micros,
) -> bytes:
    """The log entry of one version: `files` added to what `existing` holds, or in its place.

    `transaction` is the id by which a repeated commit is known, `upto` its version; `notes` go to the table's history.
    With `append`, `rewritten` are files whose rows are in the new ones too, so that they go.
    """
    milliseconds = now // 1000
    removed: list[dict[str, Any]] = []
    gone = 0
    if existing is not None and (rewritten or not append):
        removed, gone = _removed(existing, milliseconds, rewritten if append else None)
    metrics = {
        "num_added_files": len(files),
        "num_removed_files": len(removed),
        "num_added_rows": sum(file.rows for file in files),
        "num_removed_rows": gone,
    }
    commit = {
        **notes,
        "timestamp": milliseconds,
        "operation": "WRITE",
        "operationParameters": {"mode": "Append" if append else "Overwrite"},
        "operationMetrics": metrics,
        "engineInfo": "endcap",
    }
    actions: list[dict[str, Any]] = [{"commitInfo": commit}]
    if existing is None:
        actions.append({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
    actions += _metadata(existing, schema, milliseconds)
    actions += removed
    actions += [{"add": _added(file, milliseconds)} for file in files]
    actions.append({"txn": {"appId": transaction, "version": upto, "lastUpdated": milliseconds}})
    return b"".join(json.dumps(action).encode() + b"\n" for action in actions)


def _metadata(existing: DeltaTable | None, schema: pa.Schema, milliseconds: int) -> list[dict[str, Any]]:
    """What the table is, where that is new or has changed; its identity stays."""
    text = schema_text(schema)
    if existing is not None and json.loads(existing.schema().to_json()) == json.loads(text):
        return []
    known = existing.metadata() if existing is not None else None
    told: dict[str, Any] = {
        "id": str(known.id) if known else str(uuid.uuid4()),
        "name": known.name if known else None,
        "description": known.description if known else None,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": text,
        "partitionColumns": [],
        "configuration": dict(known.configuration) if known else {},
        "createdTime": known.created_time if known else milliseconds,
    }
    return [{"metaData": told}]


def schema_text(schema: pa.Schema) -> str:
    """A table's columns as the protocol's JSON."""
    if any(field.type not in _PRIMITIVES for field in schema):
        from deltalake import Schema  # noqa: PLC0415 - 50 ms, which a first import need not wait for

        text: str = Schema.from_arrow(schema).to_json()
        return text
    fields = [
        {"name": field.name, "type": _PRIMITIVES[field.type], "nullable": field.nullable, "metadata": {}}
        for field in schema
    ]
    return json.dumps({"type": "struct", "fields": fields})


def _removed(existing: DeltaTable, milliseconds: int, only: Collection[str] | None) -> tuple[list[dict[str, Any]], int]:
    """(actions that remove files, how many rows these hold); all files where `only` is None."""
    files = pa.table(existing.get_add_actions(flatten=True)).select(["path", "size_bytes", "num_records"]).to_pylist()
    files = [file for file in files if only is None or file["path"] in only]
    actions = [
        {
            "remove": {
                "path": file["path"],
                "deletionTimestamp": milliseconds,
                "dataChange": True,
                "extendedFileMetadata": True,
                "partitionValues": {},
                "size": file["size_bytes"],
            }
        }
        for file in files
    ]
    return actions, sum(int(file["num_records"] or 0) for file in files)


def _added(file: DataFile, milliseconds: int) -> dict[str, Any]:
    return {
        "path": file.name,
        "partitionValues": {},
        "size": file.size,
        "modificationTime": milliseconds,
        "dataChange": True,
        "stats": json.dumps({"numRecords": file.rows, **file.statistics}),
    }


def statistics(schema: pa.Schema, measured: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """`minValues`, `maxValues` and `nullCount` of columns from what the Parquet writer measured, as text.

    Bounds are given for whole numbers and short texts only: a float32's shortest text, read as float64, may lie inside
    the true range, and NaN has no place in it.
    """
    found: dict[str, dict[str, Any]] = {"minValues": {}, "maxValues": {}, "nullCount": {}}
    for field in schema:
        column = measured.get(field.name, {})
        if "null_count" in column:
            found["nullCount"][field.name] = int(column["null_count"])
        for bound in ("min", "max"):
            value = _bound(field.type, column, bound)
            if value is not None:
                found[f"{bound}Values"][field.name] = value
    return found


_LONGEST_BOUND = 64


def _bound(kind: pa.DataType, column: Mapping[str, str], bound: str) -> int | str | None:
    text = column.get(bound)
    if text is None or column.get(f"{bound}_is_exact") != "true":
        return None
    if pa.types.is_integer(kind):
        return int(text)
    return text if pa.types.is_string(kind) and len(text) <= _LONGEST_BOUND else None
