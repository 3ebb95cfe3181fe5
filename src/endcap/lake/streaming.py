"""Streamed rows on their way into a table, exactly once; and users on their way out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from endcap.lake.columns import REQUIRED, converted, table_schema
from endcap.lake.commits import vacuum
from endcap.lake.index import CatalogueIndex
from endcap.lake.intake import ARRIVAL, BATCH_ROWS, listed, parquet, quoted
from endcap.lake.offsets import transaction
from endcap.lake.writing import TableWriter, schema_of
from endcap.types import ITEM_ID, TIMESTAMP, USER_ID

if TYPE_CHECKING:
    from deltalake import DeltaTable

REMOVED = "REMOVE"
"""The mode, in a table's history, of a commit that took users out of it."""
SMALL_BYTES = 16 << 20
MOST_SMALL = 16
"""Appending makes a file each time; this many small ones are written again as one, with what is appended."""


@dataclass(frozen=True)
class Held:
    """What a table holds while rows for it are made: the offset up to which it has the log, its columns (None where
    there is no table), and `records(ids)`: the rows of these keys, of a table of records."""

    upto: int
    schema: pa.Schema | None
    records: Callable[[Sequence[str]], pa.Table | None]


def stream(
    writer: TableWriter,
    catalogue: CatalogueIndex,
    make: Callable[[Held], pa.Table],
    *,
    log: str,
    partition: int,
    upto: int,
    dropped: int = 0,
) -> int:
    """Add to the table what `make` gives for the log's records after `Held.upto`; how many rows.

    Events are appended, records replace those of the same key. Rows and offset `upto` are committed together; nothing
    happens where the table is that far, or there are no rows. `dropped` is an offset up to which nothing is wanted.
    """
    with writer.alone() as there:
        name = transaction(log, partition)
        held = max(dropped, (there.transaction_version(name) or 0) if there is not None else 0)
        schema = schema_of(there) if there is not None else None
        rows = make(Held(held, schema, lambda ids: _records(writer, there, ids))) if held < upto else None
        if rows is None or not rows.num_rows:
            return 0
        columns = table_schema(writer.kind, rows.schema, schema)
        with writer.intake(columns) as intake:
            intake.load(_converted(rows, columns))
            if ITEM_ID in REQUIRED[writer.kind]:
                catalogue.extend(intake.distinct(ITEM_ID))
            files, rewritten = there.file_uris() if there is not None else [], []
            if is_record := len(REQUIRED[writer.kind]) == 1:
                query = intake.records(REQUIRED[writer.kind][0], files)
            else:
                rewritten = small_files(there)
                query = _appended(intake.schema.names, [file for file in files if file.endswith(tuple(rewritten))])
            notes = {"mode": "STREAM", "received": rows.num_rows, "job": f"{name}@{upto}"}
            writer.commit(
                there,
                intake,
                query,
                append=not is_record and there is not None,
                transaction=name,
                upto=upto,
                rewritten=rewritten,
                notes=notes,
            )
        return int(rows.num_rows)


def remove_rows(writer: TableWriter, users: pa.Array, job: str) -> int:
    """Rewrite the table without rows of these users and make older versions unreadable; how many rows are gone.

    The same job again gives the same number and does nothing but finish.
    """
    with writer.alone() as there:
        if there is None or USER_ID not in schema_of(there).names:
            return 0
        name = f"remove-{job}"
        if there.transaction_version(name) is not None:
            vacuum(writer.path, writer.disk)
            done = next(entry for entry in there.history() if entry.get("job") == name)
            return int(done.get("removed", 0))
        table = parquet(there.file_uris()) if there.file_uris() else ""
        with writer.intake(schema_of(there)) as intake:
            intake.lend("gone", pa.table({"id": users}))
            held = f"FROM {table} WHERE {USER_ID} IN (SELECT id FROM gone)"
            removed = intake.number(f"SELECT count(*) {held}") if table else 0
            if not removed:
                return 0
            kept = f"SELECT {listed(intake.schema.names)} FROM {table} WHERE {USER_ID} IS NULL OR {USER_ID} NOT IN"
            order = ", ".join(column for column in (USER_ID, TIMESTAMP) if column in intake.schema.names)
            writer.commit(
                there,
                intake,
                f"{kept} (SELECT id FROM gone) ORDER BY {order}",
                append=False,
                transaction=name,
                notes={"mode": REMOVED, "received": 0, "removed": removed, "job": name},
            )
        vacuum(writer.path, writer.disk)
        return removed


def _appended(names: Sequence[str], files: Sequence[str]) -> str:
    order = [name for name in (USER_ID, TIMESTAMP) if name in names]
    rows = "SELECT * FROM intake"
    if files:
        rows = f"SELECT *, -1 AS {quoted(ARRIVAL)} FROM {parquet(files)} UNION ALL BY NAME {rows}"
    return f"SELECT {listed(names)} FROM ({rows}) ORDER BY {listed(order)}, {quoted(ARRIVAL)}"


def small_files(there: DeltaTable | None) -> list[str]:
    """Files to be written again together, none as long as they are few."""
    if there is None:
        return []
    files: list[dict[str, Any]] = (
        pa.table(there.get_add_actions(flatten=True)).select(["path", "size_bytes"]).to_pylist()
    )
    small = [str(file["path"]) for file in files if file["size_bytes"] < SMALL_BYTES]
    return small if len(small) >= MOST_SMALL else []


def _records(writer: TableWriter, there: DeltaTable | None, ids: Sequence[str]) -> pa.Table | None:
    if there is None:
        return None
    import pyarrow.compute as pc  # noqa: PLC0415 - 20 ms, which most imports need not wait for

    wanted = pc.field(REQUIRED[writer.kind][0]).isin(list(ids))
    return there.to_pyarrow_dataset().to_table(filter=wanted)


def _converted(rows: pa.Table, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in rows.to_batches(max_chunksize=BATCH_ROWS):
        yield converted(batch, columns, done)
        done += batch.num_rows
