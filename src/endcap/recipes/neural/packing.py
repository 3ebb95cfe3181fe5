"""Histories of queries as networks take them: embedded, end to end, nothing padded.

For a transformer several histories lie one after the other in one matrix; a mask keeps each step to its own history and
to what came before it. For a recurrent network they are cut into sessions. The kernels are compiled when this module is
imported, for arrays that may be written on or not: a request never waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit, types

from endcap.recipes.neural.sequences import GAPS
from endcap.recipes.queries import Queries
from endcap.types import SECOND, Bool, Float32, Int64

FAR = -1e9
"""Added to what may not be looked at, before the softmax."""
TOGETHER = 192
"""Steps in one matrix at most, where more than one history is in it: attention grows with their square."""


def groups(queries: Queries, most: int) -> Iterator[Int64]:
    """The queries that have a history, as rows that fit into one matrix of their newest `most` events each."""
    lengths = np.minimum(np.diff(queries.indptr) + (queries.current >= 0), most)
    asked = np.argsort(lengths, kind="stable")
    asked = asked[lengths[asked] > 0]
    ends, low, before = np.cumsum(lengths[asked]), 0, 0
    while low < len(asked):
        high = max(int(np.searchsorted(ends, before + TOGETHER, side="right")), low + 1)
        yield asked[low:high]
        low, before = high, int(ends[high - 1])


def embedded(
    queries: Queries, rows: Int64, vectors: Float32, positions: Float32, kinds: Float32, gaps: Float32
) -> tuple[Float32, Float32, Int64]:
    """The newest events of these queries, the current item last: each √d · v_item + position + event type + gap.

    `positions` [length, d] counts from the end, `kinds` and `gaps` [·, d] count as `sequences.Steps` does and are not
    looked at where they have one row. Gives `steps` float32 [t, d], `mask` float32 [t, t] of 0 and `FAR`, and `last`
    int64 [r], where each history ends; a query without a history gives none.
    """
    return _embedded(  # type: ignore[no-any-return]
        rows,
        queries.indptr,
        queries.item,
        queries.time,
        queries.event_type,
        queries.now,
        queries.current,
        vectors,
        positions,
        kinds,
        gaps,
    )


class Sessions(NamedTuple):
    """Sessions of several queries end to end: the events of session s are `steps[cuts[s]:cuts[s + 1]]`."""

    steps: Float32
    """float32 [m, 1, d]: √d · v_item + event type of each event."""
    cuts: Int64
    """int64 [s + 1]."""
    query: Int64
    """int64 [s]: whose each is, ascending."""
    begins: Bool
    """bool [s]: whether what comes next, or what is asked for, is of another session."""


def sessions(queries: Queries, most: int, session_gap: int, vectors: Float32, kinds: Float32) -> Sessions:
    """The newest `most` events of each query, the current item last, cut where a gap has a bucket (as `sequences.gaps`
    counts them) from `session_gap` on; never where that is 0. Of `vectors` the first numbers count, as many as `kinds`
    has."""
    return Sessions(
        *_sessions(
            queries.indptr,
            queries.item,
            queries.time,
            queries.event_type,
            queries.now,
            queries.current,
            most,
            session_gap,
            vectors,
            kinds,
        )
    )


def _given(dtype: types.Type, ndim: int) -> types.Array:
    return types.Array(dtype, ndim, "C", readonly=True)


_INT16, _INT32, _INT64, _MATRIX = (
    _given(types.int16, 1),
    _given(types.int32, 1),
    _given(types.int64, 1),
    _given(types.float32, 2),
)
_MADE = types.Array(types.float32, 2, "C")
_SIGNATURE = types.Tuple((_MADE, _MADE, types.Array(types.int64, 1, "C")))(
    _INT64, _INT64, _INT32, _INT64, _INT16, _INT64, _INT32, _MATRIX, _MATRIX, _MATRIX, _MATRIX
)


_BOOLS, _INTS = types.Array(types.boolean, 1, "C"), types.Array(types.int64, 1, "C")
_IN_SESSIONS = types.Tuple((types.Array(types.float32, 3, "C"), _INTS, _INTS, _BOOLS))(
    _INT64, _INT32, _INT64, _INT16, _INT64, _INT32, types.int64, types.int64, _MATRIX, _MATRIX
)


@njit(cache=True, nogil=True, inline="always")
def _bucket(seconds, most):  # type: ignore[no-untyped-def]
    """The bucket of a gap as `sequences.gaps` counts them."""
    gap = 1
    while seconds > 1 and gap < most:
        gap, seconds = gap + 1, seconds >> 1
    return gap


@njit(cache=True, nogil=True, inline="always")
def _added(into, row):  # type: ignore[no-untyped-def]
    for d in range(len(into)):
        into[d] += row[d]


@njit([_SIGNATURE], cache=True, nogil=True)
def _embedded(  # type: ignore[no-untyped-def]
    rows, indptr, item, time, event_type, now, current, vectors, positions, kinds, gaps
):
    longest, width = positions.shape
    scale = np.float32(np.sqrt(width))
    lengths = np.minimum(indptr[rows + 1] - indptr[rows] + (current[rows] >= 0), longest)
    steps = np.empty((lengths.sum(), width), np.float32)
    mask = np.full((len(steps), len(steps)), np.float32(FAR))
    low, before = 0, np.int64(0)
    for number in range(len(rows)):
        row, length = rows[number], lengths[number]
        end = indptr[row + 1]
        begin = end + (current[row] >= 0) - length
        for place in range(length):
            at, event = low + place, begin + place
            which, kind, moment = current[row], 0, now[row]
            if event < end:
                which, kind, moment = item[event], event_type[event] + 1, time[event]
            steps[at] = vectors[which] * scale + positions[longest - length + place]
            if len(kinds) > 1:
                _added(steps[at], kinds[min(kind, len(kinds) - 1)])
            if len(gaps) > 1:
                _added(steps[at], gaps[_bucket((moment - before) // SECOND, len(gaps) - 1) if place else 0])
            before = moment
            mask[at, low : at + 1] = 0
        low += length
    return steps, mask, (np.cumsum(lengths) - 1)[lengths > 0]


@njit([_IN_SESSIONS], cache=True, nogil=True)
def _sessions(  # type: ignore[no-untyped-def]
    indptr, item, time, event_type, now, current, most, session_gap, vectors, kinds
):
    q, width = len(current), kinds.shape[1]
    scale = np.float32(np.sqrt(width))
    lengths = np.minimum(indptr[1:] - indptr[:-1] + (current >= 0), most)
    total = lengths.sum()
    steps = np.empty((total, 1, width), np.float32)
    cuts, query, begins = np.empty(total + 1, np.int64), np.empty(total, np.int64), np.zeros(total, np.bool_)
    at, made = 0, 0
    for row in range(q):
        end = indptr[row + 1]
        begin = end + (current[row] >= 0) - lengths[row]
        before = np.int64(0)
        for event in range(begin, begin + lengths[row]):
            which, kind, moment = current[row], 0, now[row]
            if event < end:
                which, kind, moment = item[event], event_type[event] + 1, time[event]
            far = session_gap > 0 and event > begin and _bucket((moment - before) // SECOND, GAPS - 1) >= session_gap
            if far or event == begin:
                cuts[made], query[made], made = at, row, made + 1
                if far:
                    begins[made - 2] = True
            steps[at, 0] = vectors[which, :width] * scale
            if len(kinds) > 1:
                _added(steps[at, 0], kinds[min(kind, len(kinds) - 1)])
            before, at = moment, at + 1
        if lengths[row] > 0 and session_gap > 0:
            begins[made - 1] = _bucket((now[row] - before) // SECOND, GAPS - 1) >= session_gap
    cuts[made] = at
    return steps, cuts[: made + 1], query[:made], begins[:made]
