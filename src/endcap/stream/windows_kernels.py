"""The loops of windows, over columns: where an event goes, which rows a window holds, what they amount to.

A key owns `length` rows from `start` on of the columns time, name, other, kind, count, sorted by (time, name), in room
for `room`. Only its newest `CAP` rows count, so that what is there does not depend on the order of arrival.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from endcap.types import Float64, Int16, Int32, Int64

STAGGER, TUMBLING, SLIDING, SESSION = 0, 1, 2, 3
COUNT, SUM, RATE, DISTINCT, RECENCY, LAST = 0, 1, 2, 3, 4, 5
KIND, LENGTH, STEP, PANE, CAP, LATE, AHEAD = 0, 1, 2, 3, 4, 5, 6
"""Places in `plan`: kind of window; length, or the gap of a session; step or 0; pane or 0; rows per key; how late and
how early an event may be, in microseconds."""
KEYS, USED, WATERMARK, LATES, AHEADS, CROWDED, REPEATS, ACCEPTED, LISTED = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""Places in `state`: keys, rows handed out, the watermark, counts of what was refused, pushed out, repeated, taken, and
until when closed windows were listed."""
FIRST_ROOM = 4
NEVER = -(2**63)


@njit(cache=True, nogil=True)
def mixed(key: int) -> Any:
    """Murmur3's finaliser: keys may be small numbers in a row."""
    value = np.uint64(key)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@njit(cache=True, nogil=True)
def _slot(key: int, slots: Int32, keys: Int64) -> Any:
    mask = np.uint64(len(slots) - 1)
    slot = mixed(key) & mask
    while slots[slot] >= 0 and keys[slots[slot]] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def above_row(time: Int64, low: int, high: int, bound: int) -> int:
    """The first row of sorted `time[low:high]` at or after `bound`."""
    while low < high:
        middle = (low + high) >> 1
        if time[middle] < bound:
            low = middle + 1
        else:
            high = middle
    place: int = low
    return place


@njit(cache=True, nogil=True)
def _beginning(plan: Int64, now: int) -> int:
    """Where the tumbling or sliding window that holds `now` begins, inclusive."""
    length, step = plan[LENGTH], plan[STEP]
    if plan[KIND] == TUMBLING:
        begins: int = now // length * length
    elif step > 0:
        begins = (now // step - length // step + 1) * step
    else:
        begins = now - length + 1
    return begins


@njit(cache=True, nogil=True)
def next_window(plan: Int64, time: Int64, low: int, high: int) -> Any:
    """(row after the window that opens at row `low`, its end): stagger and session windows."""
    if plan[KIND] == STAGGER:
        end = time[low] + plan[LENGTH]
        return above_row(time, low, high, end), end
    place = low + 1
    while place < high and time[place] - time[place - 1] < plan[LENGTH]:
        place += 1
    return place, time[place - 1] + plan[LENGTH]


@njit(cache=True, nogil=True)
def _horizon(plan: Int64, state: Int64) -> int:
    """What ended until then can neither change nor has to be listed any more."""
    horizon: int = min(state[WATERMARK] - plan[LATE], state[LISTED])
    return horizon


@njit(cache=True, nogil=True)
def _settled(plan: Int64, time: Int64, low: int, high: int, horizon: int) -> Any:
    """The first row that an answer at or after `horizon` may need."""
    if plan[KIND] == TUMBLING or plan[KIND] == SLIDING:
        return above_row(time, low, high, _beginning(plan, horizon))
    while low < high:
        following, end = next_window(plan, time, low, high)
        if end > horizon:
            break
        low = following
    return low


@njit(cache=True, nogil=True)
def open_window(plan: Int64, time: Int64, low: int, high: int, now: int) -> Any:
    """(first row, row after the last) of the window that is open at `now`; an empty range where none is."""
    high = above_row(time, low, high, now + 1)
    if plan[KIND] == TUMBLING or plan[KIND] == SLIDING:
        return above_row(time, low, high, _beginning(plan, now)), high
    if low == high:
        return high, high
    if plan[KIND] == SESSION:
        first = high - 1
        while first > low and time[first] - time[first - 1] < plan[LENGTH]:
            first -= 1
        return (first if now < time[high - 1] + plan[LENGTH] else high), high
    while True:
        following, end = next_window(plan, time, low, high)
        if following >= high:
            return (low if now < end else high), high
        low = following


@njit(cache=True, nogil=True)
def amount(
    aggregate: int,
    low: int,
    high: int,
    now: int,
    time: Int64,
    other: Int64,
    kind: Int16,
    count: Int32,
    weights: Float64,
) -> float:
    """What rows `low:high` amount to. `weights` [2, kinds + 1]: of the sum and, for rates, of what it is divided by;
    the last column holds the prior's two parts."""
    if aggregate == RECENCY:
        return (now - time[high - 1]) / 1e6 if high > low else np.nan
    if aggregate == DISTINCT:
        named = np.sort(other[low:high])
        distinct = 0
        for place in range(len(named)):
            distinct += named[place] != 0 and (place == 0 or named[place] != named[place - 1])
        return float(distinct)
    above = below = 0.0
    for row in range(low, high):
        above += count[row] * (1.0 if aggregate == COUNT else weights[0, kind[row]])
        below += count[row] * weights[1, kind[row]]
    if aggregate == RATE:
        above += weights[0, -1]
        below += weights[1, -1]
        return above / below if below > 0 else np.nan
    return above


@njit(cache=True, nogil=True)
def fold(block: Any, begin: int, moving: bool, plan: Int64, state: Int64, slots: Int32, keys: Any, rows: Any) -> int:
    """Take a block's rows from `begin` on; the row where more room is needed, or the block's length.

    `moving`: the watermark follows the events' own times, as when history is replayed.
    """
    of, times, names, others, kinds = block
    for row in range(begin, len(of)):
        if moving and times[row] > state[WATERMARK]:
            state[WATERMARK] = times[row]
        if times[row] < state[WATERMARK] - plan[LATE]:
            state[LATES] += 1
        elif times[row] > state[WATERMARK] + plan[AHEAD]:
            state[AHEADS] += 1
        else:
            key = _key(of[row], state, slots, keys, len(rows[0]))
            if key < 0 or not _take(key, times[row], names[row], others[row], kinds[row], plan, state, keys, rows):
                return row
    return len(of)


@njit(cache=True, nogil=True)
def _key(of: int, state: Int64, slots: Int32, keys: Any, room_for: int) -> int:
    """The place of a key, made where it is new; -1 where there is no room for it."""
    key_of, start, length, room, listed = keys
    slot = _slot(of, slots, key_of)
    if slots[slot] < 0:
        key = state[KEYS]
        if key == len(key_of) or state[USED] + FIRST_ROOM > room_for:
            return -1
        slots[slot], key_of[key], start[key], length[key], room[key] = key, of, state[USED], 0, FIRST_ROOM
        listed[key] = NEVER
        state[KEYS] += 1
        state[USED] += FIRST_ROOM
    place: int = slots[slot]
    return place


@njit(cache=True, nogil=True)
def _take(key: int, at: int, named: int, what: int, sort: int, plan: Int64, state: Int64, keys: Any, rows: Any) -> bool:
    """Put an event among the rows of its key; False where the columns must grow first."""
    _, start, length, room, listed = keys
    time, name, other, kind, count = rows
    if plan[PANE] > 0:
        at, named = at // plan[PANE] * plan[PANE], sort
    base, size = start[key], length[key]
    place = base + size
    while place > base and (time[place - 1] > at or (time[place - 1] == at and name[place - 1] > named)):
        place -= 1
    if place > base and time[place - 1] == at and name[place - 1] == named:
        if plan[PANE] == 0:
            state[REPEATS] += 1
            return True
        count[place - 1] += 1
    else:
        if size == room[key]:
            gone = _make_room(key, plan, state, keys, rows)
            if gone < 0:
                return False
            if place - base < gone:  # older than all that stay
                state[CROWDED] += 1
                return True
            place += start[key] - base - gone
            base, size = start[key], length[key]
        for each in range(base + size, place, -1):
            time[each], name[each], other[each] = time[each - 1], name[each - 1], other[each - 1]
            kind[each], count[each] = kind[each - 1], count[each - 1]
        time[place], name[place], other[place], kind[place], count[place] = at, named, what, sort, 1
        length[key] = size + 1
    state[ACCEPTED] += 1
    listed[key] = min(listed[key], at)
    return True


@njit(cache=True, nogil=True)
def _make_room(key: int, plan: Int64, state: Int64, keys: Any, rows: Any) -> Any:
    """Rows that went from the front of a full key, or -1 where the columns must grow first."""
    _, start, length, room, _ = keys
    time = rows[0]
    base, size = start[key], length[key]
    most = plan[CAP] + max(plan[CAP] // 4, 1)
    gone = _settled(plan, time, base, base + size, _horizon(plan, state)) - base
    if gone < max(size // 4, 1):
        if size < most:
            more = min(2 * size, most)
            if state[USED] + more > len(time):
                return -1
            _move(rows, base, state[USED], size)
            start[key], room[key] = state[USED], more
            state[USED] += more
            return 0
        gone = max(gone, size - plan[CAP])
        state[CROWDED] += gone - (_settled(plan, time, base, base + gone, _horizon(plan, state)) - base)
    _move(rows, base + gone, base, size - gone)
    length[key] = size - gone
    return gone


@njit(cache=True, nogil=True)
def _move(rows: Any, source: int, target: int, size: int) -> None:
    """Downwards, or to where nothing is yet."""
    time, name, other, kind, count = rows
    for each in range(size):
        time[target + each], name[target + each] = time[source + each], name[source + each]
        other[target + each], kind[target + each] = other[source + each], kind[source + each]
        count[target + each] = count[source + each]


@njit(cache=True, nogil=True)
def values(
    of: Int64, nows: Int64, aggregate: int, weights: Float64, plan: Int64, slots: Int32, keys: Any, rows: Any
) -> Float64:
    """float64 [q]: what the window of key `of[q]` that is open at `nows[q]` amounts to."""
    key_of, start, length, _, _ = keys
    time, _, other, kind, count = rows
    found = np.empty(len(of), np.float64)
    for query in range(len(of)):
        key = slots[_slot(of[query], slots, key_of)]
        low = high = np.int64(0)
        if key >= 0:
            high = start[key] + length[key]
            low = max(start[key], high - plan[CAP])
            low, high = open_window(plan, time, low, high, nows[query])
        found[query] = amount(aggregate, low, high, nows[query], time, other, kind, count, weights)
    return found


@njit(cache=True, nogil=True)
def newest(of: Int64, nows: Int64, n: int, plan: Int64, slots: Int32, keys: Any, rows: Any) -> Int64:
    """int64 [q, n]: the last `n` others of the open window, newest first, 0 where there are fewer."""
    key_of, start, length, _, _ = keys
    time, _, other, _, _ = rows
    found = np.zeros((len(of), n), np.int64)
    for query in range(len(of)):
        key = slots[_slot(of[query], slots, key_of)]
        if key < 0:
            continue
        high = start[key] + length[key]
        low, high = open_window(plan, time, max(start[key], high - plan[CAP]), high, nows[query])
        place = 0
        while high > low and place < n:
            high -= 1
            if other[high] != 0:
                found[query, place] = other[high]
                place += 1
    return found


@njit(cache=True, nogil=True)
def kept(plan: Int64, state: Int64, keys: Any, time: Int64) -> Int64:
    """int64 [keys]: how many rows of each key a compaction must keep."""
    _, start, length, _, _ = keys
    counts = np.zeros(state[KEYS], np.int64)
    for key in range(state[KEYS]):
        high = start[key] + length[key]
        low = max(start[key], high - plan[CAP])
        counts[key] = high - _settled(plan, time, low, high, _horizon(plan, state))
    return counts


@njit(cache=True, nogil=True)
def rebuild(counts: Int64, old_keys: Any, old_rows: Any, slots: Int32, keys: Any, rows: Any, cap: int) -> Any:
    """Copy the newest `counts` rows of each key (keys with none go); (keys, rows handed out)."""
    old_of, old_start, old_length, _, old_listed = old_keys
    key_of, start, length, room, listed = keys
    found = used = np.int64(0)
    for old in range(len(counts)):
        size = counts[old]
        if size == 0:
            continue
        slots[_slot(old_of[old], slots, key_of)] = found
        key_of[found], start[found], length[found], listed[found] = old_of[old], used, size, old_listed[old]
        room[found] = min(max(FIRST_ROOM, size + size // 2), cap + max(cap // 4, 1))
        _copy(old_rows, old_start[old] + old_length[old] - size, rows, used, size)
        used += room[found]
        found += 1
    return found, used


@njit(cache=True, nogil=True)
def _copy(source: Any, low: int, target: Any, begin: int, size: int) -> None:
    for each in range(size):
        target[0][begin + each], target[1][begin + each] = source[0][low + each], source[1][low + each]
        target[2][begin + each], target[3][begin + each] = source[2][low + each], source[3][low + each]
        target[4][begin + each] = source[4][low + each]


@njit(cache=True, nogil=True)
def openings(of: Int64, time: Int64, plan: Int64) -> Int64:
    """int64 [n]: the row that opened the window of each row; rows are sorted by key and time (stagger and session)."""
    found = np.empty(len(of), np.int64)
    low = np.int64(0)
    while low < len(of):
        high = low
        while high < len(of) and of[high] == of[low]:
            high += 1
        while low < high:
            following, _ = next_window(plan, time, low, high)
            found[low:following] = low
            low = following
    return found
