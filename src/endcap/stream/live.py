"""What was streamed since a snapshot of the lake, of one shop: folded from the log, read by every request.

Folding is idempotent and commutative, so a replay beside live traffic, late events and repeats all end in the same
state. One thread at a time folds; readers take no lock, and see each shopper's events whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

import msgspec

from endcap.lake.offsets import NOTHING, LakeOffsets, TableKind
from endcap.lake.signals import number
from endcap.seams import Clock
from endcap.storage.log import Offset, Record
from endcap.storage.state import Bounds, MemoryState, StateStore
from endcap.stream import packed, properties
from endcap.stream.collect import PutKind
from endcap.stream.links import Links
from endcap.stream.packed import Recent
from endcap.stream.records import ActionEvent, Event, Put, Value, decode
from endcap.types import DAY, DURATION, RATING, ShopKey

IMPRESSIONS = Bounds(entries=200_000, bytes=64 << 20, age=2 * DAY)
"""Of answers: what each showed."""
SUNK_AS: Mapping[str, TableKind] = {
    "event": "interactions",
    "item": "items",
    "user": "users",
    "action": "actions",
    "action_event": "action_interactions",
    "decision": "decisions",
    "feature": "features",
}
"""The table that each kind of record goes into."""
Records = Sequence[tuple[Offset, Record]]
EventKind = Literal["event", "action"]
Linked = Callable[[str], str | None]
Told = Event | ActionEvent | Put
News = Sequence[tuple[Record, Told]]
"""Records that were news, with what they say: nobody has to read them twice."""
_BEFORE = -(2**63)
_SHOWN = msgspec.msgpack.Decoder(tuple[str, ...])


class _Item(msgspec.Struct, array_like=True, gc=False):
    """The first member of `Shown`; the others are passed over."""

    item_id: str


class _Answer(msgspec.Struct, gc=False):
    """What live state needs of a `Decision`: every answer is folded, and most of one is never looked at here."""

    id: str
    shown: tuple[_Item, ...] = ()


class Live:
    """One shop's. `after` says how much of the log is in the lake's snapshot already; that is not folded again.

    `offsets` is how far was folded, by partition. Readers: any thread. `fold`: any thread, one at a time (it takes a
    lock).
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
        self._put: Mapping[PutKind, list[str]] = {"item": [], "user": [], "action": []}
        """An id for each put, in the order in which they came: a revision is the length of such a list."""
        self._lock = threading.Lock()
        self._blocks: dict[str, bytes] = {}
        """Of shoppers, changed by the fold that runs: stored together at its end."""
        self.offsets: dict[int, int] = {}
        self.poisoned = 0
        """Records that could not be read, and were passed over."""
        self._held: dict[str, bytes | None] = {}
        """What the state had of the shoppers in the fold that runs."""
        self._sunk = {kind: after.tables.get(table, {}) for kind, table in SUNK_AS.items()}

    def fold(self, records: Records) -> News:
        """Take what is of this shop and not in the snapshot yet, in any order, any number of times; what was news."""
        with self._lock:
            read = self._read(records)
            self._held = self._of_shoppers([told for _, told in read])
            news = [each for each in read if self._taken(*each)]
            if self._blocks:
                self._state.put_many(self._blocks)
                self._blocks = {}
            self._held = {}
        return news

    def _read(self, records: Records) -> list[tuple[Record, Told]]:
        """What there is to fold, read; of decisions, which are folded at once, nothing is left to do."""
        found: list[tuple[Record, Told]] = []
        known, offsets = self.shop, self.offsets
        for (partition, n), record in records:
            if n > offsets.get(partition, 0):
                offsets[partition] = n
            if record.shop is not known:  # a comparison costs as much as all the rest of this loop
                if record.shop != self.shop:
                    continue
                known = record.shop
            if n <= self._sunk[record.kind].get(partition, 0):
                continue
            try:
                if record.kind == "decision":
                    self._fold_decision(record)
                else:
                    found.append((record, decode(record.payload, _READ[record.kind])))
            except Exception:  # whatever it is about a record, it holds up nobody
                self.poisoned += 1
        return found

    def _of_shoppers(self, told: Sequence[Told]) -> dict[str, bytes | None]:
        keys = list({_key(each): None for each in told if not isinstance(each, Put)})
        return dict(zip(keys, self._state.get_many(keys), strict=True))

    def _taken(self, record: Record, told: Told) -> bool:
        try:
            if isinstance(told, Event):
                return self._fold_event(record, told)
            return self._fold_put(record, told) if isinstance(told, Put) else self._fold_action(record, told)
        except Exception:
            self.poisoned += 1
            return False

    def recent(self, key: str) -> Recent:
        """The newest 512 events of a user, with those of the sessions that became theirs; or of a session.

        A session that became a user's finds that user's. Events without an item are not among them.
        """
        return packed.unpack(packed.merge(self.blocks("event", self.keys(key))))

    def actions_of(self, key: str) -> Recent:
        """The newest 512 actions shown to or taken by a user or session, as `recent`; items are action ids."""
        return packed.unpack(packed.merge(self.blocks("action", self.keys(key))))

    def keys(self, key: str) -> tuple[str, ...]:
        """Whose events are one shopper's: the user first (that a session became), their sessions, the key itself."""
        owner = self.linked_user(key) or key
        return tuple(dict.fromkeys((owner, *self._links.sessions(owner), key)))

    def blocks(self, kind: EventKind, keys: Sequence[str]) -> tuple[bytes, ...]:
        """The packed events of each key that has any. The same objects mean that nothing came since."""
        held = self._state.get_many([f"{kind}/{each}" for each in keys])
        return tuple(block for block in held if packed.current(block))  # type: ignore[misc]

    def linked_user(self, session_id: str) -> str | None:
        """The user that a session became, None where it did not."""
        return self._links.user(session_id) or (self._linked(session_id) if self._linked else None)

    def revision(self, kind: PutKind) -> int:
        """Grows with every put of an item, a user or an action."""
        return len(self._put[kind])

    def changed(self, kind: PutKind, since: int = 0) -> list[str]:
        """Ids of what was put since a revision, each once, in the order in which they first came since."""
        return list(dict.fromkeys(self._put[kind][since:]))

    def put(self, kind: PutKind, name: str) -> Mapping[str, Value] | None:
        """By lower-case column, what was put of one since the snapshot; None where nothing was."""
        block = self._state.get(f"put-{kind}/{name}")
        return properties.values(block) if block else None

    def impressed(self, recommendation_id: str) -> tuple[str, ...]:
        """Ids that an answer showed, in order; empty where it is unknown or too old. What later events say was seen
        (explicit impressions; all of them together, sorted) takes their place."""
        told = self._impressions.get(f"explicit/{recommendation_id}")
        shown = told or self._impressions.get(f"implicit/{recommendation_id}")
        return _SHOWN.decode(shown) if shown else ()

    def _fold_event(self, record: Record, event: Event) -> bool:
        if event.traffic:  # bots and colleagues: nothing reacts to them
            return False
        self._link(event)
        if event.recommendation_id and event.impression:
            key = f"explicit/{event.recommendation_id}"
            told = _SHOWN.decode(self._impressions.get(key) or b"\x90")
            self._impressions.put(key, msgspec.msgpack.encode(sorted({*told, *event.impression})))
        if not event.item_id:
            return True
        return self._add(event, packed.row(event.time, record.id, event.item_id, event.event_type, *measured(event)))

    def _fold_action(self, record: Record, event: ActionEvent) -> bool:
        self._link(event)
        return self._add(event, packed.row(event.time, record.id, event.action_id, event.event_type))

    def _fold_decision(self, record: Record) -> None:
        answer: _Answer = decode(record.payload, _Answer)
        shown = tuple(each.item_id for each in answer.shown)
        self._impressions.put(f"implicit/{answer.id}", msgspec.msgpack.encode(shown))

    def _fold_put(self, record: Record, put: Put) -> bool:
        key = f"put-{record.kind}/{put.id}"
        held = self._state.get(key)
        block = properties.laid_over(held, put.time, record.id, put.properties)
        if block == held:
            return False
        self._state.put(key, block)
        self._put[cast("PutKind", record.kind)].append(put.id)
        return True

    def _link(self, event: Event | ActionEvent) -> None:
        session = event.session_id
        if session and self._linked and self._links.user(session) is None and (user := self._linked(session)):
            self._links.fold(session, user, _BEFORE, "")  # the snapshot's events came first
        self._links.fold(session, event.user_id, event.time, event.event_id)

    def _add(self, event: Event | ActionEvent, row: bytes) -> bool:
        key = _key(event)
        held = self._blocks.get(key) or packed.current(self._held.get(key))
        block = packed.fold(held, row)
        if block == held:
            return False
        self._blocks[key] = block
        return True


_READ: Mapping[str, type[Told]] = {
    "event": Event,
    "action_event": ActionEvent,
    "item": Put,
    "user": Put,
    "action": Put,
}


def measured(event: Event) -> tuple[float, ...]:
    """What was measured beside an event, as `Numbers` has it: value, seconds, stars; nothing for none at all."""
    told = event.properties
    if not told or (DURATION not in told and RATING not in told):
        return () if event.value is None else (number(event.value),)
    return number(event.value), number(told.get(DURATION)), number(told.get(RATING))


def _key(event: Event | ActionEvent) -> str:
    """What a shopper's events are kept under."""
    kind = "event" if isinstance(event, Event) else "action"
    return f"{kind}/{event.user_id or event.session_id}"
