"""Item-item: what is taken together with what the shopper took lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.errors import InputError
from endcap.lake.dataset import Dataset, Interactions
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.item_item_kernels import order_matrix, thinned, window_neighbours
from endcap.recipes.nearest import MEASURES, as_rows, nearest
from endcap.recipes.popularity import first_events
from endcap.recipes.queries import Queries
from endcap.seams import Progress, Tick
from endcap.types import DAY, Bool, Float32, Int32, Int64

BASKET_DAMPING = 0.5
"""An order of s items adds s^-½ to each of its pairs: small baskets say more."""
BASKET_HALF_LIFE_DAYS = 240.0
"""Age at which an order counts half for what goes into one basket."""
WINDOW, WINDOW_SHRINKAGE = 10, 50.0
"""Where an order of steps is all that is known, and shrinkage inside a window: pairs are few, their norms small."""


@dataclass
class ItemItem(Recipe):
    """score(b) = Σ over history events a of weight · decay(a) · sim(a, b), nearest neighbours only.

    Of shoppers u who took a and b, c(a, b) = Σ_u trend(u, b) / size(u)^damping, with trend = 2^(-age of u's last b /
    trend_half_life_days): what goes with a *lately*. With supports s_a = Σ_u 1 + k, s_b = Σ_u trend(u, b) + k and
    k = shrinkage, sim is c (count), c/√(s_a s_b) (cosine), c/(s_a + s_b - c) (jaccard) or c·N/(s_a s_b) (lift).
    With `window`, c counts pairs of events at most that many steps apart, each decayed by distance, and cosine is
    c/(√(s_a s_b) + k), supports being events.
    Item-based collaborative filtering (Sarwar et al. 2001; Deshpande and Karypis 2004); damping is that of random
    walks (Cooper et al. 2014). `similar` answers by orders with both items, each counting 2^(-age / 240 days) / √size:
    what goes into one basket. Where there are no orders, by number of shoppers with both.
    """

    title: ClassVar[str] = "Item-item"
    reason: ClassVar[str] = "Goes with what you bought"

    measure: str = param("cosine", "Similarity of two items.", choices=MEASURES, search=MEASURES)
    neighbours: int = param(1000, "Neighbours kept of each item.", low=1)
    damping: float = param(1.0, "A shopper with s items adds s^-damping to each pair.", low=0.0, search=(0.0, 1.0))
    trend_half_life_days: float | None = param(
        30.0, "Age at which a neighbour counts half; None: never.", low=0.01, search=(5.0, 365.0), log=True
    )
    first_only: bool = param(False, "A neighbour counts only where it was bought for the first time.")
    shrinkage: float | None = param(
        None,
        "Pseudo-shoppers added to every support: rare items come less near. None: 1, inside a window 50.",
        low=0.0,
        search=(0.0, 50.0),
    )
    min_support: int = param(1, "Neighbours shared with fewer shoppers than this are dropped.", low=1)
    cap: int = param(2000, "Only this many newest events of a history (or order) are joined.", low=2)
    window: int | None = param(
        None,
        "Join only steps of a history this close (cosine or count); 0: all. None: 10 where events have an order but no "
        "times, else all.",
        low=0,
    )
    directed: bool = param(True, "Inside a window, join an item only to those that came after it.")
    step_decay: float = param(0.7, "Factor per step, in a window and back in a history without times.", low=0, high=1)
    half_life_days: float = param(
        120.0, "Age at which an event of the history counts half.", low=0.01, search=(10.0, 365.0), log=True
    )

    similarity_: sparse.csr_matrix = fitted()
    """float32 [n, n]: row a holds sim(a, ·)."""
    together_: sparse.csr_matrix = fitted()
    """float32 [n, n]: orders (shoppers, where there are no orders) with both items, small and recent ones first."""
    clock_: Int32 = fitted()
    """int32 [1]: 2 where times are times, 1 where they are an order, 0 where there are none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window and self.measure not in MEASURES[:2]:
            raise InputError(f"ItemItem: a window counts by cosine or count, not {self.measure}.", fix="Set window=0.")

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.clock_ = np.array([{"micros": 2, "order": 1, "none": 0}[dataset.time_kind]], np.int32)
        events, n = dataset.interactions, dataset.n_items
        with progress("item-item", total=2 * n, unit="items") as tick:
            if window := self._window:
                self.similarity_ = self._in_window(events, n, window)
                tick(n)
            else:
                self.similarity_ = self._in_histories(dataset, tick)
            units = thinned(self._baskets(dataset), self.cap)
            self.together_ = nearest(units, units, self.neighbours, tick=tick)

    def _baskets(self, dataset: Dataset) -> sparse.csr_matrix:
        """float32 [orders or users, items]: roots of what each order says of two items in it."""
        events = dataset.interactions
        baskets = order_matrix(events.order, events.item, dataset.n_items)
        if not baskets.nnz:
            return _ones(events, (dataset.n_users, dataset.n_items))
        worth = np.maximum(np.diff(baskets.indptr), 1.0) ** -BASKET_DAMPING
        if self.clock_[0] == 2:
            known = np.flatnonzero(events.order >= 0)
            first = known[np.unique(events.order[known], return_index=True)[1]]
            worth *= np.exp2(-(dataset.last_time - events.time[first]) / (BASKET_HALF_LIFE_DAYS * DAY))
        return (sparse.diags(np.sqrt(worth)) @ baskets).tocsr().astype(np.float32)

    @property
    def _window(self) -> int:
        if self.window is None:
            return WINDOW if self.clock_[0] == 1 and self.measure in MEASURES[:2] else 0
        return self.window

    def _in_window(self, events: Interactions, n: int, window: int) -> sparse.csr_matrix:
        starts = np.flatnonzero(np.diff(events.user, prepend=-1))
        found = window_neighbours(
            np.append(starts, len(events)).astype(np.int64),
            events.item,
            n,
            self.neighbours,
            window=window,
            decay=self.step_decay,
            directed=self.directed,
            similarity="cosine" if self.measure == "cosine" else "count",
            shrinkage=self._shrinkage,
            min_support=self.min_support,
        )
        return as_rows(*found, n)

    @property
    def _shrinkage(self) -> float:
        if self.shrinkage is None:
            return WINDOW_SHRINKAGE if self._window else 1.0
        return self.shrinkage

    def _in_histories(self, dataset: Dataset, tick: Tick) -> sparse.csr_matrix:
        newest = _from_the_end(dataset.interactions.user) < self.cap
        taken = _ones(dataset.interactions.take(newest), (dataset.n_users, dataset.n_items))
        trend = self._trend(dataset, newest)
        left, right = (np.asarray(side.sum(0), np.float32).ravel() + self._shrinkage for side in (taken, trend))
        damped = sparse.diags(np.maximum(np.diff(taken.indptr), 1.0) ** -self.damping).astype(np.float32) @ trend
        least, sides = self.min_support, (left, right)
        return nearest(
            taken, damped, self.neighbours, measure=self.measure, supports=sides, min_support=least, tick=tick
        )

    def _trend(self, dataset: Dataset, newest: Bool) -> sparse.csr_matrix:
        """float32 [users, items]: what each shopper's last (or first) purchase of an item still counts."""
        counted = newest & first_events(dataset) if self.first_only else newest
        events = dataset.interactions.take(counted)
        trend = _ones(events, (dataset.n_users, dataset.n_items))
        if self.trend_half_life_days is None or self.clock_[0] < 2:
            return trend
        # CSR keeps the order of events within a user, so the last one of an item is the newest.
        last = first_events(dataset.with_interactions(events), newest=True)
        age = (dataset.last_time - events.time[last]) / DAY
        worth = np.exp2(-age / self.trend_half_life_days).astype(np.float32)
        place = (events.user[last], events.item[last])
        return sparse.csr_matrix((worth, place), shape=trend.shape, dtype=np.float32).sorted_indices()

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        queries = queries.with_current()
        history = queries.matrix(self.n_items, queries.weight * self._decay(queries))
        similarity = self.similarity_ if items is None else self.similarity_[:, items]
        scores = (history @ similarity).toarray()
        return np.where(scores > 0, scores, np.nan).astype(np.float32)

    def _decay(self, queries: Queries) -> Float32:
        if self.clock_[0] == 2:
            return queries.decay(self.half_life_days).astype(np.float32)
        if self.clock_[0] == 1:
            return np.power(np.float32(self.step_decay), queries.steps_back().astype(np.float32))
        return np.ones(len(queries.item), np.float32)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: orders with both items, weighted by age and size."""
        counts = self.together_[items].toarray()
        return np.where(counts > 0, counts, np.nan).astype(np.float32)


def _ones(events: Interactions, shape: tuple[int, int]) -> sparse.csr_matrix:
    """float32 [users, items]: 1 where a user has the item."""
    matrix = sparse.csr_matrix((np.ones(len(events), np.float32), (events.user, events.item)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _from_the_end(user: Int32) -> Int64:
    """int64 [m]: how many events of the same user come after each."""
    ends = np.flatnonzero(np.diff(user, append=-1))
    return np.repeat(ends, np.diff(ends, prepend=-1)) - np.arange(len(user))
