"""The online store: the newest record of each id of a feature group, one packed blob each, in a store of state.

An operation counts by its event time, then by when and where it was written; so records of the log may be folded in any
order and any number of times. Only around hard deletes, after which an older event time may come again, a record's
operations must be folded in the order of the log; that may be repeated from any place. A blob is a header, the hard
deletes that still matter, the numeric features as float64, and the texts as msgpack; reads look at what they need.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import msgspec
import numpy as np

from endcap.errors import InputError
from endcap.features.groups import FeatureGroup
from endcap.seams import Clock, SystemClock
from endcap.storage.log import Offset, Record
from endcap.storage.state import Bounds, StateStore
from endcap.stream.records import FeatureRecord, decode
from endcap.types import DAY, HOUR, AccountKey, Float64

BOUNDS = Bounds(age=36_500 * DAY)
"""A record leaves by its group's time to live; else what was longest unwritten goes when there are too many."""
GRACE = HOUR
"""How long an expired record, which nobody reads any more, goes on keeping older ones from coming back by a replay."""
MOST_HARD = 8
"""Hard deletes of one record that are remembered."""
_HEAD = struct.Struct("<qqqqBBI")  # event time, written, offset, until, what it is, hard deletes, bytes of numbers
_HARD = struct.Struct("<qqq")  # event time, written, offset
_LIVE, _DELETED, _NOTHING = 1, 2, 0
_VALUES = msgspec.msgpack.Decoder(dict[str, str | list[str]])
_ENCODER = msgspec.msgpack.Encoder()

Values = dict[str, str | list[str]]
Place = tuple[int, int]
"""(written, offset): the order of writing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it is online. `until` is when it expires, 0 for never."""

    time: int
    until: int
    blob: bytes

    def values(self) -> Values:
        """By feature name, as they were written."""
        _, _, _, _, _, hard, numbers = _HEAD.unpack_from(self.blob)
        found: Values = _VALUES.decode(memoryview(self.blob)[_HEAD.size + hard * _HARD.size + numbers :])
        return found


@dataclass(frozen=True, slots=True)
class _State:
    """What a blob says: the operation that counts (None where hard deletes left nothing), and the hard deletes."""

    best: tuple[int, Place, int, bool, bytes, bytes] | None
    """Event time, order of writing, until, whether it is deleted, numbers, values."""
    hard: tuple[tuple[int, Place], ...] = ()


class OnlineStore:
    """Of all accounts, over one store of state. Every method may be called from any thread; reads take no lock."""

    def __init__(self, state: StateStore, clock: Clock | None = None) -> None:
        self._state, self._clock, self._lock = state, clock or SystemClock(), threading.Lock()
        self.poisoned = 0
        """Records that could not be read, and were passed over."""

    def renew(self, state: StateStore) -> None:
        """Go on with another store of state, which whoever asks for it fills."""
        with self._lock:
            self._state = state

    def forget(self, group: FeatureGroup, identities: Iterable[str]) -> None:
        """Remove all that is known of these records, deletions too: for what is erased everywhere."""
        with self._lock:
            for identity in identities:
                self._state.delete(_key(group.account, group.key, identity))

    def fold(self, records: Iterable[tuple[Offset, Record]]) -> None:
        """Take the feature records among these, any number of times."""
        operations: dict[str, list[tuple[FeatureRecord, Place]]] = {}
        for offset, record in records:
            if record.kind != "feature":
                continue
            try:
                told: FeatureRecord = decode(record.payload, FeatureRecord)
            except (msgspec.DecodeError, UnicodeError):
                self.poisoned += 1
                continue
            if told.stores != "offline":
                key = _key(record.shop.account, told.group, told.id)
                operations.setdefault(key, []).append((told, (record.time, offset.n)))
        self._apply(operations)

    def load(self, account: AccountKey, records: Iterable[tuple[FeatureRecord, Place]]) -> None:
        """Take records of one account that come from its offline tables."""
        operations: dict[str, list[tuple[FeatureRecord, Place]]] = {}
        for told, place in records:
            if told.stores != "offline":
                operations.setdefault(_key(account, told.group, told.id), []).append((told, place))
        self._apply(operations)

    def get(self, group: FeatureGroup, identity: str) -> Found | None:
        """The newest record of an id; None where there is none, or none any more."""
        return self.get_many([(group, identity)])[0]

    def get_many(self, wanted: Sequence[tuple[FeatureGroup, str]]) -> list[Found | None]:
        """As `get`, of any groups, in one question to the store."""
        now = self._clock.now()
        blobs = self._state.get_many([_key(group.account, group.key, identity) for group, identity in wanted])
        return [None if blob is None else _found(blob, now) for blob in blobs]

    def numbers(self, group: FeatureGroup, identities: Sequence[str], names: Sequence[str]) -> Float64:
        """float64 [identities, names] of numeric features, NaN where there is none. Raises `InputError` for a feature
        that the group has not, or that is no number."""
        places = [_place(group, name) for name in names]
        prefix, now = _prefix(group.account, group.key), self._clock.now()
        packed = np.full((len(identities), len(group.numeric)), np.nan)
        for row, blob in enumerate(self._state.get_many([prefix + identity for identity in identities])):
            if blob is None:
                continue
            _, _, _, until, what, hard, size = _HEAD.unpack_from(blob)
            if what == _LIVE and (not until or until > now) and size:
                packed[row, : size // 8] = np.frombuffer(blob, "<f8", size // 8, _HEAD.size + hard * _HARD.size)
        return packed[:, places]

    def _apply(self, operations: Mapping[str, Sequence[tuple[FeatureRecord, Place]]]) -> None:
        if not operations:
            return
        with self._lock:
            self._write(operations)

    def _write(self, operations: Mapping[str, Sequence[tuple[FeatureRecord, Place]]]) -> None:
        """Read, decide and write; again where another process wrote in between."""
        waiting = operations
        while waiting:
            held = dict(zip(waiting, self._state.get_many(list(waiting)), strict=True))
            now, changed = self._clock.now(), list[tuple[int, str, bytes]]()
            for key, told in waiting.items():
                before = state = _unpack(held[key])
                for record, place in told:
                    state = _with(state, record, place)
                if state != before:
                    until = state.best[2] if state.best else 0
                    changed.append((until + GRACE if until else 0, key, _pack(state)))
            missed: list[str] = []
            for until, group in groupby(sorted(changed, key=itemgetter(0)), key=itemgetter(0)):
                there = not until or until > now
                missed += self._state.swap_many(
                    {key: blob if there else None for _, key, blob in group}, held, until=until
                )
            waiting = {key: waiting[key] for key in missed}


def _with(state: _State, record: FeatureRecord, place: Place) -> _State:
    """The state with one operation more."""
    if record.deleted and record.hard:
        hard = _frontier((*state.hard, (record.time, place)))
        best = state.best
        return _State(None if best and _is_erased(best[0], best[1], hard) else best, hard)
    if _is_erased(record.time, place, state.hard) or 0 < record.until <= place[0]:  # had expired when it was written
        return state
    values = b"" if record.deleted else _ENCODER.encode(record.values)
    fresh = (record.time, place, record.until, record.deleted, b"" if record.deleted else record.numbers, values)
    best = state.best
    if best is not None:
        if best[2] and place[0] >= best[2]:  # what had expired when this was written is nothing to be older than
            return _State(fresh, state.hard)
        if record.until and best[1][0] >= record.until:
            return state
        if (best[0], best[1]) >= (fresh[0], fresh[1]):
            return state
    return _State(fresh, state.hard)


def _is_erased(time: int, place: Place, hard: Iterable[tuple[int, Place]]) -> bool:
    """Whether a hard delete came after it, of its time or a later one."""
    return any(place < later and time <= at for at, later in hard)


def _frontier(hard: Iterable[tuple[int, Place]]) -> tuple[tuple[int, Place], ...]:
    """Those that no other makes needless, the newest written first."""
    kept: list[tuple[int, Place]] = []
    for at, place in sorted(set(hard), key=lambda each: (each[1], each[0]), reverse=True):
        if not kept or at > kept[-1][0]:
            kept.append((at, place))
    return tuple(kept[:MOST_HARD])


def _pack(state: _State) -> bytes:
    time, place, until, deleted, numbers, values = state.best or (0, (0, 0), 0, False, b"", b"")
    what = (_DELETED if deleted else _LIVE) if state.best else _NOTHING
    head = _HEAD.pack(time, *place, until, what, len(state.hard), len(numbers))
    return b"".join((head, *(_HARD.pack(at, *written) for at, written in state.hard), numbers, values))


def _unpack(blob: bytes | None) -> _State:
    if blob is None:
        return _State(None)
    time, written, offset, until, what, count, size = _HEAD.unpack_from(blob)
    start = _HEAD.size + count * _HARD.size
    hard = tuple((at, (when, n)) for at, when, n in _HARD.iter_unpack(blob[_HEAD.size : start]))
    if what == _NOTHING:
        return _State(None, hard)
    numbers, values = blob[start : start + size], blob[start + size :]
    return _State((time, (written, offset), until, what == _DELETED, numbers, values), hard)


def _place(group: FeatureGroup, name: str) -> int:
    if name not in group.numeric:
        raise InputError(f"Feature group {group.name} has no numeric feature {name!r}; it has {group.numeric}.")
    return group.numeric.index(name)


def _found(blob: bytes, now: int) -> Found | None:
    time, _, _, until, what, _, _ = _HEAD.unpack_from(blob)
    return Found(time, until, blob) if what == _LIVE and (not until or until > now) else None


def _prefix(account: AccountKey, group: str) -> str:
    return f"feature/{account.account}/{account.region}/{group}/"


def _key(account: AccountKey, group: str, identity: str) -> str:
    return _prefix(account, group) + identity
