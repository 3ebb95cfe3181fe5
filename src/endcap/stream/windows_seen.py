"""Which events were met before, by name: for windows that keep counts and no events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit

from endcap.errors import ArtefactError
from endcap.stream.windows_kernels import mixed
from endcap.types import Bool, Int64

LARGEST = 1 << 19
"""Places in each of the two tables (4 MB); half of them are filled."""


class Seen:
    """Remembers at least the last 262,144 names, at most twice as many, in two tables: when the younger one is full it
    takes the place of the older."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._young, self._old = np.zeros(1_024, np.int64), np.zeros(2, np.int64)
        self._size = 0

    def add(self, names: Int64) -> Bool:
        """bool [n]: whether each name comes for the first time."""
        fresh = np.empty(len(names), np.bool_)
        done = 0
        while True:
            done, self._size = first_times(names, self._young, self._old, done, fresh, self._size)
            if done == len(names):
                return fresh
            self._grow()

    def _grow(self) -> None:
        if len(self._young) >= self._largest:
            self._old, self._young, self._size = self._young, np.zeros(self._largest, np.int64), 0
            return
        held = self._young[self._young != 0]
        self._young = np.zeros(2 * len(self._young), np.int64)
        _, self._size = first_times(held, self._young, np.zeros(2, np.int64), 0, np.empty(len(held), np.bool_), 0)

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, to be saved."""
        return {"seen.young": self._young.copy(), "seen.old": self._old.copy()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take what `arrays` gave. Raises `ArtefactError` where it is damaged."""
        young, old = (arrays.get(f"seen.{part}", np.zeros(0, np.int64)) for part in ("young", "old"))
        for table in (young, old):
            size = len(table)
            if table.dtype != np.int64 or size < 2 or size & (size - 1) or 2 * np.count_nonzero(table) > size:
                raise ArtefactError("The names of events are damaged.", fix="Delete the directory; it is built again.")
        self._young, self._old, self._size = young.copy(), old.copy(), int(np.count_nonzero(young))


@njit(cache=True, nogil=True)
def first_times(names: Int64, young: Int64, old: Int64, begin: int, fresh: Any, size: int) -> Any:
    """Which names were not met before, by two hash tables of names (0 is free); (row where `young` is half full or the
    block's length, names in `young`)."""
    mask = np.uint64(len(young) - 1)
    behind = np.uint64(len(old) - 1)
    for row in range(begin, len(names)):
        if 2 * (size + 1) > len(young):
            return row, size
        named = names[row] if names[row] != 0 else np.int64(0x9E3779B97F4A7C1)  # 0 means free
        slot = mixed(named) & mask
        while young[slot] != 0 and young[slot] != named:
            slot = (slot + np.uint64(1)) & mask
        fresh[row] = young[slot] == 0
        if young[slot] == 0:
            young[slot] = named
            size += 1
            past = mixed(named) & behind
            while old[past] != 0 and old[past] != named:
                past = (past + np.uint64(1)) & behind
            fresh[row] = old[past] == 0
    return len(names), size
