"""Clicks that a pair of values decides, as a table and as files of numbered features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from scipy import sparse

from endcap.lake.libsvm import write_libsvm
from endcap.lake.recordio import Records, write_records
from endcap.seams import rng

LEFT, RIGHT = 12, 9


def clicks(rows: int, seed: int) -> tuple[pa.Table, Records]:
    """The same rows twice: two columns of values and a label; a feature for each value, numbered from 0."""
    draws = rng(seed)
    left, right = draws.integers(0, LEFT, rows), draws.integers(0, RIGHT, rows)
    label = (draws.random(rows) < np.where(left * right % 3 == 0, 0.9, 0.1)).astype(np.float32)
    table = pa.table({"a": [f"a{v}" for v in left], "b": [f"b{v}" for v in right], "label": label.astype(np.int8)})
    numbers = np.column_stack((left, LEFT + right)).ravel()
    parts = (np.ones(2 * rows, np.float32), numbers, np.arange(0, 2 * rows + 1, 2))
    return table, Records(sparse.csr_matrix(parts, shape=(rows, LEFT + RIGHT)), label)


def write_clicks(folder: Path) -> Path:
    """train and test as .csv, .libsvm (labels -1 and 1) and .recordio."""
    for name, rows, seed in (("train", 1200, 1), ("test", 400, 2)):
        table, records = clicks(rows, seed)
        assert records.labels is not None
        pyarrow.csv.write_csv(table, folder / f"{name}.csv")
        (folder / f"{name}.recordio").write_bytes(write_records(records))
        (folder / f"{name}.libsvm").write_text("".join(write_libsvm(records.rows, 2 * records.labels - 1)), "utf-8")
    return folder
