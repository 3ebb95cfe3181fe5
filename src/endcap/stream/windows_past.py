"""Windows over histories that somebody holds already, sorted by time: the same rules, no state of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from endcap.stream.windows import AGGREGATES, AHEAD, KINDS, Aggregate, Window
from endcap.stream.windows_kernels import amount, open_window
from endcap.types import Float64, Int16, Int32, Int64


def past_values(
    window: Window,
    aggregate: Aggregate,
    tables: tuple[Float64, Float64, tuple[float, float]],
    past: tuple[Int64, Int64, Int64, Int16],
    now: Int64,
) -> Float64:
    """float64 [q]: what the window that is open at `now[q]` amounts to over rows `indptr[q]:indptr[q + 1]` of a past:
    (indptr, time, other, kind); rows of kind -1 are passed over. `tables` are `Declaration.tables()`."""
    plan, weights = _plan(window), _weights(tables)
    found: Float64 = _over_past(*past, now, AGGREGATES.index(aggregate), weights, plan)
    return found


def past_item_values(
    window: Window,
    aggregate: Aggregate,
    tables: tuple[Float64, Float64, tuple[float, float]],
    past: tuple[Int64, Int64, Int32, Int16],
    now: Int64,
    asked: tuple[Int32, Int64],
) -> Float64:
    """float64 [m]: as `past_values`, over only the rows of one item: `asked` are (items, indptr), those of question i
    being `items[indptr[i]:indptr[i + 1]]`; the past is (indptr, time, item, kind)."""
    plan, weights = _plan(window), _weights(tables)
    found: Float64 = _over_items(*past, now, *asked, AGGREGATES.index(aggregate), weights, plan)
    return found


def _plan(window: Window) -> Int64:
    kind = KINDS.index(window.kind)
    return np.array([kind, window.length, window.step, 0, window.entries, window.late, AHEAD], np.int64)


def _weights(tables: tuple[Float64, Float64, tuple[float, float]]) -> Float64:
    above, below, prior = tables
    return np.ascontiguousarray([[*above, prior[0]], [*below, prior[1]]], np.float64)


@njit(cache=True, nogil=True)
def _over_past(
    indptr: Int64, time: Int64, other: Int64, kind: Int16, now: Int64, aggregate: int, weights: Float64, plan: Int64
) -> Any:
    found = np.empty(len(now), np.float64)
    for query in range(len(now)):
        rows = np.flatnonzero(kind[indptr[query] : indptr[query + 1]] >= 0) + indptr[query]
        found[query] = _of_rows(rows, time, other, kind, now[query], aggregate, weights, plan)
    return found


@njit(cache=True, nogil=True)
def _over_items(
    indptr: Int64,
    time: Int64,
    item: Int32,
    kind: Int16,
    now: Int64,
    items: Int32,
    runs: Int64,
    aggregate: int,
    weights: Float64,
    plan: Int64,
) -> Any:
    found = np.empty(len(items), np.float64)
    for query in range(len(now)):
        low, high = indptr[query], indptr[query + 1]
        for place in range(runs[query], runs[query + 1]):
            same = (item[low:high] == items[place]) & (kind[low:high] >= 0) & (items[place] >= 0)
            rows = np.flatnonzero(same) + low
            found[place] = _of_rows(rows, time, item, kind, now[query], aggregate, weights, plan)
    return found


@njit(cache=True, nogil=True)
def _of_rows(
    rows: Any, time: Int64, other: Any, kind: Int16, now: int, aggregate: int, weights: Float64, plan: Int64
) -> Any:
    at, what, sort = time[rows], other[rows].astype(np.int64), kind[rows]
    count = np.ones(len(rows), np.int32)
    low, high = open_window(plan, at, np.int64(0), len(rows), now)
    return amount(aggregate, low, high, now, at, what, sort, count, weights)
