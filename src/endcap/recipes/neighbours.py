"""The largest entries of every row of an item-item matrix, block by block, so that it is never held whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from scipy import sparse

from endcap.types import Float32, Int32, Int64

ROWS_PER_BLOCK = 2048


def best_neighbours(n: int, rows: Callable[[int, int], sparse.csr_matrix], keep: int) -> sparse.csr_matrix:
    """float32 [n, n] with the `keep` largest positive entries of each row.

    `rows(low, high)` gives rows low … high - 1, CSR float32 [high - low, n]; ties go to the lower column.
    """
    blocks = []
    for low in range(0, n, ROWS_PER_BLOCK):
        block = rows(low, min(low + ROWS_PER_BLOCK, n)).tocsr()
        block.sort_indices()
        kept = _keep(block.indptr.astype(np.int64), block.indices, block.data.astype(np.float32), keep)
        blocks.append(sparse.csr_matrix(kept, shape=block.shape))
    return sparse.vstack(blocks, format="csr", dtype=np.float32)


def _keep(indptr: Int64, indices: Int32, values: Float32, k: int) -> tuple[Float32, Int32, Int64]:
    keep = _marked(indptr, values, k)
    ends = np.concatenate(([0], np.cumsum(keep)))
    return values[keep], indices[keep], ends[indptr]


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
