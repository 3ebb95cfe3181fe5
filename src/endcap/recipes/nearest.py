"""What is near each item: products of two sparse matrices over shoppers, only the largest entries of each row kept."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import sparse

from endcap.recipes.nearest_kernels import Product, Values
from endcap.seams import Tick
from endcap.types import Float32, Int32

MEASURES = ("count", "cosine", "jaccard", "lift")


def nearest(
    taken: sparse.csr_matrix,
    near: sparse.csr_matrix,
    keep: int,
    *,
    measure: str = "count",
    supports: tuple[Float32, Float32] | None = None,
    min_support: int = 1,
    itself: bool = False,
    tick: Tick | None = None,
) -> sparse.csr_matrix:
    """float32 [n, n]: the `keep` largest positive entries of each row of `takenᵀ @ near`, made alike by `measure`.

    Both are float32 [shoppers, n], all entries > 0. With c the product and (s, t) the `supports` (float32 [n] of rows
    and of columns): c, c / √(s t), c / (s + t - c) or c · shoppers / (s t). Entries that fewer than `min_support`
    shoppers add to are dropped, as is an item's own unless `itself`. Ties go to the item that more shoppers have in
    `near`, then to the lower one. The number of threads changes nothing. `tick` counts rows done.
    """
    product = Product.of(taken, near)
    room = np.empty(product.n, np.int64)
    room[product.order] = np.minimum(np.diff(product.work), min(keep, product.n))
    starts = np.concatenate(([0], np.cumsum(room))).astype(np.int64)
    # Only pages written to take memory: what most rows leave empty costs nothing.
    items, values = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    how = _values(measure, supports, taken.shape[0])
    sizes = product.fill((starts, items, values), how, min_support=min_support, own=itself, tick=tick)
    total = int(_close_gaps(starts, sizes, items, values))
    items.resize(total, refcheck=False)
    values.resize(total, refcheck=False)
    return sparse.csr_matrix((values, items, starts), shape=(product.n, product.n))


def as_rows(items: Int32, values: Float32, n: int) -> sparse.csr_matrix:
    """float32 [m, n] from neighbours, int32 [m, k] (-1 past the end) and float32 [m, k]."""
    known = items >= 0
    ends = np.concatenate(([0], np.cumsum(known.sum(axis=1))))
    return sparse.csr_matrix((values[known], items[known], ends), shape=(len(items), n), dtype=np.float32)


def _values(measure: str, supports: tuple[Float32, Float32] | None, shoppers: int) -> Values | None:
    if measure == "count" or supports is None:
        return None
    left, right = (np.maximum(side, np.float32(1e-9)) for side in supports)
    if measure == "jaccard":
        return Values(left, right, "jaccard")
    if measure == "cosine":
        return Values(_inverse(np.sqrt(left)), _inverse(np.sqrt(right)))
    return Values(shoppers * _inverse(left), _inverse(right))


def _inverse(values: Float32) -> Float32:
    return np.asarray(1 / values, np.float32)


@njit(cache=True, nogil=True)
def _close_gaps(starts, sizes, items, values):  # type: ignore[no-untyped-def]
    """Move the first `sizes` entries of each row together, in place, and `starts` with them; returns their number."""
    end = np.int64(0)
    for row in range(len(sizes)):
        at = starts[row]
        starts[row] = end
        for place in range(at, at + sizes[row]):
            items[end] = items[place]
            values[end] = values[place]
            end += 1
    starts[len(sizes)] = end
    return end
