"""Keys that order as (score descending, column ascending), and choosing the largest of them."""

from __future__ import annotations

import numpy as np
from numba import njit

BINS = 1 << 12
_BIN_SHIFT = np.uint32(20)
_COUNTED = 160
"""Up to this many keys, counting the larger ones in vectors beats every sort that branches."""


@njit(cache=True, nogil=True)
def key_of(bits, column):  # type: ignore[no-untyped-def]
    """uint64 key of a float32 score, given as its bits, and a column; both zeros are one score, NaN has no place."""
    sign = np.uint32(0x80000000)
    if bits == sign:
        bits = np.uint32(0)
    ordered = ~bits if bits & sign else bits | sign
    return (np.uint64(ordered) << np.uint64(32)) | (np.uint64(0xFFFFFFFF) - np.uint64(column))


@njit(cache=True, nogil=True)
def column_of(key):  # type: ignore[no-untyped-def]
    """The column in a key."""
    return np.int64(np.uint64(0xFFFFFFFF) - (key & np.uint64(0xFFFFFFFF)))


@njit(cache=True, nogil=True)
def lower_bound(values, size, k, bins):  # type: ignore[no-untyped-def]
    """A value that at least k of float32 values[:size] reach, little below the k-th largest; -inf if k > size.

    Values are counted by their leading bits (a bin is an eighth of an octave wide), which takes no branches.
    `bins` is int32 [BINS] of scratch. No value may be NaN.
    """
    if k > size:
        return np.float32(-np.inf)
    bins[:] = 0
    bits = values.view(np.uint32)
    for place in range(size):
        bins[_bin(bits[place])] += 1
    edge = np.array([_largest(values, size)], np.float32)
    reached = np.int64(0)
    place = _bin(edge.view(np.uint32)[0])
    reached = np.int64(bins[place])
    while reached < k:
        place -= 1
        reached += bins[place]
    ordered = np.uint32(place << _BIN_SHIFT)
    sign = np.uint32(0x80000000)
    edge.view(np.uint32)[0] = ordered ^ sign if ordered & sign else ~ordered
    # The bin of -inf begins among the NaNs.
    return -np.float32(np.inf) if np.isnan(edge[0]) else edge[0]


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _largest(values, size):  # type: ignore[no-untyped-def]
    largest = values[0]
    for place in range(1, size):
        largest = max(largest, values[place])
    return largest


@njit(cache=True, nogil=True)
def _bin(bits):  # type: ignore[no-untyped-def]
    sign = np.uint32(0x80000000)
    ordered = ~bits if bits & sign else bits | sign
    return np.int64(ordered >> _BIN_SHIFT)


@njit(cache=True, nogil=True)
def largest_first(keys, size, k):  # type: ignore[no-untyped-def]
    """Reorder keys[:size] so that the k largest come first (Hoare's selection)."""
    low, high = 0, size - 1
    while low < high:
        x, y, z = keys[low], keys[(low + high) // 2], keys[high]
        pivot = max(min(x, y), min(max(x, y), z))
        i, j = low, high
        while i <= j:
            while keys[i] > pivot:
                i += 1
            while keys[j] < pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True)
def sort_keys(keys, size, scratch):  # type: ignore[no-untyped-def]
    """Sort distinct keys[:size], descending; `scratch` is uint64 [at least size]."""
    if size <= _COUNTED:
        for place in range(size):
            key = keys[place]
            above = 0
            for other in range(size):
                above += keys[other] > key
            scratch[above] = key
        keys[:size] = scratch[:size]
        return
    gap = 1
    while gap < size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, size):
            key = keys[i]
            j = i
            while j >= gap and keys[j - gap] < key:
                keys[j] = keys[j - gap]
                j -= gap
            keys[j] = key
        gap //= 3
