"""A shop judged on its own history: every recipe learns from before a cut and is judged on what came after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from endcap.errors import DataError, EndcapError, SchemaError
from endcap.evaluation.compare import Estimate, coverage_estimate, differences, estimates, ratio
from endcap.evaluation.controls import Control, control
from endcap.evaluation.metrics import Float64, novelty, per_query, shown_popularity
from endcap.evaluation.protocols import timed_rank
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, temporal
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.seams import Progress, no_progress
from endcap.types import DAY, ORDER_ID, Int32, Int64

Population = Literal["all items", "items new to the shopper"]
POPULATIONS: tuple[Population, ...] = get_args(Population)
BASELINE = "popularity"
BASELINES = (BASELINE, "repeat")
DAYS = 28


@dataclass(frozen=True)
class Row:
    """One recipe in one population. `metrics` are named `ndcg@20`; `over_popularity` is the paired difference."""

    recipe: str
    title: str
    population: Population
    users: int
    metrics: dict[str, Estimate]
    over_popularity: dict[str, Estimate]
    train_seconds: float
    score_seconds: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    control: Control | None = None
    """The same with the histories of others, where that was asked for."""

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        controlled = {} if self.control is None else {"control": self.control.json()}
        return {
            **controlled,
            "recipe": self.recipe,
            "title": self.title,
            "population": self.population,
            "users": self.users,
            "metrics": {name: estimate.json() for name, estimate in self.metrics.items()},
            "over_popularity": {name: estimate.json() for name, estimate in self.over_popularity.items()},
            "seconds": {"train": self.train_seconds, "score": self.score_seconds},
            "settings": dict(self.settings),
        }


@dataclass(frozen=True)
class Judgement:
    """All rows of one evaluation, with what is needed to repeat it. `cut` and `until` are µs; times are UTC."""

    rows: tuple[Row, ...]
    cut: int
    until: int
    at: int
    seed: int
    snapshot: str
    items: int
    strangers: int
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Recipes that could not be trained on this shop, with the reason."""

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, population: Population) -> list[Row]:
        """The rows of one population, best NDCG first."""
        rows = [row for row in self.rows if row.population == population]
        return sorted(rows, key=lambda row: -row.metrics[f"ndcg@{self.at}"].value)

    def best(self, population: Population = "all items") -> Row:
        """The row with the highest NDCG."""
        return self.of(population)[0]

    def json(self) -> dict[str, Any]:
        """The document kept beside the HTML report: the same numbers."""
        return {
            "cut": self.cut,
            "until": self.until,
            "at": self.at,
            "seed": self.seed,
            "snapshot": self.snapshot,
            "items": self.items,
            "strangers": self.strangers,
            "skipped": dict(self.skipped),
            "rows": [row.json() for row in self.rows],
        }


def judge(
    dataset: Dataset,
    recipes: Mapping[str, Callable[[], Recipe]],
    *,
    days: float = DAYS,
    cut: int | None = None,
    at: int = 20,
    seed: int = 0,
    shuffle: bool = False,
    progress: Progress = no_progress,
) -> Judgement:
    """Train each recipe on all but the last `days` and judge it on those, in two populations, with one fit for both.

    `cut` (int64 µs) says when the test begins instead of `days`. Baselines (popularity, repeat) are added where they
    are missing. "All items" hides nothing; "items new to the shopper" neither shows nor counts what the shopper took
    before the cut. `shuffle` adds the control. A recipe that refuses this shop is listed in `skipped`.
    Raises `DataError` where the cut leaves nothing to learn from or nobody to judge.
    """
    split = last_days(dataset, days, cut)
    splits = dict(zip(POPULATIONS, (split, split.new_items()), strict=True))
    made = {**{name: _baseline(name) for name in BASELINES}, **recipes}
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    popular: dict[Population, dict[str, Float64]] = {}
    for name, factory in made.items():
        start = time.perf_counter()
        try:
            recipe = factory().fit(split.train, progress)
        except EndcapError as error:
            skipped[name] = str(error)
            continue
        trained = time.perf_counter() - start
        for population, asked in splits.items():
            if not len(asked):
                continue
            row, columns, top = _row(name, recipe, population, asked, trained, at, seed, progress)
            if shuffle:
                base = popular.get(population)
                row = replace(row, control=control(top, asked.targets, base, seed=seed))
            popular.setdefault(population, columns)  # the baseline comes first
            over = differences(columns, popular[population], seed=seed) if name != BASELINE else {}
            row.over_popularity.update({f"{metric}@{at}": estimate for metric, estimate in over.items()})
            rows.append(row)
    return Judgement(
        rows=tuple(rows),
        cut=int(split.now[0]),
        until=dataset.last_time,
        at=at,
        seed=seed,
        snapshot=dataset.snapshot,
        items=dataset.n_items,
        strangers=_strangers(dataset, split),
        skipped=skipped,
    )


def last_days(dataset: Dataset, days: float = DAYS, cut: int | None = None) -> Split:
    """The temporal split of a shop: the last `days` are the test, targets that training never saw left out.

    Raises `DataError` without times or where nobody can be judged.
    """
    if dataset.time_kind != "micros":
        raise DataError(
            "The interactions have no times, so there is no before and after.",
            column="timestamp",
            fix="Import them with a timestamp, or judge a file: endcap evaluate --train FILE --protocol next-item.",
        )
    start = dataset.last_time - int(days * DAY) + 1 if cut is None else cut
    split = temporal(dataset, start).known_items()
    if not len(split):
        raise DataError(
            "No shopper has interactions both before and after the cut.",
            column="timestamp",
            fix="Choose an earlier cut, or import a longer history.",
        )
    return split


def later_orders(dataset: Dataset, days: float = DAYS) -> tuple[Dataset, Dataset]:
    """(what came before the last `days`, the orders of those days) of a shop, for the protocol baskets.

    Raises what `last_days` does, and `SchemaError` where no order came in those days.
    """
    split = last_days(dataset, days)
    events = split.test.interactions
    if not (events.order >= 0).any():
        raise SchemaError(
            f"No interaction of the last {days:g} days belongs to an order.",
            column=ORDER_ID,
            fix=f"Import them with {ORDER_ID} (--map {ORDER_ID}=COLUMN), or judge by top-n.",
        )
    return split.train, split.test.with_interactions(events.take(events.order >= 0))


def _baseline(name: str) -> Callable[[], Recipe]:
    return lambda: create(name)


def _row(
    name: str,
    recipe: Recipe,
    population: Population,
    split: Split,
    trained: float,
    at: int,
    seed: int,
    progress: Progress,
) -> tuple[Row, dict[str, Float64], Int32]:
    new = population == "items new to the shopper"
    label = f"Judging {name} on {population}"
    top, seconds = timed_rank(recipe, split, at, mask_history=new, progress=progress, label=label)
    columns = per_query(top, split.targets)
    metrics = {f"{metric}@{at}": estimate for metric, estimate in estimates(columns, seed=seed).items()}
    metrics |= {f"{metric}@{at}": estimate for metric, estimate in _beyond(top, split, seed).items()}
    row = Row(name, recipe.title, population, len(split), metrics, {}, trained, seconds, recipe.settings())
    return row, columns, top


def _beyond(top: Int32, split: Split, seed: int) -> dict[str, Estimate]:
    """Coverage, novelty and popularity lift: what a slate does beside being right."""
    buyers, history = buyers_of(split.train), split.inputs.interactions
    taken = np.bincount(history.user, buyers[history.item], split.inputs.n_users)
    lengths = np.bincount(history.user, minlength=split.inputs.n_users)
    profile = (taken / np.maximum(lengths, 1))[split.users]
    active = int((np.diff(split.train.indptr) > 0).sum())
    bits = novelty(top, buyers, active)
    return {
        "coverage": coverage_estimate(top, split.train.n_items),
        "novelty": estimates({"novelty": bits}, seed=seed)["novelty"],
        "popularity_lift": ratio(shown_popularity(top, buyers), profile, seed=seed, minus=1.0),
    }


def buyers_of(dataset: Dataset) -> Int64:
    """int64 [n_items]: distinct users that each item has an interaction of."""
    events = dataset.interactions
    pairs = np.unique(events.user.astype(np.int64) << 32 | events.item.astype(np.int64))
    return np.bincount(pairs & 0xFFFFFFFF, minlength=dataset.n_items).astype(np.int64)


def _strangers(dataset: Dataset, split: Split) -> int:
    """Users who came after the cut without any history before it."""
    after = dataset.interactions.user[dataset.interactions.time >= split.now[0]]
    return int((np.diff(split.train.indptr)[np.unique(after)] == 0).sum())
