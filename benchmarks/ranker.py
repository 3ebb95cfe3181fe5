"""The ranker: its order against that of its own candidates, and its trees against XGBoost: python benchmarks/ranker.py

One JSON line per row. Differences are paired, with a 95 % bootstrap interval over shoppers. Where a difference must be
above 0 its whole interval must: the low end is judged.

Real shops (retail, journey). Full ranking of the whole catalogue. Learned from before the cut, everyone with a history
asked at the cut, judged on what they take from then to the end, items that training knows; NDCG@10, ideal cut at
min(10, targets). *All items*: nothing is masked. *New items*: what the shopper had is masked and no target. Online
Retail II: cleaned as in quality.py, cut 2011-11-09. Complete Journey: quantity > 0, cut 2017-12-01. Settings were
chosen on earlier cuts (docs/decisions/ranker.md). Neither set has more than purchases; prices, categories
and the like are not given to the ranker here.

Simulated shops (simulated). Fresh seeds of the simulator; learned from all but the last 7 days, judged at moments of
those 7 days at which a shopper came back or had just done something, on what they did within the day that followed, or
bought. Candidates: the 100 best of the retrieval for the history up to that moment; features as of that moment; what
was taken and is no candidate counts against everyone. *Without live windows*: the same ranker trained and asked without
the features of session, last minutes and last hour; it must lose.

Speed. 100 rows, 30 features, 200 trees of 6 steps, one thread: our evaluator against `Booster.inplace_predict` and
`Booster.predict` (with the DMatrix that it needs), on the same values; the ratio is the peer's time over ours.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.evaluation.compare import Estimate, estimates
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import rank
from endcap.lake.assemble import assemble
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, temporal
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.recipes.ranked import OF_THE_CLOCK, Ranked
from endcap.recipes.ranker import Ranker
from endcap.recipes.ranker_examples import Examples, Judge
from endcap.recipes.ranker_moments import visits
from endcap.recipes.ranker_replay import Replay, before, labels, replay
from endcap.seams import no_progress
from endcap.simulator import history, open_shop
from endcap.types import DAY
from quality import CUT, journey_lines, retail_lines

SEED, AT = 0, 10
SHOPS = {"Online Retail II": (retail_lines, CUT), "Complete Journey": (journey_lines, "2017-12-01")}
FRESH = (201, 202, 203)
"""Seeds of simulated shops that nothing was chosen on."""
SIMULATED = {"users": 1500, "items": 1000, "days": 90}


def row(name: str, measured: Estimate, must: float | None, **detail: Any) -> None:
    """Print one result; a difference with a must of 0 must keep its whole interval above it."""
    line = {"row": name, "must": must, "aim": None, "measured": measured.value, "low": measured.low}
    by = {} if must is None else {"by": "low"}
    print(json.dumps({**line, "high": measured.high, **by, "detail": {"seed": SEED, **detail}}), flush=True)


def real(name: str, data: Path) -> None:
    """One shop over time."""
    read, cut = SHOPS[name]
    lines = read(data)
    if lines is None:
        return
    dataset = Dataset.from_table(lines)
    moment = int(np.datetime64(cut).astype("datetime64[us]").astype(np.int64))
    split = temporal(dataset, moment).known_items()
    start = time.perf_counter()
    ranked = Ranked().fit(split.train)
    seconds = time.perf_counter() - start
    others = {"popularity": create("popularity"), "repeat": create("repeat")}
    for population, asked in (("all items", split), ("new items", split.new_items())):
        made = {name: recipe.fit(split.train) for name, recipe in others.items()}
        found = {key: _ndcg(recipe, asked, population) for key, recipe in _rows(ranked, made).items()}
        for key, values in found.items():
            detail = {"users": len(asked), "items": dataset.n_items, "settings": ranked.settings()}
            held = ranked.held_back_.tolist()
            row(f"{name}, {population}, ndcg@10 · {key}", _estimate(values), None, held_back=held, **detail)
        over = _estimate(found["ranked"] - found["candidates"])
        must = 0.0 if population == "all items" else None
        row(f"{name}, {population}, ndcg@10, ranked over candidates", over, must, seconds=round(seconds, 1))


def _rows(ranked: Ranked, others: Mapping[str, Recipe]) -> dict[str, Recipe]:
    return {"ranked": ranked, "candidates": ranked.inner, **others}


def _ndcg(recipe: Recipe, split: Split, population: str) -> np.ndarray:
    top = rank(recipe, split, AT, mask_history=population == "new items", progress=no_progress)
    return per_query(top, split.targets)["ndcg"]


def _estimate(values: np.ndarray) -> Estimate:
    return estimates({"it": values}, seed=SEED)["it"]


def simulated(seeds: tuple[int, ...]) -> None:
    """Fresh shops with click-streams: all that was done, and purchases; with live windows and without."""
    pooled: dict[str, list[np.ndarray]] = {}
    for seed in seeds:
        for name, values in _of_shop(_dataset(seed)).items():
            pooled.setdefault(name, []).append(values)
    found = {name: np.concatenate(parts) for name, parts in pooled.items()}
    for label in ("anything", "purchases"):
        live, still, base = (found[f"{label} {kind}"] for kind in ("ranked", "without live windows", "candidates"))
        detail = {"seeds": list(seeds), "shoppers": len(live), **SIMULATED}
        for kind, values in (("ranked", live), ("without live windows", still), ("candidates", base)):
            row(f"Simulated shops, {label}, ndcg@10 · {kind}", _estimate(values), None, **detail)
        row(f"Simulated shops, {label}, ndcg@10, ranked over candidates", _estimate(live - base), 0.0, **detail)
        row(f"Simulated shops, {label}, ndcg@10, ranked over without live", _estimate(live - still), 0.0, **detail)


def _dataset(seed: int) -> Dataset:
    past = history(open_shop("grocery", seed=seed, **SIMULATED))
    tables = [table.rename_columns([name.lower() for name in table.column_names]) for table in _plain(past)]
    interactions = tables[0].set_column(
        tables[0].column_names.index("timestamp"), "timestamp", _micros(tables[0]["timestamp"])
    )
    return assemble(interactions, tables[1], tables[2], catalogue=tables[1]["item_id"].combine_chunks())


def _plain(past: Any) -> list[pa.Table]:
    return [past.interactions, past.items, past.users]


def _micros(times: pa.ChunkedArray) -> pa.Array:
    values = times.combine_chunks().cast(pa.int64()).to_numpy()
    return pa.array(values * 1_000_000 if values.max() < 1e11 else values)  # seconds, as files have them


def _of_shop(dataset: Dataset) -> dict[str, np.ndarray]:
    """float64 [shoppers] of one shop by label and ranker: each shopper's mean over their moments."""
    cut = dataset.last_time + 1 - 7 * DAY
    train, settings = before(dataset, cut), Ranked()
    parts = replay(train, lambda: create(settings.retrieval), settings.plan, no_progress)
    shop, inner = Replay(dataset, cut), create(settings.retrieval).fit(train)
    moments = visits(dataset, cut, dataset.last_time + 1, 4000, SEED)
    asked = shop.examples(inner, moments, settings.depth)
    names, live = shop.features.names, set(shop.features.live_names)
    orders = {"candidates": -np.arange(len(asked.item), dtype=np.float32)}
    for label, left_out in (("ranked", {*OF_THE_CLOCK}), ("without live windows", live | {*OF_THE_CLOCK})):
        columns = np.array([at for at, name in enumerate(names) if name not in left_out], np.int32)
        ranker = Ranker.fit(Examples.join(parts[:-1]), parts[-1], names, columns, settings.growth)
        if ranker.forest is not None:
            orders[label] = ranker.scores(asked.block)
    found: dict[str, np.ndarray] = {}
    for label, seen in (("anything", dataset), ("purchases", _purchases(dataset))):
        gain, wanted = labels(seen, moments, asked.item, asked.indptr)
        judged = replace(asked, gain=(gain > 0).astype(np.float32), wanted=wanted)
        judge = Judge(judged, AT, whole=True)
        for kind in ("ranked", "without live windows", "candidates"):
            values = judge.ndcg(orders.get(kind, orders["candidates"]))
            found[f"{label} {kind}"] = _by_shopper(values, moments.user)
    return found


def _purchases(dataset: Dataset) -> Dataset:
    bought = np.array([name.lower() == "purchase" for name in dataset.event_types])[dataset.interactions.event_type]
    weight = np.where(bought, dataset.interactions.weight, 0).astype(np.float32)
    return dataset.with_interactions(replace(dataset.interactions, weight=weight))


def _by_shopper(values: np.ndarray, user: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    total = np.bincount(user[known], weights=values[known])
    count = np.bincount(user[known])
    return total[count > 0] / count[count > 0]


def speed(runs: int) -> None:
    """The evaluator of trees."""
    import xgboost  # noqa: PLC0415

    from endcap.recipes.trees import Forest  # noqa: PLC0415

    draws = np.random.default_rng(SEED)
    block = draws.normal(size=(20_000, 30)).astype(np.float32)
    block[draws.random(block.shape) < 0.1] = np.nan
    wanted = np.nansum(block[:, :8] ** 2, axis=1) + draws.normal(size=len(block)) > 8
    settings = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 1, "base_score": 0.5}
    booster = xgboost.train(settings, xgboost.DMatrix(block, label=wanted), 200)
    forest, asked = Forest.read(bytes(booster.save_raw("ubj"))), block[:100].copy()
    expected = booster.inplace_predict(asked, predict_type="margin")
    if not (forest.scores(asked) == expected).all():
        raise SystemExit("the evaluator's scores differ from XGBoost's")

    ways = {
        "ours": lambda: forest.scores(asked),
        "inplace_predict": lambda: booster.inplace_predict(asked, predict_type="margin"),
        "predict": lambda: booster.predict(xgboost.DMatrix(asked, nthread=1), output_margin=True),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            way()
            start = time.perf_counter()
            for _ in range(100):
                way()
            found[name].append((time.perf_counter() - start) / 100)
    for peer in ("inplace_predict", "predict"):
        ratios = np.array(found[peer]) / np.array(found["ours"])
        estimate = Estimate(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))
        micros = {name: round(float(np.median(values)) * 1e6, 1) for name, values in found.items()}
        row(f"Trees, 100 × 30 × 200, one thread: {peer} over ours", estimate, None, microseconds=micros)


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=["speed", "retail", "journey", "simulated"], help="parts to run")
    parser.add_argument("--seeds", nargs="*", type=int, default=list(FRESH), help="seeds of simulated shops")
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    if "speed" in asked.only:
        speed(asked.runs)
    for part, name in (("retail", "Online Retail II"), ("journey", "Complete Journey")):
        if part in asked.only:
            real(name, asked.data)
    if "simulated" in asked.only:
        simulated(tuple(asked.seeds))


if __name__ == "__main__":
    main()
