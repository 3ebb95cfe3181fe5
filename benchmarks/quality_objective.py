"""What a business objective costs and brings: relevance and revenue at each sensitivity. One JSON line per row.

Online Retail II, temporal: learned from before 2011-11-09, judged on what the same shoppers take from then on, nothing
masked. The objective is the item's median price before the cut, pulled by `steered` around `als` with the settings of
`aws-user-personalization`. NDCG@20, and revenue@20: the summed price of the hits among the first 20, a shopper's mean;
95 % bootstrap over shoppers, differences to OFF paired. OFF must be the model alone, bit for bit.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from endcap.evaluation import metrics
from endcap.evaluation.compare import differences, estimates
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, temporal
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.recipes.steered import STRENGTHS
from endcap.types import Float32, Float64
from quality import CLEAN, CUT, retail_lines
from quality_row import row

SEED = 0
ALS = {"factors": 149, "alpha": 1.0, "damping": 0.0, "iterations": 4, "weighting": "linear"}


def judged(split: Split, prices: Float32, sensitivity: str) -> dict[str, Float64]:
    """float64 [users]: NDCG@20 and revenue@20."""
    settings = {"base": "als", "base_settings": ALS, "attribute": "price", "sensitivity": sensitivity}
    model = create("steered", settings).fit(split.train)
    queries = replace(Queries.histories(split.inputs, split.users), now=split.now)
    if sensitivity == "OFF":
        plain = create("als", ALS).fit(split.train)
        assert np.array_equal(plain.score(queries.batch(0, 50)), model.score(queries.batch(0, 50)), equal_nan=True)
    top = model.recommend(queries, 20).items
    hit = metrics.hits(top, split.targets)
    worth = np.where(hit, np.nan_to_num(prices)[np.maximum(top, 0)], 0.0).sum(axis=1)
    return {"ndcg@20": metrics.per_query(top, split.targets)["ndcg"], "revenue@20": worth.astype(np.float64)}


def main() -> None:
    """Print every row."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    asked = parser.parse_args()
    shop = Dataset.from_table(retail_lines(asked.data))
    found = duckdb.sql(
        f"""select item_id, median(price) from '{asked.data / "online_retail_ii.parquet"}'
        where {CLEAN} and timestamp < '{CUT}' group by 1"""
    ).fetchall()
    known = {str(item): float(price) for item, price in found}
    prices = np.array([known.get(name, np.nan) for name in shop.items.ids.to_pylist()], np.float32)
    shop = replace(shop, item_metadata=pa.table({"item_id": shop.items.ids, "price": prices}))
    moment = int(np.datetime64(CUT).astype("datetime64[us]").astype(np.int64))
    split = temporal(shop, moment).known_items()
    off = judged(split, prices, "OFF")
    for sensitivity in STRENGTHS:
        columns = off if sensitivity == "OFF" else judged(split, prices, sensitivity)
        more = differences(columns, off, seed=SEED)
        for metric, measured in estimates(columns, seed=SEED).items():
            detail = {"protocol": "temporal, all items", "users": len(split), "settings": ALS}
            floor = {"OFF": float(off[metric].mean()), "more than OFF": more[metric].json()}
            row(f"Online Retail II, objective {sensitivity}, {metric} · steered", measured, None, **detail, floor=floor)


if __name__ == "__main__":
    main()
