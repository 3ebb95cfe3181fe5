"""A shop's interactions as labelled rows of fields: who is asked about which item, when, knowing what."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.lake.dataset import Dataset
from endcap.recipes.field_columns import coded, joined
from endcap.recipes.fields import Fields, guess
from endcap.recipes.neural.batches import Batch, mark_of, shuffled
from endcap.recipes.neural.tabular_rows import Shape, Slots, shape_of, side_by_side
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.types import DAY, HOUR, Float32, Int32, Int64

TIMES = np.array([1, 2, 3, 5, 9, 17])
"""Edges of how often the shopper had an item."""
AGES = np.array([3, 7, 14, 28, 56, 112, 365]) * DAY
"""Edges of how long ago they last had it."""
PAIR = Shape((0, 1), 2 + len(TIMES) + len(AGES))
MOMENT = Shape((0, 1, 2), 7 + 24 + 12)
LEAST = 3
"""A value of a column has a vector of its own from so many rows on."""


def in_order(dataset: Dataset) -> Dataset:
    """The dataset, where it has no times with places in the history in their stead."""
    if dataset.time_kind != "none":
        return dataset
    events = dataset.interactions
    place = np.arange(len(events)) - dataset.indptr[events.user]
    return dataset.with_interactions(replace(events, time=place.astype(np.int64)))


def learn_fields(table: pa.Table | None, rows: int, own: str) -> Fields:
    """The columns of metadata that can be read, the id left out; none without a table."""
    if table is None or table.num_rows != rows:
        return Fields(())
    return Fields.learn(table, guess(table, least=LEAST, leave_out=(own,)))


def item_rows(dataset: Dataset, fields: Fields) -> Slots:
    """Of every item its own field, then those of its metadata."""
    own = Slots.single(np.arange(dataset.n_items, dtype=np.int32), dataset.n_items)
    if dataset.item_metadata is None or not fields.fields:
        return own
    return side_by_side([own, Slots.of(fields, dataset.item_metadata)])


def profile_rows(fields: Fields, queries: Queries) -> Slots:
    """Of every query what is known of the user, and what is told of the moment in a column of the same name."""
    shape, q = shape_of(fields), len(queries)
    if not fields.fields or (queries.profiles is None and not queries.context):
        return nothing(shape, q)
    table = pa.table({"": pa.nulls(q)}) if queries.profiles is None else queries.profiles
    for name in fields.columns if queries.context else ():
        told = joined(queries.context, (name,))[name].combine_chunks()
        known = table[name] if name in table.column_names else pa.nulls(q, pa.string())
        found = coded(known)
        texts = found.texts.take(pa.array(found.codes, mask=found.codes < 0)).cast(pa.string())
        table = table.drop_columns([name]) if name in table.column_names else table
        table = table.append_column(name, pc.coalesce(told, texts))
    return Slots.of(fields, table)


def nothing(shape: Shape, rows: int) -> Slots:
    """Rows of empty slots."""
    slots = (rows, len(shape.field_of))
    return Slots(shape, np.zeros(slots, np.int32), np.zeros(slots, np.float32))


def moment_rows(now: Int64, *, timed: bool) -> Slots:
    """Weekday, hour and month of int64 [q] µs UTC; nothing where times are none."""
    if not timed:
        return nothing(MOMENT, len(now))
    month = now.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12
    codes = np.stack(((now // DAY + 3) % 7 + 1, now // HOUR % 24 + 8, month + 32), axis=1).astype(np.int32)
    return Slots(MOMENT, codes, np.ones(codes.shape, np.float32))


def history_rows(indptr: Int64, ends: Int64, item: Int32, most: int, n_items: int) -> Slots:
    """The newest `most` events before `ends` of each run that starts at `indptr`, int64 [q] both: a field that is
    the mean of their items' vectors."""
    place = ends[:, None] - 1 - np.arange(most)
    there = place >= indptr[:, None]
    codes = np.where(there, item[np.maximum(place, 0)] + 1, 0) if len(item) else np.zeros(place.shape)
    weights = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
    return Slots(Shape((0,) * most, n_items), codes.astype(np.int32), weights.astype(np.float32))


def pair_rows(times: Int64, age: Int64) -> Slots:
    """How often the shopper had the item (int64 [m]) and how long ago they last did (µs; any where never)."""
    never = times == 0
    ages = 2 + len(TIMES) + np.searchsorted(AGES, age)
    codes = np.stack((1 + np.searchsorted(TIMES, times, side="right"), np.where(never, 0, ages)), axis=1)
    return Slots(PAIR, codes.astype(np.int32), (codes > 0).astype(np.float32))


class Had:
    """How often, and when last, a user had an item before a moment."""

    def __init__(self, dataset: Dataset) -> None:
        events, self._n = dataset.interactions, dataset.n_items
        key = events.user.astype(np.int64) * self._n + events.item
        self._moments = np.unique(events.time)
        order = np.lexsort((events.time, key))
        self._keys, first = np.unique(key[order], return_index=True)
        rank = np.searchsorted(self._moments, events.time[order])
        self._time = events.time[order]
        runs = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(key))))
        self._first, self._events = first, runs * np.int64(len(self._moments) + 1) + rank

    def before(self, user: Int32, item: Int32, time: Int64) -> tuple[Int64, Int64]:
        """(int64 [m] times, int64 [m] age in µs, 0 where never) strictly before each time."""
        key = user.astype(np.int64) * self._n + item
        run = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        known = self._keys[run] == key
        rank = np.searchsorted(self._moments, time)
        end = np.searchsorted(self._events, run * np.int64(len(self._moments) + 1) + rank)
        times = np.where(known, end - self._first[run], 0)
        age = np.where(times > 0, time - self._time[np.maximum(end - 1, 0)], 0)
        return times.astype(np.int64), age.astype(np.int64)


@dataclass(frozen=True)
class ShopRows:
    """Rows of a shop: each of some events is one of label 1, and `negatives` items drawn evenly for the same moment
    are rows of label 0, anew each epoch. What is known of the shopper is of strictly before the event."""

    dataset: Dataset
    fields: Fields
    items: Slots
    events: Int64
    history: int
    negatives: int
    size: int
    seed: int

    @cached_property
    def profiles(self) -> Slots:
        """What is known of every user."""
        return profile_rows(self.fields, Queries.histories(self.dataset))

    @cached_property
    def had(self) -> Had:
        """What every user had before."""
        return Had(self.dataset)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The blocks of a row: profile, moment, history, item, pair."""
        history = Shape((0,) * self.history, self.dataset.n_items)
        return (self.profiles.shape, MOMENT, history, self.items.shape, PAIR)

    def __len__(self) -> int:
        return math.ceil(len(self.events) / self._share)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Every event once, each beside its negatives."""
        draws = rng(self.seed * 1_000_003 + number)
        for places in shuffled(len(self.events), self._share, self.seed, number):
            rows, labels = self.rows(self.events[places], draws)
            yield {"codes": rows.codes, "weights": rows.weights, "label": labels}

    def mark(self) -> str:
        """Of the events and all that is told of them."""
        told = self.dataset.interactions
        settings = {"size": self.size, "negatives": self.negatives, "history": self.history, "seed": self.seed}
        return mark_of(self.events, told.user, told.item, told.time, **settings)

    def rows(self, events: Int64, draws: np.random.Generator) -> tuple[Slots, Float32]:
        """Rows of these events and their negatives, with labels."""
        told = self.dataset.interactions
        each = np.repeat(events, 1 + self.negatives)
        item = told.item[each].copy()
        drawn = np.arange(len(each)) % (1 + self.negatives) > 0
        item[drawn] = draws.integers(0, self.dataset.n_items, int(drawn.sum()), np.int32)
        label = (item == told.item[each]).astype(np.float32)
        user, time = told.user[each], told.time[each]
        begins = self.dataset.indptr[told.user[events]]
        ends = self._earlier(events)
        history = history_rows(begins, ends, told.item, self.history, self.dataset.n_items)
        asked = [self.profiles.take(told.user[events]), self._moments(told.time[events]), history]
        several = np.repeat(np.arange(len(events)), 1 + self.negatives)
        times, age = self.had.before(user, item, time)
        blocks = [*(part.take(several) for part in asked), self.items.take(item), pair_rows(times, age)]
        return side_by_side(blocks), label

    @property
    def _share(self) -> int:
        """Events of a batch."""
        return max(1, self.size // (1 + self.negatives))

    def _moments(self, time: Int64) -> Slots:
        return moment_rows(time, timed=self.dataset.time_kind == "micros")

    def _earlier(self, events: Int64) -> Int64:
        """int64 [e]: the first event of the same user at the same moment."""
        told = self.dataset.interactions
        fresh = np.ones(len(told), np.bool_)
        fresh[1:] = (told.user[1:] != told.user[:-1]) | (told.time[1:] != told.time[:-1])
        return np.asarray(np.maximum.accumulate(np.where(fresh, np.arange(len(told)), 0))[events], np.int64)
