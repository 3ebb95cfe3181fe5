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
        return self.get_many((key,))[0]

    def put(self, key: str, value: bytes, *, until: int = 0) -> None:
        """Store or replace; what is over the bounds goes."""
        self.put_many({key: value}, until=until)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """As `get`, in the order of the keys."""
        entries, now = self._entries, self._clock.now()
        oldest = now - self._bounds.age
        found: list[bytes | None] = []
        for key in keys:
            entry = entries.get(key)
            fresh = entry is not None and entry[0] >= oldest and not 0 < entry[1] <= now
            found.append(entry[2] if entry is not None and fresh else None)
        return found

    def put_many(self, values: Mapping[str, bytes], *, until: int = 0) -> None:
        """As `put`, in the order of the mapping."""
        with self._lock:
            self._store(values, until)

    def swap_many(
        self, values: Mapping[str, bytes | None], held: Mapping[str, bytes | None], *, until: int = 0
    ) -> list[str]:
        """As `put_many` where a key has what was held; the keys where it has not."""
        with self._lock:
            there = dict(zip(values, self.get_many(list(values)), strict=True))
            stayed = [key for key in values if there[key] != held.get(key)]
            taken = {key: value for key, value in values.items() if there[key] == held.get(key)}
            self._store({key: value for key, value in taken.items() if value is not None}, until)
            for key, value in taken.items():
                if value is None:
                    self._remove(key)
        return stayed

    def delete(self, key: str) -> None:
        """Nothing happens where there is nothing."""
        with self._lock:
            self._remove(key)

    def __len__(self) -> int:
        return len(self._entries)

    def _store(self, values: Mapping[str, bytes], until: int) -> None:
        now, entries, size = self._clock.now(), self._entries, 0
        for key, value in values.items():
            before = entries.pop(key, None)
            size += len(value) - len(before[2]) if before is not None else len(key) + len(value)
            entries[key] = (now, until, value)
            if until:
                heapq.heappush(self._dates, (until, key))
        self._bytes += size
        self._sweep(now)

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
