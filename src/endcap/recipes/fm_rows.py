"""What a factorization machine is told: of who asks and when, of items, and the baskets that it learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from scipy import sparse

from endcap.lake.dataset import Dataset, Interactions, TimeKind
from endcap.recipes.field_columns import coded, joined
from endcap.recipes.fields import Fields, Spec, guess
from endcap.recipes.queries import Queries
from endcap.types import DAY, HOUR, ITEM_ID, USER_ID, Float32, Int32, Int64

CLOCK = ("hour", "weekday", "month")
"""Fields of the moment of asking, UTC: 0 … 23, 0 (Monday) … 6, 1 … 12; a context may say otherwise."""
HISTORY = "history"


@dataclass(frozen=True)
class Memory:
    """How a history becomes features, one for each item: the `most` newest items, an event of age a counting
    2^(-a / half_life_days), and the whole brought to length 1."""

    most: int
    half_life_days: float

    def rows(self, indptr: Int64, item: Int32, time: Int64, now: Int64, n_items: int) -> sparse.csr_matrix:
        """float32 csr [q, n_items] of histories (oldest event first), each as of its moment of asking."""
        starts, ends = indptr[:-1].astype(np.int64), indptr[1:].astype(np.int64)
        return self.rows_until(starts, ends, item, time, now, n_items)

    def rows_until(
        self, starts: Int64, ends: Int64, item: Int32, time: Int64, now: Int64, n_items: int
    ) -> sparse.csr_matrix:
        """The same of histories that are the events `starts[q]` … `ends[q] - 1`."""
        room = np.concatenate(([0], np.cumsum(np.minimum(ends - starts, self.most)))).astype(np.int64)
        items, data = np.zeros(room[-1], np.int32), np.zeros(room[-1], np.float32)
        # Copies, so that memory-mapped histories do not make the kernel compile once more for read-only arrays.
        events = np.array(item, np.int32), np.array(time, np.int64)
        counts = _recent(starts, ends, *events, np.array(now, np.int64), self.half_life_days * DAY, room, items, data)
        filled = np.arange(room[-1]) - np.repeat(room[:-1], np.diff(room)) < np.repeat(counts, np.diff(room))
        found = (data[filled], items[filled], np.concatenate(([0], np.cumsum(counts))))
        return sparse.csr_matrix(found, shape=(len(starts), n_items))


@njit(cache=True, nogil=True)
def _recent(
    starts: Int64,
    ends: Int64,
    item: Int32,
    time: Int64,
    now: Int64,
    half_life: float,
    room: Int64,
    items: Int32,
    data: Float32,
) -> Int64:
    counts = np.zeros(len(starts), np.int64)
    for row in range(len(starts)):
        first, size = room[row], 0
        most = room[row + 1] - first
        for at in range(ends[row] - 1, starts[row] - 1, -1):
            value = 2.0 ** (-max(now[row] - time[at], 0) / half_life)
            place = first
            while place < first + size and items[place] != item[at]:
                place += 1
            if place == first + size:
                if size == most:
                    break
                items[place] = item[at]
                size += 1
            data[place] += np.float32(value)
        squares = 0.0
        for place in range(first, first + size):
            squares += data[place] * data[place]
        if squares > 0:
            for place in range(first, first + size):
                data[place] /= np.float32(np.sqrt(squares))
        counts[row] = size
    return counts


def clock(now: Int64) -> dict[str, pa.Array]:
    """The fields of the clock of int64 [q] moments in µs."""
    month = now.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    found = (now // HOUR % 24, (now // DAY + 3) % 7, month)
    return {name: pa.array(each).cast(pa.string()) for name, each in zip(CLOCK, found, strict=True)}


def learn_asking(dataset: Dataset, now: Int64, user: Int32, least: int) -> Fields:
    """Fields of who asks: their id, the columns of the shop's users, and, where times are times, the clock; learnt
    from the moments and users of what was taken. A user (a value) is known that was met `least` times."""
    table = profiles_of(dataset).take(pa.array(user))
    spec = {USER_ID: Spec("category", least=least, unknown=False), **guess(table, least=least, leave_out=(USER_ID,))}
    if dataset.time_kind == "micros":
        table = _with(table, clock(now), CLOCK)
        spec |= {name: Spec("category", unknown=False) for name in CLOCK}
    return Fields.learn(table, spec)


def profiles_of(dataset: Dataset) -> pa.Table:
    """What is known of every user, their id among it."""
    known = dataset.user_metadata
    if known is None:
        return pa.table({USER_ID: dataset.users.ids})
    return _with(known, {USER_ID: dataset.users.ids}, (USER_ID,))


def asking(fields: Fields, profiles: pa.Table | None, queries: Queries) -> pa.Table:
    """The columns of `fields` for each query: what is known of the user, over it the clock, over it the context."""
    table = pa.table({"": pa.nulls(len(queries))}) if profiles is None else profiles
    columns = set(fields.columns)
    if columns >= set(CLOCK):
        table = _with(table, clock(queries.now), CLOCK)
    if queries.context:
        context = [{name.lower(): value for name, value in each.items()} for each in queries.context]
        named = sorted({name for each in context for name in each} & columns)
        told = joined(context, named)
        table = _with(table, {name: _over(told[name], table, name) for name in named}, tuple(named))
    return table


def item_table(dataset: Dataset) -> pa.Table:
    """What is known of every item, its id among it."""
    known = dataset.item_metadata
    if known is None:
        return pa.table({ITEM_ID: dataset.items.ids})
    return _with(known, {ITEM_ID: dataset.items.ids}, (ITEM_ID,))


def learn_items(dataset: Dataset, least: int) -> tuple[Fields, sparse.csr_matrix]:
    """(fields of items, float32 csr [n_items, features]): each its own, and the columns of the shop's items."""
    table = item_table(dataset)
    spec = {ITEM_ID: Spec("category", unknown=False), **guess(table, least=least, leave_out=(ITEM_ID,))}
    fields = Fields.learn(table, spec)
    return fields, fields.encode(table)


def _with(table: pa.Table, columns: dict[str, pa.Array], names: tuple[str, ...]) -> pa.Table:
    kept = table.drop_columns([name for name in names if name in table.column_names])
    for name in names:
        kept = kept.append_column(name, columns[name])
    return kept


def _over(told: pa.ChunkedArray, table: pa.Table, name: str) -> pa.ChunkedArray:
    """What is told, as texts, else what the table holds."""
    if name not in table.column_names:
        return told
    found = coded(table[name])
    return pc.coalesce(told, found.texts.take(pa.array(found.codes, mask=found.codes < 0)).cast(pa.string()))


@dataclass(frozen=True)
class Baskets:
    """What was taken together by one user: `user` int32 [g], `now` int64 [g], the history `starts` … `ends` - 1 (int64
    [g]) before it, the `items` with summed `weight` (or label) of basket b at `indptr[b]` … `indptr[b + 1] - 1`."""

    user: Int32
    now: Int64
    starts: Int64
    ends: Int64
    indptr: Int64
    items: Int32
    weight: Float32

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(cls, dataset: Dataset) -> Baskets:
        """By order, else by moment, else each event alone."""
        events = dataset.interactions
        first, basket = _together(events, dataset.time_kind)
        return cls._of(dataset, events, first, first, _summed(basket, events.item, events.weight, dataset.n_items))

    @classmethod
    def of_labels(cls, dataset: Dataset, events: Interactions, *, total: bool) -> Baskets:
        """Labels of `events`, sorted by (user, time), that need not be interactions; the history is what was taken
        before. Of several labels of one item their `total`, else the last."""
        assert events.label is not None
        first, basket = _together(events, dataset.time_kind)
        item, label = events.item, events.label
        if not total:
            key = basket.astype(np.int64) * dataset.n_items + item
            _, newest = np.unique(key[::-1], return_index=True)
            last = len(key) - 1 - newest
            basket, item, label = basket[last], item[last], label[last]
        ends = _before(dataset, events.user[first], events.time[first])
        return cls._of(dataset, events, first, ends, _summed(basket, item, label, dataset.n_items))

    @classmethod
    def _of(
        cls, dataset: Dataset, events: Interactions, first: Int64, ends: Int64, taken: sparse.csr_matrix
    ) -> Baskets:
        return cls(
            events.user[first],
            events.time[first],
            dataset.indptr[events.user[first]],
            ends.astype(np.int64),
            taken.indptr.astype(np.int64),
            taken.indices.astype(np.int32),
            taken.data,
        )


def _together(events: Interactions, time_kind: TimeKind) -> tuple[Int64, Int64]:
    """(the first event of each basket, the basket of each event)."""
    same = np.zeros(len(events), np.bool_)
    same[1:] = events.user[1:] == events.user[:-1]
    if time_kind == "micros":
        at_once = (events.time[1:] == events.time[:-1]) & (events.order[1:] == events.order[:-1])
    else:
        at_once = np.zeros(max(len(events) - 1, 0), np.bool_)
    in_order = (events.order[1:] >= 0) & (events.order[1:] == events.order[:-1])
    same[1:] &= in_order | at_once
    return np.flatnonzero(~same), np.cumsum(~same) - 1


def _summed(basket: Int64, item: Int32, value: Float32, n_items: int) -> sparse.csr_matrix:
    shape = (int(basket.max(initial=-1)) + 1, n_items)
    taken = sparse.csr_matrix((value, (basket, item)), shape=shape, dtype=np.float32)
    taken.sum_duplicates()
    return taken


def _before(dataset: Dataset, user: Int32, time: Int64) -> Int64:
    """int64 [m]: where each user's interactions before each time end."""
    events = dataset.interactions
    is_event = np.repeat([False, True], [len(user), len(events)])
    sequence = np.lexsort((is_event, np.concatenate((time, events.time)), np.concatenate((user, events.user))))
    passed = np.empty(len(sequence), np.int64)
    passed[sequence] = np.cumsum(is_event[sequence])
    return passed[: len(user)]
