"""What this shopper had to do with this item: bought it, is due to buy it again, looks at it now."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.facts import INTERVAL
from endcap.features.family import Block, Family, Feature
from endcap.features.history import STAGGER, UNSET, blank, end, find, longest, session, slots
from endcap.features.kinds import ACTIVITY, PURCHASE, VIEWING, Kinds
from endcap.types import DAY, Float32, Float64, Int32, Int64

HALF_LIFE = 120 * DAY
"""Of a purchase: after so long it counts half."""
OFTEN = 3
"""From so many purchases on a shopper's own rhythm counts, not the item's."""
_TIMES, _DECAYED, _VIEWED, _ACTIVE = range(4)
_FIRST, _LAST, _TOUCHED, _OPENED = range(4)


@njit(cache=True, nogil=True)
def _read(
    item: Int32, time: Int64, kind: Kinds, low: int, high: int, now: int, keys: Int32, sums: Float64, times: Int64
) -> None:
    """Sums and times of each item of one history, at its slot of `keys`."""
    blank(keys)
    start = session(time, low, high, now)
    for event in range(low, high):
        if item[event] < 0:
            continue
        slot = find(keys, item[event])
        if keys[slot] < 0:
            keys[slot] = item[event]
            sums[slot, :] = 0.0
            times[slot, :] = UNSET
        when, what = time[event], kind[event]
        if what == PURCHASE:
            sums[slot, _DECAYED] += 0.5 ** ((now - when) / HALF_LIFE)
            if when != times[slot, _LAST]:  # several pieces of one order are one purchase
                sums[slot, _TIMES] += 1
            if times[slot, _FIRST] == UNSET:
                times[slot, _FIRST] = when
            times[slot, _LAST] = when
        if event < start:
            times[slot, _TOUCHED] = when
        else:
            sums[slot, _VIEWED] += VIEWING[what]
        if ACTIVITY[what] > 0:
            if when - times[slot, _OPENED] >= STAGGER:
                times[slot, _OPENED], sums[slot, _ACTIVE] = when, 0.0
            sums[slot, _ACTIVE] += ACTIVITY[what]


@njit(cache=True, nogil=True)
def _fill(
    owner: Int64,
    item: Int32,
    time: Int64,
    kind: Kinds,
    now: Int64,
    indptr: Int64,
    items: Int32,
    numbers: Float32,
    out: Float32,
) -> None:
    size = slots(longest(owner))
    keys = np.empty(size, np.int32)
    sums, times = np.empty((size, 4)), np.empty((size, 4), np.int64)
    for query in range(len(now)):
        at = now[query]
        _read(item, time, kind, owner[query], end(time, owner[query], owner[query + 1], at), at, keys, sums, times)
        for place in range(indptr[query], indptr[query + 1]):
            out[place, :3] = 0.0
            out[place, 3:6] = np.nan
            out[place, 6:] = 0.0
            wanted = items[place]
            slot = find(keys, wanted) if wanted >= 0 else 0
            if wanted < 0 or keys[slot] != wanted:
                continue
            count, last = sums[slot, _TIMES], times[slot, _LAST]
            out[place, 0], out[place, 1] = sums[slot, _DECAYED], count
            if count > 0:
                since = (at - last) / DAY
                interval = float(numbers[wanted, INTERVAL])
                if count >= OFTEN:
                    interval = (last - times[slot, _FIRST]) / DAY / (count - 1)
                out[place, 3] = since
                out[place, 4] = since / interval if interval > 0 else np.nan
            if times[slot, _TOUCHED] != UNSET:
                out[place, 2] = 1.0
                out[place, 5] = (at - times[slot, _TOUCHED]) / DAY
            out[place, 6] = sums[slot, _VIEWED]
            if at - times[slot, _OPENED] < STAGGER:
                out[place, 7] = sums[slot, _ACTIVE]


def _of(block: Block, out: Float32) -> None:
    past = block.past
    _fill(past.indptr, past.item, past.time, block.kinds, block.now, block.indptr, block.items, block.numbers, out)


OWN = Family(
    (
        Feature("had", "user-item", "Own purchases of the item; one counts half after 120 days."),
        Feature("had_times", "user-item", "How often the shopper bought it."),
        Feature("met_before", "user-item", "1 where the shopper did anything with it before this session."),
        Feature("days_since_had", "user-item", "Days since the shopper last bought it."),
        Feature(
            "due",
            "user-item",
            "Days since the last own purchase over the usual days between two: the shopper's own mean from 3 purchases "
            "on, the item's median before.",
        ),
        Feature(
            "days_since_met", "user-item", "Days since the shopper last did anything with it, before this session."
        ),
        Feature("viewed_in_session", "user-item", "Views and clicks of it in this session.", live=True),
        Feature(
            "activity_2min",
            "user-item",
            "Liked 1, wish list 1, added to cart 2, saved for later 2, summed over the two minutes that began "
            "with the first of them; 0 once they are over.",
            live=True,
        ),
    ),
    _of,
)
