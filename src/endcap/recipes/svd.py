"""Truncated SVD: the directions in which shoppers differ most, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.exponents import Ending, Pair, chosen, exponent
from endcap.recipes.graph_filter import top_eigenvectors
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Float64

PRIOR: Pair = (0.4, 0.4)
"""scaling and lift where there is too little to choose by."""
SCALINGS = (0.1, 0.25, 0.4, 0.55)
LIFTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass
class SVD(InnerProductRecipe):
    """score = h · D^-scaling · V Vᵀ · D^lift,  V the leading right singular vectors of D_u^-damping R D^-scaling

    with R the items each shopper took (0 or 1), h the live history likewise, D and D_u how many took an item and how
    many items a shopper took. All exponents 0 is PureSVD (Cremonesi et al. 2010, "Performance of recommender algorithms
    on top-N recommendation tasks"); scaling popular items down is EigenRec (Nikolakopoulos et al. 2019). A history is
    folded in by one product, so a shopper never seen is answered as any other. Of scaling and lift those not given are
    the pair with the best NDCG@20 of the last 28 days given what came before.
    """

    title: ClassVar[str] = "Truncated SVD"

    factors: int = param(256, "Singular vectors kept.", low=1, high=2048, search=(16, 512), log=True)
    scaling: float | None = exponent("How far popular items are scaled down", (0.0, 1.0), high=1.0)
    damping: float = param(0.5, "How far shoppers with many items are scaled down.", low=0.0, high=1.0)
    lift: float | None = exponent("How far scores of popular items are raised", (0.0, 1.0), high=1.0)
    seed: int = param(0, "Seed of the random start.", low=0)

    fold_in_: Float32 = fitted()
    """float32 [n, d]: D^-scaling V."""
    exponents_: Float32 = fitted()
    """float32 [2]: scaling and lift, as given or as chosen."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        def filtered(ending: Ending) -> Callable[[float], Callable[[float], Float32]]:
            history = ending.queries.had(dataset.n_items)

            def scored(scaling: float) -> Callable[[float], Float32]:
                fold_in, vectors, counts = self._directions(ending.earlier, scaling, progress)
                scores = np.asarray((history @ fold_in) @ vectors.T, np.float32)
                return lambda lift: scores * (counts**lift).astype(np.float32)

            return scored

        scaling, lift = chosen(dataset, (self.scaling, self.lift), (SCALINGS, LIFTS), PRIOR, filtered, self.seed)
        self.exponents_ = np.array([scaling, lift], np.float32)
        self.fold_in_, vectors, counts = self._directions(dataset, scaling, progress)
        self.item_vectors_ = np.ascontiguousarray(vectors * (counts**lift)[:, None], np.float32)

    def _directions(self, dataset: Dataset, scaling: float, progress: Progress) -> tuple[Float32, Float32, Float64]:
        """float32 [n, d] D^-scaling V, float32 [n, d] V, and float64 [n] D: how many took each item, at least 1."""
        taken = dataset.taken()
        counts = np.maximum(np.bincount(taken.indices, minlength=dataset.n_items), 1).astype(np.float64)
        by_user = np.maximum(np.diff(taken.indptr), 1.0) ** -self.damping
        scaled = (sparse.diags(by_user) @ taken @ sparse.diags(counts**-scaling)).tocsr().astype(np.float32)
        with progress("truncated SVD", unit="passes") as tick:
            factors = min(self.factors, *scaled.shape)
            _, vectors = top_eigenvectors(scaled, scaled.T.tocsr(), factors, self.seed, tick)
        return np.asarray(vectors * (counts**-scaling)[:, None], np.float32), vectors, counts

    def query_vectors(self, queries: Queries) -> Float32:
        history = queries.with_current().had(self.n_items)
        vectors = np.asarray(history @ self.fold_in_, np.float32)
        vectors[np.diff(history.indptr) == 0] = np.nan
        return vectors
