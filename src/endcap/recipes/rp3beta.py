"""RP3beta: a walk of three steps over who took what, popular ends damped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.exponents import Ending, Pair, chosen, exponent
from endcap.recipes.nearest import nearest
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Int32

PRIOR: Pair = (0.6, 0.3)
"""alpha and beta where there is too little to choose by."""
ALPHAS = (0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0)
BETAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)


@dataclass
class RP3Beta(Recipe):
    """score(b) = Σ over items a of the history of W(a, b),  W(a, b) = Σ_u |a|^-α · |u|^-α · |b|^-β

    over the shoppers u who took both; |·| counts shoppers of an item and items of a shopper. With α = 1 and β = 0 it is
    the chance to end at b after the steps a → u → b (P³: Cooper et al. 2014, "Random walks in recommender systems");
    β > 0 damps popular ends (Paudel et al. 2017, "Updatable, accurate, diverse, and scalable recommendations for
    interactive applications"). Only the largest entries of each row are kept. Shops differ widely in what exponents
    suit them, so those not given are the pair with the best NDCG@20 of the last 28 days given what came before.
    """

    title: ClassVar[str] = "RP3beta"
    reason: ClassVar[str] = "Shoppers like you chose this"

    alpha: float | None = exponent("Damping of items and shoppers that the walk passes", (0.3, 2.0))
    beta: float | None = exponent("Damping of items where it ends", (0.0, 1.0))
    neighbours: int = param(1000, "Largest entries kept in each row.", low=1)

    walk_: sparse.csr_matrix = fitted()
    """float32 [n, n]: W, its largest entries."""
    exponents_: Float32 = fitted()
    """float32 [2]: alpha and beta, as given or as chosen."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        alpha, beta = chosen(dataset, (self.alpha, self.beta), (ALPHAS, BETAS), PRIOR, _walked)
        self.exponents_ = np.array([alpha, beta], np.float32)
        walks = Walks.of(dataset)
        # `nearest` divides by the roots of what it is given.
        sides = walks.by_item ** np.float32(2 * alpha), walks.by_item ** np.float32(2 * beta)
        with progress("RP3beta", total=dataset.n_items, unit="items") as tick:
            self.walk_ = nearest(
                walks.taken,
                walks.damped(alpha),
                self.neighbours,
                measure="cosine",
                supports=sides,
                itself=True,
                tick=tick,
            )

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        history = queries.with_current().had(self.n_items)
        walk = self.walk_ if items is None else self.walk_[:, items]
        scores = (history @ walk).toarray()
        return np.where(scores > 0, scores, np.nan).astype(np.float32)


@dataclass(frozen=True)
class Walks:
    """Who took what, as the walk sees it."""

    taken: sparse.csr_matrix
    """float32 [users, n], 0 or 1."""
    by_item: Float32
    """float32 [n]: shoppers of each item, at least 1."""

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        taken = dataset.taken()
        counts = np.maximum(np.bincount(taken.indices, minlength=dataset.n_items), 1)
        return cls(taken, counts.astype(np.float32))

    def damped(self, alpha: float) -> sparse.csr_matrix:
        """float32 [users, n]: each shopper's row divided by how many items they took, to the power of alpha."""
        by_user = np.maximum(np.diff(self.taken.indptr), 1.0) ** -alpha
        return (sparse.diags(by_user) @ self.taken).tocsr().astype(np.float32)

    def from_history(self, history: sparse.csr_matrix, alpha: float) -> Float32:
        """float32 [q, n]: scores before the ends are damped, every entry of W kept, none of them computed."""
        starts = (history @ sparse.diags(self.by_item**-alpha)).tocsr().astype(np.float32)
        return np.asarray(((starts @ self.taken.T).tocsr() @ self.damped(alpha)).toarray(), np.float32)


def _walked(ending: Ending) -> Callable[[float], Callable[[float], Float32]]:
    walks, history = Walks.of(ending.earlier), ending.queries.had(ending.earlier.n_items)

    def scored(alpha: float) -> Callable[[float], Float32]:
        reached = walks.from_history(history, alpha)
        return lambda beta: reached * walks.by_item ** np.float32(-beta)

    return scored
