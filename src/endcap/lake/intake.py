"""Rows on their way into a table: held in DuckDB within a memory limit, cleaned, joined with what is there, sorted."""

# SQL is made here from our own text: names are quoted, values are escaped or numbers.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from endcap.errors import DataError, ResourceError
from endcap.lake.columns import INGESTION, PUT
from endcap.lake.entries import DataFile, statistics

BATCH_ROWS = 131_072
ARRIVAL = "#arrival"  # no Avro field can be called so
_WRITER = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 131072, RETURN_STATS"


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """SQL identifiers, comma-separated."""
    return ", ".join(quoted(name) for name in names)


def parquet(files: Sequence[str], *, with_names: bool = False) -> str:
    """SQL table expression over Parquet files, columns matched by name; `filename` is one more where asked for."""
    paths = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"read_parquet([{paths}], union_by_name = true, filename = {str(with_names).lower()})"


@dataclass(frozen=True)
class Staged:
    """Rows that lie in a DuckDB database already, so that a commit need not take them out and put them in again.

    `query` gives the columns of `schema` and `ARRIVAL`, ascending integers in order of arrival. Whoever makes one
    promises that no two events are equal in every column and no two records in their key; a commit relies on it.
    """

    connection: duckdb.DuckDBPyConnection
    query: str
    schema: pa.Schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in order of arrival, without `ARRIVAL`."""
        query = f"SELECT {listed(self.schema.names)} FROM ({self.query}) ORDER BY {quoted(ARRIVAL)}"
        for batch in self.connection.cursor().sql(query).to_arrow_reader(BATCH_ROWS):
            yield batch.cast(self.schema)


class Intake:
    """One import's rows, in order of arrival. A context manager: leaving it frees memory and spill files.

    `failure` is what broke the stream of rows in or out, which foreign readers of the stream report in other words.
    """

    def __init__(self, schema: pa.Schema, spill: Path, memory_mb: int, staged: Staged | None = None) -> None:
        """With `staged` the work is done where those rows lie, within that database's memory limit."""
        self.schema = schema
        self.failure: BaseException | None = None
        self._staged = staged
        if staged:
            self._connection = staged.connection.cursor()
        else:
            limits = {"memory_limit": f"{memory_mb}MB", "temp_directory": str(spill)}
            self._connection = duckdb.connect(config=limits)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def load(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Take all batches, each already of the schema; how many rows. What the iterable raises is raised here."""
        schema = self.schema.append(pa.field(ARRIVAL, pa.int64()))
        arriving = pa.RecordBatchReader.from_batches(schema, self._watched(_numbered(batches, schema)))
        with self._explaining():
            self._connection.register("arriving", arriving)
            self._connection.execute("CREATE TEMP TABLE intake AS SELECT * FROM arriving")
            self._connection.unregister("arriving")
        return self._number("SELECT count(*) FROM intake")

    def adopt(self, staged: Staged) -> int:
        """Take staged rows, whose types must be the schema's, where they lie; how many."""
        columns = listed([*self.schema.names, ARRIVAL])
        with self._explaining():
            self._connection.execute(f"CREATE TEMP VIEW intake AS SELECT {columns} FROM ({staged.query})")
        return self._number("SELECT count(*) FROM intake")

    def require_values(self, columns: Iterable[str]) -> None:
        """Raises `DataError` with the first row in which one of the columns is null."""
        for column in columns:
            query = f"SELECT coalesce(min({quoted(ARRIVAL)}), -1) FROM intake WHERE {quoted(column)} IS NULL"
            if (row := self._number(query) + 1) > 0:
                fix = "Every row needs a value there."
                raise DataError(f"Column {column} is empty in row {row}.", row=row, column=column, fix=fix)

    def distinct(self, column: str) -> pa.Array:
        """string [n]: the distinct values of a column, ascending."""
        name = quoted(column)
        with self._explaining():
            table = self._connection.sql(f"SELECT DISTINCT {name} FROM intake ORDER BY {name}").to_arrow_table()
        return table[column].combine_chunks()

    def events(self, order: Sequence[str], files: Sequence[str]) -> str:
        """SQL of the rows: exact duplicates once, those already in `files` not at all; by `order`, then by arrival."""
        columns, arrival = listed(self.schema.names), quoted(ARRIVAL)
        rows = f"SELECT {columns}, min({arrival}) AS {arrival} FROM intake GROUP BY {columns}"
        if self._staged:
            rows = "SELECT * FROM intake"
        if files:
            there = self._columns(files)
            old = f"""SELECT {listed(there)} FROM {parquet(files)}
                WHERE timestamp BETWEEN (SELECT min(timestamp) FROM intake) AND (SELECT max(timestamp) FROM intake)"""
            same = [
                f"new.{quoted(name)} IS NOT DISTINCT FROM {f'old.{quoted(name)}' if name in there else 'NULL'}"
                for name in self.schema.names
            ]
            rows = f"SELECT new.* FROM ({rows}) new ANTI JOIN ({old}) old ON {' AND '.join(same)}"
        return f"SELECT {columns} FROM ({rows}) ORDER BY {listed(order)}, {arrival}"

    def records(self, key: str, files: Sequence[str]) -> str:
        """SQL of the rows: the last row of each key; rows of `files` whose key did not come stay. Sorted by key."""
        name, arrival = quoted(key), quoted(ARRIVAL)
        rows = f"SELECT * FROM intake WHERE {arrival} IN (SELECT max({arrival}) FROM intake GROUP BY {name})"
        if self._staged:
            rows = "SELECT * FROM intake"
        if files:
            old = f"SELECT * FROM {parquet(files)} WHERE {name} NOT IN (SELECT {name} FROM intake)"
            rows = f"({rows}) UNION ALL BY NAME ({old})"
        return f"SELECT {listed(self.schema.names)} FROM ({rows}) ORDER BY {name}"

    def streamed(self, query: str, files: Sequence[str], same: Sequence[str]) -> str:
        """SQL of what `query` gives and those rows of `files` that were streamed, none of them equal in the columns
        `same` to a row that came; in the types of the rows that came."""
        kinds = {name: kind for name, kind, *_ in self._described("intake")}
        there = self._columns(files)
        columns = [
            f"TRY_CAST({f'old.{quoted(name)}' if name in there else 'NULL'} AS {kinds[name]}) AS {quoted(name)}"
            for name in self.schema.names
        ]
        keys = " AND ".join(f"old.{quoted(name)} IS NOT DISTINCT FROM new.{quoted(name)}" for name in same)
        put = f"SELECT * FROM {parquet(files)} WHERE {quoted(INGESTION)} = '{PUT}'"
        old = f"SELECT {', '.join(columns)} FROM ({put}) old ANTI JOIN intake new ON {keys}"
        return f"SELECT {listed(self.schema.names)} FROM (({query}) UNION ALL ({old}))"

    def lend(self, name: str, table: pa.Table) -> None:
        """Let queries read a table beside what was taken in."""
        self._connection.register(name, table)

    def number(self, query: str) -> int:
        """The one number that a query gives."""
        return self._number(query)

    def write(self, query: str, path: Path) -> DataFile | None:
        """A Parquet file (Zstandard, row groups of 131,072) of what a query gives; None, and no file, for no rows.

        Not flushed to disk. Sorts within the memory limit, on all threads.
        """
        target = str(path).replace("'", "''")
        with self._explaining():
            rows = self._connection.execute(f"COPY ({query}) TO '{target}' ({_WRITER})").fetchall()
        _, count, size, _, measured, *_ = rows[0]
        if not count:
            path.unlink()
            return None
        by_name = {name: measured.get(quoted(name), {}) for name in self.schema.names}
        return DataFile(path.name, int(size), int(count), statistics(self.schema, by_name))

    def _watched(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except (duckdb.Error, pa.ArrowException) as error:
            self.failure = _explained(error)
            raise
        except BaseException as error:
            self.failure = error
            raise

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            raise self.failure or _explained(error) from error

    def _number(self, query: str) -> int:
        with self._explaining():
            return int(self._connection.execute(query).fetchall()[0][0])

    def _columns(self, files: Sequence[str]) -> list[str]:
        return [str(row[0]) for row in self._described(parquet(files))]

    def _described(self, relation: str) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = self._connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        return rows


def _numbered(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in batches:
        arrival = pa.arange(start, start + batch.num_rows)  # pa.array would import pandas where it is installed
        yield pa.RecordBatch.from_arrays([*batch.columns, arrival], schema=schema)
        start += batch.num_rows


def _explained(error: Exception) -> Exception:
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in str(error):
        return ResourceError(f"The import met its memory limit: {error}.", fix="Raise import_memory_mb, or free disk.")
    if "No space left" in str(error) or "quota" in str(error):
        return ResourceError(f"The disk is full: {error}.", fix="Free some space and retry.")
    return error
