"""The largest entries of every row of an item-item matrix, block by block, so that it is never held whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from scipy import sparse

from endcap.types import Bool, Float32, Int32

ROWS_PER_BLOCK = 2048


def best_of_rows(n: int, rows: Callable[[int, int], sparse.csr_matrix], keep: int) -> sparse.csr_matrix:
    """float32 [n, n] with the `keep` largest positive entries of each row.

    `rows(low, high)` gives rows low … high - 1, CSR float32 [high - low, n]; ties go to the entry stored first.
    """
    blocks = []
    for low in range(0, n, ROWS_PER_BLOCK):
        block = rows(low, min(low + ROWS_PER_BLOCK, n)).tocsr()
        indptr = block.indptr.astype(np.int64)
        chosen: Bool = _marked(indptr, block.data, keep)
        ends = np.concatenate(([0], np.cumsum(chosen)))[indptr]
        blocks.append(sparse.csr_matrix((block.data[chosen], block.indices[chosen], ends), shape=block.shape))
    return sparse.vstack(blocks, format="csr", dtype=np.float32)


def as_rows(items: Int32, values: Float32) -> sparse.csr_matrix:
    """float32 [n, n] from the neighbours of each item: int32 [n, k] (-1 past the end) and float32 [n, k]."""
    known = items >= 0
    ends = np.concatenate(([0], np.cumsum(known.sum(1))))
    return sparse.csr_matrix((values[known], items[known], ends), shape=(len(items), len(items)), dtype=np.float32)


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
            if values[place] > bound:
                room -= 1
        for place in range(low, high):
            if values[place] < bound:
                keep[place] = False
            elif values[place] == bound and keep[place]:
                keep[place] = room > 0
                room -= 1
    return keep
