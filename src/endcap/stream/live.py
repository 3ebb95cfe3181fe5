"""What was streamed since a snapshot of the lake, of one shop: folded from the log, read by every request.

Folding is idempotent and commutative, so a replay beside live traffic, late events and repeats all end in the same
state. One thread at a time folds; readers take no lock, and see each shopper's events whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec

from endcap.lake.offsets import NOTHING, LakeOffsets, TableKind
from endcap.seams import Clock
from endcap.storage.log import Offset, Record
from endcap.storage.state import Bounds, MemoryState, StateStore
from endcap.stream import packed, properties
from endcap.stream.links import Links
from endcap.stream.packed import Recent
from endcap.stream.records import ActionEvent, Decision, Event, Put, Value, decode
from endcap.types import DAY, ShopKey

IMPRESSIONS = Bounds(entries=200_000, bytes=64 << 20, age=2 * DAY)
"""Of answers: what each showed."""
SUNK_AS: Mapping[str, TableKind] = {
    "event": "interactions",
    "item": "items",
    "user": "users",
    "action": "actions",
    "action_event": "action_interactions",
    "decision": "decisions",
}
"""The table that each kind of record goes into."""
Linked = Callable[[str], str | None]
_BEFORE = -(2**63)
_SHOWN = msgspec.msgpack.Decoder(tuple[str, ...])


class Live:
    """One shop's. `after` says how much of the log is in the lake's snapshot already; that is not folded again.

    `offsets` is how far was folded, by partition. Readers: any thread. `fold` and `forget`: any thread, one at a time
    (they take a lock).
    """

    def __init__(
        self,
        shop: ShopKey,
        *,
        after: LakeOffsets = NOTHING,
        linked: Linked | None = None,
        state: StateStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`linked` tells what user the snapshot says a session became: `Histories.linked_user`."""
        self.shop, self.after = shop, after
        self._linked = linked
        self._state: StateStore = MemoryState(Bounds(), clock) if state is None else state
        self._impressions = MemoryState(IMPRESSIONS, clock)
        self._links = Links()
        self._put: dict[str, dict[str, None]] = {"item": {}, "user": {}, "action": {}}
        self._revisions = dict.fromkeys(self._put, 0)
        self._lock = threading.Lock()
        self.offsets: dict[int, int] = {}
        self.poisoned = 0
        """Records that could not be read, and were passed over."""
        self._folds: Mapping[str, Callable[[Record], None]] = {
            "event": self._fold_event,
            "action_event": self._fold_action,
            "decision": self._fold_decision,
            "item": self._fold_put,
            "user": self._fold_put,
            "action": self._fold_put,
        }

    def fold(self, records: Sequence[tuple[Offset, Record]]) -> None:
        """Take what is of this shop and not in the snapshot yet, in any order, any number of times."""
        with self._lock:
            for offset, record in records:
                self.offsets[offset.partition] = max(offset.n, self.offsets.get(offset.partition, 0))
                if record.shop != self.shop or self.after.has(SUNK_AS[record.kind], offset):
                    continue
                try:
                    self._folds[record.kind](record)
                except (msgspec.DecodeError, UnicodeError):
                    self.poisoned += 1

    def recent(self, key: str) -> Recent:
        """The newest 512 events of a user, with those of the sessions that became theirs; or of a session.

        A session that became a user's finds that user's. Events without an item are not among them.
        """
        return self._recent("event", key)

    def actions_of(self, key: str) -> Recent:
        """The newest 512 actions shown to or taken by a user or session, as `recent`; items are action ids."""
        return self._recent("action", key)

    def linked_user(self, session_id: str) -> str | None:
        """The user that a session became, None where it did not."""
        return self._links.user(session_id) or (self._linked(session_id) if self._linked else None)

    def item(self, name: str) -> Mapping[str, Value] | None:
        """By lower-case column, what was put of an item since the snapshot; None where nothing was."""
        return self._properties("item", name)

    def user(self, name: str) -> Mapping[str, Value] | None:
        """As `item`."""
        return self._properties("user", name)

    def action(self, name: str) -> Mapping[str, Value] | None:
        """As `item`."""
        return self._properties("action", name)

    def items(self) -> list[str]:
        """Ids of items put since the snapshot, in the order in which they first came."""
        return list(self._put["item"])

    def users(self) -> list[str]:
        """Ids of users put since the snapshot."""
        return list(self._put["user"])

    def actions(self) -> list[str]:
        """Ids of actions put since the snapshot."""
        return list(self._put["action"])

    @property
    def items_revision(self) -> int:
        """Grows with every put of an item."""
        return self._revisions["item"]

    @property
    def users_revision(self) -> int:
        """Grows with every put of a user."""
        return self._revisions["user"]

    @property
    def actions_revision(self) -> int:
        """Grows with every put of an action."""
        return self._revisions["action"]

    def impressed(self, recommendation_id: str) -> tuple[str, ...]:
        """Ids that an answer showed, in order; empty where it is unknown or too old. What later events say was seen
        (explicit impressions; all of them together, sorted) takes their place."""
        told = self._impressions.get(f"explicit/{recommendation_id}")
        shown = told or self._impressions.get(f"implicit/{recommendation_id}")
        return _SHOWN.decode(shown) if shown else ()

    def forget(self, user_id: str) -> None:
        """Drop what is known of a user and of the sessions that became theirs."""
        with self._lock:
            for key in (user_id, *self._links.sessions(user_id)):
                for kind in ("event", "action"):
                    self._state.delete(f"{kind}/{key}")
            self._links.forget(user_id)
            self._state.delete(f"put-user/{user_id}")
            if self._put["user"].pop(user_id, 0) is None:
                self._revisions["user"] += 1

    def _recent(self, kind: str, key: str) -> Recent:
        owner = self.linked_user(key) or key
        keys = dict.fromkeys((owner, *self._links.sessions(owner), key))
        found = self._state.get_many([f"{kind}/{each}" for each in keys])
        return packed.unpack(packed.merge(block for block in found if block))

    def _properties(self, kind: str, name: str) -> Mapping[str, Value] | None:
        block = self._state.get(f"put-{kind}/{name}")
        return properties.values(block) if block else None

    def _fold_event(self, record: Record) -> None:
        event: Event = decode(record.payload, Event)
        self._link(event)
        if event.recommendation_id and event.impression:
            key = f"explicit/{event.recommendation_id}"
            told = _SHOWN.decode(self._impressions.get(key) or b"\x90")
            self._impressions.put(key, msgspec.msgpack.encode(sorted({*told, *event.impression})))
        if event.item_id:
            row = packed.row(event.time, record.id, event.item_id, event.event_type, event.value)
            self._add(f"event/{event.user_id or event.session_id}", row)

    def _fold_action(self, record: Record) -> None:
        event: ActionEvent = decode(record.payload, ActionEvent)
        self._link(event)
        row = packed.row(event.time, record.id, event.action_id, event.event_type, None)
        self._add(f"action/{event.user_id or event.session_id}", row)

    def _fold_decision(self, record: Record) -> None:
        decision: Decision = decode(record.payload, Decision)
        shown = tuple(each.item_id for each in decision.shown)
        self._impressions.put(f"implicit/{decision.id}", msgspec.msgpack.encode(shown))

    def _fold_put(self, record: Record) -> None:
        put: Put = decode(record.payload, Put)
        key = f"put-{record.kind}/{put.id}"
        held = self._state.get(key)
        block = properties.laid_over(held, put.time, record.id, put.properties)
        if block != held:
            self._state.put(key, block)
            self._put[record.kind][put.id] = None
            self._revisions[record.kind] += 1

    def _link(self, event: Event | ActionEvent) -> None:
        session = event.session_id
        if session and self._linked and self._links.user(session) is None and (user := self._linked(session)):
            self._links.fold(session, user, _BEFORE, "")  # the snapshot's events came first
        self._links.fold(session, event.user_id, event.time, event.event_id)

    def _add(self, key: str, row: bytes) -> None:
        held = self._state.get(key) or packed.EMPTY
        block = packed.fold(held, row)
        if block != held:
            self._state.put(key, block)
