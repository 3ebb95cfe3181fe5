"""RP3beta: a walk of three steps over who took what, popular ends damped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.nearest import nearest
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Int32


@dataclass
class RP3Beta(Recipe):
    """score(b) = Σ over items a of the history of W(a, b),  W(a, b) = Σ_u |a|^-α · |u|^-α · |b|^-β

    over the shoppers u who took both; |·| counts shoppers of an item and items of a shopper. With α = 1 and β = 0 it is
    the chance to end at b after the steps a → u → b (P³: Cooper et al. 2014, "Random walks in recommender systems");
    β > 0 damps popular ends (Paudel et al. 2017, "Updatable, accurate, diverse, and scalable recommendations for
    interactive applications"). Only the largest entries of each row are kept.
    """

    title: ClassVar[str] = "RP3beta"
    reason: ClassVar[str] = "Shoppers like you chose this"

    alpha: float = param(0.6, "Damping of items and shoppers that the walk passes.", low=0.0, search=(0.3, 1.2))
    beta: float = param(0.3, "Damping of items where it ends.", low=0.0, search=(0.0, 1.0))
    neighbours: int = param(1000, "Largest entries kept in each row.", low=1)

    walk_: sparse.csr_matrix = fitted()
    """float32 [n, n]: W, its largest entries."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        taken = dataset.matrix()
        taken.data[:] = 1.0
        counts = np.maximum(np.bincount(taken.indices, minlength=dataset.n_items), 1).astype(np.float32)
        by_user = np.maximum(np.diff(taken.indptr), 1.0) ** -self.alpha
        damped = (sparse.diags(by_user) @ taken).tocsr().astype(np.float32)
        # `nearest` divides by the roots of what it is given.
        sides = counts ** np.float32(2 * self.alpha), counts ** np.float32(2 * self.beta)
        with progress("RP3beta", total=dataset.n_items, unit="items") as tick:
            self.walk_ = nearest(taken, damped, self.neighbours, measure="cosine", supports=sides, tick=tick)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        history = queries.with_current().matrix(self.n_items)
        history.data[:] = 1.0
        walk = self.walk_ if items is None else self.walk_[:, items]
        scores = (history @ walk).toarray()
        return np.where(scores > 0, scores, np.nan).astype(np.float32)
