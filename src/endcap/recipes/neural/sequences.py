"""Histories as rows of equal length: windows to train on, and the newest part of each query's history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.neural.batches import Batch, mark_of, shuffled
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.types import SECOND, Bool, Float32, Int16, Int32, Int64

GAPS = 24
"""Buckets of the time since the event before: one for none, one a doubling from a second on, to about 97 days."""
JUDGED = 1000
"""At most so many events are held out for validation."""
ALIKE = 16
"""So many batches are sorted by length together, so that a batch's histories are about equally long."""


@dataclass(frozen=True)
class Steps:
    """Histories end to end: the events of history h are `indptr[h]:indptr[h + 1]` of the columns, oldest first.

    `kind` int16 counts event types from 1 (0: unknown), `gap` int16 the buckets of time since the event before,
    `weight` float32 what each event counts as a target (1 each where None), `together` bool where an event came in the
    same moment as the one before it, like the lines of a basket (nowhere where None).
    """

    indptr: Int64
    item: Int32
    kind: Int16
    gap: Int16
    weight: Float32 | None = None
    together: Bool | None = None

    @classmethod
    def of_dataset(cls, dataset: Dataset, *, baskets: bool = True) -> Steps:
        """The histories of all users, in the order of the dataset; `together` is told where `baskets`."""
        events = dataset.interactions
        timed = dataset.time_kind == "micros"
        gap = gaps(events.time, dataset.indptr) if timed else np.zeros(len(events), np.int16)
        steps = cls(dataset.indptr, events.item, (events.event_type + 1).astype(np.int16), gap)
        if not (timed and baskets):
            return steps
        together = np.diff(events.time, prepend=-1) == 0
        together[dataset.indptr[:-1][np.diff(dataset.indptr) > 0]] = False
        return replace(steps, together=together) if together.any() else steps

    @classmethod
    def of_queries(cls, queries: Queries, *, timed: bool, most: int) -> Steps:
        """The newest `most` events of each query, the current item last."""
        queries = newest(queries.with_current(), most)
        gap = gaps(queries.time, queries.indptr) if timed else np.zeros(len(queries.item), np.int16)
        return cls(queries.indptr, queries.item, (queries.event_type + 1).astype(np.int16), gap)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def only(self, rows: Int64) -> Steps:
        """The histories with these numbers."""
        lengths = self.lengths[rows]
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return self._taken(indptr, np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths))

    def last_moments(self, rows: Int64) -> Int64:
        """int64: where in the columns the last moment of each of these histories begins."""
        last = self.indptr[rows + 1] - 1
        if self.together is None:
            return last
        openings = np.flatnonzero(~self.together)
        return openings[np.searchsorted(openings, last, side="right") - 1]

    def cut(self, rows: Int64, ends: Int64) -> Steps:
        """All histories, those with these numbers only up to the columns' places `ends`."""
        lengths = self.lengths
        dropped = self.indptr[rows + 1] - ends
        lengths[rows] -= dropped
        keep = np.ones(len(self.item), np.bool_)
        keep[np.repeat(ends - np.cumsum(dropped) + dropped, dropped) + np.arange(dropped.sum())] = False
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return self._taken(indptr, np.flatnonzero(keep))

    def _taken(self, indptr: Int64, places: Int64) -> Steps:
        weight = None if self.weight is None else self.weight[places]
        together = None if self.together is None else self.together[places]
        return Steps(indptr, self.item[places], self.kind[places], self.gap[places], weight, together)

    @property
    def lengths(self) -> Int64:
        """int64 [h]."""
        return np.diff(self.indptr)

    def padded(self, starts: Int64, lengths: Int64) -> tuple[dict[str, np.ndarray], Bool]:
        """`item`, `kind` and `gap` [rows, longest] from so many steps on of the columns, and where they are (bool)."""
        longest = max(int(lengths.max(initial=0)), 1)
        columns = np.arange(longest)
        there = columns < lengths[:, None]
        places = np.where(there, starts[:, None] + columns, 0)
        values: dict[str, np.ndarray] = {"item": self.item, "kind": self.kind, "gap": self.gap}
        if self.weight is not None:
            values["weight"] = self.weight
        if self.together is not None:
            values["together"] = self.together
        if not len(self.item):
            return {name: np.zeros(there.shape, column.dtype) for name, column in values.items()}, there
        return {name: np.where(there, column[places], 0).astype(column.dtype) for name, column in values.items()}, there


def newest(queries: Queries, most: int) -> Queries:
    """The queries with only the newest `most` events of each history."""
    keep = queries.steps_back() < most
    if keep.all():
        return queries
    counts = np.minimum(np.diff(queries.indptr), most)
    return replace(
        queries,
        indptr=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        item=queries.item[keep],
        time=queries.time[keep],
        event_type=queries.event_type[keep],
        weight=queries.weight[keep],
        order=queries.order[keep],
    )


def gaps(time: Int64, indptr: Int64) -> Int16:
    """int16 [m]: 0 for the first event of a history, else 1 + log2 of the seconds since the one before, cut to GAPS."""
    before = np.diff(time, prepend=0)
    bucket = 1 + np.log2(np.maximum(before / SECOND, 1.0))
    bucket[indptr[:-1][np.diff(indptr) > 0]] = 0
    return np.asarray(np.minimum(bucket, GAPS - 1), np.int16)


def held_out(indptr: Int64, share: float, seed: int) -> Int64:
    """int64: a random `share`, at most `JUDGED`, of histories of three events or more; their last event validates."""
    able = np.flatnonzero(np.diff(indptr) >= 3)
    return np.sort(rng(seed).choice(able, min(round(share * len(able)), JUDGED), replace=False))


@dataclass(frozen=True)
class Windows:
    """Training batches of windows: rows of at most `length` steps, each with the item that comes next (-1: padding).

    Longer histories are cut into windows, elsewhere in each epoch, so that every event is learned from. A batch holds
    `item`, `kind`, `gap`, `target`, the target's `next_gap`, its `weight` where events differ in it, and where some
    came together the step `source` that it is foretold from: the last one before its moment, -1 where that is not in
    the window (all [rows, steps], padded on the right).
    """

    steps: Steps
    length: int
    size: int
    seed: int = 0

    def __len__(self) -> int:
        windows = -(-np.maximum(self.steps.lengths - 1, 0) // self.length)
        return int(-(-windows.sum() // self.size))

    def epoch(self, number: int) -> Iterator[Batch]:
        """Every step once, cut and shuffled by seed and epoch."""
        draws = rng(self.seed * 1_000_003 + number)
        starts, lengths = self._cut(draws)
        order = np.concatenate(
            [group[np.argsort(lengths[group], kind="stable")] for group in self._groups(len(starts), number)]
        )
        cuts = np.split(order, np.arange(self.size, len(order), self.size))
        for place in draws.permutation(len(cuts)):
            yield self.batch(starts[cuts[place]], lengths[cuts[place]])

    def mark(self) -> str:
        """Of all steps and how they are cut."""
        steps = self.steps
        told = (steps.indptr, steps.item, steps.kind, steps.gap)
        more = [each for each in (steps.weight, steps.together) if each is not None]
        return mark_of(*told, *more, length=self.length, size=self.size, seed=self.seed)

    def batch(self, starts: Int64, lengths: Int64) -> Batch:
        """Windows from these places of the columns on."""
        made, there = self.steps.padded(starts, lengths)
        ahead, _ = self.steps.padded(starts + 1, lengths)
        made["target"] = np.where(there, ahead["item"], -1).astype(np.int32)
        made["next_gap"] = ahead["gap"]
        if "weight" in ahead:
            made["weight"] = ahead["weight"]
        if "together" in ahead:
            own = np.where(ahead["together"] & there, -1, np.arange(there.shape[1], dtype=np.int32))
            made["source"] = np.maximum.accumulate(own, axis=1).astype(np.int32)
            del made["together"]
        return made

    def _groups(self, n: int, number: int) -> list[Int64]:
        return list(shuffled(n, self.size * ALIKE, self.seed, number))

    def _cut(self, draws: np.random.Generator) -> tuple[Int64, Int64]:
        """Where each window starts in the columns, and how many steps it has."""
        pairs = np.maximum(self.steps.lengths - 1, 0)
        counts = -(-pairs // self.length)
        slack = counts * self.length - pairs
        shift = (draws.random(len(pairs)) * (slack + 1)).astype(np.int64)
        shift[counts <= 1] = slack[counts <= 1]
        owner = np.repeat(np.arange(len(pairs)), counts)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        low = np.maximum(place * self.length - shift[owner], 0)
        high = np.minimum((place + 1) * self.length - shift[owner], pairs[owner])
        return self.steps.indptr[owner] + low, high - low
