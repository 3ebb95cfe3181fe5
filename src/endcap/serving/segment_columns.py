"""Columns that may tell segments apart, as codes: shoppers' attributes, and where events happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.lake.dataset import Dataset
from endcap.lake.event_types import is_left_out, weight
from endcap.lake.schemas import Schema
from endcap.serving.segments import AGE, HOURS, PART, band_of_age, hour_of, part_of_day
from endcap.types import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID, Float64, Int32, Int64

CONTEXT_COLUMNS = ("device", "channel", "event_attribution_source", "country", "store")
LISTS = frozenset({"wish_list", "alerts", "notifications", "search_queries", "favourite_categories", "questionnaire"})
"""Columns of shoppers that hold lists or texts."""


@dataclass(frozen=True)
class Coded:
    """Texts by code, -1 where unknown."""

    name: str
    codes: Int32
    values: tuple[str, ...]


@dataclass(frozen=True)
class Placed:
    """A column over events: equally long `codes` int32, `user` int32, `item` int32 rows and `worth` float64."""

    name: str
    values: tuple[str, ...]
    codes: Int32
    user: Int32
    item: Int32
    worth: Float64


def wanted_of(names: list[str]) -> list[str]:
    """Of a table of interactions the columns that `contexts` reads; empty where it has none of its own."""
    own = [name for name in CONTEXT_COLUMNS if name in names]
    return [name for name in (ITEM_ID, USER_ID, TIMESTAMP, EVENT_TYPE, *own) if name in names] if own else []


def hours(times: Int64) -> Coded:
    """The part of the day of each moment."""
    return Coded(HOURS, (hour_of(times) // PART).astype(np.int32), tuple(map(part_of_day, range(0, 24, PART))))


def attributes(metadata: pa.Table | None, schema: Schema | None) -> Iterator[Coded]:
    """The categorical columns of shoppers, and their age in bands."""
    if metadata is None:
        return
    categorical = None if schema is None else {field.column for field in schema.fields if field.categorical}
    for name in (each for each in metadata.column_names if each != USER_ID):
        column = metadata[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if name == AGE and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            ages = column.to_pylist()
            yield _coded(name, pa.array([None if age is None else band_of_age(int(age)) for age in ages], pa.string()))
        elif _is_text(column) and name not in LISTS and (categorical is None or name in categorical):
            yield _coded(name, column)


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _coded(name: str, column: pa.Array | pa.ChunkedArray) -> Coded:
    """Texts as codes: of several joined by `|` the first, whatever their case; the commonest spelling is shown."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.cast(pa.string()).dictionary_encode()
    spelt = [str(text).split("|")[0].strip() for text in encoded.dictionary.to_pylist()]
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(text.casefold(), len(places)) if text else -1 for text in spelt], np.int32)
    counts = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(spelt))
    # Rising, so that the commonest spelling is written last.
    shown = {int(codes[at]): spelt[at] for at in np.argsort(counts, kind="stable").tolist()}
    rows = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    found = np.where(rows < 0, -1, codes[rows]) if len(codes) else np.full(len(rows), -1)
    return Coded(name, found.astype(np.int32), tuple(shown[code] for code in range(len(places))))


def contexts(table: pa.Table | None, dataset: Dataset, since: int) -> Iterator[Placed]:
    """What events since a moment tell of where they happened; `table` has the columns of `wanted_of`."""
    if table is None:
        return
    table = table.filter(pc.greater(table[TIMESTAMP], since))
    if not table.num_rows:
        return
    user, _ = _codes(table[USER_ID])
    item, items = _codes(table[ITEM_ID])
    rows = np.append(dataset.items.rows(items), -1)[item].astype(np.int32)
    worth: Float64 = np.ones(len(user))
    if EVENT_TYPE in table.column_names:
        kind, kinds = _codes(table[EVENT_TYPE])
        worth = np.array([0.0 if is_left_out(name) else weight(name) for name in [*kinds, ""]])[kind]
    kept = (worth > 0) & (rows >= 0) & (user >= 0)
    for name in CONTEXT_COLUMNS:
        if name in table.column_names:
            coded = _coded(name, table[name])
            yield Placed(name, coded.values, coded.codes[kept], user[kept].astype(np.int32), rows[kept], worth[kept])


def _codes(column: pa.ChunkedArray) -> tuple[Int64, list[str]]:
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    indices = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    return indices, [str(name) if name is not None else "" for name in encoded.dictionary.to_pylist()]
