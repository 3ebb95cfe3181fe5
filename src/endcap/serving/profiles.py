"""What is known of shoppers, row by row, as the table that recipes read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from endcap.serving.attributes import Plain
from endcap.types import USER_ID


def table_of(rows: Sequence[Mapping[str, Plain]]) -> pa.Table:
    """Rows of named values as a table; a column whose values are of several types holds them as texts."""
    names = dict.fromkeys([USER_ID, *(name for row in rows for name in row)])
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: Sequence[Plain]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and not kinds <= {int, float}:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array([value if value is None or kinds <= {int} else _plain(value) for value in values])


def _plain(value: Plain) -> Plain:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
