"""Rows between files and tables: mapped, checked and counted in DuckDB, which spills to disk when memory is short."""

# SQL is made here from our own text: names are quoted, values are escaped or numbers.

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from endcap.errors import DataError, ResourceError
from endcap.lake.importers.mapping import Merge
from endcap.lake.importers.plan import Part, Plan
from endcap.lake.importers.sources import RAW_TEXT, Reject, Source
from endcap.lake.importers.sql import SQL_TYPES, Check, checks, literal, mapped, quoted, typed
from endcap.lake.intake import ARRIVAL, Staged
from endcap.lake.schemas import DatasetKind, Field, Schema
from endcap.seams import Progress, Tick, no_progress

BATCH_ROWS = 131_072
EXAMPLES = 3
REJECTS = pa.schema(
    [
        pa.field("file", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("column", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("raw", pa.string()),
    ]
)


@dataclass(frozen=True)
class Rejected:
    """Rows of one file set left out for one reason, with a few of them: (file, row, raw text)."""

    reason: str
    column: str
    rows: int
    examples: tuple[tuple[str, int, str], ...] = ()


@dataclass
class Counts:
    """What became of one dataset's rows: rows = accepted + duplicates + merged + rejected."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    merged: int = 0
    rejected: tuple[Rejected, ...] = ()
    seconds: float = 0.0


_DUPLICATE, _MERGED = 65_535, 65_534
_REJECTS_WRITER = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 40960"
_UNREADABLE = ("kind", "file", "row", "column", "reason", "raw")


@dataclass
class _Stage:
    kind: DatasetKind
    schema: Schema
    table: str
    parts: list[Part] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def code(self, check: Check) -> int:
        """The number of a reason, from 1; reasons are the same where their text and column are."""
        for place, known in enumerate(self.checks, start=1):
            if (known.reason, known.column) == (check.reason, check.column):
                return place
        self.checks.append(check)
        return len(self.checks)

    @property
    def columns(self) -> list[str]:
        return [mapped(item.name) for item in self.schema.fields]

    @property
    def merge(self) -> Merge | None:
        """How events that are one are merged."""
        return None if self.is_record else self.parts[0].table.merge

    @property
    def identity(self) -> list[str]:
        """Columns in which two rows must be equal to be looked at again: the key of a merge, the id, or all."""
        if self.is_record:
            return self.keys
        return [mapped(name) for name in self.merge.key if name in self.schema] if self.merge else self.columns

    @property
    def is_record(self) -> bool:
        """Whether a row is a state of something with an id, not an event."""
        return self.kind in ("items", "users", "actions")

    @property
    def keys(self) -> list[str]:
        return [mapped(name) for name in self.schema.keys]


class Staging:
    """The rows of one plan. `load` reads every file once; then counts, batches and rejects can be asked for.

    A context manager: leaving it frees memory and spill files. `memory_mb` bounds DuckDB, not the process.
    """

    def __init__(self, plan: Plan, spill: Path, memory_mb: int = 2048, threads: int = 0) -> None:
        self.plan = plan
        config: dict[str, str | int] = {"memory_limit": f"{memory_mb}MB", "temp_directory": str(spill)}
        if threads:
            config["threads"] = threads
        self._connection = duckdb.connect(config=config)  # type: ignore[arg-type]
        self._connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
        self._stages = {
            kind: _Stage(kind, plan.schemas[kind], f"staged_{kind}", [p for p in plan.parts if p.table.kind == kind])
            for kind in plan.kinds
        }
        self.counts: dict[DatasetKind, Counts] = {kind: Counts() for kind in plan.kinds}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def load(self, progress: Progress = no_progress) -> None:
        """Read, map and check all rows. Raises `DataError` for a file that cannot be read to its end."""
        for stage in self._stages.values():
            self._create(stage)
        for source in self.plan.sources:
            rows = source.rows
            with progress(f"reading {source.file.path.name}", total=rows, unit="rows") as tick:
                self._read(source, tick)
        for kind, stage in self._stages.items():
            started = time.perf_counter()
            self._settle(stage)
            self.counts[kind].seconds += time.perf_counter() - started

    def batches(self, kind: DatasetKind) -> Iterator[pa.RecordBatch]:
        """Accepted rows in order of arrival, in the schema's canonical columns."""
        stage = self._stages[kind]
        arrow = stage.schema.arrow()
        cursor = self._connection.cursor()
        for batch in cursor.sql(self._output(stage)).to_arrow_reader(BATCH_ROWS):
            yield batch.cast(arrow)

    def accepted(self, kind: DatasetKind) -> Staged | Iterator[pa.RecordBatch]:
        """Accepted rows for a commit: where they lie if no two of them can be equal, otherwise as `batches`."""
        stage = self._stages[kind]
        absolute = any(_is_absolute(stage, item.name) for item in stage.schema.fields)
        if self.is_grouped(kind) or (absolute and not stage.merge):  # 2 and -2 are equal once the sign is gone
            return self.batches(kind)
        query = self._output(stage, f", rowid AS {quoted(ARRIVAL)}")
        return Staged(self._connection, query, stage.schema.arrow())

    def rejects(self, kind: DatasetKind) -> Iterator[pa.RecordBatch]:
        """Rejected rows (`REJECTS`), by file and row."""
        for batch in self._connection.cursor().sql(self._rejects_sql(kind)).to_arrow_reader(BATCH_ROWS):
            yield batch.cast(REJECTS)

    def write_rejects(self, kind: DatasetKind, path: Path) -> None:
        """The same rows as a Parquet file, not flushed to disk."""
        self._run(f"COPY ({self._rejects_sql(kind)}) TO {literal(str(path))} ({_REJECTS_WRITER})")

    def _rejects_sql(self, kind: DatasetKind) -> str:
        stage = self._stages[kind]
        files = ", ".join(literal(str(part.source.file.path)) for part in self.plan.parts)
        columns = ", ".join(literal(check.column) for check in stage.checks)
        reasons = ", ".join(literal(check.reason) for check in stage.checks)
        query = f'SELECT file, row::BIGINT AS row, "column", reason, raw FROM unreadable WHERE kind = {literal(kind)}'
        if stage.checks:
            query += (
                f" UNION ALL SELECT ([{files}])[_part + 1], _row, ([{columns}])[_reason], ([{reasons}])[_reason], _raw"
                f" FROM {stage.table} WHERE _reason <= {len(stage.checks)}"
            )
        if self._number(f"SELECT count(*) FROM unreadable WHERE kind = {literal(kind)}") or len(stage.parts) > 1:
            query += " ORDER BY 1, 2"  # otherwise they lie in this order
        return query

    def is_grouped(self, kind: DatasetKind) -> bool:
        """Whether the dataset is made from rows that another dataset counts too."""
        return self._stages[kind].parts[0].table.grouped

    def _create(self, stage: _Stage) -> None:
        fields = ", ".join(f"{mapped(item.name)} {_sql_type(item)}" for item in stage.schema.fields)
        self._run(
            f"CREATE TABLE {stage.table} ({fields}, _part USMALLINT, _row BIGINT, _reason USMALLINT, _raw VARCHAR,"
            " _key UBIGINT)"
        )
        self._run(f"CREATE TABLE IF NOT EXISTS unreadable ({', '.join(f'{quoted(n)} VARCHAR' for n in _UNREADABLE)})")

    def _read(self, source: Source, tick: Tick) -> None:
        parts = {number: part for number, part in enumerate(self.plan.parts) if part.source is source}
        wanted = list(dict.fromkeys(name for part in parts.values() for name in part.wanted))
        for chunk in source.chunks(wanted):
            if isinstance(chunk.relation, str):
                origin, rows = f"({chunk.relation})", source.rows or 0
            else:
                self._connection.register("chunk", chunk.relation)
                origin, rows = f"({source.projection(wanted)})", chunk.relation.num_rows
            for number, part in parts.items():
                stage = self._stages[part.table.kind]
                self._run(_staging_sql(stage, part, number, origin), source)
                self._keep(chunk.rejects, stage.kind, str(source.file.path))
            if not isinstance(chunk.relation, str):
                self._connection.unregister("chunk")
            tick(rows + len(chunk.rejects))

    def _keep(self, rejects: Sequence[Reject], kind: DatasetKind, file: str) -> None:
        if not rejects:
            return
        names = ("row", "column", "reason", "raw")
        columns = {name: [getattr(reject, name) for reject in rejects] for name in names}
        table = pa.table({**columns, "kind": [kind] * len(rejects), "file": [file] * len(rejects)})
        self._connection.register("bad", table)
        self._run(f"INSERT INTO unreadable SELECT {', '.join(map(quoted, _UNREADABLE))} FROM bad")
        self._connection.unregister("bad")

    def _settle(self, stage: _Stage) -> None:
        """Mark rows that are there twice, merge those the mapping merges, then count."""
        table = stage.parts[0].table
        if not table.grouped:
            self._find_repeated(stage)
            self._mark_duplicates(stage)
            if stage.merge:
                self._merge(stage, [mapped(name) for name in stage.merge.total if name in stage.schema])
            if stage.is_record:
                self._supersede(stage)
        self.counts[stage.kind] = self._counted(stage)

    def _find_repeated(self, stage: _Stage) -> None:
        """Rows that may share their identity with another, by its hash: the few that are then compared exactly."""
        self._run(
            f"CREATE OR REPLACE TABLE repeated AS SELECT rowid AS r, {', '.join(stage.columns)} FROM {stage.table}"
            f" WHERE _reason IS NULL AND _key IN"
            f" (SELECT _key FROM {stage.table} WHERE _reason IS NULL GROUP BY _key HAVING count(*) > 1)"
        )

    def _mark_duplicates(self, stage: _Stage) -> None:
        """Of rows equal in every column (so in any key too) the first stays."""
        columns = ", ".join(stage.columns)
        self._run(f"CREATE OR REPLACE TABLE firsts AS SELECT min(r) AS r, {columns} FROM repeated GROUP BY {columns}")
        later = "SELECT r FROM repeated WHERE r NOT IN (SELECT r FROM firsts)"
        self._run(f"UPDATE {stage.table} SET _reason = {_DUPLICATE} WHERE rowid IN ({later})")

    def _merge(self, stage: _Stage, totals: Sequence[str]) -> None:
        """Rows equal in the key become their first row, with totals added up."""
        sums = "".join(f", sum({name}) AS {name}" for name in totals)
        self._run(
            f"CREATE OR REPLACE TABLE merging AS SELECT min(r) AS r, list(r) AS every{sums} FROM firsts"
            f" GROUP BY {', '.join(stage.identity)} HAVING count(*) > 1"
        )
        if totals:
            sets = ", ".join(f"{name} = m.{name}" for name in totals)
            self._run(f"UPDATE {stage.table} SET {sets} FROM merging m WHERE {stage.table}.rowid = m.r")
        later = "SELECT one FROM (SELECT r, unnest(every) AS one FROM merging) WHERE one <> r"
        self._run(f"UPDATE {stage.table} SET _reason = {_MERGED} WHERE rowid IN ({later})")

    def _supersede(self, stage: _Stage) -> None:
        """Of several rows with one id the last is kept; the others become rejects."""
        names = ", ".join(stage.keys)
        code = stage.code(Check("superseded by a later row with the same id", stage.schema.keys[0], ""))
        shown = ", ".join(f"{literal(item.name)}: {mapped(item.name)}" for item in stage.schema.fields)
        raw = f"left(CAST(to_json({{{shown}}}) AS VARCHAR), {RAW_TEXT})"
        self._run(
            f"UPDATE {stage.table} SET _reason = {code}, _raw = {raw}"
            f" FROM (SELECT rowid AS r, row_number() OVER (PARTITION BY {names} ORDER BY _part DESC, _row DESC) AS n"
            f" FROM {stage.table} WHERE _reason IS NULL AND rowid IN (SELECT r FROM repeated)) earlier"
            f" WHERE {stage.table}.rowid = earlier.r AND earlier.n > 1"
        )

    def _counted(self, stage: _Stage) -> Counts:
        counts = Counts()
        found = self._run(f"SELECT coalesce(_reason, 0), count(*) FROM {stage.table} GROUP BY 1 ORDER BY 1").fetchall()
        by_code = {int(code): int(rows) for code, rows in found}
        counts.rows = sum(by_code.values())
        counts.accepted = by_code.pop(0, 0)
        counts.duplicates, counts.merged = by_code.pop(_DUPLICATE, 0), by_code.pop(_MERGED, 0)
        if stage.parts[0].table.grouped:
            groups = self._number(f"SELECT count(*) FROM ({self._output(stage)})")
            counts.merged, counts.accepted = counts.accepted - groups, groups
        rejected = [self._rejected(stage, code, rows) for code, rows in by_code.items()]
        bad = self._run(
            'SELECT reason, "column", count(*), list({f: file, r: row::BIGINT, raw: raw} ORDER BY row::BIGINT)'
            f"[:{EXAMPLES}] FROM unreadable"
            f" WHERE kind = {literal(stage.kind)} GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
        rejected += [
            Rejected(reason, column, rows, tuple((one["f"], one["r"], one["raw"]) for one in some))
            for reason, column, rows, some in bad
        ]
        counts.rows += sum(int(rows) for _, _, rows, _ in bad)
        counts.rejected = tuple(sorted(rejected, key=lambda one: -one.rows))
        return counts

    def _rejected(self, stage: _Stage, code: int, rows: int) -> Rejected:
        check = stage.checks[code - 1]
        some = self._run(
            f"SELECT _part, _row, _raw FROM {stage.table} WHERE _reason = {code} ORDER BY _part, _row LIMIT {EXAMPLES}"
        ).fetchall()
        files = [str(part.source.file.path) for part in self.plan.parts]
        return Rejected(
            check.reason, check.column, rows, tuple((files[part], row, raw or "") for part, row, raw in some)
        )

    def _output(self, stage: _Stage, more: str = "") -> str:
        table = stage.parts[0].table
        if not table.grouped:
            picks = [
                f"{f'abs({name})' if _is_absolute(stage, item.name) else name} AS {quoted(item.column)}"
                for item, name in zip(stage.schema.fields, stage.columns, strict=True)
            ]
            return f"SELECT {', '.join(picks)}{more} FROM {stage.table} WHERE _reason IS NULL"
        picks = []
        for item in stage.schema.fields:
            name = mapped(item.name)
            how = table.fields[item.name].aggregate if item.name in table.fields else "first"
            picks.append(
                f"{name if item.name in stage.schema.keys else _aggregate(how, name)} AS {quoted(item.column)}"
            )
        keys = ", ".join(stage.keys)
        return f"SELECT {', '.join(picks)} FROM {stage.table} WHERE _reason IS NULL GROUP BY {keys} ORDER BY {keys}"

    def _run(self, query: str, source: Source | None = None) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(query)
        except duckdb.OutOfMemoryException as error:
            raise ResourceError(f"The import needs more memory: {error}.", fix="Raise import_memory_mb.") from None
        except duckdb.Error as error:
            if "No space left" in str(error):
                raise ResourceError("The disk is full: rows could not be staged.", fix="Free some space.") from error
            where = f"{source.file.path} cannot be read" if source else "The rows cannot be processed"
            raise DataError(f"{where}: {str(error).splitlines()[0]}.") from error

    def _number(self, query: str) -> int:
        row = self._run(query).fetchone()
        return int(row[0]) if row else 0


def _staging_sql(stage: _Stage, part: Part, number: int, origin: str) -> str:
    """One pass over a chunk: every field, the first reason against the row, the raw row where there is one."""
    values = []
    for item in stage.schema.fields:
        value = part.table.fields.get(item.name)
        sql = typed(value, item, part.columns, part.times.get(item.name)) if value else "NULL"
        values.append(f"{sql} AS {mapped(item.name)}")
    cases = [
        f"WHEN {check.condition} THEN {stage.code(check)}"
        for check in checks(part.table, stage.schema, part.columns, part.times)
    ]
    is_json = part.source.file.format == "json"
    if is_json:
        cases.insert(0, f"WHEN _broken IS NOT NULL THEN {stage.code(Check('not a JSON object', '', ''))}")
    reason = f"CASE {' '.join(cases)} END" if cases else "NULL"
    shown = ", ".join(f"{literal(name)}: {quoted(name)}" for name in part.wanted)
    raw = "_line" if is_json else f"CAST(to_json({{{shown}}}) AS VARCHAR)"
    kept = "NULL" if part.table.grouped else f"CASE WHEN _why IS NOT NULL THEN left({raw}, {RAW_TEXT}) END"
    return (
        f"INSERT INTO {stage.table} SELECT {', '.join(stage.columns)}, {number}, _row, _why, {kept},"
        f" hash({', '.join(stage.identity)})"
        f" FROM (SELECT *, {reason} AS _why FROM (SELECT *, {', '.join(values)} FROM {origin}))"
    )


def _is_absolute(stage: _Stage, name: str) -> bool:
    return any(part.table.fields[name].absolute for part in stage.parts if name in part.table.fields)


def _aggregate(how: str, name: str) -> str:
    if how in ("first", "last", ""):
        return f"arg_{'max' if how == 'last' else 'min'}({name}, (_part, _row))"
    if how == "mode":
        return f"mode({name} ORDER BY _part, _row)"
    return f"{how}({name})"


def _sql_type(item: Field) -> str:
    return "BIGINT" if item.is_time else SQL_TYPES[item.type]
