"""Offline tables of feature groups: append-only Delta, one for each group of an account, and what is asked of them.

<root>/<account>/<region>/_account/<group's key>/   one table: the group's features as columns, and those of `OWN`
"""

# SQL is made here from our own text: names are quoted, values are escaped, bound or numbers.

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import duckdb
import pyarrow as pa

from endcap.errors import StateError
from endcap.lake.columns import converted
from endcap.lake.commits import LOG, has_table, open_table, vacuum
from endcap.lake.intake import ARRIVAL, listed, parquet, quoted
from endcap.lake.offsets import TableKind, transaction
from endcap.lake.streaming import small_files
from endcap.lake.tables import Lake
from endcap.lake.writing import TableWriter, schema_of
from endcap.types import ACCOUNT_LEVEL, AccountKey, ShopKey

OWN = pa.schema(
    [
        ("_record_id", pa.string()),
        ("_event_time", pa.int64()),
        ("write_time", pa.int64()),
        ("_order", pa.int64()),
        ("is_deleted", pa.bool_()),
        ("_until", pa.int64()),
        ("_stores", pa.string()),
        ("_record", pa.binary()),
    ]
)
"""Columns that every table has beside its features, which cannot be called so. Times are microseconds; `_order` is the
log's offset, so that (`_event_time`, `write_time`, `_order`) is a total order of a record's rows; `_stores` is the only
store that took the row, null for all that the group has; `_record` is what was written, whole, as in the log."""
REMOVED = "removed"
"""Under what a table notes how often rows were removed from it, see `filled`."""
ROWS = 65_536
"""Rows of a batch that is read back."""
_ORDERED = "_event_time, write_time, _order"
Make = Callable[[int], pa.Table | None]
"""Given the offset up to which the table has the log: the rows after it."""


@dataclass(frozen=True)
class Joined:
    """What a join takes from a group: `key` names its table, `on` the column of the spine that holds record ids,
    `columns` are (feature, name in the answer), `max_age` is microseconds, 0 for any age."""

    key: str
    on: str
    columns: tuple[tuple[str, str], ...]
    max_age: int = 0


class FeatureTables:
    """The tables of all accounts, in a lake. One writer at a time per table; readers never wait."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def append(
        self, account: AccountKey, key: str, features: pa.Schema, make: Make, *, log: str, partition: int, upto: int
    ) -> int:
        """Add rows exactly once, durable on return; how many. Columns that the table lacks are added to it.

        Rows and offset `upto` are one commit; nothing happens where the table is that far.
        """
        writer = self._writer(account, key)
        with writer.alone() as there:
            name = transaction(log, partition)
            held = (there.transaction_version(name) or 0) if there is not None else 0
            rows = make(held) if held < upto else None
            if rows is None or not rows.num_rows:
                return 0
            columns = _columns(features, schema_of(there) if there is not None else None)
            with writer.intake(columns) as intake:
                intake.load(converted(batch, columns, 0) for batch in rows.to_batches(max_chunksize=ROWS))
                rewritten = small_files(there)
                old = [file for file in there.file_uris() if file.endswith(tuple(rewritten))] if there else []
                notes = {"mode": "STREAM", "received": rows.num_rows, "job": f"{name}@{upto}"}
                writer.commit(
                    there,
                    intake,
                    _sorted(intake.schema.names, old if rewritten else []),
                    append=there is not None,
                    transaction=name,
                    upto=upto,
                    rewritten=rewritten,
                    notes=notes,
                )
            return int(rows.num_rows)

    def exists(self, account: AccountKey, key: str) -> bool:
        """Whether any row was ever written."""
        return has_table(self._writer(account, key).path)

    def remove(self, account: AccountKey, key: str, column: str, values: Sequence[str]) -> int:
        """Rewrite a table without rows that have one of these in a text column, and make older versions unreadable; how
        many rows are gone. A value may also be followed by `|` and more, as the ids of pairs are."""
        writer = self._writer(account, key)
        with writer.alone() as there:
            if there is None or column not in schema_of(there).names or not there.file_uris():
                return 0
            with writer.intake(schema_of(there)) as intake:
                intake.lend("gone", pa.table({"value": pa.array(list(values), pa.string())}))
                name, rows = quoted(column), parquet(there.file_uris())
                theirs = (
                    f"coalesce(split_part({name}, '|', 1) IN (SELECT value FROM gone) OR {name} IN (FROM gone), false)"
                )
                removed = intake.number(f"SELECT count(*) FROM {rows} WHERE {theirs}")
                if removed:
                    kept = f"SELECT {listed(intake.schema.names)} FROM {rows} WHERE NOT {theirs}"
                    writer.commit(
                        there,
                        intake,
                        f"{kept} ORDER BY _record_id, {_ORDERED}",
                        append=False,
                        transaction=transaction(REMOVED, 0),
                        upto=(there.transaction_version(transaction(REMOVED, 0)) or 0) + 1,
                        notes={"mode": "REMOVE", "received": 0, "removed": removed, "job": REMOVED},
                    )
            vacuum(writer.path, writer.disk)
            return removed

    def identities(self, account: AccountKey, key: str, values: Sequence[str]) -> list[str]:
        """The record ids of a table that are among these, or begin with one of them and `|`."""
        files = self.files(account, key)
        if not files:
            return []
        with duckdb.connect() as connection:
            connection.register("gone", pa.table({"value": pa.array(list(values), pa.string())}))
            query = f"""SELECT DISTINCT _record_id FROM {parquet(files)}
                WHERE split_part(_record_id, '|', 1) IN (FROM gone) OR _record_id IN (FROM gone)"""
            return [str(row[0]) for row in connection.execute(query).fetchall()]

    def filled(self, account: AccountKey, key: str, log: str) -> int:
        """How far a table has what is noted under this name (see `append`), 0 for nothing."""
        if not self.exists(account, key):
            return 0
        return open_table(self._writer(account, key).path).transaction_version(transaction(log, 0)) or 0

    def changed(self, account: AccountKey, key: str) -> int:
        """Another number after every commit, told without opening the table; 0 where there is none."""
        try:
            return (self._writer(account, key).path / LOG).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def files(self, account: AccountKey, key: str) -> list[str]:
        """Parquet files of the newest version, none where there is no table: for SQL over them."""
        return sorted(open_table(self._writer(account, key).path).file_uris()) if self.exists(account, key) else []

    def newest(self, account: AccountKey, key: str) -> Iterator[pa.Table]:
        """(write_time, _order, _record) of the rows that the online store is made of, in the order of writing, a batch
        at a time: of each record the newest that it took, and all where one of them was deleted or had expired."""
        files = self.files(account, key)
        if not files:
            return
        with duckdb.connect() as connection:
            query = _NEWEST.format(rows=parquet(files))
            for batch in connection.sql(query).to_arrow_reader(ROWS):
                yield pa.Table.from_batches([batch])

    def history(self, account: AccountKey, key: str, identity: str, limit: int = 1_000) -> pa.Table:
        """All that was written of a record into the offline store, newest first."""
        files = self.files(account, key)
        if not files:
            raise StateError(
                f"Nothing of feature group {key} is in the lake yet.", fix="Records come with the next sink."
            )
        with duckdb.connect() as connection:
            query = f"""SELECT * FROM {parquet(files)} WHERE _record_id = $id AND {_OFFLINE}
                ORDER BY _event_time DESC, write_time DESC, _order DESC LIMIT {int(limit)}"""
            found: pa.Table = connection.sql(query, params={"id": identity}).to_arrow_table()
            return found

    def join(self, account: AccountKey, spine: pa.Table, groups: Sequence[Joined], *, time: str) -> pa.Table:
        """The spine with columns of groups as they were at each row's time: see `point_in_time`."""
        for group in groups:
            spine = point_in_time(spine, self.files(account, group.key), group, time=time)
        return spine

    def _writer(self, account: AccountKey, key: str) -> TableWriter:
        return self._lake.writer(ShopKey(account, ACCOUNT_LEVEL), cast("TableKind", key))


_OFFLINE = "coalesce(_stores, 'offline') = 'offline'"
# Names of our own begin with an underscore, as those of features cannot.
_NEWEST = """
WITH taken AS (SELECT *, max(write_time) OVER (PARTITION BY _record_id) AS _last,
        row_number() OVER (PARTITION BY _record_id ORDER BY _event_time DESC, write_time DESC, _order DESC) AS _place
    FROM {rows} WHERE coalesce(_stores, 'online') = 'online'),
judged AS (SELECT *, max(CASE WHEN is_deleted OR _until <= _last THEN 1 ELSE 0 END)
        OVER (PARTITION BY _record_id) AS _gone FROM taken)
SELECT write_time, _order, _record FROM judged WHERE _place = 1 OR _gone = 1 ORDER BY write_time, _order
"""
_JOIN = """
WITH told AS (SELECT *, row_number() OVER (ORDER BY _record_id, _event_time, write_time, _order) AS _place
    FROM {rows} WHERE coalesce(_stores, 'offline') = 'offline' AND _record_id IN (SELECT "#id" FROM spine)),
moments AS (
    SELECT _record_id AS id, _event_time AS time, 0 AS asked, _place, CAST(NULL AS BIGINT) AS asks FROM told
    UNION ALL
    SELECT "#id", "#time", 1, CAST(NULL AS BIGINT), "#row" FROM spine WHERE "#id" IS NOT NULL AND "#time" IS NOT NULL),
found AS (SELECT asks, max_by(_place, _place) OVER (PARTITION BY id ORDER BY time, asked
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _place
    FROM moments)
SELECT {columns}
FROM spine
    LEFT JOIN found ON found.asks = "#row"
    LEFT JOIN told ON told._place = found._place AND NOT told.is_deleted
        AND (told._until IS NULL OR told._until > "#time")
        AND ($age = 0 OR "#time" - told._event_time <= $age)
ORDER BY "#row"
"""


def point_in_time(spine: pa.Table, files: Sequence[str], group: Joined, *, time: str) -> pa.Table:
    """The spine with the features of the newest record of each row whose event time is not after the row's.

    `spine` has record ids in the column `group.on` and microseconds in `time`; rows and their order stay. What was
    written last counts among rows of one event time; a deletion, an expired or too old record gives nulls. Union and
    `max_by(…) over` so that every engine gives the same.
    """
    asked = pa.table(
        {"#row": pa.array(range(spine.num_rows), pa.int64()), "#id": spine[group.on].cast(pa.string()),
         "#time": spine[time].cast(pa.int64())}
    )  # fmt: skip
    names = [name for _, name in group.columns]
    if not files:
        return _beside(spine, pa.table({name: pa.nulls(spine.num_rows) for name in names}))
    with duckdb.connect() as connection:
        there = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {parquet(files)}").fetchall()}
        columns = ", ".join(
            f"{f'told.{quoted(feature)}' if feature in there else 'NULL'} AS {quoted(name)}"
            for feature, name in group.columns
        )
        connection.register("spine", asked)
        query = _JOIN.format(rows=parquet(files), columns=columns)
        return _beside(spine, connection.sql(query, params={"age": group.max_age}).to_arrow_table())


def _beside(spine: pa.Table, found: pa.Table) -> pa.Table:
    for name in found.column_names:
        spine = spine.append_column(name, found[name])
    return spine


def _columns(features: pa.Schema, existing: pa.Schema | None) -> pa.Schema:
    """The table's columns; those that are there keep their place."""
    kept = list(existing) if existing is not None else list(OWN)
    known = {field.name for field in kept}
    return pa.schema(
        [pa.field(each.name, each.type) for each in (*kept, *(f for f in features if f.name not in known))]
    )


def _sorted(names: Sequence[str], files: Sequence[str]) -> str:
    rows = "SELECT * FROM intake"
    if files:
        rows = f"SELECT *, -1 AS {quoted(ARRIVAL)} FROM {parquet(files)} UNION ALL BY NAME {rows}"
    return f"SELECT {listed(names)} FROM ({rows}) ORDER BY _record_id, {_ORDERED}"
