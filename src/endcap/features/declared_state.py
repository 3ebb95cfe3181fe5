"""The state of a shop's declared windows: the same folds for history, replay and live traffic, and what they amount to.

windows = DeclaredWindows(declarations, clock=clock)
windows.fold_history(events_of_table(interactions, categories))   # the watermark goes with the events
windows.fold(events)                                              # live: the watermark is the clock's now
windows.of_group("clickstream", ["u1", "u2"])
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from endcap.features.declared import DECLARED_KEYS, Declaration, Key
from endcap.features.declared_events import Events
from endcap.seams import Clock, SystemClock
from endcap.stream.windows import ENTRIES, Block, Counts, Windows
from endcap.stream.windows_keys import keys_of, pairs
from endcap.types import Float64, Int64

Amount = float | str | None
"""What a window amounts to: a number, the last ids joined by `|`, None where nothing can be said."""
CLOSED = pa.schema(
    [("record_id", pa.string()), ("event_time", pa.int64()), ("opened", pa.int64()), ("value", pa.float64())]
)
"""Windows that have ended: event time is their end, both are microseconds."""
_STEP = 65_536


@dataclass(frozen=True)
class _Declared:
    declaration: Declaration
    windows: Windows


class DeclaredWindows:
    """The declared windows of one shop. Any thread may fold and ask."""

    def __init__(
        self, declarations: Sequence[Declaration], *, clock: Clock | None = None, listed: bool = False
    ) -> None:
        """With `listed`, windows are kept until `closed` has given them, and ids of their keys with them."""
        self._clock = clock or SystemClock()
        self._listed = listed
        self.declarations = tuple(declarations)
        self._held = {each.name: _Declared(each, _windows(each, listed=listed)) for each in declarations}
        self._texts: dict[int, str] = {}
        self._wants_texts = listed or any(each.aggregate == "last" for each in declarations)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all declared windows, in their order."""
        return tuple(self._held)

    def fold(self, events: Events, of: Collection[Key] = DECLARED_KEYS) -> None:
        """Take live events, in any order, any number of times; the clock's now is the watermark. `of`: into windows of
        these kinds of keys only."""
        self._fold(events, self._clock.now(), of)

    def fold_history(self, events: Events, of: Collection[Key] = DECLARED_KEYS) -> None:
        """Take events of the past, each block sorted here; the watermark goes with their times."""
        order = np.argsort(events.time, kind="stable")
        for begin in range(0, len(events), _STEP):
            self._fold(events.take(order[begin : begin + _STEP]), None, of)

    def _fold(self, events: Events, now: int | None, of: Collection[Key] = DECLARED_KEYS) -> None:
        for held in self._held.values():
            declared = held.declaration
            if declared.key not in of:
                continue
            kinds = declared.kinds(events.event_types)[events.type] if len(events) else events.type
            key = events.keys(declared.key)
            other = events.keys(declared.of) if declared.of else np.zeros(len(key), np.int64)
            wanted = np.flatnonzero((kinds >= 0) & (key != 0))
            held.windows.fold(Block(key, events.time, events.name, other, kinds).rows(wanted), now)
        if self._wants_texts and len(events):
            self._remember(events)

    def values(self, name: str, keys: Int64, now: Int64 | int | None = None) -> Float64:
        """float64 [n]: what the window of each key (see `windows_keys`) amounts to at `now`, the clock's by default.

        Raises `KeyError` for a window that is not declared.
        """
        at = np.broadcast_to(np.asarray(self._clock.now() if now is None else now, np.int64), len(keys)).copy()
        return self._held[name].windows.values(np.ascontiguousarray(keys, np.int64), at)

    def amounts(self, name: str, ids: Sequence[str], now: int | None = None) -> list[Amount]:
        """What the window of each id amounts to; the id of a pair is `USER|ITEM`. Raises `KeyError`."""
        declared = self._held[name].declaration
        keys = record_keys(declared.key, ids)
        if declared.aggregate != "last":
            return [None if math.isnan(value) else value for value in self.values(name, keys, now).tolist()]
        at = np.full(len(keys), self._clock.now() if now is None else now, np.int64)
        told = self._held[name].windows.last(keys, at, declared.n).tolist()
        return ["|".join(self._texts.get(each, "") for each in row if each) or None for row in told]

    def of_group(self, group: str, ids: Sequence[str], now: int | None = None) -> list[dict[str, Amount]]:
        """For each record id, by name, what the windows amount to that are features of a group."""
        mine = [each for each in self.declarations if each.group == group]
        columns = {each.name: self.amounts(each.name, ids, now) for each in mine}
        return [{name: column[row] for name, column in columns.items()} for row in range(len(ids))]

    def groups(self) -> dict[str, tuple[Declaration, ...]]:
        """Feature groups that declared windows are features of."""
        names = dict.fromkeys(each.group for each in self.declarations if each.group)
        return {name: tuple(each for each in self.declarations if each.group == name) for name in names}

    def closed(self, upto: int | None = None, *, settled: bool = False) -> Iterator[tuple[Declaration, pa.Table]]:
        """By declaration, rows of `CLOSED` of windows that ended until then (the clock's now) and were not given yet,
        or have changed since: the row written last of a record and event time counts. With `settled` only those that
        cannot change any more. What slides without a step, and last ids, have no such rows."""
        at = self._clock.now() if upto is None else upto
        for held in self._held.values():
            if not held.windows.window.closes or held.declaration.aggregate == "last":
                continue
            found = held.windows.closed(at, settled=settled)
            if not len(found.key):
                continue
            ids = [self._texts.get(key) for key in found.key.tolist()]
            value = pa.array(found.value, pa.float64(), from_pandas=True)
            rows = [pa.array(ids, pa.string()), pa.array(found.end), pa.array(found.start), value]
            yield held.declaration, pa.Table.from_arrays(rows, schema=CLOSED)

    def counts(self) -> dict[str, Counts]:
        """By name, what became of events: those that were too late or too early are seen here."""
        return {name: held.windows.counts() for name, held in self._held.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, to be saved. Ids are not in them: windows that are listed, or hold last ids, are built again
        from the lake."""
        return {
            f"{name}/{part}": array
            for name, held in self._held.items()
            for part, array in held.windows.arrays().items()
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> DeclaredWindows:
        """Take what `arrays` gave; itself. Raises `ArtefactError` where other windows were declared."""
        for name, held in self._held.items():
            mine = {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}
            held.windows.restore(mine)
        return self

    def replay(self, events: Events) -> Iterator[tuple[Declaration, pa.Table]]:
        """Fold a history and give what `closed` gives on the way, so that no key has more rows than are kept."""
        order = np.argsort(events.time, kind="stable")
        for begin in range(0, len(events), ENTRIES):
            some = events.take(order[begin : begin + ENTRIES])
            self._fold(some, None)
            yield from self.closed(int(some.time[-1]))

    def _remember(self, events: Events) -> None:
        """The ids of an event's keys; let go of those that no window needs, once there are twice as many as keys."""
        texts = events.texts()
        self._texts.update(texts)
        if self._listed and any(each.key == "pair" for each in self.declarations):
            whole = zip(events.pair.tolist(), events.user.tolist(), events.item.tolist(), strict=True)
            self._texts.update({pair: f"{texts[user]}|{texts[item]}" for pair, user, item in whole if pair})
        keys = sum(held.windows.counts().keys for held in self._held.values())
        if len(self._texts) <= 2 * keys + 100_000:
            return
        needed = set().union(*(held.windows.named().tolist() for held in self._held.values()))
        self._texts = {key: text for key, text in self._texts.items() if key in needed}


def _windows(declared: Declaration, *, listed: bool) -> Windows:
    above, below, prior = declared.tables()
    return Windows(declared.window(), declared.aggregate, above, per=below, prior=prior, listed=listed)


def record_keys(key: Key, ids: Sequence[str]) -> Int64:
    """int64 [n]: the keys of record ids; those of pairs are `USER|ITEM`."""
    if key != "pair":
        return keys_of(list(ids))
    parts = [each.rpartition("|") for each in ids]
    return pairs(keys_of([user for user, _, _ in parts]), keys_of([item for _, _, item in parts]))
