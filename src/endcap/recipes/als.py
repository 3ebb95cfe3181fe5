"""Alternating least squares for implicit feedback: the classic personal recommender of shops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.als_kernels import Half, solve_rows
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress, rng
from endcap.types import Float32, Int32, Int64

TRAINING_STEPS = 2
"""Conjugate-gradient steps per half-iteration, each warm-started from the last."""
EXACT_STEPS = 64
"""Bound on the steps that fold in a history; they stop once the residual is at the limit of float32."""

Watch = Callable[[int, Half, Half], bool]


@dataclass
class ALS(InnerProductRecipe):
    """score(u, i) = x_u · y_i, minimising  Σ_ui c_ui (p_ui - x_u·y_i)² + Σ_u λ_u |x_u|² + Σ_i λ_i |y_i|²

    with p = 1 where observed, else 0, and confidence c = 1 + alpha · weight (Hu, Koren, Volinsky 2008, "Collaborative
    filtering for implicit feedback datasets"), solved by conjugate gradients (Takács, Pilászy, Tikk 2011).
    λ_u = regularization · (n_items + Σ_i alpha · weight_ui)^exponent and likewise for items: scaled by frequency,
    which is what makes the method competitive (Rendle et al. 2022, "Revisiting the performance of iALS").
    A shopper's vector is solved from the live history against fixed items; those of training are not kept.
    """

    title: ClassVar[str] = "Alternating least squares"

    factors: int = param(64, "Length of the vectors.", low=1, high=2048)
    iterations: int = param(12, "Passes over users and items.", low=1)
    alpha: float = param(20.0, "Extra confidence of one event of weight 1.", low=0.0)
    regularization: float = param(0.003, "Regularisation, before scaling by frequency.", low=1e-6)
    exponent: float = param(1.0, "How far regularisation grows with frequency; 0: not at all.", low=0.0, high=2.0)
    weighting: str = param("log", "`log`: summed weights count as log2(1 + weight); `linear`: as they are.")
    seed: int = param(0, "Seed of the random start.", low=0)

    spectrum_: Float32 = fitted()
    """float32 [f]: the items' squared length along each column of `item_vectors_`, before those were whitened."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weighting not in ("log", "linear"):
            raise InputError(f"ALS: weighting is {self.weighting!r}, expected log or linear.")

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        with progress("alternating least squares", total=self.iterations, unit="iterations") as tick:

            def watch(iteration: int, users: Half, items: Half) -> bool:
                tick(1)
                return False

            self.factorise(dataset.matrix(), watch)

    def factorise(self, user_items: sparse.csr_matrix, watch: Watch | None = None) -> tuple[Half, Half]:
        """Learn from float32 weights [users, items]; returns users and items as trained, for inspection.

        `watch(iteration, users, items)` is called after each pass; returning True ends training.
        """
        users = self._half(user_items, 0.0)
        items = self._half(user_items.T.tocsr(), 0.1 / self.factors**0.5)
        for iteration in range(self.iterations):
            users.improve(items, TRAINING_STEPS)
            items.improve(users, TRAINING_STEPS)
            if watch is not None and watch(iteration, users, items):
                break
        self.spectrum_ = items.whiten(users.shared_ridge)
        self.item_vectors_ = items.vectors
        return users, items

    def query_vectors(self, queries: Queries) -> Float32:
        history = queries.matrix(self.n_items)
        vectors = np.zeros((len(queries), self.factors), np.float32)
        extra = self._extra(history.data)
        solve_rows(
            history.indptr,
            history.indices,
            extra,
            self.item_vectors_,
            self.spectrum_,
            self._ridges(history.indptr, extra, self.n_items),
            self._shared_ridge(self.n_items),
            vectors,
            EXACT_STEPS,
        )
        vectors[np.diff(history.indptr) == 0] = np.nan
        return vectors

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: cosine of item vectors in the plain basis (whitening stretches the columns)."""
        plain = self.item_vectors_ * np.sqrt(self.spectrum_ + self._shared_ridge(self.n_items))
        norms = np.linalg.norm(plain, axis=1)
        plain /= np.where(norms > 0, norms, np.nan)[:, None]
        return np.asarray(plain[items] @ plain.T, np.float32)

    def _half(self, matrix: sparse.csr_matrix, spread: float) -> Half:
        rows, others = matrix.shape
        extra = self._extra(matrix.data)
        start = rng(self.seed).standard_normal((rows, self.factors), dtype=np.float32) * np.float32(spread)
        ridge = self._ridges(matrix.indptr, extra, others)
        return Half(matrix.indptr, matrix.indices, extra, ridge, self._shared_ridge(others), start)

    def _extra(self, weights: Float32) -> Float32:
        """Confidence minus one of entries of these weights."""
        counted = np.log2(1 + weights) if self.weighting == "log" else weights
        return np.asarray(self.alpha * counted, np.float32)

    def _ridges(self, indptr: Int64, extra: Float32, others: int) -> Float32:
        """Regularisation of each row, whose entries have this extra confidence."""
        sums = np.concatenate(([0.0], np.cumsum(extra, dtype=np.float64)))
        frequency = others + sums[indptr[1:]] - sums[indptr[:-1]]
        return np.asarray(self.regularization * frequency**self.exponent, np.float32)

    def _shared_ridge(self, others: int) -> float:
        """Regularisation of a row without entries: the part that all rows have in common."""
        return float(self.regularization * others**self.exponent)
