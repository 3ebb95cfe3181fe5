"""What was known of each user or item at the ends of days: sums over all that was before, and over the last days.

There is a row at the end of each (UTC) day on which something happened, and at the end of each on which a window over
the last days lost something: so a row holds until the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from endcap.types import DAY, Bool, Float64, Int32, Int64

_FAR = 1 << 20
"""More days than there are."""
_UNIT = 1_000_000


@dataclass(frozen=True)
class Days:
    """n events of entities, sorted by (entity, time): `order` int64 [n] are their rows in the tables. m rows are made:
    `of` int32 their entity, `end` int64 their event time. Event `first[i]` is the first of row i's entity, and
    `upto[i]` the first that is too new for row i."""

    order: Int64
    entity: Int32
    time: Int64
    of: Int32
    end: Int64
    first: Int64
    upto: Int64

    @classmethod
    def over(cls, entity: Int32, time: Int64, windows: tuple[int, ...]) -> Days:
        """Of all events with an entity (not -1); `windows` in days."""
        known = np.flatnonzero(entity >= 0)
        order = known[np.lexsort((time[known], entity[known]))]
        entity, time = entity[order], time[order]
        day = time // DAY
        at = entity.astype(np.int64) * _FAR + day
        last = int(day.max(initial=0)) + 1
        told = _distinct(np.concatenate([at + 1, *(at + 1 + days for days in windows)]))
        told = told[told % _FAR <= last]
        of = (told // _FAR).astype(np.int32)
        first, upto = np.searchsorted(at, of.astype(np.int64) * _FAR), np.searchsorted(at, told)
        return cls(order, entity, time, of, told % _FAR * DAY, first, upto)

    def total(self, values: Float64 | Bool) -> Float64:
        """float64 [m]: the sum of all before, to the millionth; `values` by event, in the order of `order`."""
        summed = _summed(values)
        return (summed[self.upto] - summed[self.first]) / _UNIT

    def recent(self, values: Float64 | Bool, days: int) -> Float64:
        """float64 [m]: the sum of the last days."""
        at = self.entity.astype(np.int64) * _FAR + self.time // DAY
        since = np.searchsorted(at, self.of.astype(np.int64) * _FAR + self.end // DAY - days)
        summed = _summed(values)
        return (summed[self.upto] - summed[since]) / _UNIT

    def newest(self, wanted: Bool) -> Int64:
        """int64 [m]: the newest event before that is wanted, by place in `order`; -1 where there is none."""
        places = np.where(wanted, np.arange(len(wanted)), -1)
        held = np.concatenate(([-1], np.maximum.accumulate(places))) if len(places) else np.full(1, -1)
        found = held[self.upto]
        return np.where(found >= self.first, found, -1)

    def oldest(self, wanted: Bool) -> Int64:
        """int64 [m]: the first event before that is wanted, by place in `order`; -1 where there is none."""
        places = np.flatnonzero(wanted)
        where = np.searchsorted(places, self.first)
        found = np.append(places, len(wanted))[where]
        return np.where(found < self.upto, found, -1)

    def favourite(self, codes: Int32) -> Int32:
        """int32 [m]: the code that came most often before (of equals the one that got there first), -1 for none."""
        modes = np.append(_modes(self.entity, codes, int(codes.max(initial=-1)) + 1), np.int32(-1))
        return np.where(self.upto > self.first, modes[self.upto - 1], -1).astype(np.int32)

    def firsts(self, *keys: Int64 | Int32) -> Bool:
        """bool [n]: whether an event is its entity's first with these keys; never where one of them is -1."""
        return _firsts(self.entity, *keys)


def _distinct(values: Int64) -> Int64:
    """Sorted, each once: three times as quick as `np.unique` on millions of numbers that mostly differ."""
    values = np.sort(values)
    return values[np.concatenate(([True], values[1:] != values[:-1]))] if len(values) else values


def _summed(values: Float64 | Bool) -> Int64:
    """Sums of millionths: exact, so that what one customer did changes no digit of another's row."""
    return np.concatenate(([0], np.cumsum(np.rint(np.nan_to_num(values.astype(np.float64)) * _UNIT).astype(np.int64))))


def _firsts(*keys: Int64 | Int32) -> Bool:
    found = np.zeros(len(keys[0]), np.bool_)
    if len(found):
        order = np.lexsort((np.arange(len(found)), *keys[::-1]))
        changed = np.zeros(len(found), np.bool_)
        changed[0] = True
        for key in keys:
            changed[1:] |= np.diff(key[order].astype(np.int64)) != 0
        found[order] = changed
    for key in keys:
        found &= key >= 0
    return found


@njit(cache=True, nogil=True)
def _modes(entity: Int32, codes: Int32, n: int) -> Int32:
    counts = np.zeros(n, np.int32)
    found = np.empty(len(codes), np.int32)
    best, begin = -1, 0
    for row in range(len(codes)):
        if row > 0 and entity[row] != entity[row - 1]:
            for each in range(begin, row):
                if codes[each] >= 0:
                    counts[codes[each]] = 0
            best, begin = -1, row
        code = codes[row]
        if code >= 0:
            counts[code] += 1
            if best < 0 or counts[code] > counts[best]:
                best = code
        found[row] = best
    return found
