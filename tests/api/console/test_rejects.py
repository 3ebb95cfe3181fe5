"""Refused rows as CSV: cells and headers that no spreadsheet runs, the columns as they came, bounded."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from endcap.api.console.rejects import rejects_csv


def kept(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "items.parquet"
    told = [{"row": n, "reason": "no id", "column": None, "raw": json.dumps(row)} for n, row in enumerate(rows)]
    pq.write_table(pa.Table.from_pylist(told), path)
    return path


def test_nothing_that_a_file_says_is_a_formula_in_its_header_either(tmp_path: Path) -> None:
    path = kept(tmp_path, [{"=cmd|'/C calc'!A0": "=1+1", "_row": "theirs", "price": "-2.5"}])
    text, count, total = rejects_csv([path])
    header, row = csv.reader(io.StringIO(text.decode()))
    assert (count, total) == (1, 1)
    assert header == ["_row", "_dataset", "_reason", "_field", "'=cmd|'/C calc'!A0", "_row", "price"]
    assert row == ["0", "items", "no id", "", "'=1+1", "theirs", "-2.5"]


def test_long_rows_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcap.api.console.rejects.BYTES", 2_000)
    _, count, total = rejects_csv([kept(tmp_path, [{"text": "x" * 990}] * 9)])
    assert (count, total) == (2, 9)
