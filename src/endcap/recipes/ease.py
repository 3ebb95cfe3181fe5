"""EASE: the best linear item-item model, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import linalg, sparse

from endcap.errors import ResourceError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Int32


@dataclass
class EASE(Recipe):
    """score = h B with B = argmin |X - XB|² + λ|B|², diag B = 0: B = I - P / diag P, P = (XᵀX + λI)⁻¹.

    Steck 2019, "Embarrassingly shallow autoencoders for sparse data". P takes 4·n² bytes and 2 n³/3 multiplications,
    so only the `max_items` best supported items are modelled; the others stay unscored. X is binary.
    """

    title: ClassVar[str] = "EASE"
    reason: ClassVar[str] = "Goes with what you bought"

    regularization: float = param(200.0, "λ, added to the diagonal of XᵀX.", low=1e-3, search=(10.0, 2000.0), log=True)
    max_items: int | None = param(10_000, "Model this many best supported items; None: all that were taken.", low=1)
    max_memory_gb: float = param(4.0, "Refuse where the inverse would take more than this.", low=0.001)

    weights_: Float32 = fitted()
    """float32 [m, m]: B of the modelled items."""
    modelled_: Int32 = fitted()
    """int32 [m]: their rows."""
    place_: Int32 = fitted()
    """int32 [n]: place of each item in `modelled_`, -1 where it is not modelled."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        taken = dataset.taken()
        support = np.diff(taken.tocsc().indptr)
        best = np.argsort(-support, kind="stable")[: int((support > 0).sum())][: self.max_items]
        self._refuse_if_too_large(len(best))
        self.modelled_ = np.sort(best).astype(np.int32)
        self.place_ = np.full(dataset.n_items, -1, np.int32)
        self.place_[self.modelled_] = np.arange(len(best), dtype=np.int32)
        with progress("EASE", total=len(best), unit="items") as tick:
            self.weights_ = _zero_diagonal_weights(taken[:, self.modelled_].T.tocsr(), self.regularization)
            tick(len(best))

    def _refuse_if_too_large(self, m: int) -> None:
        need = 4 * m * m / 2**30
        if need > self.max_memory_gb:
            raise ResourceError(
                f"EASE of {m:,} items needs a dense matrix of {need:.1f} GB; {self.max_memory_gb} GB are allowed.",
                fix=f"Set max_items to {int((self.max_memory_gb * 2**30 / 4) ** 0.5):,} or less, "
                "raise max_memory_gb, or use graph-filter.",
            )

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        queries = queries.with_current()
        history = queries.had(self.n_items)[:, self.modelled_]
        items = np.arange(self.n_items, dtype=np.int32) if items is None else items
        place = self.place_[items]
        scores = np.full((len(queries), len(items)), np.nan, np.float32)
        weights = self.weights_ if len(items) == self.n_items else self.weights_[:, place[place >= 0]]
        scores[:, place >= 0] = history @ weights
        scores[np.diff(history.indptr) == 0] = np.nan
        return scores


def _zero_diagonal_weights(by_item: sparse.csr_matrix, regularization: float) -> Float32:
    """B, computed inside one float32 array [m, m]."""
    gram = np.asfortranarray((by_item @ by_item.T).toarray(), np.float32)
    gram[np.diag_indices_from(gram)] += regularization
    factor, failed = linalg.lapack.spotrf(gram, lower=True, overwrite_a=True, clean=False)
    inverse, failed_too = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
    if failed or failed_too:
        raise ResourceError("The Gram matrix of EASE is singular in float32.", fix="Raise regularization.")
    # Only the lower triangle is computed; mirror it block by block to stay inside the one array.
    m = len(inverse)
    for low in range(0, m, 1024):
        high = min(low + 1024, m)
        square = inverse[low:high, low:high]
        inverse[low:high, low:high] = np.tril(square) + np.tril(square, -1).T
        inverse[low:high, high:] = inverse[high:, low:high].T
    inverse /= -np.diag(inverse).copy()[None, :]
    inverse[np.diag_indices_from(inverse)] = 0.0
    return np.ascontiguousarray(inverse)
