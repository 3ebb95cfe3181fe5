"""One shop's tables as SQL views at one snapshot: what the checks and their plots ask."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import duckdb

from endcap.lake.intake import parquet, quoted
from endcap.lake.schemas import DatasetKind
from endcap.lake.tables import Commit, Lake
from endcap.types import EVENT_TYPE, Micros, ShopKey

_KINDS: tuple[DatasetKind, ...] = ("interactions", "items", "users")
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


class TablesView(AbstractContextManager["TablesView"]):
    """Views `interactions`, `items` and `users`, those that exist; `per_user` and `per_item` count events.

    `now` is the moment of checking.
    """

    def __init__(self, lake: Lake, shop: ShopKey, now: Micros) -> None:
        self.shop, self.now = shop, now
        self.histories: dict[DatasetKind, list[Commit]] = {}
        self.columns: dict[DatasetKind, dict[str, str]] = {}
        self.rejects = lake.directory(shop) / "rejects"
        versions = lake.snapshot(shop).versions
        kinds = [kind for kind in _KINDS if kind in versions or kind == "interactions"]
        files = {kind: lake.files(shop, kind, versions.get(kind)) for kind in kinds}
        self._connection = duckdb.connect(config={"memory_limit": "2GB"})
        for kind, paths in files.items():
            self.histories[kind] = [past for past in lake.history(shop, kind) if past.version <= versions[kind]]
            self._run(f"CREATE VIEW {kind} AS SELECT * FROM {parquet(paths)}")
            self.columns[kind] = {str(row[0]): str(row[1]) for row in self.rows(f"DESCRIBE {kind}")}
        for one in ("user", "item"):
            self._run(f"""CREATE TEMP TABLE per_{one} AS SELECT {one}_id, count(*) AS events, min(timestamp) AS first,
                max(timestamp) AS last FROM interactions GROUP BY {one}_id""")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        """The one row of an aggregation."""
        return self.rows(query)[0]

    def number(self, query: str) -> int:
        """The one number of an aggregation, 0 for null."""
        return int(self.row(query)[0] or 0)

    def has(self, kind: DatasetKind, *columns: str) -> bool:
        """Whether the table is there and has these columns."""
        return kind in self.columns and all(name in self.columns[kind] for name in columns)

    def numeric(self, kind: DatasetKind) -> list[str]:
        """Columns that hold numbers."""
        return [name for name, type_ in self.columns.get(kind, {}).items() if any(part in type_ for part in _NUMBERS)]

    def textual(self, kind: DatasetKind) -> list[str]:
        """Columns that hold text."""
        return [name for name, type_ in self.columns.get(kind, {}).items() if type_ == "VARCHAR"]

    @cached_property
    def n_interactions(self) -> int:
        """Rows of the interactions."""
        return self.number("SELECT count(*) FROM interactions")

    @cached_property
    def n_users(self) -> int:
        """Users with at least one interaction."""
        return self.number("SELECT count(*) FROM per_user")

    @cached_property
    def n_items(self) -> int:
        """Items with at least one interaction."""
        return self.number("SELECT count(*) FROM per_item")

    @cached_property
    def span(self) -> tuple[int, int]:
        """Times of the oldest and the newest interaction, in microseconds."""
        first, last = self.row("SELECT min(timestamp), max(timestamp) FROM interactions")
        return int(first or 0), int(last or 0)

    @cached_property
    def event_types(self) -> dict[str, int]:
        """Events of each type, the most frequent first; empty where there are no types."""
        if not self.has("interactions", EVENT_TYPE):
            return {}
        query = "SELECT coalesce(event_type, ''), count(*) FROM interactions GROUP BY 1 ORDER BY 2 DESC, 1"
        return {str(name): int(count) for name, count in self.rows(query)}

    def filled(self, kind: DatasetKind) -> tuple[int, dict[str, tuple[int, int]]]:
        """Rows of a table; per column how many are null or empty text, and about how many distinct values it has."""
        names = list(self.columns[kind])
        texts = set(self.textual(kind))
        parts = ["count(*)"]
        for name in names:
            empty = f" OR {quoted(name)} = ''" if name in texts else ""
            parts.append(f"count(*) FILTER ({quoted(name)} IS NULL{empty}), approx_count_distinct({quoted(name)})")
        total, *counts = self.row(f"SELECT {', '.join(parts)} FROM {kind}")
        return int(total), {name: (int(counts[2 * n]), int(counts[2 * n + 1])) for n, name in enumerate(names)}

    def _run(self, statement: str) -> None:
        self._connection.execute(statement).fetchall()
