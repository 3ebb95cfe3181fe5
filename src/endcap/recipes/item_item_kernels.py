"""Counting which items go together, and keeping each item's best neighbours, the best first."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes.als_kernels import balanced
from endcap.recipes.nearest_kernels import Product, Slots, Values, in_threads, keep_best, scaling, scratch
from endcap.types import Float32, Int32, Int64

Similarity = Literal["cosine", "count"]


def neighbours(
    matrix: sparse.csr_matrix,
    k: int,
    *,
    similarity: Similarity = "cosine",
    shrinkage: float = 0.0,
    min_support: int = 1,
    cap: int | None = None,
) -> tuple[Int32, Float32]:
    """The k best neighbours of every item of float32 [rows, n] weights > 0: (int32 [n, k], float32 [n, k]), descending.

    A row is whatever makes items go together: a user's history, a session, an order. With d_ij = Σ_rows w_i w_j the
    value is d_ij / (|i| |j| + shrinkage) for `cosine` and d_ij for `count`. Pairs found in fewer than `min_support`
    rows are left out; rows longer than `cap` items are thinned to that many, evenly. Fewer than k neighbours end in
    -1 / NaN; ties go to the more popular item, then to the lower row. An item is never its own neighbour.
    """
    if matrix.nnz and not matrix.data.min() > 0:
        raise InputError(f"Weights of interactions start at {matrix.data.min()}, expected all > 0.")
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    matrix = matrix if cap is None else thinned(matrix, cap)
    ones = bool((matrix.data == 1).all())
    squares = np.bincount(matrix.indices, None if ones else matrix.data.astype(np.float64) ** 2, matrix.shape[1])
    slots = _slots(matrix.shape[1], k)
    values = _values(squares, similarity, shrinkage)
    Product.of(matrix, matrix).fill(slots, values, min_support=min_support, ordered=True)
    return slots[1].reshape(-1, k), slots[2].reshape(-1, k)


def window_neighbours(
    indptr: Int64,
    items: Int32,
    n_items: int,
    k: int,
    *,
    window: int = 5,
    decay: float = 0.8,
    directed: bool = False,
    similarity: Similarity = "cosine",
    shrinkage: float = 0.0,
    min_support: int = 1,
) -> tuple[Int32, Float32]:
    """As `neighbours`, from ordered histories (int64 [h + 1], int32 [m], oldest first) and near pairs only.

    Two events d ≤ `window` steps apart add decay^(d - 1) to d_ij; with `directed`, only to the neighbours of the
    earlier item, so that they are what comes next. |i|² is the number of events of item i.
    """
    counts = np.bincount(items, minlength=n_items)
    order = np.argsort(-counts, kind="stable").astype(np.int32)
    rank = np.empty(n_items, np.int32)
    rank[order] = np.arange(n_items, dtype=np.int32)
    ranked = rank[items]
    places = np.argsort(ranked, kind="stable")
    starts = np.concatenate(([0], np.cumsum(counts[order]))).astype(np.int64)
    lengths = np.diff(indptr)
    histories = (np.repeat(indptr[:-1], lengths), np.repeat(indptr[1:], lengths), ranked)
    decays = np.power(np.float32(decay), np.arange(window, dtype=np.float32))
    scale = scaling(order, _values(counts, similarity, shrinkage))
    slots, sizes = _slots(n_items, k), np.zeros(n_items, np.int64)

    def run(low: int, high: int) -> None:
        _window(low, high, starts, places, histories, decays, directed, scale, min_support, order, slots, sizes)

    in_threads(run, balanced(starts * window), None)
    return slots[1].reshape(-1, k), slots[2].reshape(-1, k)


def order_matrix(order: Int64, item: Int32, n_items: int) -> sparse.csr_matrix:
    """float32 [orders, n_items] of ones: which items each order holds; events with order -1 are left out."""
    known = order >= 0
    codes, rows = np.unique(order[known], return_inverse=True)
    ones = np.ones(len(rows), np.float32)
    matrix = sparse.csr_matrix((ones, (rows, item[known])), shape=(len(codes), n_items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def thinned(matrix: sparse.csr_matrix, cap: int) -> sparse.csr_matrix:
    """The matrix with at most `cap` entries in each row, evenly spread over the longer ones."""
    lengths = np.diff(matrix.indptr)
    if lengths.max(initial=0) <= cap:
        return matrix
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(matrix.nnz) - matrix.indptr[row]
    length = np.maximum(lengths[row], 1)
    # Entry p is kept where the line p * cap / length steps to the next integer: exactly cap of them, evenly spread.
    keep = (length <= cap) | ((place + 1) * cap // length > place * cap // length)
    indptr = np.concatenate(([0], np.cumsum(np.minimum(lengths, cap))))
    return sparse.csr_matrix((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)


def _slots(n: int, k: int) -> Slots:
    return np.arange(n + 1, dtype=np.int64) * k, np.empty(n * k, np.int32), np.empty(n * k, np.float32)


def _values(squares: NDArray[Any], similarity: Similarity, shrinkage: float) -> Values | None:
    """What sums are divided by, from the squared norms of the items; None for counts."""
    if similarity == "count":
        return None
    norms = np.sqrt(np.maximum(squares, 1e-30))
    if shrinkage:
        return Values(norms, norms, "shrunk", shrinkage)
    return Values(1 / norms, 1 / norms)


@njit(cache=True, nogil=True)
def _window(  # type: ignore[no-untyped-def]
    low, high, item_ptr, places, histories, decays, directed, scale, support, order, slots, sizes
):
    reach = len(decays)
    starts, stops, events = histories
    space = scratch(len(order), support > 1, decays.dtype)
    sums, counts, met = space[:3]
    for i in range(low, high):
        size = np.int64(0)
        for at in range(item_ptr[i], item_ptr[i + 1]):
            here = places[at]
            first = here + 1 if directed else max(starts[here], here - reach)
            for other in range(first, min(stops[here], here + reach + 1)):
                if other == here:
                    continue
                j = events[other]
                before = sums[j]
                met[size] = j
                size += before == 0
                sums[j] = before + decays[abs(other - here) - 1]
                if len(counts):
                    counts[j] += 1
        sums[i] = 0
        keep_best(i, size, space, support, scale, np.bool_(True), order, slots, sizes)
