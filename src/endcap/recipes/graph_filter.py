"""Graph filter: the shopper's history as a signal on the graph of items, smoothed and sharpened. Nothing is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numba import njit
from scipy import linalg, sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.exponents import Ending, chosen, exponent
from endcap.recipes.nearest import nearest
from endcap.recipes.queries import Queries
from endcap.seams import Progress, Tick, rng
from endcap.types import Float32, Float64, Int32

ROUNDS = 5
"""Passes of subspace iteration; each costs two products with R̃ and one orthogonalisation."""
DENSE_ROUNDS = 12
"""The same where R̃R̃ᵀ is held whole, which makes a pass cheap."""
DENSE = 40
"""The Gram matrix of the smaller side is held whole where it has at most this many times the entries of R̃."""
PRIOR_LIFT, LIFTS = 0.2, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""What is taken where there is too little to choose by, and what there is to choose from."""
BESIDE_POPULARITY: dict[str, Any] = {"ideal": 0.2, "sharpening": 2.5, "lift": 0.0}
"""What suits a mix that has popularity as a source of its own."""
UNSOUND = 1e-3
"""A Cholesky factor whose diagonal spans more than this is not trusted in single precision."""


@dataclass
class GraphFilter(Recipe):
    """score = h · (P + ideal · D^-½ V Vᵀ D^½) · g(P) · D^lift, h the history's items (0 or 1), P = R̃ᵀR̃,
    R̃ = D_u^-½ R D^-½.

    P is the linear filter, V its top `rank` eigenvectors the ideal low-pass filter (Shen et al. 2021, "How powerful
    is graph convolution for recommendation?"); g(λ) = Σ_j≤4 (-sharpening · λ)^j / j! is one Runge-Kutta step of the
    sharpening process of Choi et al. 2023, "Blurring-sharpening process models". Here g(P) is applied exactly on the
    span of V and as the constant g(λ_rank / 2) on the rest, which makes it as cheap as the low-pass filter itself.
    The filter favours what few took; `lift` gives popular items back what suits the shop: where none is given, that
    with the best NDCG@20 of the last 28 days given what came before.
    """

    title: ClassVar[str] = "Graph filter"
    reason: ClassVar[str] = "Shoppers like you chose this"

    rank: int = param(448, "Eigenvectors of the ideal low-pass filter.", low=1, search=(32, 512), log=True)
    ideal: float = param(0.05, "Weight of the ideal low-pass filter beside the linear one.", low=0.0, search=(0.0, 0.5))
    sharpening: float = param(1.5, "Length of the sharpening step; 0: GF-CF.", low=0.0, high=4.0, search=(0.0, 4.0))
    lift: float | None = exponent("How far scores of popular items are raised", (0.0, 0.6), high=1.0)
    neighbours: int = param(1000, "Largest entries kept in each row of the linear filter.", low=1)
    half_life_days: float | None = param(None, "Age at which an event of the history counts half; None: never.", low=1)
    seed: int = param(0, "Seed of the random start of the eigenvectors.", low=0)

    linear_: sparse.csr_matrix = fitted()
    """float32 [n, n]: P, its largest entries."""
    vectors_: Float32 = fitted()
    """float32 [n, d]: V."""
    eigenvalues_: Float32 = fitted()
    """float32 [d]: of P, descending."""
    root_degree_: Float32 = fitted()
    """float32 [n]: D^½, square roots of how many shoppers took each item."""
    met_: Float32 = fitted()
    """float32 [d, d]: VᵀD^½V, the same for every query."""
    raised_: Float32 = fitted()
    """float32 [n]: D^lift."""
    timed_: Int32 = fitted()
    """int32 [1]: 1 where times are times."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        def filtered(ending: Ending) -> Callable[[float], Callable[[float], Float32]]:
            self._learn(ending.earlier, progress)
            self.raised_ = np.ones(dataset.n_items, np.float32)
            scores = np.nan_to_num(self.score(ending.queries), nan=0.0)
            return lambda _: lambda lift: scores * self.root_degree_ ** np.float32(2 * lift)

        _, lift = chosen(dataset, (0.0, self.lift), ((), LIFTS), (0.0, PRIOR_LIFT), filtered, self.seed)
        self._learn(dataset, progress)
        self.raised_ = self.root_degree_ ** np.float32(2 * lift)

    def _learn(self, dataset: Dataset, progress: Progress) -> None:
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int32)
        taken = dataset.taken()
        degree = np.maximum(np.bincount(taken.indices, minlength=dataset.n_items), 1)
        self.root_degree_ = np.sqrt(degree).astype(np.float32)
        by_user = np.sqrt(np.maximum(np.diff(taken.indptr), 1))
        normal = (sparse.diags(1 / by_user) @ taken @ sparse.diags(1 / np.sqrt(degree))).tocsr().astype(np.float32)
        with progress("graph filter", total=dataset.n_items, unit="items") as tick:
            self.linear_ = nearest(normal, normal, self.neighbours, itself=True, tick=tick)
        with progress("eigenvectors", unit="passes") as tick:
            rank = min(self.rank, *normal.shape)
            self.eigenvalues_, self.vectors_ = top_eigenvectors(normal, normal.T.tocsr(), rank, self.seed, tick)
        self.met_ = np.asarray((self.vectors_.T * self.root_degree_) @ self.vectors_, np.float32)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        queries = queries.with_current()
        aged = self.half_life_days is not None and self.timed_[0]
        worth = queries.decay(self.half_life_days or 1.0) if aged else np.ones(len(queries.item))
        history = queries.matrix(self.n_items, worth.astype(np.float32))
        np.minimum(history.data, 1.0, out=history.data)
        rows = slice(None) if items is None else items
        vectors, linear = self.vectors_[rows], self.linear_ if items is None else self.linear_[:, items]
        smooth, ideal, rest = self._coordinates(history)
        scores = np.asarray((history @ linear).toarray(), np.float32) * rest
        scores += smooth @ vectors.T
        scores += (ideal @ vectors.T) * self.root_degree_[rows]
        scores *= self.raised_[rows]
        scores[np.diff(history.indptr) == 0] = np.nan
        return scores

    def _coordinates(self, history: sparse.csr_matrix) -> tuple[Float32, Float32, np.float32]:
        """float32 [q, d] that meet V, float32 [q, d] that meet D^½ V, and g on the rest of the spectrum."""
        values, vectors = self.eigenvalues_, self.vectors_
        rest = self._sharpen(values[-1:] * np.float32(0.5))[0]
        excess = self._sharpen(values) - rest
        low_pass = (history.multiply(1 / self.root_degree_).tocsr() @ vectors) * np.float32(self.ideal)
        smooth = (history @ vectors) * (excess * values) + (low_pass @ self.met_) * excess
        return smooth, low_pass * rest, rest

    def _sharpen(self, values: Float32) -> Float32:
        step = -self.sharpening * values
        return np.asarray(1 + step * (1 + step / 2 * (1 + step / 3 * (1 + step / 4))), np.float32)


def top_eigenvectors(
    normal: sparse.csr_matrix, transposed: sparse.csr_matrix, rank: int, seed: int, tick: Tick
) -> tuple[Float32, Float32]:
    """Largest `rank` eigenvalues (float32 [d]) and eigenvectors (float32 [n, d]) of `transposed @ normal`.

    Randomised subspace iteration (Halko, Martinsson, Tropp 2011) with 10 % more directions than asked for, on the
    smaller of the two sides: `normal @ transposed` has the same eigenvalues.
    """
    users, items = normal.shape
    wide, tall = (normal, transposed) if users < items else (transposed, normal)
    width = min(rank + max(rank // 10, 8), users, items)
    gram = (wide @ tall).toarray() if min(users, items) ** 2 <= DENSE * normal.nnz else None
    basis = rng(seed).standard_normal((min(users, items), width), dtype=np.float32)
    for _ in range(ROUNDS if gram is None else DENSE_ROUNDS):
        basis = _orthonormal(wide @ (tall @ basis) if gram is None else gram @ basis)
        tick()
    basis = _orthonormal(basis)
    image = wide @ (tall @ basis) if gram is None else gram @ basis
    small: Float64 = (basis.T @ image).astype(np.float64)
    values, directions = np.linalg.eigh((small + small.T) / 2)
    values, directions = np.maximum(values[::-1][:rank], 0), directions[:, ::-1][:, :rank]
    vectors = basis @ directions.astype(np.float32)
    if users < items:
        # From eigenvectors over users to those over items; what has no eigenvalue has no direction there.
        sound = values > 1e-6 * values[0]
        vectors = tall @ (vectors * np.where(sound, 1 / np.sqrt(np.where(sound, values, 1)), 0).astype(np.float32))
    return values.astype(np.float32), np.ascontiguousarray(vectors)


def _orthonormal(columns: Float32) -> Float32:
    """An orthonormal basis of the span of float32 [m, d], m ≥ d: by Cholesky QR where that is sound, else by QR."""
    turn, span = _inverse_factor((columns.T @ columns).astype(np.float64))
    if span <= UNSOUND:
        return np.asarray(linalg.qr(columns, mode="economic", check_finite=False)[0], np.float32)
    return np.asarray(columns @ turn.T.astype(np.float32), np.float32)


# Not LAPACK's: a factor this small takes OpenBLAS a hundred times as long where its threads must wait for a core.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _inverse_factor(gram):  # type: ignore[no-untyped-def]
    """(inverse of the Cholesky factor, smallest over largest entry of its diagonal); the latter is 0 without one."""
    d = len(gram)
    factor, inverse = np.zeros((d, d)), np.zeros((d, d))
    low, high = np.inf, 0.0
    for i in range(d):
        for j in range(i + 1):
            rest = gram[i, j]
            for k in range(j):
                rest -= factor[i, k] * factor[j, k]
            if j < i:
                factor[i, j] = rest / factor[j, j]
            elif rest > 0:
                factor[i, i] = np.sqrt(rest)
            else:
                return inverse, 0.0
        low, high = min(low, factor[i, i]), max(high, factor[i, i])
        inverse[i, i] = 1.0
        for k in range(i):
            inverse[i, : k + 1] -= factor[i, k] * inverse[k, : k + 1]
        inverse[i, : i + 1] /= factor[i, i]
    return inverse, low / high
