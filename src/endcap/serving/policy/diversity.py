"""Diversity with one dial: the best items are laid out so that likeness to those before them counts against an item.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): of those left, the one with the highest
(1 - d) · relevance - d · (likeness to the likest before it) comes next. Relevance is 1 for the first item and falls by
equal steps to 0, so that a setting means the same whatever scale a model scores on. Likeness is the mean of the cosine
of the model's item vectors, where it has any, and the share of category, sub-category and brand that two items have in
common.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.serving.slate import POOL, Slate
from endcap.types import Bool, Float32, Int32


def diversify(slate: Slate) -> None:
    """Lay out the best hundred anew; each keeps its score. With the dial at 0 nothing changes."""
    dial = slate.snapshot.deployment.config.diversity
    if dial <= 0 or slate.request.candidates is not None or len(slate.ordinals) < 3:
        return
    pool = np.array(slate.ordinals[:POOL], np.int32)
    order = lay_out(_vectors(slate, pool), slate.snapshot.kinds(pool), dial, slate.wanted)
    slate.reorder([*order.tolist(), *range(len(pool), len(slate.ordinals))])


def lay_out(vectors: Float32, kinds: Int32, dial: float, count: int) -> Int32:
    """int32 [m] places: the first `count` chosen one by one, then the others as they were.

    `vectors` float32 [m, d] of length 1 (d = 0: none are known; a row of zeros: not of this item), `kinds` int32 [m, c]
    codes, -1 where unknown.
    """
    order: Int32 = _greedy(
        np.ascontiguousarray(vectors, np.float32),
        np.ascontiguousarray(kinds, np.int32),
        np.float32(dial),
        min(count, len(kinds)),
    )
    return order


def _vectors(slate: Slate, pool: Int32) -> Float32:
    """float32 [m, d]: the model's unit vectors of these items."""
    known = slate.model.unit_vectors
    if known is None:
        return np.zeros((len(pool), 0), np.float32)
    rows = slate.model.rows_of(pool)
    if int(rows.min()) >= 0:
        vectors: Float32 = known[rows]
        return vectors
    return np.where((rows >= 0)[:, None], known[rows], np.float32(0))


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _greedy(vectors: Float32, kinds: Int32, dial: np.float32, count: int) -> Int32:
    m = len(vectors)
    likest, taken, order = np.zeros(m, np.float32), np.zeros(m, np.bool_), np.empty(m, np.int32)
    in_space = np.zeros(m, np.bool_)
    for place in range(m):
        for column in range(vectors.shape[1]):
            in_space[place] |= vectors[place, column] != 0
    for at in range(count):
        chosen = _next(likest, taken, dial)
        order[at] = chosen
        taken[chosen] = True
        for place in range(m):
            if not taken[place]:
                near = in_space[chosen] and in_space[place]
                likest[place] = max(likest[place], _alike(vectors, kinds, chosen, place, near))
    for place in range(m):
        if not taken[place]:
            order[count] = place
            count += 1
    return order


@njit(cache=True, nogil=True)
def _next(likest: Float32, taken: Bool, dial: np.float32) -> int:
    m = len(likest)
    step = np.float32(1) / np.float32(max(m - 1, 1))
    chosen, most = -1, np.float32(-np.inf)
    for place in range(m):
        if not taken[place]:
            worth = (np.float32(1) - dial) * (np.float32(1) - place * step) - dial * likest[place]
            if worth > most:
                chosen, most = place, worth
    return chosen


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _alike(vectors: Float32, kinds: Int32, one: int, other: int, in_space: bool) -> np.float32:
    """0 … 1; `in_space`: whether both have vectors."""
    cosine = np.float32(0)
    for column in range(vectors.shape[1]):
        cosine += vectors[one, column] * vectors[other, column]
    same, told = np.float32(0), np.float32(0)
    for column in range(kinds.shape[1]):
        if kinds[one, column] >= 0 and kinds[other, column] >= 0:
            told += np.float32(1)
            same += np.float32(kinds[one, column] == kinds[other, column])
    near = min(max(cosine, np.float32(0)), np.float32(1))
    if told == 0:
        return near if in_space else np.float32(0)
    return (near + same / told) / np.float32(2) if in_space else same / told
