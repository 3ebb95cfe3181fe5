"""Windows over events, by key: what a shopper did in the last two minutes, how often an item was bought this week.

Late (up to 7 days), repeated and unordered events end in the same answers as sorted, distinct ones. Pure state and
columns: keys and names of events are int64 (see `windows_keys`), times come with the events and from the caller's
clock. A key's rows are packed in shared columns; there is no Python object per event or key.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from endcap.errors import ArtefactError, InputError
from endcap.stream import windows_kernels as kernels
from endcap.stream.arrays import read_only
from endcap.stream.windows_closing import closed, mark_listed
from endcap.stream.windows_seen import Seen
from endcap.types import DAY, Float64, Int16, Int64

Kind = Literal["stagger", "tumbling", "sliding", "session"]
Aggregate = Literal["count", "sum", "rate", "distinct", "recency", "last"]
KINDS: tuple[Kind, ...] = get_args(Kind)
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)
"""In the order of the kernels' numbers."""
LATE = 7 * DAY
"""An event that is further behind the watermark is not folded."""
AHEAD = DAY
"""An event that is further before the watermark is not folded; a nearer one counts when its time has come."""
ENTRIES = 1_024
"""Rows kept per key: the newest."""
KEYS = 1_000_000
"""Keys kept; those that were active last."""
_ADDED = ("count", "sum", "rate")
_NEVER = -(2**62)


@dataclass(frozen=True)
class Window:
    """When windows open and close.

    *stagger* opens with a key's first event and lasts `length`; the first event at or after its end opens the next.
    *tumbling* lasts from each multiple of `length` since 1970 to the next. *sliding* is the last `length` up to now;
    with a `step` it begins at multiples of it: the step that has begun and the `length / step - 1` before it. *session*
    lasts until nothing happened for `length`. All include their beginning and not their end.

    With `panes`, events are counted per step (tumbling: per window) instead of being kept: any number of them per key,
    but for counts, sums and rates of tumbling and stepped sliding windows only. `entries` are kept per key; `late` is
    how far behind the watermark an event may be. `length`, `step` and `late` in microseconds.
    Raises `InputError` for what does not go together.
    """

    kind: Kind
    length: int
    step: int = 0
    panes: bool = False
    entries: int = ENTRIES
    late: int = LATE

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"There is no window {self.kind!r}.", fix=f"Take one of {', '.join(KINDS)}.")
        if not 0 < self.length <= 366 * DAY or not 0 < self.entries <= 1 << 20:
            raise InputError("A window lasts from 1 microsecond to 366 days and has 1 to 1,048,576 entries.")
        if self.step and (self.kind != "sliding" or self.step < 0 or self.length % self.step):
            raise InputError(
                f"A step of {self.step} µs does not divide the length of a {self.kind} window of {self.length} µs.",
                fix="Give sliding windows a length that is a multiple of their step, and others no step.",
            )
        if self.panes and not self.pane:
            raise InputError(
                f"A {self.kind} window{'' if self.step else ' without a step'} cannot be counted in panes.",
                fix="Take a tumbling window, or a sliding one with a step.",
            )

    @property
    def pane(self) -> int:
        """What panes last: a step, or a tumbling window; 0 where there can be none."""
        return self.length if self.kind == "tumbling" else self.step

    @property
    def closes(self) -> bool:
        """Whether windows end of themselves: all but those that slide without a step."""
        return self.kind != "sliding" or self.step > 0


class Block(NamedTuple):
    """Events in columns of one length: `key`, `time` (microseconds), `name` (of the event: the same name and time is
    the same event), `other` (what distinct and last are about, 0 for nothing) int64; `kind` int16 place in the
    weights."""

    key: Int64
    time: Int64
    name: Int64
    other: Int64
    kind: Int16

    def rows(self, wanted: Any) -> Block:
        """The rows of a slice, an index or a mask."""
        return Block(self.key[wanted], self.time[wanted], self.name[wanted], self.other[wanted], self.kind[wanted])


class Closed(NamedTuple):
    """Windows that have ended: `key`, `start`, `end` int64 (microseconds), `value` float64, by key and end."""

    key: Int64
    start: Int64
    end: Int64
    value: Float64


@dataclass(frozen=True)
class Counts:
    """What became of events: taken, too late, too far ahead, repeated, pushed out by newer ones of their key, and keys
    and rows that are held."""

    taken: int
    late: int
    ahead: int
    repeated: int
    crowded: int
    keys: int
    rows: int


class Windows:
    """The windows of all keys of one kind. Any thread may call anything; folds and reads wait for each other, at most
    for a block of 1,024 events."""

    def __init__(
        self,
        window: Window,
        aggregate: Aggregate,
        weights: Float64,
        *,
        per: Float64 | None = None,
        prior: tuple[float, float] = (0.0, 0.0),
        listed: bool = False,
        distinct: bool = False,
        keys: int = KEYS,
    ) -> None:
        """`weights` float64 [kinds] are of the sum, or of what a rate counts; `per` of what it is divided by. To these
        two, a rate adds the two parts of its `prior`. With `listed`, windows are kept until `closed` has given them;
        `distinct`: no event comes twice. Raises `InputError` for aggregates that panes cannot give."""
        if aggregate not in AGGREGATES:
            raise InputError(f"There is no aggregate {aggregate!r}.", fix=f"Take one of {', '.join(AGGREGATES)}.")
        if window.panes and aggregate not in _ADDED:
            raise InputError(f"Panes cannot give {aggregate}.", fix=f"They give {', '.join(_ADDED)}.")
        self.window, self.aggregate = window, aggregate
        below = np.zeros(len(weights)) if per is None else per
        self._weights = np.ascontiguousarray([[*weights, prior[0]], [*below, prior[1]]], np.float64)
        pane = window.pane if window.panes else 0
        kind = KINDS.index(window.kind)
        self._plan = np.array([kind, window.length, window.step, pane, window.entries, window.late, AHEAD], np.int64)
        self._code = AGGREGATES.index(aggregate)
        self._most_keys = keys
        self._state = np.array([0, 0, _NEVER, 0, 0, 0, 0, 0, _NEVER if listed and window.closes else -_NEVER], np.int64)
        self._keys, self._rows = _key_columns(16), _row_columns(256)
        self._slots = np.full(64, -1, np.int32)
        self._seen = Seen() if pane and not distinct else None
        self._lock = threading.Lock()

    @property
    def watermark(self) -> int:
        """The latest time that a fold was told, or that history had reached."""
        return int(self._state[kernels.WATERMARK])

    def fold(self, block: Block, now: int | None = None) -> None:
        """Take events in any order, any number of times. `now` is the clock's; without it the block is history: it is
        sorted, and the watermark goes with its times."""
        if now is None and (np.diff(block.time) < 0).any():
            order = np.argsort(block.time, kind="stable")
            block = block.rows(order)
        for begin in range(0, max(len(block.key), 1), 1_024):
            with self._lock:
                self._fold(block.rows(slice(begin, begin + 1_024)), now)

    def _fold(self, block: Block, now: int | None) -> None:
        if now is not None:
            self._state[kernels.WATERMARK] = max(self.watermark, now)
        if self._seen is not None:
            fresh = np.ones(len(block.name), np.bool_)
            # What is refused for a clock that runs ahead may come again once its time is there.
            due = fresh if now is None else block.time <= self.watermark + self._plan[kernels.AHEAD]
            fresh[due] = self._seen.add(block.name[due])
            self._state[kernels.REPEATS] += len(fresh) - int(fresh.sum())
            block = block.rows(fresh)
        done = 0
        while True:
            state, plan = self._state, self._plan
            done = kernels.fold(block, done, now is None, plan, state, self._slots, self._keys, self._rows)
            if done == len(block.key):
                return
            self._make_room()

    def values(self, keys: Int64, now: Int64) -> Float64:
        """float64 [q]: what the window of `keys[q]` that is open at `now[q]` amounts to, events until then counted.

        Where none is open: 0 for counts, sums and distinct, the prior for rates, NaN for recency (seconds since the
        newest event). Exact for times from 7 days before the watermark on; with panes, from the newest event on.
        """
        with self._lock:
            found: Float64 = kernels.values(
                keys, now, self._code, self._weights, self._plan, self._slots, self._keys, self._rows
            )
        return found

    def last(self, keys: Int64, now: Int64, n: int) -> Int64:
        """int64 [q, n]: the last n others of the open window, newest first, 0 past the end."""
        with self._lock:
            found: Int64 = kernels.newest(keys, now, n, self._plan, self._slots, self._keys, self._rows)
        return found

    def closed(self, upto: int, *, settled: bool = False) -> Closed:
        """Windows that ended until `upto` and were not listed yet, or have changed since: what late events change is
        listed again, with the same end. With `settled` only those that no late event can change any more.

        For windows made with `listed`; what is not asked for stays, up to the entries of a key. Windows without an
        event are not listed, nor sliding ones without a step.
        """
        if not self.window.closes:
            return _unfilled(0)
        if self._state[kernels.LISTED] == -_NEVER:
            raise InputError("These windows are not listed when they close.", fix="Make them with listed=True.")
        if settled:
            upto = min(upto, self.watermark - self.window.late)
        with self._lock:
            n_keys = int(self._state[kernels.KEYS])
            room = 0
            while True:
                out = _unfilled(room)
                given = (upto, self._code, self._weights, self._plan, n_keys, self._keys, self._rows, out)
                found = closed(*given)
                if found <= room:
                    mark_listed(upto, n_keys, self._keys[4])
                    self._state[kernels.LISTED] = max(self._state[kernels.LISTED], upto)
                    return out
                room = found

    def named(self) -> Int64:
        """int64 keys and others that are held, each once."""
        with self._lock:
            state = self._state
            others = self._rows[2][: state[kernels.USED]]
            return np.unique(np.concatenate((self._keys[0][: state[kernels.KEYS]], others)))

    def counts(self) -> Counts:
        """What became of events so far, and what is held."""
        state = self._state
        held = int(self._keys[2][: state[kernels.KEYS]].sum())
        taken, late, ahead, repeated, crowded, keys = (
            int(state[place])
            for place in (
                kernels.ACCEPTED,
                kernels.LATES,
                kernels.AHEADS,
                kernels.REPEATS,
                kernels.CROWDED,
                kernels.KEYS,
            )
        )
        return Counts(taken, late, ahead, repeated, crowded, keys, held)

    def _make_room(self) -> None:
        """Leave out what no answer needs, then take columns twice as large as what is left."""
        old_keys, old_rows = tuple(map(read_only, self._keys)), tuple(map(read_only, self._rows))
        counts = kernels.kept(self._plan, self._state, old_keys, old_rows[0])
        living = np.flatnonzero(counts)
        if len(living) >= self._most_keys:
            ends = (self._keys[1] + self._keys[2])[living] - 1
            newest = self._rows[0][ends]
            idle = living[np.argsort(newest, kind="stable")[: len(living) - self._most_keys // 2]]
            self._state[kernels.CROWDED] += int(counts[idle].sum())
            counts[idle] = 0
        n_keys = int((counts > 0).sum())
        keys, rows = _key_columns(max(16, 2 * n_keys)), _row_columns(max(256, 3 * int(counts.sum()) + 8 * n_keys))
        slots = np.full(1 << int(4 * len(keys[0]) - 1).bit_length(), -1, np.int32)
        cap = self.window.entries
        found, used = kernels.rebuild(counts, old_keys, old_rows, slots, keys, rows, cap)
        self._state[kernels.KEYS], self._state[kernels.USED] = found, used
        self._keys, self._rows, self._slots = keys, rows, slots

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, to be saved with what names the window."""
        with self._lock:
            self._make_room()
            n_keys, used = (int(self._state[place]) for place in (kernels.KEYS, kernels.USED))
            named = {f"keys.{place}": column[:n_keys].copy() for place, column in enumerate(self._keys)}
            named |= {f"rows.{place}": column[:used].copy() for place, column in enumerate(self._rows)}
            seen = {} if self._seen is None else self._seen.arrays()
            return {**named, **seen, "state": self._state.copy(), "plan": self._plan.copy()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Windows:
        """Take what `arrays` gave, in place of what is held; itself. Raises `ArtefactError` for another window's, or
        for parts that do not fit together."""
        try:
            state, plan = arrays["state"], arrays["plan"]
            keys = tuple(arrays[f"keys.{place}"] for place in range(5))
            rows = tuple(arrays[f"rows.{place}"] for place in range(5))
            fits = np.array_equal(plan, self._plan) and state.dtype == np.int64 and state.shape == self._state.shape
            fits = fits and _sound(keys, rows, state, len(self._weights[0]) - 1)
        except KeyError as error:
            raise ArtefactError(f"The windows lack {error}.", fix=_AGAIN) from error
        if not fits:
            raise ArtefactError("The windows do not fit what is declared, or are damaged.", fix=_AGAIN)
        with self._lock:
            if self._seen is not None:
                self._seen.restore(arrays)
            self._state, self._keys, self._rows = state.copy(), keys, rows
            self._make_room()
        return self


def _unfilled(size: int) -> Closed:
    return Closed(np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size))


_AGAIN = "Delete the directory; it is built again."
_KEY_KINDS = (np.int64, np.int64, np.int64, np.int64, np.int64)
_ROW_KINDS = (np.int64, np.int64, np.int64, np.int16, np.int32)


def _key_columns(size: int) -> tuple[np.ndarray, ...]:
    """key, start, length, room, listed."""
    return tuple(np.zeros(size, kind) for kind in _KEY_KINDS)


def _row_columns(size: int) -> tuple[np.ndarray, ...]:
    """time, name, other, kind, count."""
    return tuple(np.zeros(size, kind) for kind in _ROW_KINDS)


def _sound(keys: Any, rows: Any, state: Int64, kinds: int) -> bool:
    typed = all(column.dtype == kind for column, kind in zip((*keys, *rows), (*_KEY_KINDS, *_ROW_KINDS), strict=True))
    sized = all(len(column) == state[kernels.KEYS] for column in keys)
    sized = sized and all(len(column) == state[kernels.USED] for column in rows)
    if not typed or not sized:
        return False
    _, start, length, room, _ = keys
    placed = (start >= 0).all() and (length >= 0).all() and (length <= room).all()
    placed = placed and (start + room <= len(rows[0])).all()
    return bool(placed and (rows[3] >= 0).all() and (rows[3] < max(kinds, 1)).all())


def openings(window: Window, key: Int64, time: Int64) -> Int64:
    """int64 [n]: the row that opened the stagger or session window of each row; rows are sorted by key and time."""
    kind = KINDS.index(window.kind)
    plan = np.array([kind, window.length, 0, 0, window.entries, window.late, AHEAD], np.int64)
    found: Int64 = kernels.openings(key, time, plan)
    return found
