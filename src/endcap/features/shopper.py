"""Who asks: how long known, how often here, how big the baskets are, and what this session is about."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.facts import PRICE
from endcap.features.family import Block, Family, Feature
from endcap.features.history import SESSION_GAP, end, session
from endcap.features.kinds import CART, PURCHASE, Kinds
from endcap.types import DAY, SECOND, Float32, Float64, Int32, Int64

_WIDTH = 8


@njit(cache=True, nogil=True)
def _baskets(item: Int32, time: Int64, kind: Kinds, low: int, high: int, numbers: Float32) -> tuple[float, float]:
    """(lines, money) of an average basket: the purchases of one visit. Codes of orders are not read, because streamed
    events have none yet."""
    lines = baskets = money = priced = 0.0
    last = np.int64(0)
    for event in range(low, high):
        if kind[event] != PURCHASE:
            continue
        if lines == 0 or time[event] - last >= SESSION_GAP:
            baskets += 1
        last = time[event]
        lines += 1
        price = numbers[item[event], PRICE] if item[event] >= 0 else np.nan
        if price > 0:
            money += price
            priced += 1
    if baskets == 0:
        return np.nan, np.nan
    return lines / baskets, money / priced * lines / baskets if priced > 0 else np.nan


@njit(cache=True, nogil=True)
def _read(
    item: Int32,
    time: Int64,
    kind: Kinds,
    low: int,
    high: int,
    now: int,
    numbers: Float32,
    told: Float64,
) -> None:
    start = session(time, low, high, now)
    told[0] = start - low
    told[1] = (now - time[start - 1]) / DAY if start > low else np.nan
    visits = 0
    for event in range(low, start):
        visits += event == low or time[event] - time[event - 1] >= SESSION_GAP
    weeks = max((now - time[low]) / (7 * DAY), 1.0) if start > low else np.nan
    told[2] = visits / weeks
    told[3], told[4] = _baskets(item, time, kind, low, start, numbers)
    carts = 0
    for event in range(start, high):
        carts += kind[event] == CART
    told[5], told[6] = high - start, carts
    told[7] = (now - time[high - 1]) / SECOND if high > start else np.nan


@njit(cache=True, nogil=True)
def _fill(
    owner: Int64,
    item: Int32,
    time: Int64,
    kind: Kinds,
    now: Int64,
    indptr: Int64,
    numbers: Float32,
    out: Float32,
) -> None:
    told = np.empty(_WIDTH)
    for query in range(len(now)):
        low = owner[query]
        _read(item, time, kind, low, end(time, low, owner[query + 1], now[query]), now[query], numbers, told)
        for place in range(indptr[query], indptr[query + 1]):
            for column in range(_WIDTH):
                out[place, column] = told[column]


def _of(block: Block, out: Float32) -> None:
    past = block.past
    _fill(past.indptr, past.item, past.time, block.kinds, block.now, block.indptr, block.numbers, out)


SHOPPER = Family(
    (
        Feature("history_length", "user", "Events before this session, 512 at most."),
        Feature("days_since_last", "user", "Days since the last event before this session."),
        Feature("visits_per_week", "user", "Visits (30 minutes of pause apart) a week, before this session."),
        Feature("basket_size", "user", "Lines of an average basket before this session."),
        Feature("basket_value", "user", "Price of an average basket before this session, at today's prices."),
        Feature("session_events", "session", "Events of this session.", live=True),
        Feature("session_carts", "session", "Additions to the cart in this session.", live=True),
        Feature("seconds_since_last", "session", "Seconds since this session's last event.", live=True),
    ),
    _of,
)
