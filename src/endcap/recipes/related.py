"""Related items: what the same shoppers took, with the weight of best sellers at choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.item_item_kernels import thinned
from endcap.recipes.nearest import nearest
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Int32


@dataclass
class Related(Recipe):
    """sim(a, b) = shoppers with both / (shoppers with a · shoppers with b)^discount; score = Σ over the history.

    Item-to-item collaborative filtering (Linden, Smith, York 2003): with `discount` 0 best sellers go with everything,
    at ½ it is the cosine, at 1 the lift. Neither time nor baskets are looked at: views become *also viewed*, purchases
    *also bought*, by the events it is trained on.
    """

    title: ClassVar[str] = "Related items"
    reason: ClassVar[str] = "Others also chose this"

    discount: float = param(
        0.5, "How far an item is discounted for being popular.", low=0.0, high=1.0, search=(0.0, 1.0)
    )
    min_support: int = param(1, "Neighbours shared with fewer shoppers than this are dropped.", low=0, search=(0, 10))
    neighbours: int = param(500, "Neighbours kept of each item.", low=1)
    cap: int = param(2000, "At most this many items of a shopper are joined.", low=2)

    similarity_: sparse.csr_matrix = fitted()
    """float32 [n, n]: row a holds sim(a, ·)."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        with progress("related items", total=dataset.n_items, unit="items") as tick:
            self.similarity_ = taken_together(
                dataset, self.neighbours, self.discount, max(1, self.min_support), self.cap, tick
            )

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        history = queries.with_current().had(self.n_items)
        scores = (history @ (self.similarity_ if items is None else self.similarity_[:, items])).toarray()
        return np.where(scores > 0, scores, np.nan).astype(np.float32)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: rows of the similarity, NaN where nobody took both."""
        scores = self.similarity_[items].toarray()
        return np.where(scores > 0, scores, np.nan).astype(np.float32)


def taken_together(
    dataset: Dataset, neighbours: int, discount: float = 0.5, min_support: int = 1, cap: int = 2000, tick: object = None
) -> sparse.csr_matrix:
    """float32 [n, n]: shoppers with both of two items over the product of each item's shoppers to the `discount`."""
    taken = thinned(dataset.taken(), cap)
    # The measure divides by the root of the product, so supports to twice the power give any discount.
    support = np.maximum(np.asarray(taken.sum(0), np.float32).ravel(), 1.0) ** (2 * discount)
    sides = (support.astype(np.float32), support.astype(np.float32))
    return nearest(taken, taken, neighbours, measure="cosine", supports=sides, min_support=min_support, tick=tick)  # type: ignore[arg-type]
