"""Least squares for many rows at once, each over the few vectors it touches.

For row u with entries i and extra confidences e_i the problem is, in vectors y_i of a *whitened* basis,

    (D_u + Σ e_i y_i y_iᵀ) x_u = Σ (1 + e_i) y_i,    D_u diagonal.

In the basis that turns YᵀY + λI into the identity the dense term costs f multiplications in place of f², and the
system is the identity plus a sum of few outer products, so conjugate gradients need one or two steps where the plain
basis needs three (Takács et al. 2011, "Applications of the conjugate gradient method for implicit feedback
collaborative filtering"). Each row's vectors are gathered once, then all steps run on that small buffer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from endcap.types import Float32, Int32, Int64

Float64 = NDArray[np.float64]

PARTS = 64
"""Rows are cut into this many runs of equal work."""
FEW = 16
"""Up to this many rows, as in a served batch, are solved by the caller's own thread: waking others costs more."""

_FAST = {"reassoc", "contract", "nsz", "arcp"}


@dataclass
class Half:
    """One side of the factorisation, users or items: its entries, its regularisation and its vectors."""

    indptr: Int64
    indices: Int32
    extra: Float32
    """float32 [nnz]: confidence minus one."""
    ridge: Float32
    """float32 [rows]."""
    shared_ridge: float
    vectors: Float32
    """float32 [rows, f], in a basis that changes from pass to pass; see `raw`."""

    basis: Float64 = field(init=False)
    bounds: Int64 = field(init=False)

    def __post_init__(self) -> None:
        self.basis = np.eye(self.vectors.shape[1])
        self.bounds = balanced(self.indptr)

    def raw(self) -> Float32:
        """float32 [rows, f] in the plain basis, in which users · items is the score."""
        return self.vectors @ self.basis.astype(np.float32)

    def whiten(self, ridge: float) -> Float32:
        """Change the basis so that Gram matrix + ridge · I becomes I; returns the old eigenvalues, float32 [f]."""
        return self._turn(ridge)[0]

    def improve(self, other: Half, steps: int) -> None:
        """Solve all rows against the other side's vectors, in their whitened basis."""
        spectrum, whitening, colouring = other._turn(self.shared_ridge)
        # plain x = whitening @ white x, so white x = colouring @ plain x, and rows multiply by the transposes.
        self.vectors = self.vectors @ (self.basis @ colouring.T).astype(np.float32)
        self.basis = whitening.T
        solve_rows(
            self.indptr,
            self.indices,
            self.extra,
            other.vectors,
            spectrum,
            self.ridge,
            self.shared_ridge,
            self.vectors,
            steps,
            self.bounds,
        )

    def _turn(self, ridge: float) -> tuple[Float32, Float64, Float64]:
        gram = self.basis.T @ (self.vectors.T @ self.vectors).astype(np.float64) @ self.basis
        values, directions = np.linalg.eigh(gram)
        values = np.maximum(values, 0.0)
        stretch = np.sqrt(values + ridge)
        whitening, colouring = directions / stretch, (directions * stretch).T
        self.vectors = self.vectors @ (self.basis @ whitening).astype(np.float32)
        self.basis = colouring
        return values.astype(np.float32), whitening, colouring


def balanced(indptr: Int64, parts: int = PARTS) -> Int64:
    """int64 bounds of at most `parts` runs of rows with about equal work (entries, plus a little per row)."""
    work = np.asarray(indptr, np.int64) + 8 * np.arange(len(indptr))
    return np.unique(np.searchsorted(work, np.linspace(0, work[-1], parts + 1))).astype(np.int64)


def solve_rows(
    indptr: Int64,
    indices: Int32,
    extra: Float32,
    source: Float32,
    spectrum: Float32,
    ridge: Float32,
    shared_ridge: float,
    target: Float32,
    steps: int,
    bounds: Int64 | None = None,
) -> None:
    """Improve each row of `target` (float32 [rows, f], in place) by at most `steps` conjugate-gradient steps.

    `extra` float32 [nnz] is confidence minus one of each entry, `source` float32 [n, f] the whitened vectors,
    `spectrum` float32 [f] the eigenvalues of their Gram matrix before whitening, `ridge` float32 [rows] each row's
    regularisation and `shared_ridge` the one used in whitening. Rows without entries become zero.
    The result does not depend on the number of threads.
    """
    ends = np.asarray(indptr, np.int64)
    problem = (ends, indices, extra, source, spectrum, ridge, np.float64(shared_ridge), target, steps)
    if bounds is None and len(target) <= FEW:
        _solve_run(0, len(target), *problem)
    else:
        _solve(balanced(indptr) if bounds is None else bounds, *problem)


@njit(cache=True, nogil=True)
def summed(indptr, item, weight):  # type: ignore[no-untyped-def]
    """(int64 [q + 1], int32 [nnz], float32 [nnz]): each history's items, ascending, once each, weights added up."""
    ends = np.zeros(len(indptr), np.int64)
    items = np.empty(len(item), np.int32)
    sums = np.empty(len(item), np.float32)
    size = 0
    for u in range(len(indptr) - 1):
        start = indptr[u]
        before = size
        for place in np.argsort(item[start : indptr[u + 1]], kind="mergesort"):
            event = start + place
            if size > before and items[size - 1] == item[event]:
                sums[size - 1] += weight[event]
            else:
                items[size], sums[size] = item[event], weight[event]
                size += 1
        ends[u + 1] = size
    return ends, items[:size], sums[:size]


@njit(cache=True, fastmath=_FAST, nogil=True)
def _residual(rows, extra, count, diagonal, x, r):  # type: ignore[no-untyped-def]
    """r = Σ (1 + e) y - (D + Σ e y yᵀ) x; four vectors at a time, so that sums overlap."""
    f = len(x)
    one = np.float32(1)
    for k in range(f):
        r[k] = -diagonal[k] * x[k]
    for i in range(0, count, 4):
        s0 = s1 = s2 = s3 = np.float32(0)
        for k in range(f):
            s0 += rows[i, k] * x[k]
            s1 += rows[i + 1, k] * x[k]
            s2 += rows[i + 2, k] * x[k]
            s3 += rows[i + 3, k] * x[k]
        s0 = one + extra[i] * (one - s0)
        s1 = one + extra[i + 1] * (one - s1)
        s2 = one + extra[i + 2] * (one - s2)
        s3 = one + extra[i + 3] * (one - s3)
        for k in range(f):
            r[k] += s0 * rows[i, k] + s1 * rows[i + 1, k] + s2 * rows[i + 2, k] + s3 * rows[i + 3, k]


@njit(cache=True, fastmath=_FAST, nogil=True)
def _apply(rows, extra, count, diagonal, p, q):  # type: ignore[no-untyped-def]
    """q = (D + Σ e y yᵀ) p; returns p·q."""
    f = len(p)
    for k in range(f):
        q[k] = diagonal[k] * p[k]
    for i in range(0, count, 4):
        s0 = s1 = s2 = s3 = np.float32(0)
        for k in range(f):
            s0 += rows[i, k] * p[k]
            s1 += rows[i + 1, k] * p[k]
            s2 += rows[i + 2, k] * p[k]
            s3 += rows[i + 3, k] * p[k]
        s0 *= extra[i]
        s1 *= extra[i + 1]
        s2 *= extra[i + 2]
        s3 *= extra[i + 3]
        for k in range(f):
            q[k] += s0 * rows[i, k] + s1 * rows[i + 1, k] + s2 * rows[i + 2, k] + s3 * rows[i + 3, k]
    product = np.float32(0)
    for k in range(f):
        product += p[k] * q[k]
    return product


@njit(cache=True, fastmath=_FAST, nogil=True)
def _descend(rows, extra, count, diagonal, x, r, p, q, steps):  # type: ignore[no-untyped-def]
    f = len(x)
    square = np.float32(0)
    for k in range(f):
        p[k] = r[k]
        square += r[k] * r[k]
    enough = np.float32(1e-11) * square
    for _ in range(steps):
        if square <= enough:
            break
        length = square / _apply(rows, extra, count, diagonal, p, q)
        after = np.float32(0)
        for k in range(f):
            x[k] += length * p[k]
            r[k] -= length * q[k]
            after += r[k] * r[k]
        momentum = after / square
        square = after
        for k in range(f):
            p[k] = r[k] + momentum * p[k]


@njit(cache=True, fastmath=_FAST, nogil=True)
def _solve_run(  # type: ignore[no-untyped-def]
    first, last, indptr, indices, extra, source, spectrum, ridge, shared_ridge, target, steps
):
    f = source.shape[1]
    longest = 0
    for u in range(first, last):
        longest = max(longest, indptr[u + 1] - indptr[u])
    rows = np.empty((longest + 3, f), np.float32)
    weights = np.empty(longest + 3, np.float32)
    inverse = np.empty(f, np.float32)
    diagonal = np.empty(f, np.float32)
    r = np.empty(f, np.float32)
    p = np.empty(f, np.float32)
    q = np.empty(f, np.float32)
    for k in range(f):
        inverse[k] = 1.0 / (np.float64(spectrum[k]) + shared_ridge)
    for u in range(first, last):
        x = target[u]
        start = indptr[u]
        n = indptr[u + 1] - start
        if n == 0:
            x[:] = 0
            continue
        for i in range(n):
            weights[i] = extra[start + i]
            vector = source[indices[start + i]]
            for k in range(f):
                rows[i, k] = vector[k]
        padded = (n + 3) // 4 * 4
        for i in range(n, padded):
            weights[i] = 0
            rows[i] = 0
        for k in range(f):
            diagonal[k] = (spectrum[k] + ridge[u]) * inverse[k]
        _residual(rows, weights, padded, diagonal, x, r)
        _descend(rows, weights, padded, diagonal, x, r, p, q, steps)


@njit(cache=True, nogil=True, parallel=True)
def _solve(  # type: ignore[no-untyped-def]
    runs, indptr, indices, extra, source, spectrum, ridge, shared_ridge, target, steps
):
    for run in prange(len(runs) - 1):
        _solve_run(
            runs[run], runs[run + 1], indptr, indices, extra, source, spectrum, ridge, shared_ridge, target, steps
        )
