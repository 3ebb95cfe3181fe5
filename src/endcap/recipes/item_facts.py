"""What the columns of items' metadata say in the terms that recipes need: texts, leaf categories, prices."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.types import ITEM_ID, Float32, Int32

LEAVES = (
    *("category_l3", "sub_category", "subcategory", "product_type", "genre_l3"),
    *("category_l2", "genre_l2", "style", "category", "product_category", "category_l1", "genres", "department"),
)
"""Columns that tell an item's kind, the finest first."""
NAMES = ("name", "title", "item_name", "product_name")
BRANDS = ("brand", "manufacturer", "content_owner")


def texts(metadata: pa.Table | None, names: tuple[str, ...] | None = None) -> dict[str, list[str]]:
    """Text columns by name, the empty text where nothing is known: all but the id, or those of `names` there are."""
    if metadata is None:
        return {}
    chosen = [name for name in metadata.column_names if name != ITEM_ID and (names is None or name in names)]
    return {name: _filled(metadata[name]) for name in chosen if _is_text(metadata[name].type)}


def leaf_categories(metadata: pa.Table | None, n_items: int) -> Int32:
    """int32 [n_items]: a number for each item's finest category that is known of it, -1 where none is."""
    found = np.full(n_items, "", object)
    for name, values in _in_order(texts(metadata, LEAVES)):
        empty = found == ""
        found[empty] = [f"{name}={value}" if value else "" for value in np.asarray(values, object)[empty]]
    names, codes = np.unique(found.astype(str), return_inverse=True)
    return np.asarray(codes - 1 if len(names) and names[0] == "" else codes, np.int32)


def prices(metadata: pa.Table | None, n_items: int) -> Float32:
    """float32 [n_items]: the price of each item, NaN where it is unknown or not positive."""
    nothing = np.full(n_items, np.nan, np.float32)
    if metadata is None or "price" not in metadata.column_names:
        return nothing
    kind = metadata["price"].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return nothing
    column = metadata["price"].combine_chunks().cast(pa.float32(), safe=False)
    found = np.asarray(column.to_numpy(zero_copy_only=False), np.float32)
    return np.where(found > 0, found, np.float32(np.nan)).astype(np.float32)


def sentences(metadata: pa.Table | None) -> list[str]:
    """All texts of each item in one line, its name first; empty where no item has any."""
    columns = texts(metadata)
    ordered = sorted(columns.items(), key=lambda each: each[0] not in NAMES)
    lines = [" ".join(filter(None, parts)) for parts in zip(*(values for _, values in ordered), strict=True)]
    return lines if any(lines) else []


def _in_order(columns: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    return [(name, columns[name]) for name in LEAVES if name in columns]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _filled(column: pa.ChunkedArray) -> list[str]:
    return [str(text) for text in pc.fill_null(column, "").to_pylist()]
