"""The versions of one table, as its log tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from endcap.types import Micros

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True)
class Commit:
    """One version of a table: `rows` is how many the table has held since, `received` how many the import brought."""

    version: int
    time: Micros
    job: str
    mode: str
    rows: int
    received: int


def commits(table: DeltaTable) -> list[Commit]:
    """All versions, newest first. Reads the whole log: what looks often asks for `newest`."""
    found: list[Commit] = []
    rows = 0
    for entry in reversed(table.history()):
        metrics = entry.get("operationMetrics", {})
        kept = rows if entry.get("operationParameters", {}).get("mode") == "Append" else None
        rows = int(metrics.get("num_added_rows", 0))
        if kept is not None:
            rows += kept - int(metrics.get("num_removed_rows", 0))
        found.append(_commit(entry, rows))
    return found[::-1]


def newest(table: DeltaTable) -> Commit:
    """The newest version: as the first of `commits`, in a time that does not grow with the log."""
    told = pa.table(table.get_add_actions(flatten=True))
    counts = told["num_records"].to_pylist() if told.num_rows else []
    if any(count is None for count in counts):  # a file that was written without statistics
        return commits(table)[0]
    return _commit(table.history(1)[0], int(sum(counts)))


def _commit(entry: Mapping[str, Any], rows: int) -> Commit:
    version, time = int(entry["version"]), Micros(int(entry["timestamp"]) * 1000)
    job, mode = str(entry.get("job", "")), str(entry.get("mode", ""))
    return Commit(version, time, job, mode, rows, int(entry.get("received", 0)))
