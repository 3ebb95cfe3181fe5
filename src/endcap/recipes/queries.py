"""A batch of questions to a recipe, in columns and in model rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.lake.dataset import Dataset, Vocabulary
from endcap.types import DAY, Float32, Float64, Int16, Int32, Int64, Query


@dataclass(frozen=True)
class Exclusions:
    """Items not to show, per query: `items[indptr[q]:indptr[q + 1]]` (int64 [q + 1], int32 [m])."""

    indptr: Int64
    items: Int32


@dataclass(frozen=True)
class Queries:
    """Histories of q queries, oldest event first: query i owns `indptr[i]:indptr[i + 1]` of the columns.

    `item` holds model rows (items unknown to the model are left out), `now` int64 [q] is the moment of asking,
    `current` int32 [q] the item being looked at or -1, `user` int32 [q] the training row of the user or -1.
    `event_type` holds codes of `Dataset.event_types`, -1 where unknown. `context` tells of each moment of asking
    (device, the words searched for, …) and is empty where nothing is told of any; `profiles` has q rows of what is
    known of the users at that moment, in the columns of `Dataset.user_metadata`. `lately` float64 [2, n] sums what
    happened to each item in all of the shop, in the two spans of a recipe that names some (`Trending.spans`).
    """

    indptr: Int64
    item: Int32
    time: Int64
    event_type: Int16
    weight: Float32
    order: Int64
    now: Int64
    current: Int32
    user: Int32
    context: tuple[Mapping[str, str], ...] = ()
    profiles: pa.Table | None = None
    lately: Float64 | None = None

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def histories(cls, dataset: Dataset, users: Int32 | None = None, now: int | None = None) -> Self:
        """The histories that `dataset` holds of these users (all when None).

        `now` is the moment of asking, by default just after the last event.
        """
        users = np.arange(dataset.n_users, dtype=np.int32) if users is None else np.asarray(users, np.int32)
        starts, lengths = dataset.indptr[users], np.diff(dataset.indptr)[users]
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        rows = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        events = dataset.interactions
        moment = dataset.last_time + 1 if now is None else now
        q = len(users)
        return cls(
            indptr,
            events.item[rows],
            events.time[rows],
            events.event_type[rows],
            events.weight[rows],
            events.order[rows],
            np.full(q, moment, np.int64),
            np.full(q, -1, np.int32),
            users,
            profiles=None if dataset.user_metadata is None else dataset.user_metadata.take(pa.array(users)),
        )

    @classmethod
    def about(cls, items: Int32, now: int = 0) -> Self:
        """One query per item, with that item as the current one and no history."""
        q = len(items)
        empty = np.zeros(0, np.int32)
        return cls(
            np.zeros(q + 1, np.int64),
            empty,
            empty.astype(np.int64),
            empty.astype(np.int16),
            empty.astype(np.float32),
            empty.astype(np.int64),
            np.full(q, now, np.int64),
            np.asarray(items, np.int32),
            np.full(q, -1, np.int32),
        )

    @classmethod
    def of(
        cls,
        queries: Sequence[Query],
        items: Vocabulary,
        *,
        event_types: tuple[str, ...] = ("",),
        now: int = 0,
        users: Vocabulary | None = None,
    ) -> Self:
        """From external ids; history items that the model does not know are left out.

        `now` stands in for a query without one.
        """
        lengths = np.array([len(query.items) for query in queries], np.int64)
        flat = items.rows([item for query in queries for item in query.items])
        times = np.array([t for query in queries for t in (query.times or (0,) * len(query.items))], np.int64)
        code = {name: number for number, name in enumerate(event_types)}
        types = [code.get(t, -1) for query in queries for t in (query.event_types or ("",) * len(query.items))]
        known = flat >= 0
        owner = np.repeat(np.arange(len(queries)), lengths)[known]
        indptr = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(queries))))).astype(np.int64)
        count = int(indptr[-1])
        return cls(
            indptr,
            flat[known],
            times[known],
            np.array(types, np.int16)[known],
            np.ones(count, np.float32),
            np.full(count, -1, np.int64),
            np.array([now if query.now is None else query.now for query in queries], np.int64),
            items.rows([query.current_item or "" for query in queries]),
            np.full(len(queries), -1, np.int32) if users is None else users.rows([q.user_id or "" for q in queries]),
            tuple(query.context for query in queries) if any(query.context for query in queries) else (),
        )

    def batch(self, start: int, stop: int) -> Self:
        """Queries start … stop - 1."""
        low, high = self.indptr[start], self.indptr[stop]
        return type(self)(
            self.indptr[start : stop + 1] - low,
            self.item[low:high],
            self.time[low:high],
            self.event_type[low:high],
            self.weight[low:high],
            self.order[low:high],
            self.now[start:stop],
            self.current[start:stop],
            self.user[start:stop],
            self.context[start:stop],
            None if self.profiles is None else self.profiles.slice(start, stop - start),
            self.lately,
        )

    def owner(self) -> Int32:
        """int32 [m]: the query that each history event belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.indptr))

    def with_current(self) -> Self:
        """The current item, where there is one, taken as the newest event of its history."""
        asked = np.flatnonzero(self.current >= 0)
        if not len(asked):
            return self
        ends = self.indptr[asked + 1]
        added = np.concatenate(([0], np.cumsum(self.current >= 0)))
        return replace(
            self,
            indptr=self.indptr + added,
            item=np.insert(self.item, ends, self.current[asked]),
            time=np.insert(self.time, ends, self.now[asked]),
            event_type=np.insert(self.event_type, ends, -1),
            weight=np.insert(self.weight, ends, 1.0),
            order=np.insert(self.order, ends, -1),
        )

    def age_days(self) -> Float64:
        """float64 [m]: age of each history event at the moment of asking, in days, never negative."""
        return np.asarray(np.maximum(np.repeat(self.now, np.diff(self.indptr)) - self.time, 0) / DAY, np.float64)

    def decay(self, half_life_days: float) -> Float64:
        """float64 [m]: 2^(-age / half-life) of each history event."""
        return np.exp2(-self.age_days() / half_life_days)

    def steps_back(self) -> Int64:
        """int64 [m]: how many events of the same history come after each."""
        return np.repeat(self.indptr[1:], np.diff(self.indptr)) - 1 - np.arange(len(self.item))

    def matrix(self, n_items: int, values: Float32 | None = None) -> sparse.csr_matrix:
        """float32 [q, n_items]: summed weights (or `values`, one per event) of each history."""
        data = self.weight if values is None else values
        matrix = sparse.csr_matrix(
            (data, self.item, self.indptr), shape=(len(self), n_items), dtype=np.float32, copy=True
        )
        matrix.sum_duplicates()
        return matrix

    def had(self, n_items: int) -> sparse.csr_matrix:
        """float32 [q, n_items]: 1 where an item is in a history, however often."""
        matrix = self.matrix(n_items)
        matrix.data[:] = 1.0
        return matrix

    def seen(self) -> Exclusions:
        """Everything in each history, to be left out of the answer."""
        return Exclusions(self.indptr, self.item)
