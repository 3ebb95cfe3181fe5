"""Choosing the k best of many scores: one place for top-k, exclusion and ties."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from endcap.types import Bool, Float32, Int32, Int64


def top_k(
    scores: Float32,
    k: int,
    allowed: Bool | None = None,
    exclude_indptr: Int64 | None = None,
    exclude_items: Int32 | None = None,
) -> tuple[Int32, Float32]:
    """The k best columns of each row of float32 [q, n]: (int32 [q, k], float32 [q, k]), descending.

    NaN is never chosen; ties go to the lower column; rows with fewer choices end in -1 / NaN.
    `allowed` (bool [n]) and the exclusions (CSR over rows) bar columns.
    """
    q, n = scores.shape
    allowed = np.ones(n, np.bool_) if allowed is None else allowed
    indptr = np.zeros(q + 1, np.int64) if exclude_indptr is None else exclude_indptr
    items = np.zeros(0, np.int32) if exclude_items is None else exclude_items
    chosen, values = _select(np.ascontiguousarray(scores), k, allowed, indptr, items)
    return chosen, values


def top_k_inner(
    query_vectors: Float32,
    item_vectors: Float32,
    k: int,
    allowed: Bool | None = None,
    exclude_indptr: Int64 | None = None,
    exclude_items: Int32 | None = None,
) -> tuple[Int32, Float32]:
    """`top_k` of `query_vectors @ item_vectors.T` in blocks, so that the product is never held whole."""
    q, n = len(query_vectors), len(item_vectors)
    block = max(1, 4_000_000 // max(n, 1))
    items = np.full((q, k), -1, np.int32)
    values = np.full((q, k), np.nan, np.float32)
    for start in range(0, q, block):
        stop = min(start + block, q)
        indptr = None if exclude_indptr is None else exclude_indptr[start : stop + 1]
        scores = query_vectors[start:stop] @ item_vectors.T
        items[start:stop], values[start:stop] = top_k(scores, k, allowed, indptr, exclude_items)
    return items, values


@njit(cache=True, parallel=True, nogil=True)
def _select(scores: Float32, k: int, allowed: Bool, indptr: Int64, excluded: Int32) -> tuple[Int32, Float32]:
    q, n = scores.shape
    items = np.full((q, k), -1, np.int32)
    values = np.full((q, k), np.nan, np.float32)
    for row in prange(q):
        barred = np.zeros(n, np.bool_)
        for place in range(indptr[row], indptr[row + 1]):
            barred[excluded[place]] = True
        size = 0
        for column in range(n):
            value = scores[row, column]
            if np.isnan(value) or barred[column] or not allowed[column]:
                continue
            if size == k and not value > values[row, k - 1]:
                continue
            place = size if size < k else k - 1
            while place > 0 and values[row, place - 1] < value:
                values[row, place] = values[row, place - 1]
                items[row, place] = items[row, place - 1]
                place -= 1
            values[row, place] = value
            items[row, place] = column
            size = min(size + 1, k)
    return items, values
