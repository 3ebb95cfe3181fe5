"""After how many days an item is bought again by the same shopper, as a rule: a fact that history tells."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.history import blank, find, longest, slots
from endcap.features.kinds import PURCHASE, Kinds
from endcap.lake.dataset import Dataset
from endcap.stream.arrays import read_only
from endcap.types import DAY, Float32, Int32, Int64

SHORTEST = 0.5
"""Days; what follows sooner is the same errand."""
BINS, STEP = 40, 1.2
"""Intervals are counted in bins, each 1.2 times as long as the one before, from `SHORTEST` to 730 days."""
WEEK = 7 * DAY
ENOUGH = 8
"""Intervals that an item needs, or its category, for a median of its own: fewer would tell of single shoppers."""


def usual_intervals(dataset: Dataset, kind: Kinds, category: Int32, until: int | None = None) -> Float32:
    """float32 [items]: the median days between two purchases of the item by one shopper; else of its category, else of
    the shop; NaN where there are too few. `kind` int8 tells what each interaction is, `category` int32 [items] holds
    codes or -1. Only what was before `until` (microseconds) counts; else the whole weeks before the newest event, so
    that what is made of a shop today and tomorrow agrees.
    """
    events = dataset.interactions
    until = dataset.last_time // WEEK * WEEK if until is None else until
    counts = np.zeros((dataset.n_items, BINS), np.int32)
    _count(dataset.indptr, events.item, read_only(events.time), kind, until, counts)
    of_item = _medians(counts)
    shop = _medians(counts.sum(0, keepdims=True))[0]
    grouped = np.zeros((int(category.max(initial=-1)) + 2, BINS), np.int64)
    _group(counts, category, grouped)
    of_category = _medians(grouped)
    of_category[0] = np.nan
    filled = np.where(np.isnan(of_item), of_category[category + 1], of_item)
    return np.where(np.isnan(filled), shop, filled).astype(np.float32)


@njit(cache=True, nogil=True)
def _count(indptr: Int64, item: Int32, time: Int64, kind: Kinds, until: int, counts: Int32) -> None:
    most = slots(longest(indptr))
    keys, last = np.empty(most, np.int32), np.empty(most, np.int64)
    for user in range(len(indptr) - 1):
        low, high = indptr[user], indptr[user + 1]
        held = keys[: slots(high - low)]
        blank(held)
        for event in range(low, high):
            if kind[event] != PURCHASE or time[event] >= until:
                continue
            slot = find(held, item[event])
            if held[slot] < 0:
                held[slot] = item[event]
            else:
                days = (time[event] - last[slot]) / DAY
                if days < SHORTEST:
                    continue  # the same errand: the interval goes on from its beginning
                place = int(np.log(days / SHORTEST) / np.log(STEP))
                counts[item[event], min(place, BINS - 1)] += 1
            last[slot] = time[event]


@njit(cache=True, nogil=True)
def _group(counts: Int32, category: Int32, grouped: Int64) -> None:
    for item in range(len(counts)):
        for place in range(BINS):
            grouped[category[item] + 1, place] += counts[item, place]


def _medians(counts: np.ndarray) -> Float32:
    """Middles of the bins in which the medians are."""
    totals = counts.sum(1)
    middle = (np.cumsum(counts, 1) * 2 >= totals[:, None]).argmax(1)
    days = SHORTEST * STEP ** (middle + 0.5)
    return np.where(totals >= ENOUGH, days, np.nan).astype(np.float32)
