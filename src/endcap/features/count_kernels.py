"""The inner loops of `counts`: what an event adds to its item, its category and the shop, and rows gathered."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.kinds import CART, CLICK, INTEREST, KIND_NAMES, OTHER, PURCHASE, RETURN, SHOWN, VIEW, Kinds
from endcap.types import DAY, HOUR, Float32, Int16, Int32, Int64

LATELY_1H, LATELY_1D, LATELY_7D, LATELY_28D, VIEWS, CARTS, PURCHASES, RETURNS, SHOWINGS, BOUGHT_28D, EVER = range(11)
COLUMNS = 12
"""Columns of a row of counts: interest in four windows (hundredths of a purchase), views (clicks too), carts,
purchases, returns and impressions ever, purchases of 28 days, interest ever; one to spare, for rows of 48 bytes."""
WINDOWS = (HOUR, DAY, 7 * DAY, 28 * DAY)
COUNTED: Kinds = np.full(len(KIND_NAMES), -1, np.int8)
"""int8 [kinds]: the column in which each is counted, -1 for none."""
COUNTED[[VIEW, CLICK, CART, PURCHASE, RETURN, SHOWN]] = VIEWS, VIEWS, CARTS, PURCHASES, RETURNS, SHOWINGS
Log = tuple[Int64, Int32, Kinds, Int32]
"""Times, places, kinds and amounts of events."""
FAR: int = 2**62
"""The first event of an item that had none."""


@njit(cache=True, nogil=True)
def read(event_type: Int16, weight: Float32, kinds: Kinds) -> tuple[Kinds, Int32]:
    """(int8, int32 [n]): the kind of each event by `kinds_of`, and what it says of interest, in hundredths."""
    kind, amount = np.empty(len(event_type), np.int8), np.empty(len(event_type), np.int32)
    for event in range(len(event_type)):
        code = event_type[event]
        what = kinds[code] if 0 <= code < len(kinds) - 1 else OTHER
        kind[event] = what
        amount[event] = max(int(np.rint(weight[event] * 100)), 1) if INTEREST[what] else 0
    return kind, amount


@njit(cache=True, nogil=True)
def add_ever(items: Int32, groups: Int64, codes: Int32, place: Int32, kind: Kinds, amount: Int32, sign: int) -> None:
    """Add events to (with -1: take them from) what is counted of all time.

    `groups` int64 [1 + categories, COLUMNS] holds the shop and then the categories.
    """
    for event in range(len(place)):
        row, column = place[event], COUNTED[kind[event]]
        items[row, EVER] += sign * amount[event]
        if column >= 0:
            items[row, column] += sign
        group = codes[row, 0] + 1
        groups[0, EVER] += sign * amount[event]
        if group > 0:
            groups[group, EVER] += sign * amount[event]
        if column >= 0:
            groups[0, column] += sign
            if group > 0:
                groups[group, column] += sign


@njit(cache=True, nogil=True)
def add_before(items: Int32, until: int, time: Int64, place: Int32, kind: Kinds, amount: Int32) -> int:
    """Add the events before a moment to what is counted of all time of items; how many they are."""
    count = 0
    for event in range(len(place)):
        if time[event] >= until:
            continue
        row, column = place[event], COUNTED[kind[event]]
        items[row, EVER] += amount[event]
        if column >= 0:
            items[row, column] += 1
        count += 1
    return count


@njit(cache=True, nogil=True)
def since(until: int, time: Int64, place: Int32, kind: Kinds, amount: Int32, kept: int) -> Log:
    """The events from a moment on, which are so many, in arrays of their own."""
    times, places = np.empty(kept, np.int64), np.empty(kept, np.int32)
    kinds, amounts = np.empty(kept, np.int8), np.empty(kept, np.int32)
    at = 0
    for event in range(len(place)):
        if time[event] >= until:
            times[at], places[at], kinds[at], amounts[at] = time[event], place[event], kind[event], amount[event]
            at += 1
    return times, places, kinds, amounts


@njit(cache=True, nogil=True)
def add_window(
    items: Int32, groups: Int64, codes: Int32, place: Int32, kind: Kinds, amount: Int32, column: int, sign: int
) -> None:
    """Add events to (with -1: take them from) one window."""
    for event in range(len(place)):
        row, much = place[event], sign * amount[event]
        group = codes[row, 0] + 1
        items[row, column] += much
        groups[0, column] += much
        if group > 0:
            groups[group, column] += much
        if column == LATELY_28D and kind[event] == PURCHASE:
            items[row, BOUGHT_28D] += sign
            groups[0, BOUGHT_28D] += sign
            if group > 0:
                groups[group, BOUGHT_28D] += sign


@njit(cache=True, nogil=True)
def merge(time: Int64, place: Int32, kind: Kinds, amount: Int32, held: int, order: Int64) -> None:
    """Merge what lies after the sorted `[0, held)` into it, in place, where `order` sorts it; what is earlier stays."""
    stop = held + len(order)
    times, places = time[held:stop][order], place[held:stop][order]
    kinds, amounts = kind[held:stop][order], amount[held:stop][order]
    at, left, right = stop - 1, held - 1, len(order) - 1
    while right >= 0:
        if left >= 0 and time[left] > times[right]:
            time[at], place[at], kind[at], amount[at] = time[left], place[left], kind[left], amount[left]
            left -= 1
        else:
            time[at], place[at], kind[at], amount[at] = times[right], places[right], kinds[right], amounts[right]
            right -= 1
        at -= 1


@njit(cache=True, nogil=True)
def group(items: Int32, codes: Int32, groups: Int64) -> None:
    """Sum rows of items into `groups`."""
    groups[:] = 0
    for row in range(len(items)):
        at = codes[row, 0] + 1
        for column in range(COLUMNS):
            groups[0, column] += items[row, column]
            if at > 0:
                groups[at, column] += items[row, column]


@njit(cache=True, nogil=True)
def gather(
    counts: tuple[Int32, Int64, Int32],
    queries: Int64,
    indptr: Int64,
    places: Int32,
    of_item: Int32,
    of_category: Int64,
    of_shop: Int64,
) -> None:
    """Rows of (items, groups, codes) for the candidates of some questions: of places into `of_item` [m, COLUMNS], of
    their categories into `of_category`, the shop's into `of_shop` [q, COLUMNS]; zeros where there is none."""
    items, groups, codes = counts
    size = len(items)
    for query in queries:
        for column in range(COLUMNS):
            of_shop[query, column] = groups[0, column]
        for at in range(indptr[query], indptr[query + 1]):
            place = places[at]
            known = 0 <= place < size
            category = codes[place, 0] + 1 if known else 0
            for column in range(COLUMNS):
                of_item[at, column] = items[place, column] if known else 0
                of_category[at, column] = groups[category, column] if category > 0 else 0


@njit(cache=True, nogil=True)
def lower(first: Int64, place: Int32, time: Int64) -> None:
    """Lower `first` to the oldest event of each place."""
    for event in range(len(place)):
        first[place[event]] = min(first[place[event]], time[event])
