"""Pages of a table's rows, of any table size: in the table's own order at once, in another order or through a filter
from a copy that is made once for each version.

The Parquet reader goes straight to the row groups that hold the asked row numbers, so that the last page of ten million
rows costs what the first one does. A copy is sorted by a thread of its own, with bounded memory; until it is there,
pages near either end are found by a top-n, which reads one column whole.

HOME/rows/ACCOUNT/REGION/SHOP/KIND/VERSION-HASH.parquet
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from endcap.errors import InputError, UnknownName
from endcap.lake.importers.sql import literal
from endcap.lake.intake import quoted
from endcap.lake.locks import locked
from endcap.lake.offsets import TableKind
from endcap.lake.schemas import TIMES
from endcap.lake.tables import Lake
from endcap.types import SECOND, ShopKey

Op = Literal["=", "contains", ">=", "<=", "empty"]
Cell = str | int | float | bool | None
MOST = 500
"""Rows of one page."""
NEAR = 2_000
"""Rows from either end that are found without a copy."""
PATIENCE = 1.2
"""Seconds that a page waits for its copy: most are there by then."""
LARGE = 3_000_000
"""Rows of a table whose copies take longer: a page does not wait for one."""
COPIES = 6
"""Of one table; the one that was read longest ago goes first."""
WAITING = 4
"""Copies that are being made or wait for it, of all tables: each is sorted with `memory_mb`, one after the other."""
_SAFE = 2**53
_WRITER = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 20480"
_PLACE, _FILE = "file_row_number", "_endcap_file"
"""Columns that tell where a row lies; the second only where there are several files."""


@dataclass(frozen=True)
class Filter:
    """One condition on a column. Texts are compared without case by `contains`, times may be ISO 8601."""

    column: str
    op: Op
    value: str = ""


@dataclass(frozen=True)
class Asked:
    """Which rows: of a table, through filters, in an order; `offset` counts from 0."""

    kind: TableKind
    offset: int = 0
    limit: int = 100
    sort: str = ""
    descending: bool = False
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True)
class Page:
    """`total` rows pass the filters; while a copy is being made (`preparing`) a page in the middle may be empty."""

    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[Cell, ...]]
    total: int
    version: int
    preparing: bool = False


@dataclass
class Rows:
    """Pages of every shop's tables. Methods may be called from any thread."""

    lake: Lake
    root: Path
    memory_mb: int = 512
    _making: dict[Path, threading.Thread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def page(self, shop: ShopKey, asked: Asked) -> Page:
        """Raises `StateError` where there is no such table, `UnknownName` for a column, `InputError` for a value."""
        table = self.lake.open(shop, asked.kind)
        version, files = table.version(), tuple(sorted(table.file_uris()))
        columns = _columns(files)
        kinds = dict(columns)
        limit = max(1, min(asked.limit, MOST))
        where = _where(asked.filters, kinds)
        if asked.sort and asked.sort not in kinds:
            raise UnknownName("column", asked.sort, kinds)
        if not where and not asked.sort:
            total = _count(files)
            return Page(columns, _straight(files, asked.offset, limit), total, version)
        path = self._path(shop, asked, version, files, where)
        if not path.exists() and _count(files) < LARGE:
            self._prepare(path, asked, version, files, where, wait=PATIENCE)
        copied = _copied(path, asked.offset, limit)
        if copied is not None:
            return Page(columns, *copied, version)
        total = _matching(files, where) if where else _count(files)
        found = _near_end(files, where, asked, limit, total)
        self._prepare(path, asked, version, files, where)  # after the page: it would be in its way
        return Page(columns, found, total, version, preparing=True)

    def _path(self, shop: ShopKey, asked: Asked, version: int, files: tuple[str, ...], where: str) -> Path:
        """Where the sorted copy is, or will be."""
        told = json.dumps([asked.sort, asked.descending, where, files])
        name = f"{version}-{hashlib.sha256(told.encode()).hexdigest()[:24]}.parquet"
        return self.root.joinpath(*shop.parts(), asked.kind, name)

    def _prepare(
        self, path: Path, asked: Asked, version: int, files: tuple[str, ...], where: str, *, wait: float = 0.0
    ) -> None:
        """Have the copy made, unless so many wait already, and wait a while for it."""
        with self._lock:
            thread = self._making.get(path)
            if thread is None and len(self._making) < WAITING:
                order = _order(files, asked)
                query = f"{_select(files)} WHERE {where or 'true'} ORDER BY {order}"
                thread = threading.Thread(target=self._make, args=(path, query, version), daemon=True, name="rows")
                self._making[path] = thread
                thread.start()
        if thread is not None and wait:
            thread.join(wait)

    def _make(self, path: Path, query: str, version: int) -> None:
        waiting = path.with_suffix(".writing")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            config: Any = {
                "memory_limit": f"{self.memory_mb}MB",
                "threads": 2,
                "temp_directory": str(path.parent / ".spill"),
            }
            with self._turn, locked(path.parent / ".copy.lock"):  # other processes may make the same copy
                if path.exists():
                    return
                _tidy(path.parent, version)
                with duckdb.connect(config=config) as connection:
                    connection.execute(f"COPY ({query}) TO {literal(str(waiting))} ({_WRITER})")
                waiting.rename(path)
        finally:
            with self._lock:
                self._making.pop(path, None)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})


def _cursor() -> duckdb.DuckDBPyConnection:
    """Of one database for all pages: opening another takes 20 ms."""
    return _database().cursor()


def _tidy(folder: Path, version: int) -> None:
    """Copies of other versions go, all but the newest few, and what a copy that came to nothing left."""
    for path in folder.glob("*.writing"):
        path.unlink(missing_ok=True)
    mine = sorted(folder.glob("*.parquet"), key=lambda path: -_read_at(path))
    for place, path in enumerate(mine):
        if place >= COPIES - 1 or not path.name.startswith(f"{version}-"):
            path.unlink(missing_ok=True)


def _read_at(path: Path) -> float:
    """When a copy was last read, in seconds since 1970; 0 where another process has just removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _copied(path: Path, offset: int, limit: int) -> tuple[list[tuple[Cell, ...]], int] | None:
    """(rows, how many there are) of a copy. None where there is none: one that is removed meanwhile counts as none, one
    that cannot be read (a power cut may leave it half written) goes."""
    try:
        os.utime(path)
        return _straight((str(path),), offset, limit), _count((str(path),))
    except FileNotFoundError:
        return None
    except (duckdb.Error, pa.ArrowException, OSError):
        path.unlink(missing_ok=True)
        return None


@lru_cache(maxsize=256)
def _columns(files: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(name, DuckDB's type) of each column; files of one version may differ, later ones have more."""
    with _cursor() as connection:
        rows = connection.execute(f"DESCRIBE {_select(files)}").fetchall()
    return tuple((str(row[0]), str(row[1])) for row in rows)


@lru_cache(maxsize=1024)
def _counts(files: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(pq.read_metadata(file).num_rows for file in files)


def _count(files: tuple[str, ...]) -> int:
    return sum(_counts(files))


def _straight(files: tuple[str, ...], offset: int, limit: int) -> list[tuple[Cell, ...]]:
    """Rows by their numbers, file after file."""
    found: list[tuple[Cell, ...]] = []
    names = ", ".join(quoted(name) for name, _ in _columns(files))
    everything = ", ".join(literal(file) for file in files)
    before = 0
    with _cursor() as connection:
        for file, count in zip(files, _counts(files), strict=True):
            first, last = max(offset - before, 0), min(offset + limit - before, count) - 1
            before += count
            if first > last:
                continue
            # All files are named, so that a file without a later column gives it as empty.
            source = f"read_parquet([{everything}], union_by_name=true, {_PLACE}=true, filename={literal(_FILE)})"
            if len(files) == 1:
                source = f"read_parquet({literal(file)}, {_PLACE}=true)"
            own = "true" if len(files) == 1 else f"{_FILE} = {literal(file)}"
            query = (
                f"SELECT {names} FROM {source} WHERE {own} AND {_PLACE} BETWEEN {first} AND {last} ORDER BY {_PLACE}"
            )
            found += [tuple(map(_cell, row)) for row in connection.execute(query).fetchall()]
    return found


def _near_end(files: tuple[str, ...], where: str, asked: Asked, limit: int, total: int) -> list[tuple[Cell, ...]]:
    """A page near the start or the end by a top-n over one column; empty where it is too far in."""
    from_end = total - asked.offset - limit
    turned = from_end < asked.offset
    skip, wanted = (max(from_end, 0), min(limit, total - asked.offset)) if turned else (asked.offset, limit)
    if skip > NEAR or wanted < 1:
        return []
    order = _order(files, asked, turned=turned)
    if len(files) > 1:
        query = f"{_select(files)} WHERE {where or 'true'} ORDER BY {order}"
        query += f" LIMIT {wanted} OFFSET {skip}"
    else:
        places = f"SELECT {_PLACE} AS p FROM {_source(files)} WHERE {where or 'true'} ORDER BY {order}"
        places += f" LIMIT {wanted} OFFSET {skip}"
    with _cursor() as connection:
        if len(files) == 1:
            numbers = ", ".join(str(row[0]) for row in connection.execute(places).fetchall())
            if not numbers:
                return []
            query = f"{_select(files)} WHERE {_PLACE} IN ({numbers}) ORDER BY {order}"
        rows = [tuple(map(_cell, row)) for row in connection.execute(query).fetchall()]
    return rows[::-1] if turned else rows


def _order(files: Sequence[str], asked: Asked, *, turned: bool = False) -> str:
    """The order, total by the row's own place; `turned` upside down."""
    down, nulls = (asked.descending != turned), ("FIRST" if turned else "LAST")
    places = (_FILE, _PLACE) if len(files) > 1 else (_PLACE,)
    place = ", ".join(f"{each} DESC" if turned else each for each in places)
    return f"{quoted(asked.sort)} {'DESC' if down else 'ASC'} NULLS {nulls}, {place}" if asked.sort else place


def _matching(files: tuple[str, ...], where: str) -> int:
    with _cursor() as connection:
        rows = connection.execute(f"SELECT count(*) FROM {_source(files)} WHERE {where}").fetchall()
    return int(rows[0][0])


def _select(files: Sequence[str]) -> str:
    """The table's own columns."""
    return f"SELECT * EXCLUDE ({_PLACE if len(files) == 1 else f'{_PLACE}, {_FILE}'}) FROM {_source(files)}"


def _source(files: Sequence[str]) -> str:
    together = "" if len(files) == 1 else f", union_by_name=true, filename={literal(_FILE)}"
    return f"read_parquet([{', '.join(literal(file) for file in files)}], {_PLACE}=true{together})"


def _where(filters: Sequence[Filter], kinds: dict[str, str]) -> str:
    found = []
    for each in filters:
        if each.column not in kinds:
            raise UnknownName("column", each.column, kinds)
        found.append(_condition(each, kinds[each.column]))
    return " AND ".join(found)


def _condition(asked: Filter, kind: str) -> str:
    name = quoted(asked.column)
    if asked.op == "empty":
        return f"({name} IS NULL OR CAST({name} AS VARCHAR) = '')"
    if asked.op == "contains":
        return f"contains(lower(CAST({name} AS VARCHAR)), {literal(asked.value.lower())})"
    if kind == "VARCHAR":
        return f"{name} {asked.op} {literal(asked.value)}"
    return f"{name} {asked.op} {_number(asked, kind)}"


def _number(asked: Filter, kind: str) -> str:
    text = asked.value.strip()
    if kind == "BOOLEAN" and text.lower() in ("true", "false"):
        return text.lower()
    try:
        if asked.column.upper() in TIMES and not text.lstrip("-").isdecimal():
            at = datetime.fromisoformat(text.replace("Z", "+00:00"))
            return str(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * SECOND))
        number = float(text)
    except (ValueError, OverflowError):
        raise InputError(f"{asked.value!r} cannot be compared with {asked.column}, which holds {kind}.") from None
    if not math.isfinite(number):
        raise InputError(f"{asked.value!r} is no number.")
    return str(int(text)) if text.lstrip("+-").isdecimal() and len(text) < 19 else repr(number)


def _cell(value: Any) -> Cell:
    """As JSON can hold it exactly."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -_SAFE < value < _SAFE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
