"""Trained versions judged beside each other: with popularity, with what serves, and for whom and what they are good.

Each version's recipe is fitted again, with the version's own settings, on what came before the cut: a version that has
seen the test days could not be judged on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.errors import EndcapError
from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.metrics import Float64, per_query
from endcap.evaluation.protocols import timed_rank
from endcap.evaluation.shop import BASELINE, DAYS, last_days
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, Targets
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.seams import Progress, no_progress
from endcap.types import DAY, Bool, Int32

SHOWN = ("ndcg", "recall", "hit_rate", "mrr")
COLD = 5
"""Shoppers with at most so many interactions are cold."""
YOUNG_DAYS = 30
"""Items are new for so many days after their first interaction."""
MOSTLY = 0.5
CATEGORIES = 6
"""How many categories are looked at, those with most targets first."""
LEAST = 30
"""Shoppers that a slice must have: below it, an interval says nothing."""
ALL = "everyone"
NEW_ONLY = "items new to the shopper"


@dataclass(frozen=True)
class Candidate:
    """One that is judged: its name here (a version's id, or a recipe's name) and how its recipe is made."""

    name: str
    recipe: str
    make: Callable[[], Recipe]


@dataclass(frozen=True)
class Slice:
    """A part of the questions: bool [q] of them, and bool [n] of the items that count as found (None: all)."""

    name: str
    group: str
    queries: Bool
    items: Bool | None = None


def judge_candidates(
    dataset: Dataset,
    candidates: Sequence[Candidate],
    *,
    live: str = "",
    days: float = DAYS,
    at: int = 20,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """A JSON-able document: for each candidate and slice, metrics with 95 % intervals, and paired differences to
    popularity and to the candidate named `live`. Recipes that refuse this shop are in `skipped`, with the reason.

    Raises `DataError` where the cut leaves nothing to learn from or nobody to judge.
    """
    split = last_days(dataset, days)
    slices = list(slices_of(split))
    fresh = split.new_items()
    everyone = [Candidate(BASELINE, BASELINE, lambda: create(BASELINE)), *(c for c in candidates if c.name != BASELINE)]
    everyone.sort(key=lambda each: (each.name != BASELINE, each.name != live))
    skipped: dict[str, str] = {}
    seconds: dict[str, float] = {}
    measured: dict[str, dict[str, dict[str, Float64]]] = {}
    for each in everyone:
        started = time.perf_counter()
        try:
            recipe = each.make().fit(split.train, progress)
            seconds[each.name] = time.perf_counter() - started
            measured[each.name] = _columns(recipe, split, fresh, slices, at, progress, each.name)
        except EndcapError as error:
            skipped[each.name] = str(error)
    groups = {one.name: one.group for one in slices}
    rows = [
        {"name": each.name, "recipe": each.recipe, "slice": name, "group": groups.get(name, "population")}
        | _row(columns, measured, name, each.name, live, at, seed)
        | {"trainSeconds": round(seconds[each.name], 3)}
        for each in everyone
        for name, columns in measured.get(each.name, {}).items()
    ]
    return {
        "cut": int(split.now[0]),
        "until": dataset.last_time,
        "at": at,
        "seed": seed,
        "snapshot": dataset.snapshot,
        "items": dataset.n_items,
        "live": live,
        "rows": rows,
        "skipped": skipped,
    }


def slices_of(split: Split) -> Iterator[Slice]:
    """Everyone; cold and warm shoppers; new items; the largest categories. Those too small to say anything are left
    out."""
    targets, q = split.targets, len(split)
    every = np.ones(q, np.bool_)
    yield Slice(ALL, "population", every)
    length = np.diff(split.inputs.indptr)[split.users]
    found = [
        Slice(f"cold shoppers (up to {COLD} events)", "shoppers", length <= COLD),
        Slice(f"warm shoppers (over {COLD} events)", "shoppers", length > COLD),
    ]
    young = _young(split)
    if young.mean() < MOSTLY:  # of a shop that is young itself, all items are
        found.append(Slice(f"new items (first seen in {YOUNG_DAYS} days)", "items", every, young))
    found += [Slice(name, "category", every, mask) for name, mask in _categories(split, targets)]
    for each in found:
        count = int(_kept(targets, each).sum())
        if count >= LEAST and (count < q or each.items is not None):
            yield each


def _columns(
    recipe: Recipe, split: Split, fresh: Split, slices: Sequence[Slice], at: int, progress: Progress, name: str
) -> dict[str, dict[str, Float64]]:
    """{slice: {metric: float64 [its queries]}}."""
    top, _ = timed_rank(recipe, split, at, mask_history=False, progress=progress, label=f"Judging {name}")
    parts = {each.name: _of_slice(top, split.targets, each) for each in slices}
    found = {ALL: parts[ALL]}
    if len(fresh) >= LEAST:
        top, _ = timed_rank(recipe, fresh, at, mask_history=True, progress=progress, label=f"Judging {name}, new items")
        found[NEW_ONLY] = per_query(top, fresh.targets)
    return {**found, **parts}


def _of_slice(top: Int32, targets: Targets, asked: Slice) -> dict[str, Float64]:
    kept = _kept(targets, asked)
    owner = np.repeat(np.arange(len(targets), dtype=np.int32), targets.counts)
    wanted = kept[owner] if asked.items is None else kept[owner] & _within(asked.items, targets.items)
    place = np.cumsum(kept) - 1
    mine = Targets.of(place[owner[wanted]].astype(np.int32), targets.items[wanted], int(kept.sum()))
    return per_query(top[kept], mine)


def _kept(targets: Targets, asked: Slice) -> Bool:
    """bool [q]: the questions of a slice that have a target in it."""
    if asked.items is None:
        return asked.queries
    owner = np.repeat(np.arange(len(targets)), targets.counts)
    has = np.zeros(len(targets), np.bool_)
    has[owner[_within(asked.items, targets.items)]] = True
    return asked.queries & has


def _within(items: Bool, rows: Int32) -> Bool:
    known = rows < len(items)
    return known & items[np.where(known, rows, 0)]


def _row(
    measured: Mapping[str, Float64],
    base: Mapping[str, Mapping[str, Mapping[str, Float64]]],
    name: str,
    own: str,
    live: str,
    at: int,
    seed: int,
) -> dict[str, Any]:
    shown = {metric: measured[metric] for metric in SHOWN}
    told: dict[str, Any] = {"users": len(shown["ndcg"]), "metrics": _named(estimates(shown, seed=seed), at)}
    for key, other in (("overPopularity", BASELINE), ("overLive", live)):
        against = base.get(other, {}).get(name)
        told[key] = _named(differences(shown, against, seed=seed), at) if against and own != other else {}
    return told


def _named(found: Mapping[str, Any], at: int) -> dict[str, dict[str, float]]:
    return {f"{metric}@{at}": estimate.json() for metric, estimate in found.items()}


def _young(split: Split) -> Bool:
    """bool [n]: items whose first interaction in training is at most `YOUNG_DAYS` before the cut."""
    events = split.train.interactions
    first = np.full(split.train.n_items, np.iinfo(np.int64).max)
    np.minimum.at(first, events.item, events.time)
    return (first >= int(split.now[0]) - YOUNG_DAYS * DAY) & (first < np.iinfo(np.int64).max)


def _categories(split: Split, targets: Targets) -> list[tuple[str, Bool]]:
    table = split.train.item_metadata
    if table is None or "category_l1" not in table.column_names:
        return []
    column = table["category_l1"].combine_chunks().cast(pa.string()).dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    names = column.dictionary.to_pylist()
    known = targets.items[targets.items < len(codes)]
    count = np.bincount(codes[known][codes[known] >= 0], minlength=len(names))
    largest = np.argsort(-count, kind="stable")[:CATEGORIES]
    return [(str(names[code]), codes == code) for code in largest if count[code]]
