"""Customers who viewed this also viewed: what is looked at in the same visits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.basket_counts import of_type
from endcap.recipes.item_item_kernels import thinned
from endcap.recipes.nearest import nearest
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import MINUTE, Float32, Int32


@dataclass
class AlsoViewed(Recipe):
    """sim(a, b) = c(a, b) / (n_a · n_b)^discount; score = Σ over the history of sim · step_decay^steps back.

    c are visits with both, and shoppers who looked at both in whatever visits, each as `beyond` of a visit; n likewise.
    A visit ends where a shopper looks at nothing for `visit_minutes`; without times it is the whole history. So an item
    goes with what was weighed against it or looked at on the way before what the shopper ever saw (item-to-item
    collaborative filtering over sessions: Linden, Smith and York 2003).
    """

    title: ClassVar[str] = "Also viewed"
    reason: ClassVar[str] = "Others who looked at this also looked at"

    visit_minutes: float = param(30.0, "A pause this long ends a visit.", low=0.1, search=(5.0, 240.0), log=True)
    beyond: float = param(0.05, "What a shopper counts who looked at both in different visits.", low=0.0, high=1.0)
    discount: float = param(
        0.0, "How far an item is discounted for being popular.", low=0.0, high=1.0, search=(0.0, 0.7)
    )
    step_decay: float = param(0.8, "Factor per step back in the history.", low=0.0, high=1.0, search=(0.3, 1.0))
    min_support: int = param(1, "Neighbours shared in fewer visits than this are dropped.", low=1)
    neighbours: int = param(300, "Neighbours kept of each item.", low=1)
    cap: int = param(200, "At most this many items of a visit are joined.", low=2)
    event_type: str = param("view", "Learned from these events only, where there are any.")

    similarity_: sparse.csr_matrix = fitted()
    """float32 [n, n]: row a holds sim(a, ·)."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        viewed = of_type(dataset, self.event_type)
        shoppers = viewed.matrix()
        shoppers.data[:] = np.sqrt(max(self.beyond, 1e-6))
        visits = thinned(_visits(viewed, self.visit_minutes), self.cap)
        visits = sparse.vstack((visits, thinned(shoppers, self.cap)), format="csr", dtype=np.float32)
        support = np.maximum(np.asarray(visits.multiply(visits).sum(0), np.float32).ravel(), 1.0)
        # The measure divides by the root of the product, so supports to twice the power give any discount.
        side = (support ** (2 * self.discount)).astype(np.float32)
        with progress("also viewed", total=dataset.n_items, unit="items") as tick:
            self.similarity_ = nearest(
                visits,
                visits,
                self.neighbours,
                measure="cosine",
                supports=(side, side),
                min_support=self.min_support,
                tick=tick,
            )

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        queries = queries.with_current()
        worth = np.power(np.float32(self.step_decay), queries.steps_back().astype(np.float32))
        similarity = self.similarity_ if items is None else self.similarity_[:, items]
        scores = (queries.matrix(self.n_items, worth) @ similarity).toarray()
        return np.where(scores > 0, scores, np.nan).astype(np.float32)


def _visits(dataset: Dataset, minutes: float) -> sparse.csr_matrix:
    """float32 [visits, n] of ones."""
    events = dataset.interactions
    begins = np.diff(events.user, prepend=-1) != 0
    if dataset.time_kind == "micros":
        begins |= np.diff(events.time, prepend=events.time[:1]) > int(minutes * MINUTE)
    visit = np.cumsum(begins) - 1
    place = (np.ones(len(visit), np.float32), (visit, events.item))
    visits = sparse.csr_matrix(place, shape=(int(visit[-1]) + 1, dataset.n_items))
    visits.sum_duplicates()
    visits.data[:] = 1.0
    return visits
