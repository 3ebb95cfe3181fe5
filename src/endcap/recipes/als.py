"""Alternating least squares for implicit feedback: the classic personal recommender of shops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.als_kernels import Half, solve_rows, summed
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress, rng
from endcap.types import Float32, Int32, Int64

TRAINING_STEPS = 2
"""Conjugate-gradient steps per half-iteration, each warm-started from the last."""
EXACT_STEPS = 64
"""Bound on the steps that fold in a history; they stop once the residual is 3e-6 of the first."""
AGAIN = 0.1
"""Share of events of items that the shopper had before from which things are taken again in a shop, not once."""
CONFIDENCE = {"once": 50.0, "again": 1.0}
"""alpha where it is left to the data: what is taken once says yes or no, what is taken again is counted."""

Watch = Callable[[int, Half, Half], bool]


@dataclass
class ALS(InnerProductRecipe):
    """score(u, i) = x_u · y_i, minimising  Σ_ui c_ui (p_ui - x_u·y_i)² + Σ_u λ_u |x_u|² + Σ_i λ_i |y_i|²

    with p = 1 where observed, else 0, and confidence c = 1 + a_i · weight (Hu, Koren, Volinsky 2008, "Collaborative
    filtering for implicit feedback datasets"), solved by conjugate gradients (Takács, Pilászy, Tikk 2011).
    a_i = alpha · (mean count / count of i)^damping: an event of a popular item says less about taste.
    λ_u = regularization · (n_items + Σ_i a_i · weight_ui)^exponent and likewise for items: scaled by frequency, which
    is what makes the method competitive (Rendle et al. 2022, "Revisiting the performance of iALS").
    A shopper's vector is solved from the live history against fixed items; those of training are not kept.
    """

    title: ClassVar[str] = "Alternating least squares"

    factors: int = param(128, "Length of the vectors.", low=1, high=2048, search=(16, 256), log=True)
    iterations: int = param(
        6, "Passes over users and items; more of them fit the past rather than the future.", low=1, search=(2, 16)
    )
    alpha: float = param(
        0.0,
        "Extra confidence of one event of weight 1; 0: 1 where shoppers take things again, else 50.",
        low=0.0,
        search=(0.3, 200.0),
        log=True,
    )
    regularization: float = param(
        0.002, "Regularisation, before scaling by frequency.", low=1e-6, search=(0.0005, 0.02), log=True
    )
    exponent: float = param(1.0, "How far regularisation grows with frequency; 0: not at all.", low=0.0, high=2.0)
    damping: float = param(
        0.4, "How far the confidence of popular items is lowered; 0: not at all.", low=0.0, high=2.0, search=(0.0, 1.0)
    )
    weighting: str = param(
        "auto",
        "`log`: summed weights count as log2(1 + weight); `linear`: as they are; `auto`: linear where shoppers take "
        "things again, else log.",
        choices=("auto", "log", "linear"),
        search=("log", "linear"),
    )
    seed: int = param(0, "Seed of the random start.", low=0)

    confidence_: Float32 = fitted()
    """float32 [n]: a_i, the extra confidence of one event of each item."""
    linear_: Int32 = fitted()
    """int32 [1]: whether summed weights count as they are."""
    spectrum_: Float32 = fitted()
    """float32 [f]: the items' squared length along each column of `item_vectors_`, before those were whitened."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        with progress("alternating least squares", total=self.iterations, unit="iterations") as tick:

            def watch(*_: object) -> bool:
                tick(1)
                return False

            taken = dataset.matrix()
            events = max(len(dataset.interactions), 1)
            self.factorise(taken, watch, again=1 - taken.nnz / events >= AGAIN)

    def factorise(
        self, user_items: sparse.csr_matrix, watch: Watch | None = None, *, again: bool = False
    ) -> tuple[Half, Half]:
        """Learn from float32 weights [users, items]; returns users and items as trained, for inspection.

        `watch(iteration, users, items)` is called after each pass; returning True ends training. `again` says whether
        shoppers take things again, for settings that are left to the data.
        """
        self.linear_ = np.array([self.weighting == "linear" or (self.weighting == "auto" and again)], np.int32)
        alpha = self.alpha or CONFIDENCE["again" if again else "once"]
        counts = np.bincount(user_items.indices, self._count(user_items.data), user_items.shape[1])
        rarity = np.where(counts > 0, counts.mean() / np.where(counts > 0, counts, 1.0), 1.0)
        self.confidence_ = np.asarray(alpha * rarity**self.damping, np.float32)
        extra = sparse.csr_matrix(
            (self._confidence(user_items.data, user_items.indices), user_items.indices, user_items.indptr),
            shape=user_items.shape,
        )
        users = self._half(extra, 0.0)
        items = self._half(extra.T.tocsr(), 0.1 / self.factors**0.5)
        for iteration in range(self.iterations):
            users.improve(items, TRAINING_STEPS)
            items.improve(users, TRAINING_STEPS)
            if watch is not None and watch(iteration, users, items):
                break
        self.spectrum_ = items.whiten(users.shared_ridge)
        self.item_vectors_ = items.vectors
        return users, items

    def query_vectors(self, queries: Queries) -> Float32:
        # Copies, so that memory-mapped histories do not make the kernel compile once more for read-only arrays.
        ends, items, sums = summed(
            np.array(queries.indptr, np.int64), np.array(queries.item, np.int32), np.array(queries.weight, np.float32)
        )
        extra = self._confidence(sums, items)
        ridge = self._ridge(ends, extra, self.n_items)
        vectors = np.zeros((len(queries), self.factors), np.float32)
        shared = self._shared_ridge(self.n_items)
        solve_rows(ends, items, extra, self.item_vectors_, self.spectrum_, ridge, shared, vectors, EXACT_STEPS)
        vectors[ends[1:] == ends[:-1]] = np.nan
        return vectors

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: cosine of item vectors in the plain basis (whitening stretches the columns)."""
        plain = self.item_vectors_ * np.sqrt(self.spectrum_ + self._shared_ridge(self.n_items))
        norms = np.linalg.norm(plain, axis=1)
        plain /= np.where(norms > 0, norms, np.nan)[:, None]
        return np.asarray(plain[items] @ plain.T, np.float32)

    def _half(self, extra: sparse.csr_matrix, spread: float) -> Half:
        rows, others = extra.shape
        start = rng(self.seed).standard_normal((rows, self.factors), dtype=np.float32) * np.float32(spread)
        ridge = self._ridge(extra.indptr, extra.data, others)
        return Half(extra.indptr, extra.indices, extra.data, ridge, self._shared_ridge(others), start)

    def _count(self, sums: Float32) -> Float32:
        """What summed weights count for."""
        return sums if self.linear_[0] else np.log2(1 + sums)

    def _confidence(self, sums: Float32, items: Int32) -> Float32:
        """float32 [nnz]: confidence minus one of summed weights of `items`."""
        return np.asarray(self._count(sums) * self.confidence_[items], np.float32)

    def _ridge(self, indptr: Int64, extra: Float32, others: int) -> Float32:
        """float32 [rows]: regularisation of each row of extra confidences, which are over `others` columns."""
        sums = np.concatenate(([0.0], np.cumsum(extra, dtype=np.float64)))
        frequency = others + sums[indptr[1:]] - sums[indptr[:-1]]
        return np.asarray(self.regularization * frequency**self.exponent, np.float32)

    def _shared_ridge(self, others: int) -> float:
        """Regularisation of a row without entries: the part that all rows have in common."""
        return float(self.regularization * others**self.exponent)
