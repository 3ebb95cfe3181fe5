"""What was streamed since a shop's state was made, in ordinals: each request reads both as one.

Items that the state does not know, put or first seen in an event, get the ordinals after its catalogue's, for as long
as this state is served. Folds come from the log's writer, reads from whoever answers; what grows only ever grows.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec
import numpy as np

from endcap.lake.event_types import is_left_out, weight
from endcap.serving.shop import ShopState
from endcap.serving.shop_attributes import ShopAttributes
from endcap.storage.log import Offset, Record
from endcap.stream.histories import PURCHASES
from endcap.stream.live import SUNK_AS, Live
from endcap.stream.packed import Recent
from endcap.stream.records import ActionEvent, Event, Put, decode
from endcap.types import Bool, Float32, Int16, Int32, Int64

Records = Sequence[tuple[Offset, Record]]
About = Literal["items", "actions"]
NOTED: Mapping[About, Mapping[str, type[Event | ActionEvent | Put]]] = {
    "items": {"event": Event, "item": Put},
    "actions": {"action_event": ActionEvent, "action": Put},
}


def plain(event_type: str) -> str:
    """Without case and punctuation: what event types are compared by."""
    return "".join(filter(str.isalnum, event_type.lower()))


@dataclass(frozen=True)
class Fresh:
    """What one shopper did since the state was made, oldest first, in equally long columns.

    `item` int32 holds ordinals, `event_type` int16 codes of the histories (-1 where they have none), `interest` bool
    tells the events that say interest.
    """

    item: Int32
    time: Int64
    event_type: Int16
    weight: Float32
    interest: Bool
    event_types: tuple[str, ...]

    def of_types(self, wanted: frozenset[str]) -> Int32:
        """int32 ordinals of the events of these types (plain)."""
        return self.item[[plain(name) in wanted for name in self.event_types]]

    @property
    def bought(self) -> Int32:
        """int32 ordinals of what was bought."""
        return self.of_types(PURCHASES)


class LiveShop:
    """One state of a shop's items (or actions) and what was streamed into it since."""

    def __init__(self, state: ShopState, live: Live, about: About = "items", shown: Mapping[str, int] | None = None):
        """`shown` counts how often each new item was shown for exploration before this state."""
        self.state, self.live, self.about = state, live, about
        self.base = len(state.catalogue)
        self.last_time = 0
        self.shown: dict[str, int] = dict(shown or {})
        self.taken: dict[int, int] = {}
        """Events of interest by ordinal, since the state was made."""
        self._places: dict[str, int] = {}
        self._names: list[str] = []
        self._born: list[int] = []
        self._codes = {plain(name): code for code, name in enumerate(state.histories.event_types)}
        self._types: dict[str, tuple[int, float, bool]] = {}
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Number of ordinals."""
        return self.base + len(self._names)

    def note(self, records: Records) -> None:
        """Give ordinals to what is new in records that `live` has folded or will fold. Repeats change nothing."""
        kinds = NOTED[self.about]
        with self._lock:
            for offset, record in records:
                known = record.shop != self.live.shop or self.live.after.has(SUNK_AS[record.kind], offset)
                if record.kind in kinds and not known:
                    self._note(record, kinds[record.kind])

    def _note(self, record: Record, kind: type[Event | ActionEvent | Put]) -> None:
        try:
            told = decode(record.payload, kind)
        except msgspec.DecodeError:
            return
        if isinstance(told, Put):
            self._place(told.id, told.time)
            return
        self.last_time = max(self.last_time, told.time)
        name = told.item_id if isinstance(told, Event) else told.action_id
        if name:
            ordinal = self._place(name, told.time)
            if self._type(told.event_type)[2]:
                self.taken[ordinal] = self.taken.get(ordinal, 0) + 1

    def _place(self, name: str, time: int) -> int:
        known = self.ordinal(name)
        if known >= 0:
            return known
        # Names first: whoever finds an ordinal must find its name.
        self._born.append(time)
        self._names.append(name)
        ordinal = self._places[name] = self.base + len(self._names) - 1
        return ordinal

    def ordinal(self, item_id: str) -> int:
        """Ordinal of an item, -1 where unknown."""
        place = self.state.ordinal(item_id)
        return place if place >= 0 else self._places.get(item_id, -1)

    def ordinals(self, item_ids: list[str]) -> Int32:
        """int32 ordinals of items, -1 where unknown."""
        places = self.state.ordinals(item_ids)
        if self._places:
            for at in np.flatnonzero(places < 0).tolist():
                places[at] = self._places.get(item_ids[at], -1)
        return places

    def names(self, ordinals: Int32) -> list[str]:
        """External ids of ordinals."""
        if not len(ordinals) or int(ordinals.max()) < self.base:
            return self.state.catalogue.names(ordinals)
        found = self.state.catalogue
        return [
            found.name(place) if place < self.base else self._names[place - self.base] for place in ordinals.tolist()
        ]

    def new_items(self, size: int) -> Int32:
        """int32 ordinals below `size` of items that came since the state was made, the newest first."""
        return np.arange(size - 1, self.base - 1, -1, dtype=np.int32)

    def born(self, ordinal: int) -> int:
        """When an item that came since the state was made was first seen."""
        return self._born[ordinal - self.base]

    def fresh(self, key: str) -> Fresh | None:
        """What a user or session did since the state was made; None where that is nothing."""
        if not self.last_time:
            return None
        recent = self.live.recent(key) if self.about == "items" else self.live.actions_of(key)
        return self._fresh(recent) if len(recent.items) else None

    def _fresh(self, recent: Recent) -> Fresh:
        told = [self._type(name) for name in recent.event_types]
        return Fresh(
            self.ordinals(list(recent.items)),
            np.asarray(recent.times, np.int64),
            np.array([code for code, _, _ in told], np.int16),
            np.array([each for _, each, _ in told], np.float32),
            np.array([interest for _, _, interest in told], np.bool_),
            tuple(recent.event_types),
        )

    def _type(self, name: str) -> tuple[int, float, bool]:
        """(code, weight, whether it says interest) of an event type."""
        known = self._types.get(name)
        if known is None:
            known = self._types[name] = (self._codes.get(plain(name), -1), weight(name), not is_left_out(name))
        return known

    @cached_property
    def attributes(self) -> ShopAttributes:
        """What is known of items and shoppers now."""
        return ShopAttributes.of(self)
