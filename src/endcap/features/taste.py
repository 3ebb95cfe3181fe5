"""How an item's category, brand and price fit what this shopper likes, of old and just now."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from endcap.features.facts import BRAND, CATEGORY, RELATIVE_PRICE
from endcap.features.family import Block, Family, Feature
from endcap.features.history import STAGGER, UNSET, blank, end, find, longest, session, slots
from endcap.features.kinds import ACTIVITY, Kinds
from endcap.types import Float32, Float64, Int32, Int64

_LONG, _NOW, _ACTIVE = range(3)


@njit(cache=True, nogil=True)
def _read(
    group: Int32,
    time: Int64,
    kind: Kinds,
    weight: Float32,
    span: tuple[int, int, int],
    keys: Int32,
    sums: Float64,
    opened: Int64,
) -> tuple[float, float]:
    """Sums of each group of one history at its slot of `keys`; (all before the session, all in the session)."""
    blank(keys)
    low, start, high = span
    before = during = 0.0
    for event in range(low, high):
        code = group[event]
        if event < start:
            before += weight[event]
        else:
            during += 1
        if code < 0:
            continue
        slot = find(keys, code)
        if keys[slot] < 0:
            keys[slot] = code
            sums[slot, :] = 0.0
            opened[slot] = UNSET
        if event < start:
            sums[slot, _LONG] += weight[event]
        else:
            sums[slot, _NOW] += 1
        gain = ACTIVITY[kind[event]]
        if gain > 0:
            if time[event] - opened[slot] >= STAGGER:
                opened[slot], sums[slot, _ACTIVE] = time[event], 0.0
            sums[slot, _ACTIVE] += gain
    return before, during


@njit(cache=True, nogil=True)
def _liked_price(item: Int32, weight: Float32, low: int, high: int, numbers: Float32) -> float:
    """Mean of log relative prices of one history, by weight; NaN where none is known."""
    total = much = 0.0
    for event in range(low, high):
        if item[event] >= 0 and numbers[item[event], RELATIVE_PRICE] > 0:
            total += weight[event] * math.log(numbers[item[event], RELATIVE_PRICE])
            much += weight[event]
    return total / much if much > 0 else np.nan


@njit(cache=True, nogil=True)
def _codes(item: Int32, codes: Int32, column: int) -> Int32:
    group = np.empty(len(item), np.int32)
    for event in range(len(item)):
        group[event] = codes[item[event], column] if item[event] >= 0 else -1
    return group


@njit(cache=True, nogil=True)
def _fill(
    owner: Int64,
    item: Int32,
    time: Int64,
    kind: Kinds,
    weight: Float32,
    now: Int64,
    indptr: Int64,
    items: Int32,
    numbers: Float32,
    codes: Int32,
    out: Float32,
) -> None:
    size = slots(longest(owner))
    keys, opened, sums = np.empty(size, np.int32), np.empty(size, np.int64), np.empty((size, 3))
    category, brand = _codes(item, codes, np.int64(CATEGORY)), _codes(item, codes, np.int64(BRAND))
    for query in range(len(now)):
        at, low = now[query], owner[query]
        high = end(time, low, owner[query + 1], at)
        span = (low, session(time, low, high, at), high)
        before, during = _read(category, time, kind, weight, span, keys, sums, opened)
        for place in range(indptr[query], indptr[query + 1]):
            code = codes[items[place], CATEGORY] if items[place] >= 0 else -1
            slot = find(keys, code) if code >= 0 else 0
            known = code >= 0 and keys[slot] == code
            out[place, 0] = (sums[slot, _LONG] if known else 0.0) / before if before > 0 and code >= 0 else np.nan
            out[place, 1] = (sums[slot, _NOW] if known else 0.0) / during if during > 0 and code >= 0 else np.nan
            out[place, 2] = sums[slot, _ACTIVE] if known and at - opened[slot] < STAGGER else 0.0
        before, during = _read(brand, time, kind, weight, span, keys, sums, opened)
        liked = _liked_price(item, weight, low, span[1], numbers)
        for place in range(indptr[query], indptr[query + 1]):
            code = codes[items[place], BRAND] if items[place] >= 0 else -1
            slot = find(keys, code) if code >= 0 else 0
            known = code >= 0 and keys[slot] == code
            out[place, 3] = (sums[slot, _LONG] if known else 0.0) / before if before > 0 and code >= 0 else np.nan
            price = numbers[items[place], RELATIVE_PRICE] if items[place] >= 0 else np.nan
            out[place, 4] = math.log(price) - liked if price > 0 else np.nan


def _of(block: Block, out: Float32) -> None:
    past = block.past
    _fill(
        past.indptr,
        past.item,
        past.time,
        block.kinds,
        past.weight,
        block.now,
        block.indptr,
        block.items,
        block.numbers,
        block.codes,
        out,
    )


TASTE = Family(
    (
        Feature(
            "category_share", "user-category", "Share of its category in the shopper's interest before this session."
        ),
        Feature(
            "category_share_in_session", "user-category", "Share of its category in this session's events.", live=True
        ),
        Feature("category_activity_2min", "user-category", "As `activity_2min`, of its whole category.", live=True),
        Feature("brand_share", "user-brand", "Share of its brand in the shopper's interest before this session."),
        Feature(
            "price_affinity",
            "user-item",
            "Log of `relative_price`, less the mean of that over the shopper's interest before this session.",
        ),
    ),
    _of,
)
