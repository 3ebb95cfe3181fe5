"""What was streamed since a shop's state was made, in ordinals: each request reads both as one.

Items that the state does not know, put or first seen in an event, get the ordinals after its catalogue's, for as long
as this state is served. Folds come from the log's writer, reads from whoever answers; what grows only ever grows.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from endcap.lake.signals import Counted, Numbers
from endcap.serving.lately import LiveEvents
from endcap.serving.live_features import Happened
from endcap.serving.live_ordinals import LiveOrdinals
from endcap.serving.newcomers import Newcomers
from endcap.serving.shop import About, ShopState
from endcap.serving.shop_attributes import ShopAttributes
from endcap.stream import packed
from endcap.stream.histories import PURCHASES, Past
from endcap.stream.live import Live, News, Told, measured
from endcap.stream.packed import Recent
from endcap.stream.records import Event, Put, Value
from endcap.types import Bool, Float32, Float64, Int16, Int32, Int64

NOTED: Mapping[About, frozenset[str]] = {
    "items": frozenset({"event", "item"}),
    "actions": frozenset({"action_event", "action"}),
}
"""Kinds of records that tell of them."""

KEPT = 2048
"""Shoppers whose live events are kept as they were made into columns."""


def plain(event_type: str) -> str:
    """Without case and punctuation: what event types are compared by."""
    return "".join(filter(str.isalnum, event_type.lower()))


@dataclass(frozen=True)
class Fresh:
    """What one shopper did since the state was made, oldest first, in equally long columns.

    `item` int32 holds ordinals, `event_type` int16 codes (`ShopFeatures.code`), `weight` float32 what each event says
    of its item (`lake.signals`), `interest` bool tells the events that say interest.
    """

    item: Int32
    time: Int64
    event_type: Int16
    weight: Float32
    interest: Bool
    event_types: tuple[str, ...]
    merged: dict[int, Past] = field(default_factory=dict)
    """With what the state holds of a row, once that was asked for."""

    def of_types(self, wanted: frozenset[str]) -> Int32:
        """int32 ordinals of the events of these types (plain)."""
        return self.item[[plain(name) in wanted for name in self.event_types]]

    @property
    def bought(self) -> Int32:
        """int32 ordinals of what was bought."""
        return self.of_types(PURCHASES)


class _Type(NamedTuple):
    """An event type: its code, what an event without numbers says, whether any number beside it says something."""

    code: int
    weight: float
    reads: bool


_NOTHING = (float("nan"),) * 3


class Tally:
    """How often something happened, by ordinal; ordinals may be any. Added to and read from any thread."""

    def __init__(self, size: int) -> None:
        self._counts, self._lock = np.zeros(size, np.float64), threading.Lock()

    def add(self, ordinal: int, times: float = 1) -> None:
        """Once more, or so many times."""
        with self._lock:
            self._grow(ordinal)
            self._counts[ordinal] += times

    def add_each(self, ordinals: list[int]) -> None:
        """Each once more, as often as it is there."""
        if ordinals:
            with self._lock:
                self._grow(max(ordinals))
                np.add.at(self._counts, ordinals, 1.0)

    def _grow(self, ordinal: int) -> None:
        if ordinal >= len(self._counts):
            self._counts = np.concatenate((self._counts, np.zeros(ordinal + 64)))

    def of(self, ordinals: Int32) -> Float64:
        """float64 [m]: the counts of these."""
        counts = self._counts
        last = len(counts) - 1
        if int(ordinals.max(initial=-1)) <= last:
            return counts[ordinals]
        if last < 0:
            return np.zeros(len(ordinals))
        return np.where(ordinals <= last, counts[np.minimum(ordinals, last)], 0.0)

    def some(self) -> Int32:
        """int32 ordinals of what happened at all."""
        return np.flatnonzero(self._counts).astype(np.int32)


class LiveShop:
    """One state of a shop's items (or actions) and what was streamed into it since."""

    def __init__(self, state: ShopState, live: Live, about: About = "items", before: LiveShop | None = None):
        """What was shown for exploration `before`, over an earlier state, still counts."""
        self.state, self.live, self.about = state, live, about
        self.places = LiveOrdinals(state)
        """Ordinals of what the state knows, and of what was put or first seen in an event since."""
        self.last_time = 0
        self.taken, self.shown = Tally(len(self.places)), Tally(len(self.places))
        """Events of interest since the state was made, and how often an item was shown for exploration."""
        self.events = LiveEvents()
        """Those events, where items are what is told of."""
        self._kept: dict[str, tuple[object, Fresh]] = {}
        """What was made of each shopper's events, and of which."""
        self._shown_before = before.shown_items() if before is not None else {}
        self.forgotten: set[str] = before.forgotten if before is not None else set()
        """Users and sessions that are asked for as nobody until their rows are gone; see `forget`."""
        self._codes = {plain(name): code for code, name in enumerate(state.histories.event_types)}
        self.features = state.new_features()
        """What rankers are told, with what was streamed; None where the items are actions."""
        self._types: dict[str, _Type] = {}
        self.refused = Counter[str]()
        """By column, numbers beside live events that could be none (below 0, no stars): they count as not told."""
        self._lock = threading.Lock()
        self.newcomers = Newcomers(state.content, partial(_known, state, self.places, live))
        """Items that no version may know, and what is most like them."""
        for name in [name for name in self._shown_before if state.ordinal(name) >= 0]:
            self.shown.add(state.ordinal(name), self._shown_before.pop(name))

    @property
    def size(self) -> int:
        """Number of ordinals."""
        return len(self.places)

    def note(self, news: News) -> None:
        """Give ordinals to what is new in what was news to `live`, and count events."""
        kinds, happened = NOTED[self.about], Happened()
        with self._lock:
            told = [each for record, each in news if record.kind in kinds]
            names = [_about(each) for each in told]
            taken, counted = list[int](), list[tuple[int, int, int, float]]()
            worths = self._measured(told)
            for at, (each, name, place) in enumerate(zip(told, names, self.ordinals(names).tolist(), strict=True)):
                if isinstance(each, Put):
                    self._put(each, happened)
                    continue
                self.last_time = max(self.last_time, each.time)
                if not name:
                    continue
                ordinal = place if place >= 0 else self._place(name, each.time)
                kind = self._type(each.event_type)
                worth = worths.get(at, kind.weight)
                if worth > 0:
                    taken.append(ordinal)
                if isinstance(each, Event):
                    happened.event(ordinal, each.time, kind.code, worth)
                    if worth > 0:
                        counted.append((ordinal, each.time, kind.code, worth))
            self.taken.add_each(taken)
            self.events.add(counted)
            if self.features is not None:
                happened.fold_into(self.features)

    def _put(self, told: Put, happened: Happened) -> None:
        ordinal = self._place(told.id, told.time)
        happened.put(ordinal, told.properties)
        if ordinal >= self.places.base or not self.state.counts[ordinal]:  # no version has learned of it
            self.newcomers.put(ordinal)

    def _place(self, name: str, time: int) -> int:
        known = self.ordinal(name)
        if known >= 0:
            return known
        ordinal = self.places.give(name, time)
        if name in self._shown_before:
            self.shown.add(ordinal, self._shown_before.pop(name))
        return ordinal

    def ordinal(self, item_id: str) -> int:
        """Ordinal of an item, -1 where unknown."""
        return self.places.ordinal(item_id)

    def ordinals(self, item_ids: list[str]) -> Int32:
        """int32 ordinals of items, -1 where unknown."""
        return self.places.ordinals(item_ids)

    def names(self, ordinals: Int32) -> list[str]:
        """External ids of ordinals."""
        return self.places.names(ordinals)

    def shown_items(self) -> dict[str, float]:
        """How often each item was shown for exploration, by id."""
        shown = self.shown.some()
        return {**self._shown_before, **dict(zip(self.names(shown), self.shown.of(shown).tolist(), strict=True))}

    def row(self, key: str) -> int:
        """Row in the state's histories of a user, or of the user that a session became; -1 where unknown."""
        histories = self.state.histories
        owner = self.live.linked_user(key) if self.last_time else None
        row = histories.row(owner) if owner is not None else -1
        return row if row >= 0 else histories.row(key)

    def forget(self, names: Sequence[str]) -> frozenset[str]:
        """From now on nothing is answered from the past of these users and sessions, and of the sessions that became
        theirs; all of those. In this process: what the others have goes with the rows."""
        keys, sessions = set(names), self.state.histories.sessions
        for name in names:
            keys.update(self.live.keys(name))
            row = self.row(name)
            if row >= 0:
                keys.add(self.state.histories.users.name(row))
                keys.update(sessions.index.names(np.flatnonzero(sessions.user == row).astype(np.int32)))
        self.forgotten |= keys
        return frozenset(keys)

    def remember(self, keys: Iterable[str]) -> None:
        """Whoever comes by these names from now on is somebody new."""
        self.forgotten.difference_update(keys)

    def fresh(self, key: str, row: int = -1) -> Fresh | None:
        """What a user or session did since the state was made, and what the state does not hold under their `row`:
        events of sessions that became theirs since. None where that is nothing."""
        if not self.last_time:
            return None
        keys = self.live.keys(key)
        blocks = self.live.blocks("event" if self.about == "items" else "action", keys)
        earlier = tuple(at for at in map(self.state.histories.users.find, keys[1:]) if at >= 0 and at != row)
        if not blocks and not earlier:
            return None
        held = self._kept.get(key)
        if held is not None and held[0] == (blocks, earlier, row):
            return held[1]
        made = self._fresh(packed.unpack(packed.merge(blocks)))
        for at in earlier:
            made = self._before(at, made)
        if len(self._kept) >= KEPT:
            self._kept.clear()
        if not len(made.item) or int(made.item.min()) >= 0:  # one that has no ordinal yet will have one
            self._kept[key] = (blocks, earlier, row), made
        return made

    def _before(self, row: int, fresh: Fresh) -> Fresh:
        """With the events of another row of the state."""
        past, names = self.state.histories.past.slice(row), self.state.histories.event_types
        times = np.concatenate((past.time, fresh.time))
        order = np.argsort(times, kind="stable")
        types = (*(names[code] for code in past.event_type.tolist()), *fresh.event_types)
        return Fresh(
            np.concatenate((past.item, fresh.item))[order],
            times[order],
            np.concatenate((past.event_type, fresh.event_type))[order],
            np.concatenate((past.weight, fresh.weight))[order],
            np.concatenate((np.ones(len(past.item), np.bool_), fresh.interest))[order],
            tuple(types[at] for at in order.tolist()),
        )

    def _fresh(self, recent: Recent) -> Fresh:
        weight = self._weights(recent.event_types, recent.numbers).weight
        return Fresh(
            self.ordinals(list(recent.items)),
            np.asarray(recent.times, np.int64),
            np.array([self._type(name).code for name in recent.event_types], np.int16),
            weight,
            weight > 0,
            tuple(recent.event_types),
        )

    def _measured(self, told: Sequence[Told]) -> dict[int, float]:
        """What those say of their items beside which something was measured that counts, by place."""
        found = {
            at: (each.event_type, row)
            for at, each in enumerate(told)
            if isinstance(each, Event)
            and (each.value is not None or each.properties)
            and self._type(each.event_type).reads
            and (row := measured(each))
        }
        if not found:
            return {}
        columns = np.array([(*row, *_NOTHING[len(row) :]) for _, row in found.values()], np.float32).T
        counted = self._weights([name for name, _ in found.values()], Numbers(*columns))
        self.refused.update(counted.refused)
        return dict(zip(found, counted.weight.tolist(), strict=True))

    def _weights(self, names: Sequence[str], numbers: Numbers | None) -> Counted:
        known = {name: code for code, name in enumerate(dict.fromkeys(names))}
        codes = np.array([known[name] for name in names], np.int32)
        return self.state.histories.signals.types(tuple(known)).weights(codes, numbers)

    def _type(self, name: str) -> _Type:
        known = self._types.get(name)
        if known is None:
            code = self._codes.get(plain(name), -1) if self.features is None else self.features.code(name)
            told = self.state.histories.signals.types((name,))
            reads = any(bool(each[0]) for each in told.reads.values())
            known = self._types[name] = _Type(code, float(told.base[0]), reads)
        return known

    @cached_property
    def attributes(self) -> ShopAttributes:
        """What is known of items and shoppers now."""
        return ShopAttributes.of(self.state, self.live, self.places, self.about)


def _known(state: ShopState, places: LiveOrdinals, live: Live, ordinal: int) -> Mapping[str, Value]:
    """What is known of an item by lower-case column, with what was put."""
    name = places.names(np.array([ordinal], np.int32))[0]
    held = state.items.row(ordinal) if ordinal < places.base else {}
    return {**held, **(live.put("item", name) or {})}


def _about(told: Told) -> str:
    """The id of the item, or action, that is told of; empty for none."""
    if isinstance(told, Event):
        return told.item_id
    return told.id if isinstance(told, Put) else told.action_id
