"""The three inner loops of an answer: all scores of a batch, the k best of one, and the sum under a softmax.

A score of minus infinity means none: the recipe cannot tell, or the item may not be shown.
"""

from __future__ import annotations

import threading

import numpy as np
from numba import njit

from endcap.types import Bool, Float32, Int32

FEW = 64
"""Up to this k the best are kept in order while scanning; above it a partition comes first."""
TILE = 2048
"""Items per block of a batched product: its scores stay in the cache until they are turned around."""


def inner_products(queries: Float32, items: Float32) -> Float32:
    """float32 [q, n] of `queries` [q, d] and `items` [n, d], C-contiguous; overwritten by this thread's next call.

    One query is a matrix-vector product; several share each pass over the items, which is what costs.
    """
    scores = _room(len(queries), len(items))
    if len(queries) == 1:
        np.dot(items, queries[0], out=scores[0])
        return scores
    turned = np.ascontiguousarray(queries.T)
    for start in range(0, len(items), TILE):
        scores[:, start : start + TILE] = (items[start : start + TILE] @ turned).T
    return scores


def _room(q: int, n: int) -> Float32:
    """Memory for q x n scores, kept for this thread: fresh pages for megabytes cost as much as the product."""
    held: Float32 | None = getattr(_kept, "room", None)
    if held is None or held.size < q * n:
        held = _kept.room = np.empty(q * n, np.float32)
    return held[: q * n].reshape(q, n)


_kept = threading.local()


def best(scores: Float32, k: int) -> Int32:
    """int32 [≤ k] places of the k highest of float32 [n], descending, ties to the lower place; -inf and NaN never."""
    if k <= 0:
        return np.zeros(0, np.int32)
    if k <= FEW or k >= len(scores):
        found: Int32 = _scan(scores, min(k, len(scores)))
        return found
    bound = np.partition(np.where(np.isnan(scores), np.float32(-np.inf), scores), len(scores) - k)[len(scores) - k]
    places = _above(scores, bound, k)
    order: Int32 = places[np.argsort(-scores[places], kind="stable")]
    return order


def log_total(scores: Float32, temperature: float) -> float:
    """log Σ exp(score / temperature) over float32 [n], in a way that cannot overflow; -inf where nothing scores."""
    highest = float(scores.max(initial=-np.inf))
    if not np.isfinite(highest):
        return -np.inf
    held = getattr(_kept, "shifted", None)
    if held is None or len(held) < len(scores):
        held = _kept.shifted = np.empty(len(scores), np.float32)
    shifted = np.subtract(scores, np.float32(highest), out=held[: len(scores)])
    shifted *= np.float32(1 / temperature)
    # Pairwise summation in float32 is off by some 1e-7 here, as every score is already.
    return highest / temperature + float(np.log(np.exp(shifted, out=shifted).sum()))


@njit(cache=True, nogil=True)
def _scan(scores: Float32, k: int) -> Int32:
    n = len(scores)
    items = np.empty(k, np.int32)
    values = np.empty(k, np.float32)
    bound, size = np.float32(-np.inf), 0
    for start in range(0, n, 256):
        stop = min(start + 256, n)
        # Counting has no branch and runs in vector registers; few blocks hold a score above the bound.
        hits = 0
        for place in range(start, stop):
            hits += scores[place] > bound
        if hits == 0:
            continue
        for place in range(start, stop):
            value = scores[place]
            if not value > bound:
                continue
            slot = size if size < k else k - 1
            while slot > 0 and values[slot - 1] < value:
                values[slot], items[slot] = values[slot - 1], items[slot - 1]
                slot -= 1
            values[slot], items[slot] = value, place
            size = min(size + 1, k)
            if size == k:
                bound = values[k - 1]
    return items[:size]


@njit(cache=True, nogil=True)
def _above(scores: Float32, bound: np.float32, k: int) -> Int32:
    """Places of all above the bound, then of the first at it, k in all at most, in ascending order of place."""
    above = 0
    for place in range(len(scores)):
        above += scores[place] > bound
    spare = k - above if bound > -np.inf else 0
    items = np.empty(k, np.int32)
    size = 0
    for place in range(len(scores)):
        value = scores[place]
        if value > bound or (value == bound and spare > 0):
            if value == bound:
                spare -= 1
            items[size] = place
            size += 1
    return items[:size]


@njit(cache=True, nogil=True)
def take(order: Int32, barred: Bool, k: int) -> Int32:
    """int32 [≤ k]: the first k of `order` that are not barred; marks them barred."""
    items = np.empty(k, np.int32)
    size = 0
    for item in order:
        if size == k:
            break
        if not barred[item]:
            barred[item] = True
            items[size] = item
            size += 1
    return items[:size]
