"""Which events were met before, by name: for windows that keep counts and no events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from endcap.errors import ArtefactError
from endcap.stream.windows_kernels import first_times
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
