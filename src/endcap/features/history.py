"""How kernels read a shopper's history: where the session begins, and a small table from codes to places."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.types import MINUTE, Int32, Int64

SESSION_GAP = 30 * MINUTE
"""A pause as long ends a session."""
STAGGER = 2 * MINUTE
"""How long a window of activity stays open from its first event on."""


@njit(cache=True, nogil=True)
def end(time: Int64, low: int, high: int, now: int) -> int:
    """Where the events after `now` begin: nothing of the future is read."""
    while high > low and time[high - 1] > now:
        high -= 1
    return high


@njit(cache=True, nogil=True)
def session(time: Int64, low: int, high: int, now: int) -> int:
    """Where the session begins that goes on at `now`; `high` where none does."""
    start, last = high, now
    while start > low and last - time[start - 1] < SESSION_GAP:
        start -= 1
        last = time[start]
    return start


@njit(cache=True, nogil=True)
def slots(longest: int) -> int:
    """A power of two, at least twice as many."""
    size = 16
    while size < 2 * longest:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def find(keys: Int32, key: int) -> int:
    """Slot of a key, or the free one (-1) where it belongs; open addressing, `keys` int32 [a power of two]."""
    mask = len(keys) - 1
    slot = (key * 2654435761 >> 8) & mask
    while keys[slot] != -1 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def longest(indptr: Int64) -> int:
    """Events of the longest history."""
    most = 0
    for row in range(len(indptr) - 1):
        most = max(most, indptr[row + 1] - indptr[row])
    return most


@njit(cache=True, nogil=True)
def blank(keys: Int32) -> None:
    """Make every slot free."""
    for slot in range(len(keys)):
        keys[slot] = -1


UNSET: int = int(np.iinfo(np.int64).min // 2)
"""A time before all others."""
