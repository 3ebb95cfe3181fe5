"""History through the ranking features: 10 M events folded, beside DuckDB's group-by to the same aggregates.

Ours is what making a state costs: all counts of items, categories and the shop as of the end of history, the events of
the last 36 days kept for moments to come, and how often items are bought again. DuckDB, on all cores, gives the counts
alone, from a table of its own in memory. The aggregates are compared number by number. Prints one JSON line.

    python benchmarks/backfill.py [--events 10000000] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from endcap.features.count_kernels import WINDOWS
from endcap.features.counts import boundary
from endcap.features.shop import ShopFeatures
from endcap.lake.dataset import Dataset, Interactions, Vocabulary
from endcap.stream.histories import Past
from endcap.types import DAY, SECOND, Float32
from measure import alternate
from synthetic import Shop, events

TYPES = ("view", "add_to_cart", "purchase")
WEIGHTS = (0.1, 0.5, 1.0)
END = 1_760_000_000_000_000 // DAY * DAY
CATEGORIES = 300


def history(size: int) -> Dataset:
    """Events of a year: views, carts and purchases of a synthetic shop, in each user's order of time."""
    user, item = events(Shop(users=size // 50, events=size))
    random = np.random.Generator(np.random.PCG64(3))
    time = END - random.integers(1, 365 * DAY // SECOND, len(user)) * SECOND
    time = time[np.lexsort((time, user))]
    kind = random.choice(3, len(user), p=[0.7, 0.15, 0.15]).astype(np.int16)
    weight = np.array(WEIGHTS, np.float32)[kind]
    rows = Interactions(user, item, time, kind, weight, np.full(len(user), -1, np.int64))
    items = pa.array([f"i{number}" for number in range(int(item.max()) + 1)])
    known = pa.table({"item_id": items, "CATEGORY_L1": [f"c{number % CATEGORIES}" for number in range(len(items))]})
    users = pa.array([f"u{number}" for number in range(int(user.max()) + 1)])
    return Dataset(Vocabulary.of(users), Vocabulary.of(items), rows, TYPES, item_metadata=known)


def fold(dataset: Dataset) -> Float32:
    """float32 [items, features] of nobody, as of the end."""
    features = ShopFeatures.of(dataset)
    nobody = Past(
        np.zeros(2, np.int64),
        *(np.zeros(0, kind) for kind in (np.int32, np.int64, np.int16, np.float32, np.int64)),
    )
    items = np.arange(dataset.n_items, dtype=np.int32)
    ends = np.array([0, len(items)])
    return features.values(nobody, np.array([END]), items, ends, np.zeros(len(items), np.float32))


def query() -> str:
    """The same counts, by item, and summed up from there by category and for the shop."""
    end = int(boundary(np.array([END]))[0])
    sums = [f"sum(amount) FILTER (time >= {end - length})" for length in WINDOWS]
    sums += [f"count(*) FILTER (kind = {kind})" for kind in range(len(TYPES))]
    sums += [f"count(*) FILTER (kind = 2 AND time >= {end - WINDOWS[-1]})", "sum(amount)"]
    named = ", ".join(f"{each} AS c{number}" for number, each in enumerate(sums))
    upper = ", ".join(f"sum(c{number})" for number in range(len(sums)))
    return (
        f"WITH items AS (SELECT item, any_value(category) AS category, {named}, min(time) AS first "
        f"FROM events WHERE time < {end} GROUP BY item) SELECT * FROM items "
        f"UNION ALL SELECT NULL, category, {upper}, min(first) FROM items GROUP BY category "
        f"UNION ALL SELECT NULL, NULL, {upper}, min(first) FROM items"
    )


def main() -> None:
    """Alternating runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", help="not read")
    args = parser.parse_args()
    dataset = history(args.events)
    rows = dataset.interactions
    engine = duckdb.connect()
    table = pa.table(
        {
            "item": rows.item,
            "category": rows.item % CATEGORIES,
            "time": rows.time,
            "kind": rows.event_type,
            "amount": np.rint(rows.weight * 100).astype(np.int32),
        }
    )
    engine.register("given", table)
    engine.execute("CREATE TABLE events AS SELECT * FROM given")
    sql = query()
    values, counted = fold(dataset), engine.sql(sql).to_arrow_table()
    check(values, counted)
    pairs = alternate(lambda: fold(dataset), lambda: engine.sql(sql).to_arrow_table(), args.runs)
    ratios = [ours / theirs for ours, theirs in pairs]
    detail: dict[str, Any] = {
        "events": len(rows),
        "ours_s": [round(ours, 3) for ours, _ in pairs],
        "duckdb_s": [round(theirs, 3) for _, theirs in pairs],
        "events_per_s": round(len(rows) / statistics.median(ours for ours, _ in pairs)),
    }
    line = {
        "row": "backfill: 10 M events through the features beside DuckDB's group-by",
        "must": 3,
        "measured": round(statistics.median(ratios), 2),
        "unit": "ratio",
        "better": "lower",
        "seed": 42,
        "detail": detail,
    }
    print(json.dumps(line), flush=True)


def check(values: Float32, counted: pa.Table) -> None:
    """What both say of items is the same. Raises `AssertionError` where it is not."""
    names = list(ShopFeatures.of(history(1000)).names)
    told = counted.filter(counted["item"].is_valid()).sort_by("item")
    places = told["item"].to_numpy()
    windows = ("popular_1h", "popular_1d", "popular_7d", "popular_28d")
    for name, column, scale in (*((name, f"c{at}", 100) for at, name in enumerate(windows)), ("bought_28d", "c7", 1)):
        theirs = np.nan_to_num(told[column].to_numpy().astype(np.float64)) / scale
        np.testing.assert_allclose(values[places, names.index(name)], theirs, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(
        values[places, names.index("popular_ever")], told["c8"].to_numpy().astype(np.float64) / 100, rtol=1e-6
    )


if __name__ == "__main__":
    main()
