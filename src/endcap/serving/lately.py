"""What happened in all of a shop lately: events in columns, and what a version that asks how things are now counts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from endcap.stream.histories import Past
from endcap.types import DAY, Bool, Float32, Float64, Int16, Int32, Int64

_STRAY = 8
"""So many events, or one in a thousand, may be of a wrong clock: the newest time is that of those before."""
Edges = tuple[int, int, int]


@runtime_checkable
class OfNow(Protocol):
    """A recipe that asks what happened lately: what `recipes.trending` has."""

    learned_: Bool
    """bool [event types]: those whose events were learned from."""

    def spans(self, now: int) -> Edges:
        """When the time before begins, when the window does, and when it ends."""


class Events(NamedTuple):
    """Events in equally long columns: ordinals (or rows), microseconds, codes of types, weights."""

    item: Int32
    time: Int64
    event_type: Int16
    weight: Float32

    def take(self, chosen: Bool | Int64 | slice) -> Events:
        """These."""
        return Events(self.item[chosen], self.time[chosen], self.event_type[chosen], self.weight[chosen])

    @classmethod
    def of(cls, past: Past) -> Events:
        """Of all shoppers, one after the other."""
        return cls(past.item, past.time, past.event_type, past.weight)


class LiveEvents:
    """What says interest since a state was made, in the order in which it came. One thread adds, any may read."""

    def __init__(self) -> None:
        self._columns = _empty(256)
        self._held = 0

    def add(self, rows: Sequence[tuple[int, int, int, float]]) -> None:
        """Ordinals, microseconds, codes of types, weights."""
        if not rows:
            return
        stop = self._held + len(rows)
        if stop > len(self._columns.time):
            wider = _empty(max(stop, 2 * len(self._columns.time)))
            for name in Events._fields:
                getattr(wider, name)[: self._held] = getattr(self._columns, name)[: self._held]
            self._columns = wider
        for name, values in zip(Events._fields, zip(*rows, strict=True), strict=True):
            getattr(self._columns, name)[self._held : stop] = values
        self._held = stop  # last: who reads meanwhile sees whole events

    def since(self, count: int) -> Events:
        """All but the first so many, not copied."""
        held = self._held
        return self._columns.take(slice(count, held))


def _empty(size: int) -> Events:
    return Events(
        np.zeros(size, np.int32), np.zeros(size, np.int64), np.zeros(size, np.int16), np.zeros(size, np.float32)
    )


class Lately:
    """What one version counts of one state and what was streamed into it. Any thread may ask.

    `rows` int32 [ordinals + 1] are the version's rows (-1: none, and the last for all ordinals beyond), `worth` float32
    by code of the state's event types what an event counts beside its own weight, 0 for types it has not learned from.
    """

    def __init__(self, recipe: OfNow, n_items: int, rows: Int32, worth: Float32, past: Past) -> None:
        self._recipe, self._n_items, self._rows, self._worth = recipe, n_items, rows, worth
        self._base = self._counted(_of_last(Events.of(past), recipe))
        self._edges: Edges = (0, 0, 0)
        self._live: LiveEvents | None = None
        self._read = 0
        """So many of the live events are in the sums."""
        self._sums: Float64 = np.zeros((2, n_items))
        self._lock = threading.Lock()

    def sums(self, now: int, live: LiveEvents | None) -> Float64:
        """float64 [2, n]: the weight of each item's events in the recipe's window and in the time before.

        All events are summed once a minute, and at each question those that came since.
        """
        edges = self._recipe.spans(now)
        with self._lock:
            if edges != self._edges or live is not self._live:
                self._edges, self._live, self._read = edges, live, 0
                self._sums = np.zeros((2, self._n_items))
                places = np.searchsorted(self._base.time, edges).tolist()
                for row, low, high in ((1, *places[:2]), (0, *places[1:])):
                    self._add(row, self._base.take(slice(low, high)))
            if live is not None:
                fresh = live.since(self._read)
                self._read += len(fresh.time)
                fresh = self._counted(fresh.take((fresh.time >= edges[0]) & (fresh.time < edges[2])))
                is_now = fresh.time >= edges[1]
                self._add(0, fresh.take(is_now))
                self._add(1, fresh.take(~is_now))
            return self._sums.copy()

    def _add(self, row: int, events: Events) -> None:
        if len(events.item):
            self._sums[row] += np.bincount(events.item, events.weight, self._n_items)

    def _counted(self, events: Events) -> Events:
        """Those that the version counts, in its rows and weights."""
        last = len(self._rows) - 1
        rows = self._rows[np.where(events.item < last, events.item, -1)]
        weight = (events.weight * self._worth[events.event_type]).astype(np.float32)
        return events._replace(item=rows, weight=weight).take((rows >= 0) & (weight > 0))


def _of_last(events: Events, recipe: OfNow) -> Events:
    """By time, those that may be asked for: as of the newest, and a day before."""
    if not len(events.time):
        return events
    rank = max(len(events.time) - 1 - max(_STRAY, len(events.time) // 1000), 0)
    newest = int(np.partition(events.time, rank)[rank])
    kept = events.take(events.time >= recipe.spans(newest)[0] - DAY)
    return kept.take(np.argsort(kept.time, kind="stable"))
