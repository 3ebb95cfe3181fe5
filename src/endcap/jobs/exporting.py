"""A dataset as CSV at a data location: what came in by import, what was streamed, or both."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from endcap.errors import UnknownName
from endcap.jobs.batch import data_path, never
from endcap.jobs.datasets import dataset_of, kind_of
from endcap.jobs.progress import Cancelled
from endcap.jobs.workspace import Workspace
from endcap.lake.columns import INGESTION, PUT
from endcap.lake.schemas import TIMES, Schema
from endcap.registry.resources import Resource
from endcap.seams import Progress, Tick, no_progress
from endcap.serving.shop_schemas import ShopSchemas
from endcap.storage.objects import Location, open_objects
from endcap.types import SECOND

MODES = ("BULK", "PUT", "ALL")
DEFAULT_MODE = "PUT"
"""The service's own default."""


class Exported(msgspec.Struct, frozen=True):
    """Where the file is, and how many rows it holds."""

    location: str
    rows: int


@dataclass(frozen=True)
class _Column:
    """One column of the file: its header and where its values come from; None where the table lacks them."""

    header: str
    name: str | None
    is_time: bool = False


def run_export(
    workspace: Workspace,
    resource: Resource,
    *,
    progress: Progress = no_progress,
    cancelled: Callable[[], bool] = never,
) -> Exported:
    """Do the export job that a record describes: one file, `JOB.csv` in the folder of `jobOutput`, whole or not there.

    Its columns are the schema's, in upper case, times in seconds: importing it gives the same table. Safe to run
    again. Raises `InputError` for a mode or a location that cannot be used, `StateError` for a dataset without data.
    """
    document = resource.document
    mode = str(document.get("ingestionMode") or DEFAULT_MODE)
    if mode not in MODES:
        raise UnknownName("ingestion mode", mode, MODES)
    objects = open_objects(workspace.settings, resource.account.account)
    target = Location.parse(data_path(document, "jobOutput", "s3DataDestination")) / f"{resource.id}.csv"
    dataset = dataset_of(workspace, resource)
    kind = kind_of(dataset)
    table = workspace.lake.open(resource.shop_key, kind).to_pyarrow_dataset()
    columns = _columns(table.schema.names, ShopSchemas(workspace.resources)(resource.shop_key, kind))
    wanted = _wanted(mode, table.schema.names)
    total = table.count_rows(filter=wanted)
    with progress(f"exporting {kind}", total=total, unit="rows") as tick:
        batches = table.to_batches(columns=[each.name for each in columns if each.name], filter=wanted)
        stored = objects.write(target, _pieces(batches, columns, tick, cancelled))
    return Exported(str(stored.location), total)


def _columns(names: Sequence[str], schema: Schema | None) -> tuple[_Column, ...]:
    if schema is None:
        return tuple(_Column(name.upper(), name, name.upper() in TIMES) for name in names if name != INGESTION)
    known = set(names)
    return tuple(
        _Column(field.name, field.column if field.column in known else None, field.is_time) for field in schema.fields
    )


def _wanted(mode: str, names: Sequence[str]) -> Any:
    """Which rows: an Arrow expression, None for all."""
    if mode == "ALL" or (mode == "BULK" and INGESTION not in names):
        return None
    if INGESTION not in names:
        return pc.scalar(False)
    streamed = pc.equal(pc.field(INGESTION), PUT)
    return streamed if mode == PUT else ~pc.coalesce(streamed, pc.scalar(False))


def _pieces(
    batches: Iterator[pa.RecordBatch], columns: Sequence[_Column], tick: Tick, cancelled: Callable[[], bool]
) -> Iterator[bytes]:
    yield (",".join(each.header for each in columns) + "\n").encode()
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in batches:
        if cancelled():
            raise Cancelled
        if not batch.num_rows:
            continue
        arrays = [_values(batch, each) for each in columns]
        out = io.BytesIO()
        csv.write_csv(pa.table(dict(zip((each.header for each in columns), arrays, strict=True))), out, options)
        yield out.getvalue()
        tick(batch.num_rows)


def _values(batch: pa.RecordBatch, column: _Column) -> pa.Array:
    if column.name is None:
        return pa.nulls(batch.num_rows, pa.string())
    values = batch.column(column.name)
    if column.is_time:
        return pc.divide(values, pa.scalar(SECOND, pa.int64()))
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "true", "false")
    return values
