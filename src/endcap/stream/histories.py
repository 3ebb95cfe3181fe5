"""What each shopper did lately, packed in arrays: the live half of every question to a recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from endcap.errors import ArtefactError
from endcap.lake.dataset import Dataset
from endcap.stream.ids import IdIndex
from endcap.types import Bool, Float32, Int16, Int32, Int64

CAP = 512
"""Events kept per shopper; the newest stay."""
PURCHASES = frozenset({"purchase", "purchased", "buy", "bought", "order", "ordered", "transaction"})
"""Event types that mean that the shopper has the item now; compared without case and punctuation."""

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
        lengths = np.where(rows < 0, 0, self.indptr[known + 1] - self.indptr[known])
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        places = np.arange(indptr[-1]) + np.repeat(self.indptr[known] - indptr[:-1], lengths)
        columns = (self.item, self.time, self.event_type, self.weight, self.order)
        return Past(indptr, *(column[places] for column in columns))


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

    @classmethod
    def of(cls, dataset: Dataset, cap: int = CAP) -> Histories:
        """The newest `cap` events of each user of a dataset."""
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
        bought_indptr, bought = _bought(dataset)
        return cls(IdIndex.of(dataset.users.ids), past, bought_indptr, bought, dataset.event_types, dataset.last_time)

    def __len__(self) -> int:
        return len(self.users)

    def row(self, user_id: str) -> int:
        """Row of a shopper, -1 where unknown."""
        return self.users.find(user_id)

    def purchases(self, row: int) -> Int32:
        """int32 ordinals of all that this shopper bought; empty for row -1."""
        if row < 0:
            return self.bought[:0]
        return self.bought[self.bought_indptr[row] : self.bought_indptr[row + 1]]

    def arrays(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """(named arrays, notes), to be saved; see `stream.arrays`."""
        named = {f"past.{name}": getattr(self.past, name) for name in ("indptr", *_COLUMNS)}
        notes = {"event_types": json.dumps(self.event_types), "last_time": str(self.last_time)}
        bought = {"bought.indptr": self.bought_indptr, "bought.item": self.bought}
        return {**self.users.arrays("users"), **named, **bought}, notes

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> Histories:
        """What `arrays` gave. Raises `ArtefactError` when the parts do not fit together."""
        try:
            users = IdIndex.from_arrays(arrays, "users")
            past = Past(arrays["past.indptr"], *(arrays[f"past.{name}"] for name in _COLUMNS))
            bought_indptr, bought = arrays["bought.indptr"], arrays["bought.item"]
            event_types, last_time = tuple(json.loads(notes["event_types"])), int(notes["last_time"])
        except (KeyError, ValueError, TypeError) as error:
            raise ArtefactError(f"The histories are damaged: {error}.", fix=_AGAIN) from error
        for name, kind in _COLUMNS.items():
            column = getattr(past, name)
            if column.dtype != kind or not _fits(past.indptr, len(users), len(column)):
                raise ArtefactError(f"Column {name} of the histories is damaged.", fix=_AGAIN)
        if bought.dtype != np.int32 or not _fits(bought_indptr, len(users), len(bought)):
            raise ArtefactError("The purchases in the histories are damaged.", fix=_AGAIN)
        return cls(users, past, bought_indptr, bought, event_types, last_time)


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
