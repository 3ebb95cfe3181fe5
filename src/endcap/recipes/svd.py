"""Truncated SVD: the directions in which shoppers differ most, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.graph_filter import top_eigenvectors
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32


@dataclass
class SVD(InnerProductRecipe):
    """score = h · D^-scaling · V Vᵀ · D^lift,  V the leading right singular vectors of D_u^-damping R D^-scaling

    with R the items each shopper took (0 or 1), h the live history likewise, D and D_u how many took an item and how
    many items a shopper took. All exponents 0 is PureSVD (Cremonesi et al. 2010, "Performance of recommender algorithms
    on top-N recommendation tasks"); scaling popular items down is EigenRec (Nikolakopoulos et al. 2019). A history is
    folded in by one product, so a shopper never seen is answered as any other.
    """

    title: ClassVar[str] = "Truncated SVD"

    factors: int = param(256, "Singular vectors kept.", low=1, high=2048, search=(16, 512), log=True)
    scaling: float = param(0.4, "How far popular items are scaled down.", low=0.0, high=1.0, search=(0.0, 1.0))
    damping: float = param(0.5, "How far shoppers with many items are scaled down.", low=0.0, high=1.0)
    lift: float = param(0.4, "How far scores of popular items are raised.", low=0.0, high=1.0, search=(0.0, 1.0))
    seed: int = param(0, "Seed of the random start.", low=0)

    fold_in_: Float32 = fitted()
    """float32 [n, d]: D^-scaling V."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        taken = dataset.matrix()
        taken.data[:] = 1.0
        counts = np.maximum(np.bincount(taken.indices, minlength=dataset.n_items), 1).astype(np.float64)
        by_user = np.maximum(np.diff(taken.indptr), 1.0) ** -self.damping
        scaled = (sparse.diags(by_user) @ taken @ sparse.diags(counts**-self.scaling)).tocsr().astype(np.float32)
        with progress("truncated SVD", unit="passes") as tick:
            factors = min(self.factors, *scaled.shape)
            _, vectors = top_eigenvectors(scaled, scaled.T.tocsr(), factors, self.seed, tick)
        self.fold_in_ = np.asarray(vectors * (counts**-self.scaling)[:, None], np.float32)
        self.item_vectors_ = np.ascontiguousarray(vectors * (counts**self.lift)[:, None], np.float32)

    def query_vectors(self, queries: Queries) -> Float32:
        history = queries.with_current().matrix(self.n_items)
        history.data[:] = 1.0
        vectors = np.asarray(history @ self.fold_in_, np.float32)
        vectors[np.diff(history.indptr) == 0] = np.nan
        return vectors
