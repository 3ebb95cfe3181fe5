"""State in this process's memory."""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from endcap.seams import Clock, SystemClock
from endcap.storage.state.contract import Bounds

SPARE = 1_000
"""So many more dates than entries may be remembered before those that were replaced are thrown out."""


class MemoryState:
    """The longest unwritten entry is the first of an ordered dictionary; readers take no lock."""

    def __init__(self, bounds: Bounds, clock: Clock | None = None) -> None:
        self._bounds, self._clock = bounds, clock or SystemClock()
        self._entries: OrderedDict[str, tuple[int, int, bytes]] = OrderedDict()
        self._dates: list[tuple[int, str]] = []
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """None where there is nothing, or it is too old."""
        found = self._entries.get(key)
        if found is None:
            return None
        written, until, value = found
        now = self._clock.now()
        return None if now - written > self._bounds.age or 0 < until <= now else value

    def put(self, key: str, value: bytes, *, until: int = 0) -> None:
        """Store or replace; what is over the bounds goes."""
        self.put_many({key: value}, until=until)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """As `get`, in the order of the keys."""
        return [self.get(key) for key in keys]

    def put_many(self, values: Mapping[str, bytes], *, until: int = 0) -> None:
        """As `put`, in the order of the mapping."""
        now = self._clock.now()
        with self._lock:
            for key, value in values.items():
                self._remove(key)
                self._entries[key] = (now, until, value)
                self._bytes += len(key) + len(value)
                if until:
                    heapq.heappush(self._dates, (until, key))
            self._sweep(now)

    def delete(self, key: str) -> None:
        """Nothing happens where there is nothing."""
        with self._lock:
            self._remove(key)

    def __len__(self) -> int:
        return len(self._entries)

    def _remove(self, key: str) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self._bytes -= len(key) + len(found[2])

    def _sweep(self, now: int) -> None:
        self._sweep_dates(now)
        while self._entries:
            key, (written, _, _) = next(iter(self._entries.items()))
            over = len(self._entries) > self._bounds.entries or self._bytes > self._bounds.bytes
            if not over and now - written <= self._bounds.age:
                return
            self._remove(key)

    def _sweep_dates(self, now: int) -> None:
        while self._dates and self._dates[0][0] <= now:
            until, key = heapq.heappop(self._dates)
            found = self._entries.get(key)
            if found is not None and found[1] == until:
                self._remove(key)
        if len(self._dates) > 2 * len(self._entries) + SPARE:
            self._dates = [(until, key) for key, (_, until, _) in self._entries.items() if until]
            heapq.heapify(self._dates)
