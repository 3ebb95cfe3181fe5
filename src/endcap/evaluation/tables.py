"""What evaluation is given — a file, a frame, an Arrow table — as one table with clean columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from endcap.errors import DataError, InputError, SchemaError
from endcap.lake.dataset import Dataset
from endcap.types import EVENT_TYPE, ITEM_ID, ORDER_ID, POSITION, SESSION_ID, USER_ID, WEIGHT

IDS = (USER_ID, ITEM_ID, SESSION_ID, "target")
PREFIX = "prefix"
_CSV, _JSON = (".csv", ".csv.gz"), (".jsonl", ".ndjson", ".json", ".jsonl.gz")


def table_of(source: Any, columns: Sequence[str], optional: Sequence[str] = (), *, what: str) -> pa.Table:
    """The named columns of a path (Parquet, CSV, JSON Lines), an Arrow table or any frame that exports Arrow.

    Ids become strings, integer timestamps microseconds. `what` names the table in errors. Raises `InputError` for
    what cannot be read, `SchemaError` for a missing column, `DataError` for an empty table or an empty cell.
    """
    table = _read(source, what)
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise SchemaError(
            f"The {what} data lacks the column(s) {', '.join(missing)}; it has {', '.join(table.column_names)}.",
            column=missing[0],
            fix=f"Expected: {', '.join(columns)}, and optionally {', '.join(optional) or 'nothing else'}.",
        )
    table = table.select([*columns, *(name for name in optional if name in table.column_names)])
    if not table.num_rows:
        raise DataError(f"The {what} data has no rows.", fix="Check the file, or the split that made it.")
    for name in table.column_names:
        place = table.column_names.index(name)
        table = table.set_column(place, name, _clean(name, table[name].combine_chunks(), what))
    return table


def whole_table(source: Any, *, what: str) -> pa.Table:
    """All columns as they are, of what `table_of` takes. Raises `InputError` and `DataError` where it cannot read."""
    return _read(source, what)


def _read(source: Any, what: str) -> pa.Table:
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, Dataset):
        return source.table()
    if isinstance(source, (str, Path)):
        return _read_file(Path(source), what)
    if hasattr(source, "__arrow_c_stream__"):
        return pa.table(source)
    raise InputError(
        f"The {what} data is a {type(source).__name__}.",
        fix="Give a path (Parquet, CSV, JSON Lines), a pyarrow table, or a pandas or polars frame.",
    )


def _read_file(path: Path, what: str) -> pa.Table:
    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            return pyarrow.parquet.read_table(path)
        if name.endswith(_CSV):
            kinds = dict.fromkeys((*IDS, EVENT_TYPE), pa.string())
            return pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(column_types=kinds))
        if name.endswith(_JSON):
            return pyarrow.json.read_json(path)
    except FileNotFoundError:
        raise InputError(f"The {what} file {path} does not exist.", fix="Check the path.") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"The {what} file {path} cannot be read: {error}.", fix="Check its format.") from error
    raise InputError(
        f"The {what} file {path} has an unknown ending.",
        fix="Expected .parquet, .csv, .jsonl or .json; .libsvm and .recordio are for --protocol click.",
    )


def _clean(name: str, column: pa.Array, what: str) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if name in (EVENT_TYPE, ORDER_ID):
        return column
    try:
        cleaned = _convert(name, column)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"Column {name} of the {what} data cannot be used: {error}.", column=name) from error
    empty = cleaned.is_null()
    if name in IDS:
        empty = pc.or_(empty, pc.fill_null(pc.equal(cleaned, ""), True))
    if name == WEIGHT:
        empty = pc.or_(empty, pc.fill_null(pc.invert(pc.greater(cleaned, 0)), True))
    bad = np.flatnonzero(empty.to_numpy(zero_copy_only=False))
    if len(bad):
        raise DataError(
            f"Column {name} of the {what} data is {'not positive' if name == WEIGHT else 'empty'} in row {bad[0] + 1}"
            f" ({len(bad):,} such rows).",
            row=int(bad[0]) + 1,
            column=name,
            fix="Drop or fill such rows.",
        )
    return cleaned


def _convert(name: str, column: pa.Array) -> pa.Array:
    if name in IDS:
        whole = pa.types.is_floating(column.type)  # how pandas holds integer ids that were once missing
        return (column.cast(pa.int64()) if whole else column).cast(pa.string())
    if name == PREFIX:
        return column.cast(pa.list_(pa.string()))
    if name == POSITION:
        return column.cast(pa.int64())
    if name == WEIGHT:
        return column.cast(pa.float32())
    return _micros(column)


def _micros(column: pa.Array) -> pa.Array:
    """int64 µs from a timestamp, a date, ISO text, or a number whose unit its size tells (s, ms or µs since 1970)."""
    if pa.types.is_date(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    numbers = column.cast(pa.int64())
    size = abs(pc.max(numbers).as_py() or 0)
    scale = 1_000_000 if size < 10**11 else 1_000 if size < 10**14 else 1
    return pc.multiply(numbers, scale)
