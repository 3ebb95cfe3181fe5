"""Item-item: what is taken together with what the shopper took lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.errors import InputError
from endcap.lake.dataset import Dataset, Interactions
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.neighbours import best_neighbours
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Int32, Int64

MEASURES = ("count", "cosine", "jaccard", "lift")


@dataclass
class ItemItem(Recipe):
    """score(item) = Σ over the history h of weight · decay(h) · sim(h, item), over the nearest neighbours only.

    sim(a, b) = m(a, b) · c / (c + shrinkage) with c the number of shoppers (or, with `window` > 0, of pairs of steps
    at most that far apart, each decayed by distance) that join a and b, and m one of
    count c, cosine c/√(s_a s_b), jaccard c/(s_a + s_b - c), lift c·N/(s_a s_b), with supports s over N shoppers.
    Item-based collaborative filtering (Sarwar et al. 2001; Deshpande and Karypis 2004).
    `similar` answers from orders instead, by number of orders with both: what goes with an item in one basket.
    """

    title: ClassVar[str] = "Item-item"
    reason: ClassVar[str] = "Goes with what you bought"

    measure: str = param("cosine", "Similarity: count, cosine, jaccard or lift.")
    neighbours: int = param(200, "Neighbours kept of each item.", low=1)
    window: int = param(0, "Join only steps of a history this close; 0 joins all of it.", low=0)
    window_decay: float = param(0.8, "Factor per step of distance inside the window.", low=0.0, high=1.0)
    backward: float = param(1.0, "Weight of pairs read against the order of the history.", low=0.0, high=1.0)
    shrinkage: float = param(10.0, "Pulls similarities with little support towards zero.", low=0.0)
    min_support: float = param(2.0, "Neighbours joined by fewer than this are dropped.", low=0.0)
    cap: int = param(500, "Only this many newest events of a history (or order) are joined.", low=2)
    half_life_days: float = param(60.0, "Age at which an event of the history counts half.", low=0.01)
    step_decay: float = param(0.98, "Factor per step back where there are no times.", low=0.0, high=1.0)

    similarity_: sparse.csr_matrix = fitted()
    """float32 [n, n]: row h holds sim(h, ·)."""
    together_: sparse.csr_matrix = fitted()
    """float32 [n, n]: orders (histories where there are no orders) with both items."""
    timed_: Int32 = fitted()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.measure not in MEASURES:
            raise InputError(f"ItemItem: measure is {self.measure!r}, expected one of {', '.join(MEASURES)}.")

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int32)
        events, n = dataset.interactions, dataset.n_items
        orders = _orders(events)
        with progress("item-item", total=2 if len(orders) else 1, unit="matrices") as tick:
            self.similarity_ = self._neighbours(events, events.user.astype(np.int64), n, self.measure, self.window)
            tick()
            self.together_ = self.similarity_
            if len(orders) or self.measure != "count" or self.window:
                events = orders if len(orders) else events
                unit = events.order if len(orders) else events.user.astype(np.int64)
                self.together_ = self._neighbours(events, unit, n, "count", 0)
                tick()

    def _neighbours(self, events: Interactions, unit: Int64, n: int, measure: str, window: int) -> sparse.csr_matrix:
        newest = _from_the_end(unit) < self.cap
        item, unit = events.item[newest], np.unique(unit[newest], return_inverse=True)[1]
        if window:
            pairs = self._window_pairs(item, unit, n)
            support, joined = np.bincount(item, minlength=n), lambda low, high: pairs[low:high]
        else:
            taken = sparse.csr_matrix((np.ones(len(item), np.float32), (unit, item)), shape=(unit[-1] + 1, n))
            taken.data[:] = 1.0
            by_item = taken.T.tocsr()
            support, joined = np.diff(by_item.indptr), lambda low, high: by_item[low:high] @ taken

        def similarities(low: int, high: int) -> sparse.csr_matrix:
            counts = joined(low, high).tocsr()
            own = np.repeat(np.arange(low, high), np.diff(counts.indptr))
            wanted = (counts.data >= self.min_support) & (counts.indices != own)
            values = self._similarity(counts.data, support[own], support[counts.indices], unit[-1] + 1, measure)
            return sparse.csr_matrix((values * wanted, counts.indices, counts.indptr), shape=counts.shape)

        return best_neighbours(n, similarities, self.neighbours)

    def _similarity(self, counts: Float32, left: Int64, right: Int64, units: int, measure: str) -> Float32:
        if measure == "count":
            return counts
        sizes = left.astype(np.float32), right.astype(np.float32)
        bottom = {
            "cosine": np.sqrt(sizes[0] * sizes[1]),
            "jaccard": np.maximum(sizes[0] + sizes[1] - counts, 1e-9),
            "lift": sizes[0] * sizes[1] / units,
        }[measure]
        return np.asarray(counts / bottom * (counts / (counts + self.shrinkage)), np.float32)

    def _window_pairs(self, item: Int32, unit: Int64, n: int) -> sparse.csr_matrix:
        pairs = sparse.csr_matrix((n, n), dtype=np.float32)
        for distance in range(1, self.window + 1):
            same = unit[distance:] == unit[:-distance]
            earlier, later = item[:-distance][same], item[distance:][same]
            weight = np.full(len(earlier), self.window_decay ** (distance - 1), np.float32)
            pairs = pairs + sparse.csr_matrix((weight, (earlier, later)), shape=(n, n))
        return (pairs + self.backward * pairs.T).tocsr()

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        queries = queries.with_current()
        decay = queries.decay(self.half_life_days) if self.timed_[0] else self.step_decay ** queries.steps_back()
        history = queries.matrix(self.n_items, (queries.weight * decay).astype(np.float32))
        similarity = self.similarity_ if items is None else self.similarity_[:, items]
        scores = np.asarray((history @ similarity).toarray(), np.float32)
        return np.where(scores > 0, scores, np.nan).astype(np.float32)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: orders with both items, ties broken by similarity."""
        counts = np.asarray(self.together_[items].toarray(), np.float32)
        return np.where(counts > 0, counts, np.nan).astype(np.float32)


def _orders(events: Interactions) -> Interactions:
    """The events that belong to an order, grouped by it."""
    known = np.flatnonzero(events.order >= 0)
    return events.take(known[np.argsort(events.order[known], kind="stable")])


def _from_the_end(unit: Int64) -> Int64:
    """How many events of the same unit come after each, with equal units standing together."""
    ends = np.flatnonzero(np.concatenate((unit[1:] != unit[:-1], [True])))
    lengths = np.diff(np.concatenate(([-1], ends)))
    return np.repeat(ends, lengths) - np.arange(len(unit))
