"""What each shopper did lately, packed in arrays: the live half of every question to a recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numba import njit

from endcap.errors import ArtefactError
from endcap.lake.dataset import Dataset, Interactions
from endcap.lake.schemas import DatasetKind
from endcap.lake.signals import Signals
from endcap.stream.ids import IdIndex
from endcap.types import DAY, Bool, Float32, Int16, Int32, Int64

CAP = 512
"""Events kept per shopper; the newest stay."""
PURCHASES = frozenset({"purchase", "purchased", "buy", "bought", "order", "ordered", "transaction"})
"""Event types that mean that the shopper has the item now; compared without case and punctuation."""

LOOK_BACK: Mapping[DatasetKind, int] = {"interactions": 100, "action_interactions": 300}
"""Events that filters look back on, per shopper and event type."""
SESSION_AGE = 30 * DAY
"""A session that became a user's is found under its own id for so long after it was last seen."""

_SEEN = ("indptr", "item", "event_type", "against")
_COLUMNS = {"item": np.int32, "time": np.int64, "event_type": np.int16, "weight": np.float32, "order": np.int64}


@dataclass(frozen=True)
class Past:
    """The events of one or more shoppers, oldest first: shopper i owns `indptr[i]:indptr[i + 1]` of the columns.

    `item` int32 holds catalogue ordinals, `time` int64 (microseconds, or an order), `event_type` int16 codes of
    `Histories.event_types`, `weight` float32 what one event counts, `order` int64 the basket's code or -1.
    """

    indptr: Int64
    item: Int32
    time: Int64
    event_type: Int16
    weight: Float32
    order: Int64

    def slice(self, row: int) -> Past:
        """One shopper's events, not copied."""
        low, high = self.indptr[row], self.indptr[row + 1]
        ends = np.array([0, high - low], np.int64)
        return Past(
            ends,
            self.item[low:high],
            self.time[low:high],
            self.event_type[low:high],
            self.weight[low:high],
            self.order[low:high],
        )

    def take(self, rows: Int32) -> Past:
        """These shoppers' events, one after the other; row -1 is a shopper without any."""
        known = np.maximum(rows, 0)
        if len(self.indptr) == 1:  # nobody was ever here
            none = np.zeros(len(rows) + 1, np.int64)
            return Past(none, self.item[:0], self.time[:0], self.event_type[:0], self.weight[:0], self.order[:0])
        lengths = np.where(rows < 0, 0, self.indptr[known + 1] - self.indptr[known])
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        places = np.arange(indptr[-1]) + np.repeat(self.indptr[known] - indptr[:-1], lengths)
        columns = (self.item, self.time, self.event_type, self.weight, self.order)
        return Past(indptr, *(column[places] for column in columns))


@dataclass(frozen=True)
class Seen:
    """For filters on event types: the newest events per shopper and event type, those types among them that nobody
    learns from (returns, impressions, …). Shopper i owns `indptr[i]:indptr[i + 1]` of `item` (int32 ordinals),
    `event_type` (int16 codes) and `against` (float32: how far the event speaks against its item, 0 where it does not,
    or where the shopper took the item up again later)."""

    indptr: Int64
    item: Int32
    event_type: Int16
    against: Float32


@dataclass(frozen=True)
class Sessions:
    """Sessions that became a user's: `index` finds one, `user` int32 is the row of its user."""

    index: IdIndex
    user: Int32


@dataclass(frozen=True)
class Histories:
    """Recent events of every shopper, found by external id, and all they ever bought.

    `bought` holds distinct ordinals in ascending order, shopper i's at `bought_indptr[i]:bought_indptr[i + 1]`; unlike
    `past` it is not cut at a number of events, or a filter on it would let old purchases through.

    """

    users: IdIndex
    past: Past
    bought_indptr: Int64
    bought: Int32
    event_types: tuple[str, ...]
    last_time: int
    seen: Seen
    sessions: Sessions
    signals: Signals = field(default_factory=Signals, repr=False)
    """What weighed the events, and weighs those to come."""

    @classmethod
    def of(cls, dataset: Dataset, cap: int = CAP, kind: DatasetKind = "interactions") -> Histories:
        """The newest `cap` events of each user of a dataset, and what filters look back on in events of this kind."""
        events, ends = dataset.interactions, dataset.indptr
        starts = np.maximum(ends[:-1], ends[1:] - cap)
        lengths = ends[1:] - starts
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        places = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        past = Past(
            indptr,
            dataset.items.ordinals[events.item[places]],
            events.time[places],
            events.event_type[places],
            events.weight[places],
            events.order[places],
        )
        return cls(
            IdIndex.of(dataset.users.ids),
            past,
            *_bought(dataset),
            dataset.event_types,
            dataset.last_time,
            _seen(dataset, LOOK_BACK[kind]),
            _sessions(dataset),
            dataset.signals,
        )

    def __len__(self) -> int:
        return len(self.users)

    def row(self, user_id: str) -> int:
        """Row of a user, or of the user that this session became; -1 where unknown."""
        found = self.users.find(user_id)
        if found < 0 and (session := self.sessions.index.find(user_id)) >= 0:
            return int(self.sessions.user[session])
        return found

    def linked_user(self, session_id: str) -> str | None:
        """The user that a session became; None where it did not, or was not seen for `SESSION_AGE`."""
        session = self.sessions.index.find(session_id)
        return self.users.name(int(self.sessions.user[session])) if session >= 0 else None

    def interacted(self, row: int) -> tuple[Int32, Int16]:
        """(ordinals, codes of `event_types`) of the newest events of each type, see `LOOK_BACK`; empty for row -1."""
        seen = self.seen
        mine = slice(seen.indptr[row], seen.indptr[row + 1]) if row >= 0 else slice(0)
        return seen.item[mine], seen.event_type[mine]

    def unwanted(self, row: int) -> dict[int, float]:
        """Ordinals of what this shopper refused and did not take up again, with how far (0 … 1]; oldest first."""
        seen, found = self.seen, dict[int, float]()
        mine = slice(seen.indptr[row], seen.indptr[row + 1]) if row >= 0 else slice(0)
        against = seen.against[mine]
        for place in np.flatnonzero(against).tolist():
            ordinal = int(seen.item[mine][place])
            found[ordinal] = max(found.pop(ordinal, 0.0), float(against[place]))
        return found

    def purchases(self, row: int) -> Int32:
        """int32 ordinals of all that this shopper bought; empty for row -1."""
        if row < 0:
            return self.bought[:0]
        return self.bought[self.bought_indptr[row] : self.bought_indptr[row + 1]]

    def arrays(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """(named arrays, notes), to be saved; see `stream.arrays`."""
        named = {f"past.{name}": getattr(self.past, name) for name in ("indptr", *_COLUMNS)}
        notes = {"event_types": json.dumps(self.event_types), "last_time": str(self.last_time)}
        notes["signals"] = self.signals.text
        named |= {"bought.indptr": self.bought_indptr, "bought.item": self.bought}
        named |= {f"seen.{name}": getattr(self.seen, name) for name in _SEEN}
        named |= {"sessions.user": self.sessions.user, **self.sessions.index.arrays("sessions")}
        return {**self.users.arrays("users"), **named}, notes

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> Histories:
        """What `arrays` gave. Raises `ArtefactError` when the parts do not fit together."""
        try:
            users = IdIndex.from_arrays(arrays, "users")
            past = Past(arrays["past.indptr"], *(arrays[f"past.{name}"] for name in _COLUMNS))
            bought_indptr, bought = arrays["bought.indptr"], arrays["bought.item"]
            seen, signals = Seen(*(arrays[f"seen.{name}"] for name in _SEEN)), Signals.parse(notes["signals"])
            sessions = Sessions(IdIndex.from_arrays(arrays, "sessions"), arrays["sessions.user"])
            event_types, last_time = tuple(json.loads(notes["event_types"])), int(notes["last_time"])
        except (KeyError, ValueError, TypeError) as error:
            raise ArtefactError(f"The histories are damaged: {error}.", fix=_AGAIN) from error
        for name, kind in _COLUMNS.items():
            column = getattr(past, name)
            if column.dtype != kind or not _fits(past.indptr, len(users), len(column)):
                raise ArtefactError(f"Column {name} of the histories is damaged.", fix=_AGAIN)
        if bought.dtype != np.int32 or not _fits(bought_indptr, len(users), len(bought)):
            raise ArtefactError("The purchases in the histories are damaged.", fix=_AGAIN)
        for column, kind in ((seen.item, np.int32), (seen.event_type, np.int16), (seen.against, np.float32)):
            if column.dtype != kind or not _fits(seen.indptr, len(users), len(column)):
                raise ArtefactError("The events for filters in the histories are damaged.", fix=_AGAIN)
        if sessions.user.dtype != np.int32 or len(sessions.user) != len(sessions.index):
            raise ArtefactError("The sessions in the histories are damaged.", fix=_AGAIN)
        if ((sessions.user < 0) | (sessions.user >= len(users))).any():
            raise ArtefactError("The sessions in the histories name users that are not there.", fix=_AGAIN)
        return cls(users, past, bought_indptr, bought, event_types, last_time, seen, sessions, signals)


_AGAIN = "Delete the directory; it is built again."


def _fits(indptr: Int64, rows: int, total: int) -> bool:
    sized = indptr.dtype == np.int64 and len(indptr) == rows + 1 and indptr[0] == 0 and indptr[-1] == total
    return bool(sized and (np.diff(indptr) >= 0).all())


def is_purchase(event_types: tuple[str, ...]) -> Bool:
    """bool [len(event_types)]: which types mean a purchase; all of them where events carry no type or none is known."""
    named = np.array(["".join(filter(str.isalnum, name.lower())) in PURCHASES for name in event_types], np.bool_)
    return named if named.any() else np.array([name == "" for name in event_types], np.bool_)


def _bought(dataset: Dataset) -> tuple[Int64, Int32]:
    events = dataset.interactions
    kept = is_purchase(dataset.event_types)[events.event_type]
    ordinals = dataset.items.ordinals[events.item[kept]]
    size = int(dataset.items.ordinals.max(initial=0)) + 1
    pairs = np.unique(events.user[kept].astype(np.int64) * size + ordinals)
    counts = np.bincount(pairs // size, minlength=dataset.n_users)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64), (pairs % size).astype(np.int32)


def _seen(dataset: Dataset, look_back: int) -> Seen:
    parts = [dataset.interactions] if dataset.left_out is None else [dataset.interactions, dataset.left_out]
    kept = [part.take(_newest(part.user, part.event_type, len(dataset.event_types), look_back)) for part in parts]
    user, item, kind = (
        np.concatenate([getattr(part, name) for part in kept]) for name in ("user", "item", "event_type")
    )
    against = np.concatenate((np.zeros(len(kept[0]), np.float32), *(_against(dataset, part) for part in kept[1:])))
    order = np.argsort(user, kind="stable") if len(kept) > 1 else np.arange(len(user))
    counts = np.bincount(user, minlength=dataset.n_users)
    indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Seen(indptr, dataset.items.ordinals[item[order]], kind[order], against[order])


def _against(dataset: Dataset, aside: Interactions) -> Float32:
    """float32 [n] of events that are left out: how far each speaks against its item, 0 where a later one forgave."""
    found: Float32 = np.maximum(-aside.weight, np.float32(0))
    says_no = np.flatnonzero(found)
    if not len(says_no):
        return found
    events, n = dataset.interactions, np.int64(dataset.n_items)
    pairs = aside.user[says_no] * n + aside.item[says_no]
    held, place = np.unique(pairs, return_inverse=True)
    taken = events.user * n + events.item
    at = np.minimum(np.searchsorted(held, taken), len(held) - 1)
    again = held[at] == taken
    last = np.full(len(held), np.iinfo(np.int64).min)
    np.maximum.at(last, at[again], events.time[again])
    found[says_no[last[place] > aside.time[says_no]]] = 0
    return found


@njit(cache=True, nogil=True)
def _newest(user: Int32, event_type: Int16, types: int, most: int) -> Bool:
    """bool [n]: the newest `most` rows per user and type; rows are sorted by user and time."""
    kept = np.zeros(len(user), np.bool_)
    counts = np.zeros(types, np.int32)
    for place in range(len(user) - 1, -1, -1):
        if place == len(user) - 1 or user[place] != user[place + 1]:
            counts[:] = 0
        counts[event_type[place]] += 1
        kept[place] = counts[event_type[place]] <= most
    return kept


def _sessions(dataset: Dataset) -> Sessions:
    """Sessions whose user is known and that were seen lately."""
    linked = dataset.sessions
    if linked is None or not linked.num_rows:
        return Sessions(IdIndex.of(pa.nulls(0, pa.string())), np.zeros(0, np.int32))
    rows = dataset.users.rows(linked["user_id"].combine_chunks())
    last = linked["last"].to_numpy()
    kept = np.flatnonzero((rows >= 0) & (last >= last.max() - SESSION_AGE))
    return Sessions(IdIndex.of(linked["session_id"].combine_chunks().take(pa.array(kept))), rows[kept])
