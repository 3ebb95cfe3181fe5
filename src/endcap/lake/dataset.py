"""A shop's interactions in columns: what recipes learn from and evaluation judges with.

Everything is plain NumPy and Arrow, sorted by (user, time, order of arrival), so that one user's history is a slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from endcap.errors import DataError, SchemaError
from endcap.lake.columns import plain
from endcap.lake.labels import labels
from endcap.lake.signals import Signals, Types
from endcap.types import (
    EVENT_TYPE,
    ITEM_ID,
    ORDER_ID,
    POSITION,
    TIMESTAMP,
    USER_ID,
    WEIGHT,
    Float32,
    Int16,
    Int32,
    Int64,
)

TimeKind = Literal["micros", "order", "none"]
"""What `Interactions.time` holds: real time, a mere order (1, 2, 3 …), or nothing (all zero)."""


@dataclass(frozen=True)
class Vocabulary:
    """External ids in row order; `ordinals` are their places in the shop's catalogue index."""

    ids: pa.Array
    ordinals: Int32

    @classmethod
    def of(cls, ids: pa.Array, ordinals: Int32 | None = None) -> Vocabulary:
        return cls(ids, np.arange(len(ids), dtype=np.int32) if ordinals is None else ordinals)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: pa.Array | list[str]) -> Int32:
        """int32 rows of external ids, -1 where unknown."""
        wanted = pa.array(ids, pa.string()) if isinstance(ids, list) else ids.cast(pa.string())
        found = pc.index_in(wanted, value_set=self.ids)
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int32)

    def names(self, rows: Int32) -> list[str]:
        """External ids of rows; every row must exist."""
        return [str(name) for name in self.ids.take(pa.array(rows)).to_pylist()]


@dataclass(frozen=True)
class Interactions:
    """Equal-length columns sorted by (user, time, arrival): user, item rows; time int64; event type codes; weight (what
    one event says, see `signals`; > 0 where it is learned from); order (basket code, -1 where there is none)."""

    user: Int32
    item: Int32
    time: Int64
    event_type: Int16
    weight: Float32
    order: Int64
    label: Float32 | None = None
    """float32 [n]: the number that a recipe asked for (`labels`), NaN where an event says none; None: none was."""

    def __len__(self) -> int:
        return len(self.user)

    def take(self, keep: np.ndarray) -> Interactions:
        """Rows by ascending index or boolean mask; the order is kept."""
        return Interactions(
            self.user[keep],
            self.item[keep],
            self.time[keep],
            self.event_type[keep],
            self.weight[keep],
            self.order[keep],
            None if self.label is None else self.label[keep],
        )


@dataclass(frozen=True)
class Dataset:
    """Interactions with their vocabularies, and metadata aligned to them row by row where it is known.

    `items` may hold items without interactions (a catalogue), `users` users without any. Metadata are kept in plain
    columns (`columns.plain`): no reader needs to know of dictionaries.
    """

    users: Vocabulary
    items: Vocabulary
    interactions: Interactions
    event_types: tuple[str, ...] = ("",)
    time_kind: TimeKind = "micros"
    item_metadata: pa.Table | None = None
    user_metadata: pa.Table | None = None
    snapshot: str = ""
    left_out: Interactions | None = None
    """Events of types that recipes do not learn from (returns, impressions, …), sorted likewise, for filters."""
    sessions: pa.Table | None = None
    """(session_id, user_id, last): sessions whose events are a user's here."""
    decisions: pa.Table | None = None
    """What was shown, with the features it was ranked by and what became of it (`logged.LOGGED`); for rankers."""
    windows: tuple[Mapping[str, Any], ...] = ()
    """Windows that the shop has declared, as documents (`features.declared`): further ranking features."""
    signals: Signals = field(default_factory=Signals, repr=False)
    """What made the weights, for who weighs what comes next."""
    scales: tuple[float, ...] = ()
    """What an event of each type counts here, as a multiple of what `signals` says; empty: once."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """By column, how many numbers beside events were none that could be (below 0, no stars)."""

    def __post_init__(self) -> None:
        for name in ("item_metadata", "user_metadata"):
            held = getattr(self, name)
            if held is not None:
                object.__setattr__(self, name, plain(held))

    @classmethod
    def from_table(
        cls, table: pa.Table, *, users: Vocabulary | None = None, items: Vocabulary | None = None, label: str = ""
    ) -> Dataset:
        """From columns `user_id, item_id[, timestamp | pos][, event_type][, weight][, order_id]`.

        `timestamp` holds int64 microseconds or an Arrow timestamp. `label` names what a recipe learns of every event
        (`Recipe.label`) and is read from the columns of `labels`: quantity, rating or the event type.

        Given vocabularies are kept and rows outside them dropped; otherwise ids are numbered in order of appearance.
        Raises `SchemaError` for a missing column, `DataError` for nulls in ids.
        """
        _require(table, (USER_ID, ITEM_ID))
        users = users or _vocabulary(table, USER_ID)
        items = items or _vocabulary(table, ITEM_ID)
        user, item = users.rows(_column(table, USER_ID)), items.rows(_column(table, ITEM_ID))
        time, kind = _times(table)
        event_type, event_types = _codes(table, EVENT_TYPE)
        rows = Interactions(
            user,
            item,
            time,
            event_type.astype(np.int16),
            _floats(table, WEIGHT),
            _orders(table),
            labels(label, table, Types(event_types), event_type) if label else None,
        )
        known = np.flatnonzero((user >= 0) & (item >= 0))
        sequence = np.lexsort((time[known], user[known]))
        return cls(users, items, rows.take(known[sequence]), event_types, kind)

    @property
    def n_users(self) -> int:
        return len(self.users)

    @property
    def n_items(self) -> int:
        return len(self.items)

    @cached_property
    def indptr(self) -> Int64:
        """int64 [n_users + 1]: where each user's slice of `interactions` starts."""
        counts = np.bincount(self.interactions.user, minlength=self.n_users)
        return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)

    @cached_property
    def last_time(self) -> int:
        """Time of the newest interaction; 0 when there is none."""
        return int(self.interactions.time.max()) if len(self.interactions) else 0

    def matrix(self) -> sparse.csr_matrix:
        """float32 [n_users, n_items]: sums of weights, duplicates added, indices sorted."""
        rows = self.interactions
        shape = (self.n_users, self.n_items)
        matrix = sparse.csr_matrix((rows.weight, (rows.user, rows.item)), shape=shape, dtype=np.float32)
        matrix.sum_duplicates()
        return matrix

    def taken(self) -> sparse.csr_matrix:
        """float32 [n_users, n_items]: 1 where somebody took something, however often."""
        matrix = self.matrix()
        matrix.data[:] = 1.0
        return matrix

    def table(self) -> pa.Table:
        """The interactions as a frame in external ids: what `from_table` takes, what any Arrow library reads."""
        events = self.interactions
        columns = {
            USER_ID: pa.DictionaryArray.from_arrays(pa.array(events.user), self.users.ids),
            ITEM_ID: pa.DictionaryArray.from_arrays(pa.array(events.item), self.items.ids),
            EVENT_TYPE: pa.DictionaryArray.from_arrays(pa.array(events.event_type), pa.array(self.event_types)),
            WEIGHT: pa.array(events.weight),
        }
        if self.time_kind != "none":
            columns[TIMESTAMP if self.time_kind == "micros" else POSITION] = pa.array(events.time)
        if (events.order >= 0).any():
            columns[ORDER_ID] = pa.array(events.order, mask=events.order < 0).cast(pa.string())
        return pa.table(columns)

    def sequences(self) -> tuple[Int64, Int32]:
        """(indptr int64 [n_users + 1], items int32): user u took `items[indptr[u]:indptr[u + 1]]`, oldest first."""
        return self.indptr, self.interactions.item

    def with_interactions(self, interactions: Interactions) -> Dataset:
        """The same shop seen through other (sorted) interactions; vocabularies and metadata stay, decisions do not:
        they tell what followed, which those interactions may be meant to hide. Nor do labels of what was left out and
        came after a user's last interaction here."""
        aside = self.left_out
        if aside is not None and aside.label is not None:
            last = np.full(self.n_users, np.iinfo(np.int64).min)
            np.maximum.at(last, interactions.user, interactions.time)
            aside = aside.take(aside.time <= last[aside.user])
        return replace(self, interactions=interactions, left_out=aside, decisions=None)

    def before(self, time: int) -> Dataset:
        """Only interactions strictly before `time`."""
        return self.with_interactions(self.interactions.take(self.interactions.time < time))

    def only(self, event_types: tuple[str, ...]) -> Dataset:
        """Only interactions of these event types."""
        wanted = [code for code, name in enumerate(self.event_types) if name in event_types]
        return self.with_interactions(self.interactions.take(np.isin(self.interactions.event_type, wanted)))

    def popularity(self) -> Float32:
        """float32 [n_items]: sum of weights of each item."""
        rows = self.interactions
        return np.bincount(rows.item, weights=rows.weight, minlength=self.n_items).astype(np.float32)


def _require(table: pa.Table, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise SchemaError(
            f"Missing column(s) {', '.join(missing)}; found {', '.join(table.column_names) or 'none'}.",
            column=missing[0],
            fix="Rename the columns or give a mapping.",
        )


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table[name].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0]) + 1
        raise DataError(f"Column {name} is empty in row {row}.", row=row, column=name, fix="Drop or fill such rows.")
    return column.cast(pa.string())


def _vocabulary(table: pa.Table, name: str) -> Vocabulary:
    return Vocabulary.of(_column(table, name).dictionary_encode().dictionary)


def _times(table: pa.Table) -> tuple[Int64, TimeKind]:
    if TIMESTAMP in table.column_names:
        column = table[TIMESTAMP].combine_chunks()
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64), "micros"
    if POSITION in table.column_names:
        return np.asarray(table[POSITION].combine_chunks().cast(pa.int64()).to_numpy(), np.int64), "order"
    return np.zeros(table.num_rows, np.int64), "none"


def _codes(table: pa.Table, name: str) -> tuple[Int32, tuple[str, ...]]:
    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int32), ("",)
    column = table[name].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    encoded = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(), np.int32), tuple(encoded.dictionary.to_pylist())


def _orders(table: pa.Table) -> Int64:
    """int64 [rows]: a code for each order, -1 where a row belongs to none."""
    if ORDER_ID not in table.column_names:
        return np.full(table.num_rows, -1, np.int64)
    codes, names = _codes(table, ORDER_ID)
    nowhere = names.index("") if "" in names else -1
    return np.where(codes == nowhere, -1, codes).astype(np.int64)


def _floats(table: pa.Table, name: str) -> Float32:
    if name not in table.column_names:
        return np.ones(table.num_rows, np.float32)
    return np.asarray(table[name].combine_chunks().cast(pa.float32()).to_numpy(zero_copy_only=False), np.float32)
