"""Nearest sessions from an inverted index, and what they hold, for a batch of queries: serial, one row at a time.

Sessions met are kept in a hash table as large as the postings read, so that the cost of a query depends on the caps
and not on how many sessions there are.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_MIXER = np.uint64(11400714819323198485)
"""2⁶⁴ over the golden ratio: multiplying by it spreads consecutive numbers (Knuth, volume 3, section 6.4)."""


@njit(cache=True, nogil=True)
def score_rows(starts, items, weights, rarity, sessions, index, alike, shape, out):  # type: ignore[no-untyped-def]
    """Fill float32 [q, n] `out` with scores, NaN where there is neither a session nor a neighbour.

    Query r holds the distinct `items` (int32, newest first) with their `weights` from starts[r] to starts[r + 1];
    float32 [n] `rarity` multiplies them where sessions are compared.
    `sessions` = (int64 [s + 1], int32 [m] items in order, float32 [s] worth), `index` = (int64 [n + 1], int32 sessions
    of each item), `alike` = CSR of float32 [n, n], `shape` = (sessions kept, share of alike, sessions
    at which that is halved, decays by distance).
    """
    kept, share, trust, decays = shape
    q, n = out.shape
    near = np.zeros(n, np.float32)
    for row in range(q):
        mine = out[row]
        mine[:] = 0
        near[:] = 0
        first, last = starts[row], starts[row + 1]
        asked, worth = items[first:last], weights[first:last]
        met = _vote(asked, worth * rarity[asked], sessions, index, kept, decays, mine)
        backing = share * trust / (trust + np.float32(met))
        _spread(asked, worth, alike, near)
        high, top = np.float32(0), np.float32(0)
        for item in range(n):
            high, top = max(high, mine[item]), max(top, near[item])
        for item in range(n):
            total = np.float32(0)
            if mine[item] > 0:
                total += np.sqrt(mine[item] / high)
            if near[item] > 0:
                total += backing * near[item] / top
            mine[item] = total if total > 0 else np.nan


@njit(cache=True, nogil=True)
def _vote(items, weights, sessions, index, kept, decays, scores):  # type: ignore[no-untyped-def]
    """Add what the `kept` most similar sessions hold, by how near it lies to what they share with the query.

    Returns how many sessions share anything.
    """
    session_ptr, session_items, worth = sessions
    keys, sums, met = _similar(items, weights, index)
    values = np.empty(len(met), np.float32)
    for at in range(len(met)):
        values[at] = sums[met[at]] * worth[keys[met[at]]]
    bound = np.partition(values, len(values) - kept)[len(values) - kept] if len(values) > kept else np.float32(0)
    for at in range(len(met)):
        if values[at] < bound:
            continue
        session = keys[met[at]]
        held = session_items[session_ptr[session] : session_ptr[session + 1]]
        place = _last_shared(items, held)
        for other in range(len(held)):
            apart = other - place
            scores[held[other]] += values[at] * decays[min(max(apart + len(decays) // 2, 0), len(decays) - 1)]
    return len(met)


@njit(cache=True, nogil=True)
def _similar(items, weights, index):  # type: ignore[no-untyped-def]
    """(session, summed weight of shared items) by slot of a hash table, and the slots taken, in the order met."""
    index_ptr, postings = index
    total = 0
    for item in items:
        total += index_ptr[item + 1] - index_ptr[item]
    bits = np.uint64(1)
    while (1 << np.int64(bits)) < 2 * total:
        bits += np.uint64(1)
    size = 1 << np.int64(bits)
    keys, sums = np.full(size, -1, np.int32), np.zeros(size, np.float32)
    met = np.empty(total, np.int64)
    count = 0
    for place in range(len(items)):
        for at in range(index_ptr[items[place]], index_ptr[items[place] + 1]):
            session = postings[at]
            slot = np.int64((np.uint64(session) * _MIXER) >> (np.uint64(64) - bits))
            while keys[slot] >= 0 and keys[slot] != session:
                slot = (slot + 1) & (size - 1)
            if keys[slot] < 0:
                keys[slot] = session
                met[count] = slot
                count += 1
            sums[slot] += weights[place]
    return keys, sums, met[:count]


@njit(cache=True, nogil=True)
def _last_shared(items, held):  # type: ignore[no-untyped-def]
    """Where the newest item that the session shares with the query lies in the session, at its last occurrence."""
    for item in items:
        for place in range(len(held) - 1, -1, -1):
            if held[place] == item:
                return place
    return 0


@njit(cache=True, nogil=True)
def _spread(items, weights, alike, scores):  # type: ignore[no-untyped-def]
    """Add each item's neighbours by the weight of the item."""
    ptr, columns, values = alike
    for place in range(len(items)):
        for at in range(ptr[items[place]], ptr[items[place] + 1]):
            scores[columns[at]] += weights[place] * values[at]
