"""Buy it again: what this shopper had and is due to buy again, by how long such things last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from endcap.lake.dataset import Dataset
from endcap.lake.event_types import is_left_out, weight
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.recipes.repurchase import Intervals, Pairs, categories
from endcap.seams import Progress, rng
from endcap.types import DAY, Bool, Float32, Float64, Int32, Int64

MEMORY_DAYS = 120.0
"""Age at which a purchase counts half among the recent ones."""
SELLS_DAYS = (28.0, 112.0)
"""Windows in which it is counted what sells: what is no longer sold is not bought again."""
CUTS = 2
"""How often history is gone back to, a horizon each, to learn from."""
PRIOR: dict[str, float] = {
    "always": -2.0,
    "recent": 0.5,
    "bought": 0.2,
    "age": -0.2,
    "age squared": 0.0,
    "due": 0.5,
    "returns": 0.2,
    "sells": 0.2,
    "sold": 0.0,
    "season": 0.1,
    "frequency": 0.2,
    "visits since": 0.0,
    "once, long ago": 0.0,
}
"""What is known of a pair, in order, with its weight where there is nothing to fit on."""
STRENGTH = 10.0
"""Worth of those weights: squared distance from them costs half so much log-likelihood."""
CATEGORIES = ("category_l2", "category_l1", "category", "product_category", "style", "genres")
"""Columns that may group items by how long they last, the first that there is."""


@dataclass
class BuyItAgain(Recipe):
    """score(i) = P(who comes within `days` buys i again) = σ(w · x), for items bought before; others have none.

    A discrete-time hazard (Cox 1972) over what is known of a pair of shopper and item: `due`, the log-probability that
    an interval that has lasted so long ends within `days`, intervals being log-normal about means shrunk from pair to
    item to category to shop (see `repurchase`; after Bhagat et al. 2018, "Buy it again: modeling repeat purchase
    recommendations"); how often and how lately it was bought, on which share of the visits since, at this time of last
    year; how many of its buyers come back for it; how it sells. w is learned from who bought what again in the last
    windows of training. Only purchases are looked at, where a dataset tells them apart.
    """

    title: ClassVar[str] = "Buy it again"
    reason: ClassVar[str] = "You bought this before"

    days: float = param(28.0, "Within how many days an item is to be bought again.", low=0.5, search=(7, 56))
    max_queries: int = param(3000, "At most this many shoppers a window are learned from.", low=1)
    seed: int = param(0, "Seed of their choice.", low=0)

    means_: Float64 = fitted()
    """float64 [n]: mean log-days between purchases of each item."""
    shares_: Float64 = fitted()
    """float64 [n]: share of its buyers that bought an item again."""
    shape_: Float64 = fitted()
    """float64 [2]: patience and spread, see `Intervals`."""
    sells_: Float64 = fitted()
    """float64 [2, n]: log(1 + purchases) in each of `SELLS_DAYS`."""
    weights_: Float64 = fitted()
    """float64 [x]: w, in the order of `PRIOR`."""
    codes_: Int32 = fitted()
    """int32: event types that are purchases."""
    timed_: Int32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int32)
        self.codes_ = _purchases(dataset)
        self.weights_ = np.array(list(PRIOR.values()))
        with progress("buy it again", total=CUTS + 1, unit="windows") as tick:
            examples = []
            for back in range(CUTS if self.timed_[0] else 0, 0, -1):
                found = self._window(dataset, dataset.last_time + 1 - int(back * self.days * DAY))
                examples += [] if found is None else [found]
                tick(1)
            if examples:
                told, again = (np.concatenate(side) for side in zip(*examples, strict=True))
                self.weights_ = _fitted_weights(told, again, self.weights_)
            self._describe(dataset)
            tick(1)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        wanted = np.arange(self.n_items, dtype=np.int32) if items is None else items
        columns, back = np.unique(wanted, return_inverse=True)
        place = np.full(self.n_items, -1, np.int64)
        place[columns] = np.arange(len(columns))
        found = np.full((len(queries), len(columns)), np.nan, np.float32)
        if self.timed_[0]:
            pairs = self._pairs(queries)
            chances = 1 / (1 + np.exp(-(self._told(queries, pairs) @ self.weights_)))
            asked = place[pairs.item] >= 0
            found[pairs.owner[asked], place[pairs.item[asked]]] = chances[asked]
        else:
            counts = queries.matrix(self.n_items).tocoo()
            asked = place[counts.col] >= 0
            found[counts.row[asked], place[counts.col[asked]]] = counts.data[asked]
        return found if items is None else found[:, back]

    def _describe(self, dataset: Dataset) -> None:
        """Set what is known of items."""
        events = dataset.interactions
        bought = np.isin(events.event_type, self.codes_)
        found = Intervals.of(self._pairs(Queries.histories(dataset)), _groups(dataset))
        self.means_, self.shares_ = found.means, found.shares
        self.shape_ = np.array([found.patience, found.spread])
        ages = (dataset.last_time - events.time) / DAY
        counts = [np.bincount(events.item[bought & (ages < days)], minlength=dataset.n_items) for days in SELLS_DAYS]
        self.sells_ = np.log1p(np.stack(counts).astype(np.float64))

    def _window(self, dataset: Dataset, cut: int) -> tuple[Float64, Float64] | None:
        """(float64 [p, x], float64 [p]): what was known at `cut` of each pair of those who came within `days` after,
        and whether they bought it again; None where nobody with a history came."""
        events, earlier = dataset.interactions, dataset.before(cut)
        later = (
            (events.time >= cut) & (events.time < cut + int(self.days * DAY)) & np.isin(events.event_type, self.codes_)
        )
        users = np.unique(events.user[later])
        users = users[np.diff(earlier.indptr)[users] > 0]
        if not len(users):
            return None
        if len(users) > self.max_queries:
            users = np.sort(rng(self.seed).choice(users, self.max_queries, replace=False))
        self._describe(earlier)
        queries = Queries.histories(earlier, users.astype(np.int32), now=cut)
        pairs = self._pairs(queries)
        taken = np.unique(events.user[later].astype(np.int64) * dataset.n_items + events.item[later])
        again = np.isin(users[pairs.owner].astype(np.int64) * dataset.n_items + pairs.item, taken)
        return self._told(queries, pairs), again.astype(np.float64)

    def _pairs(self, queries: Queries) -> Pairs:
        return Pairs.of(queries, self._counted(queries), len(self.popularity_), MEMORY_DAYS)

    def _counted(self, queries: Queries) -> Bool:
        return np.isin(queries.event_type, self.codes_)

    def _told(self, queries: Queries, pairs: Pairs) -> Float64:
        """float64 [p, x]: what is known of each pair, in the order of `PRIOR`."""
        intervals = Intervals(self.means_, self.shares_, float(self.shape_[0]), float(self.shape_[1]))
        since, after = _visits(queries, self._counted(queries), pairs)
        age, once = np.log1p(pairs.newest), pairs.bought == 1
        share = self.shares_[pairs.item]
        return np.column_stack(
            (
                np.ones(len(pairs.item)),
                np.log(pairs.recent + 0.02),
                np.log(pairs.bought),
                age,
                age * age,
                np.log(intervals.due(pairs, self.days)),
                np.log(share / (1 - share)),
                *(sold[pairs.item] for sold in self.sells_),
                pairs.season,
                np.log(pairs.bought / np.maximum(since, pairs.bought)),
                np.log1p(after),
                once * age,
            )
        )


def _purchases(dataset: Dataset) -> Int32:
    """int32: codes of the event types that weigh as much as a purchase; all where none does."""
    names = dataset.event_types
    found = [code for code, name in enumerate(names) if weight(name) >= 1.0 and not is_left_out(name)]
    return np.array(found or range(len(names)), np.int32)


def _groups(dataset: Dataset) -> Int64:
    table = dataset.item_metadata
    column = None if table is None else next((name for name in CATEGORIES if name in table.column_names), None)
    if table is None or column is None or not _is_text(table[column].type):
        return np.full(dataset.n_items, -1, np.int64)
    return categories(table[column].to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _visits(queries: Queries, counted: Bool, pairs: Pairs) -> tuple[Float64, Float64]:
    """(float64 [p], float64 [p]): days on which the shopper bought anything, from a pair's first purchase on and after
    its last."""
    wide = np.int64(1) << 32
    day = np.floor(queries.age_days()[counted]).astype(np.int64)
    days = np.unique(queries.owner()[counted] * wide + day)
    start = np.searchsorted(days, pairs.owner * wide)
    since = np.searchsorted(days, pairs.owner * wide + np.floor(pairs.oldest).astype(np.int64), side="right") - start
    after = np.searchsorted(days, pairs.owner * wide + np.floor(pairs.newest).astype(np.int64)) - start
    return since.astype(np.float64), after.astype(np.float64)


def _fitted_weights(told: Float64, again: Float64, prior: Float64) -> Float64:
    """float64 [x]: logistic regression, held near `prior`."""

    def loss(weights: Float64) -> tuple[float, Float64]:
        logits, away = told @ weights, weights - prior
        value = np.logaddexp(0, logits).sum() - again @ logits + 0.5 * STRENGTH * (away @ away)
        slope = told.T @ (1 / (1 + np.exp(-logits)) - again) + STRENGTH * away
        return float(value) / len(again), slope / len(again)

    from scipy import optimize  # noqa: PLC0415 - a quarter of a second, that only training needs

    return np.asarray(optimize.minimize(loss, prior, jac=True, method="L-BFGS-B").x, np.float64)
