"""The nearest neighbours of every item, from rows of co-occurrence counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numba import njit
from scipy import sparse

from endcap.types import Float32, Int32, Int64

ROWS_PER_BLOCK = 2048

Rows = Callable[[int, int], sparse.csr_matrix]
"""Co-occurrence counts float32 [high - low, n] of items low … high - 1."""


class Limits(Protocol):
    """What decides which neighbours are kept."""

    neighbours: int
    shrinkage: float
    min_support: float


def best_neighbours(rows: Rows, support: Float32, units: int, measure: str, limits: Limits) -> sparse.csr_matrix:
    """float32 [n, n]: of each row the `limits.neighbours` most similar items, the item itself left out.

    `support` float32 [n] counts each item's units. Held at once: the counts of `ROWS_PER_BLOCK` items.
    """
    n = len(support)
    blocks = []
    for low in range(0, n, ROWS_PER_BLOCK):
        counts = rows(low, min(low + ROWS_PER_BLOCK, n)).tocsr()
        own = np.repeat(np.arange(low, low + counts.shape[0]), np.diff(counts.indptr))
        values = _similarity(counts.data, support[own], support[counts.indices], units, measure)
        if limits.shrinkage and measure != "count":
            values *= counts.data / (counts.data + limits.shrinkage)
        values[(counts.data < limits.min_support) | (counts.indices == own)] = 0
        kept = keep_best(counts.indptr.astype(np.int64), counts.indices, values.astype(np.float32), limits.neighbours)
        blocks.append(sparse.csr_matrix(kept, shape=counts.shape))
    return sparse.vstack(blocks, format="csr", dtype=np.float32)


def keep_best(indptr: Int64, indices: Int32, values: Float32, k: int) -> tuple[Float32, Int32, Int64]:
    """(data, indices, indptr) of the k largest positive values of each row of a CSR matrix, columns ascending."""
    keep = _marked(indptr, values, k)
    lengths = np.add.reduceat(np.append(keep, False), indptr[:-1]) * (np.diff(indptr) > 0)
    return values[keep], indices[keep], np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)


def _similarity(counts: Float32, left: Float32, right: Float32, units: int, measure: str) -> Float32:
    if measure == "cosine":
        return np.asarray(counts / np.sqrt(left * right))
    if measure == "jaccard":
        return np.asarray(counts / np.maximum(left + right - counts, 1e-9))
    if measure == "lift":
        return np.asarray(counts * units / (left * right))
    return counts.copy()


@njit(cache=True, nogil=True)
def _marked(indptr, values, k):  # type: ignore[no-untyped-def]
    keep = values > 0
    for row in range(len(indptr) - 1):
        low, high = indptr[row], indptr[row + 1]
        if high - low <= k:
            continue
        bound = np.partition(values[low:high], high - low - k)[high - low - k]
        room = k
        for place in range(low, high):
            if values[place] > bound and keep[place]:
                room -= 1
        for place in range(low, high):
            if values[place] < bound:
                keep[place] = False
            elif values[place] == bound and keep[place]:
                keep[place] = room > 0
                room -= 1
    return keep
