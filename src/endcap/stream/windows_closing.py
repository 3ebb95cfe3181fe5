"""The loops that list windows which have ended."""

from __future__ import annotations

from typing import Any

from numba import njit

from endcap.stream.windows_kernels import (
    CAP,
    KIND,
    LENGTH,
    SESSION,
    STAGGER,
    STEP,
    TUMBLING,
    above_row,
    amount,
    next_window,
)
from endcap.types import Float64, Int64


@njit(cache=True, nogil=True)
def closed(
    upto: int, aggregate: int, weights: Float64, plan: Int64, n_keys: int, keys: Any, rows: Any, out: Any
) -> int:
    """How many windows ended after what was `listed` of their key and until `upto`; with room in `out` they are written
    there: key, start, end, value."""
    key_of, start, length, _, listed = keys
    time, _, other, kind, count = rows
    of, starts, ends, amounts = out
    chained = plan[KIND] == STAGGER or plan[KIND] == SESSION
    found = 0
    for key in range(n_keys):
        high = start[key] + length[key]
        low = max(start[key], high - plan[CAP])
        if low == high or time[high - 1] + plan[LENGTH] <= listed[key]:
            continue
        first = last = low
        end = listed[key]
        while True:
            if chained:
                first = last
                if first == high:
                    break
                begins = time[first]
                last, end = next_window(plan, time, first, high)
            else:
                first, last, end = _next_step(plan, time, low, high, max(end, time[low]))
                begins = end - plan[LENGTH]
            if end > upto or first == last:
                break
            if end <= listed[key]:
                continue
            if found < len(of):
                total = amount(aggregate, first, last, end, time, other, kind, count, weights)
                of[found], starts[found], ends[found], amounts[found] = key_of[key], begins, end, total
            found += 1
    return found


@njit(cache=True, nogil=True)
def _next_step(plan: Int64, time: Int64, low: int, high: int, after: int) -> Any:
    """(first row, row after the last, end) of the first tumbling or stepped window with an event that ends after
    `after`; an empty range where there is none."""
    step = plan[LENGTH] if plan[KIND] == TUMBLING else plan[STEP]
    end = (after // step + 1) * step
    first = above_row(time, low, high, end - plan[LENGTH])
    if first < high and time[first] >= end:
        end = (time[first] // step + 1) * step
    return first, above_row(time, first, high, end), end


@njit(cache=True, nogil=True)
def mark_listed(upto: int, n_keys: int, listed: Int64) -> None:
    """What ended until `upto` has been listed, of every key."""
    for key in range(n_keys):
        listed[key] = max(listed[key], upto)
