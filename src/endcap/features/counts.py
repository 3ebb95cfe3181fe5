"""How often what happened to each item, each category and in the shop, as of any recent moment, exactly.

Events of the last weeks are kept in columns sorted by time (17 bytes each); running sums say what each window holds as
of one moment, and moving that moment adds and takes only the events in between. All sums are whole numbers, so the
order in which events came makes no difference, however late they were, and moving back gives what was there before.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from endcap.errors import ArtefactError
from endcap.features.count_kernels import (
    COLUMNS,
    WINDOWS,
    Log,
    add_before,
    add_ever,
    add_window,
    gather,
    group,
    merge,
    since,
)
from endcap.features.facts import ItemFacts
from endcap.features.kinds import Kinds
from endcap.types import DAY, MINUTE, SECOND, Int32, Int64

PANE = MINUTE
"""Windows end at whole minutes …"""
LINGER = 10 * SECOND
"""… that are over for so long: an event may take as long to arrive, and nobody sees half a minute."""
KEPT = 36 * DAY
"""So long single events are kept: the longest window, and 8 days for moments before the newest one asked about."""
NEVER = -(2**62)
_FEW = 4096
_MANY = 1 << 16
_STRAY = 8
_LOG = {"time": np.int64, "place": np.int32, "kind": np.int8, "amount": np.int32}


def boundary(now: Int64) -> Int64:
    """int64 [q]: up to when events count at each moment (exclusive)."""
    ends: Int64 = (now - LINGER) // PANE * PANE
    return ends


class Counts:
    """Over the places of `facts`, which name the categories. Not locked.

    `items` int32 [places, COLUMNS] and `groups` int64 [1 + categories, COLUMNS], the shop first, hold sums as of `at`.
    """

    def __init__(self, facts: ItemFacts) -> None:
        self._facts = facts
        self._base = np.zeros((len(facts), COLUMNS), np.int32)
        """What happened before `_horizon`."""
        self._time, self._place = np.zeros(0, np.int64), np.zeros(0, np.int32)
        self._kind, self._amount = np.zeros(0, np.int8), np.zeros(0, np.int32)
        self._sorted = self._held = 0
        """Events that are sorted, and all that are held."""
        self._waiting: list[Log] = []
        """Large blocks, not copied, from before anything was asked: most of what they hold will only be counted."""
        self._horizon = self.at = NEVER
        self.items: Int32 = np.zeros((len(facts), COLUMNS), np.int32)
        self.groups: Int64 = np.zeros((1 + facts.categories, COLUMNS), np.int64)

    def fold(self, place: Int32, time: Int64, kind: Kinds, amount: Int32) -> None:
        """Take events, each once, in any order; `amount` is what each says of interest, in hundredths of a purchase.

        `facts` hold all the places. The columns must not be written on afterwards.
        """
        self._grow()
        if self._horizon == NEVER and len(place) >= _MANY:
            self._waiting.append((time, place, kind, amount))
            return
        if self._horizon > NEVER and (old := time < self._horizon).any():
            columns = place[old], kind[old], amount[old]
            add_before(self._base, self._horizon, time[old], *columns)
            add_ever(self.items, self.groups, self._facts.codes, *columns, 1)
            place, time, kind, amount = place[~old], time[~old], kind[~old], amount[~old]
        self._append(place, time, kind, amount)
        if self.at > NEVER and (late := time < self.at).any():
            self._add(place[late], time[late], kind[late], amount[late])

    def move(self, to: int) -> None:
        """Bring the sums to a boundary, later or earlier."""
        self._grow()
        if to == self.at:
            return
        if self.at == NEVER:
            self._compact(to)
            self._sort()
            self.items = self._base.copy()
            group(self.items, self._facts.codes, self.groups)
            self._shift(NEVER, to, None, 1)
            for column, length in enumerate(WINDOWS):
                self._shift(to - length, to, column, 1)
        else:
            self._sort()
            self._shift(self.at, to, None, 1)
            for column, length in enumerate(WINDOWS):
                self._shift(self.at, to, column, 1)
                self._shift(self.at - length, to - length, column, -1)
        self.at = to
        if np.searchsorted(self._time[: self._held], to - KEPT) > max(_FEW, self._held // 4):
            self._compact(to)

    def newest(self) -> int:
        """About when the last events were: events of a wrong clock would make all others old, so a few are passed over.
        `NEVER` where there are none."""
        times = np.concatenate([self._time[: self._held], *(block[0] for block in self._waiting)])
        rank = max(len(times) - 1 - max(_STRAY, len(times) // 1000), 0)
        return int(np.partition(times, rank)[rank]) if len(times) else NEVER

    def warm(self) -> int:
        """Compile or load what folding live events runs; about when the last events were."""
        merge(self._time, self._place, self._kind, self._amount, self._held, np.zeros(0, np.int64))
        return self.newest()

    def recode(self, place: int, before: int) -> None:
        """An item had the category `before` until now."""
        self._grow()
        if before >= 0:
            self.groups[1 + before] -= self.items[place]
        if (now := int(self._facts.codes[place, 0])) >= 0:
            self.groups[1 + now] += self.items[place]

    def gather(
        self, queries: Int64, indptr: Int64, places: Int32, of_item: Int32, of_category: Int64, of_shop: Int64
    ) -> None:
        """As of `at`, for the candidates of some questions: rows of places [m, COLUMNS], of their categories
        [m, COLUMNS], of the shop [q, COLUMNS]."""
        counts = self.items, self.groups, self._facts.codes
        gather(counts, queries, indptr, places, of_item, of_category, of_shop)

    def _grow(self) -> None:
        more = len(self._facts) - len(self.items)
        if more > 0:
            self._base = np.concatenate((self._base, np.zeros((more, COLUMNS), np.int32)))
            self.items = np.concatenate((self.items, np.zeros((more, COLUMNS), np.int32)))
        fresh = 1 + self._facts.categories - len(self.groups)
        if fresh > 0:
            self.groups = np.concatenate((self.groups, np.zeros((fresh + 8, COLUMNS), np.int64)))

    def _append(self, place: Int32, time: Int64, kind: Kinds, amount: Int32) -> None:
        stop = self._held + len(place)
        if stop > len(self._time):
            room = stop if not self._held else stop * 5 // 4 + 256
            for name, dtype in _LOG.items():
                wider = np.empty(room, dtype)
                wider[: self._held] = getattr(self, f"_{name}")[: self._held]
                setattr(self, f"_{name}", wider)
        for name, column in zip(_LOG, (time, place, kind, amount), strict=True):
            getattr(self, f"_{name}")[self._held : stop] = column
        self._held = stop

    def _sort(self) -> None:
        if self._sorted < self._held:
            fresh = self._time[self._sorted : self._held]
            order = np.argsort(fresh, kind="stable")
            merge(self._time, self._place, self._kind, self._amount, self._sorted, order)
            self._sorted = self._held

    def _shift(self, start: int, stop: int, column: int | None, sign: int) -> None:
        """Add the events of [start, stop), or take those of [stop, start)."""
        if stop < start:
            start, stop, sign = stop, start, -sign
        low, high = np.searchsorted(self._time[: self._held], (start, stop))
        columns = self._place[low:high], self._kind[low:high], self._amount[low:high]
        if column is None:
            add_ever(self.items, self.groups, self._facts.codes, *columns, sign)
        else:
            add_window(self.items, self.groups, self._facts.codes, *columns, column, sign)

    def _add(self, place: Int32, time: Int64, kind: Kinds, amount: Int32) -> None:
        """Events from before `at`."""
        add_ever(self.items, self.groups, self._facts.codes, place, kind, amount, 1)
        for column, length in enumerate(WINDOWS):
            within = time >= self.at - length
            columns = place[within], kind[within], amount[within]
            add_window(self.items, self.groups, self._facts.codes, *columns, column, 1)

    def _compact(self, to: int) -> None:
        """Keep only the sums of what happened `KEPT` before a moment; it is in no window any more."""
        horizon = max(self._horizon, to - KEPT)
        held = [getattr(self, f"_{name}")[: self._held] for name in _LOG]
        count = add_before(self._base, horizon, *held)
        if count:
            self._sorted -= int(np.count_nonzero(held[0][: self._sorted] < horizon))
            self._time, self._place, self._kind, self._amount = since(horizon, *held, self._held - count)
            self._held -= count
        for block in self._waiting:
            count = add_before(self._base, horizon, *block)
            recent = since(horizon, *block, len(block[0]) - count)
            self._append(recent[1], recent[0], *recent[2:])
        self._waiting, self._horizon = [], horizon
        if self.at > NEVER and horizon > self.at - WINDOWS[-1]:
            self.at = NEVER  # its windows held some of that: they are summed up anew

    def arrays(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """(named arrays, notes), to be saved; see `stream.arrays`. Single events that are too old are only counted."""
        self._grow()
        if (newest := self.newest()) > NEVER:
            self._compact(newest)
        self._sort()
        held = {f"counts.{name}": getattr(self, f"_{name}")[: self._held].copy() for name in _LOG}
        held["counts.kind"] = held["counts.kind"].view(np.uint8)  # files hold no int8
        return {**held, "counts.base": self._base}, {"counts.horizon": str(self._horizon)}

    @classmethod
    def from_arrays(cls, facts: ItemFacts, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> Counts:
        """What `arrays` gave, copied: counts change. Raises `ArtefactError` when the parts do not fit together."""
        try:
            base = np.array(arrays["counts.base"], np.int32)
            time, place, kind, amount = (np.array(arrays[f"counts.{name}"]) for name in _LOG)
            horizon = int(notes["counts.horizon"])
        except (KeyError, ValueError) as error:
            raise ArtefactError(f"The counts of items are damaged: {error}.", fix=_AGAIN) from error
        fits = base.shape == (len(facts), COLUMNS) and len(time) == len(place) == len(kind) == len(amount)
        if not fits or (len(place) and not (place.min() >= 0 and place.max() < len(facts))):
            raise ArtefactError("The counts of items do not fit together.", fix=_AGAIN)
        kinds = [column.dtype for column in (time, place, kind, amount)]
        if kinds != [np.int64, np.int32, np.uint8, np.int32] or (np.diff(time) < 0).any():
            raise ArtefactError("The events behind the counts of items are damaged.", fix=_AGAIN)
        made = cls(facts)
        made._base, made._horizon = base, horizon
        made._time, made._place, made._kind, made._amount = time, place, kind.view(np.int8), amount
        made._held = made._sorted = len(time)
        return made


_AGAIN = "Delete the directory; it is built again."
