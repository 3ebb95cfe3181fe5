"""The three inner loops of an answer: all scores of a batch, the k best of one, and the sum under a softmax.

A score of minus infinity means none: the recipe cannot tell, or the item may not be shown.
"""

from __future__ import annotations

import math
import threading

import numpy as np
from numba import njit
from numpy.typing import NDArray

from endcap.types import Bool, Float32, Int32

FEW = 64
"""Up to this k the best are kept in order while scanning; above it a bound is guessed first."""
TILE = 8192
"""Scores per block of a batched product: they stay in the cache until they are turned around, and BLAS takes products
as small as this one without first copying the items."""
BLOCK = 64
"""Scores passed over at once while scanning for the best, where none is above the k-th best so far."""
SAMPLED = 16
LN2 = math.log(2.0)
Keys = NDArray[np.uint64]


def inner_products(queries: Float32, items: Float32) -> Float32:
    """float32 [q, n] of `queries` [q, d] and `items` [n, d], C-contiguous; overwritten by this thread's next call.

    One query is a matrix-vector product; several share each pass over the items, which is what costs.
    """
    scores = _room(len(queries), len(items))
    if len(queries) == 1:
        np.dot(items, queries[0], out=scores[0])
        return scores
    turned = np.ascontiguousarray(queries.T)
    step = max(TILE // len(queries), 1)
    for start in range(0, len(items), step):
        scores[:, start : start + step] = (items[start : start + step] @ turned).T
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
    return _highest(scores, k)


def log_total(scores: Float32, temperature: float) -> float:
    """log Σ exp(score / temperature) over float32 [n], in a way that cannot overflow; -inf where nothing scores."""
    highest = float(scores.max(initial=-np.inf))
    if not math.isfinite(highest):
        return -math.inf
    return highest / temperature + math.log(_sum_exp2(scores, highest, 1 / (temperature * LN2)))


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nnan", "nsz"})
def _sum_exp2(scores: Float32, highest: float, scale: float) -> float:
    """Σ 2^((score - highest) · scale), to 1e-7 of itself: the system's exp takes four times as long for one at a time.

    2^x = 2^⌊x⌋ · 2^(x - ⌊x⌋): the first is written as the exponent bits of a float, the second is a polynomial
    (coefficients: minimax on [0, 1), error 2e-7). Both loops run in vector registers.
    """
    fractions = np.empty(1024, np.float32)
    powers = np.empty(1024, np.int32)
    wholes = powers.view(np.float32)
    total, top, step = 0.0, np.float32(highest), np.float32(scale)
    for start in range(0, len(scores), 1024):
        block = scores[start : start + 1024]
        size = len(block)
        for place in range(size):
            exponent = (block[place] - top) * step
            exponent = exponent if exponent > np.float32(-126.0) else np.float32(-126.0)
            whole = np.floor(exponent)
            fractions[place] = exponent - whole
            powers[place] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        part = np.float32(0.0)
        for place in range(size):
            f = fractions[place]
            tail = np.float32(8.9893397e-3) + f * np.float32(1.8775767e-3)
            tail = np.float32(2.4015361e-1) + f * (np.float32(5.5826318e-2) + f * tail)
            part += wholes[place] * (np.float32(0.99999994) + f * (np.float32(6.9315308e-1) + f * tail))
        total += float(part)
    return total


@njit(cache=True, nogil=True)
def _scan(scores: Float32, k: int) -> Int32:
    n = len(scores)
    items = np.empty(k, np.int32)
    values = np.empty(k, np.float32)
    bound, size = np.float32(-np.inf), 0
    for start in range(0, n, BLOCK):
        block = scores[start : start + BLOCK]
        # Counting has no branch and runs in vector registers; few blocks hold a score above the bound.
        hits = np.int32(0)
        for place in range(len(block)):
            hits += np.int32(block[place] > bound)
        if hits == 0:
            continue
        for place in range(len(block)):
            value = block[place]
            if not value > bound:
                continue
            slot = size if size < k else k - 1
            while slot > 0 and values[slot - 1] < value:
                values[slot], items[slot] = values[slot - 1], items[slot - 1]
                slot -= 1
            values[slot], items[slot] = value, start + place
            size = min(size + 1, k)
            if size == k:
                bound = values[k - 1]
    return items[:size]


def _highest(scores: Float32, k: int) -> Int32:
    """As `_scan` for a larger k: a sample says above what about as many lie, the others are passed over."""
    bound, room = _guess(scores, k), _kept_keys(4 * k)
    size = int(_keys_above(scores, bound, room))
    if size < 0 or (size < k and bound > -np.inf):  # the sample misled
        room = np.empty(len(scores), np.uint64)
        size = int(_keys_above(scores, np.float32(-np.inf), room))
    keys = room[:size]
    keys.sort()
    return (keys[:k] & _PLACE).astype(np.int32)


_PLACE = np.uint64(0xFFFFFFFF)


def _guess(scores: Float32, k: int) -> np.float32:
    """A score that somewhat more than k are above, judged by one in `SAMPLED`; -inf where that cannot be told."""
    sample = scores[::SAMPLED]
    above = len(sample) - (int(1.3 * k / SAMPLED) + 12)
    bound: np.float32 = np.partition(sample, above)[above] if above > 0 else np.float32(-np.inf)
    return bound if math.isfinite(bound) else np.float32(-np.inf)


def _kept_keys(size: int) -> Keys:
    held: Keys | None = getattr(_kept, "keys", None)
    if held is None or len(held) < size:
        held = _kept.keys = np.empty(size, np.uint64)
    return held[:size]


@njit(cache=True, nogil=True)
def _keys_above(scores: Float32, bound: np.float32, keys: Keys) -> int:
    """Fill `keys` with a key of each score above a bound; how many, -1 where there is no room for them.

    Keys rise as scores fall and, of equal scores, as places rise: the lower half of a key is its place, the upper half
    the score's bits in an order that integers have.
    """
    size, bits, sign = 0, scores.view(np.uint32), np.uint32(0x80000000)
    for start in range(0, len(scores), BLOCK):
        block = scores[start : start + BLOCK]
        hits = np.int32(0)
        for place in range(len(block)):
            hits += np.int32(block[place] > bound)
        if hits == 0:
            continue
        if size + hits > len(keys):
            return -1
        for place in range(len(block)):
            if block[place] > bound:
                told = bits[start + place]
                told = np.uint32(0) if told == sign else told  # both zeros are one score
                falling = told if told & sign else ~(told | sign)
                keys[size] = (np.uint64(falling) << np.uint64(32)) | np.uint64(start + place)
                size += 1
    return size


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


@njit(cache=True, nogil=True)
def withhold(scores: Float32, ordinals: Int32, allowed: Bool) -> int:
    """Take the score of every place whose ordinal is not allowed, in place; how many are left with one."""
    left = 0
    for place in range(len(scores)):
        if not allowed[ordinals[place]]:
            scores[place] = -np.inf
        left += scores[place] > -np.inf
    return left


@njit(cache=True, nogil=True)
def withhold_in_order(scores: Float32, allowed: Bool) -> np.int32:
    """`withhold` where place and ordinal are the same: both loops run in vector registers."""
    left = np.int32(0)
    for place in range(len(scores)):
        scores[place] = scores[place] if allowed[place] else np.float32(-np.inf)
    for place in range(len(scores)):
        left += np.int32(scores[place] > np.float32(-np.inf))
    return left
