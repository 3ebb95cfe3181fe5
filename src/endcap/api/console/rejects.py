"""Rows that an import refused, as CSV that can be mended and sent again."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

REJECTS, BYTES = 100_000, 64 << 20
"""Rows, and about how many bytes of them, a download has at most; all of them stay in Parquet files on the server."""
TOLD = ("_row", "_dataset", "_reason", "_field")


def rejects_csv(paths: Sequence[Path]) -> tuple[bytes, int, int]:
    """(CSV, how many rows it has, how many there are); bounded, so that no memory is taken for all of them."""
    total = sum(pq.read_metadata(path).num_rows for path in paths)
    rows: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    names: dict[str, None] = {}
    size = 0
    for dataset, row in _rejects(paths):
        raw = _members(row["raw"])
        names |= dict.fromkeys(raw)
        rows.append(((row["row"], dataset, row["reason"], row["column"] or ""), raw))
        size += len(row["raw"] or "")
        if len(rows) >= REJECTS or size >= BYTES:
            break
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(map(_harmless, (*TOLD, *names)))
    writer.writerows(map(_harmless, (*told, *(raw.get(name, "") for name in names))) for told, raw in rows)
    return text.getvalue().encode("utf-8", "replace"), len(rows), total


def _rejects(paths: Sequence[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(10_000):
                yield from ((path.stem, row) for row in batch.to_pylist())


def _members(raw: str | None) -> dict[str, Any]:
    """The columns of a row as they came; a row that is none of such is one column, `raw`."""
    try:
        found = json.loads(raw or "")
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and len(found) <= 200:
        return {str(name): value for name, value in found.items()}
    return {"raw": raw or ""}


def _harmless(value: Any) -> Any:
    """A cell that a spreadsheet takes for text, not for a formula; numbers stay."""
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str) or not value:
        return value
    is_formula = value[0] in "=@\t\r" or (value[0] in "+-" and not re.fullmatch(r"[+-][\d.,eE+-]+", value))
    return f"'{value}" if is_formula else value
