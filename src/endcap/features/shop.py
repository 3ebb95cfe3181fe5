"""The ranking features of one shop: the same code folds history, replays and live traffic, and gives the values that
training and serving see.

What is counted of items, categories and the shop is folded (`counts`); what a shopper did is read from their own recent
history at the moment of asking, so nothing of shoppers is kept here. Values depend on nothing but the events folded,
the history, the facts of items and the moment.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np

from endcap.errors import ArtefactError, InputError
from endcap.features.count_kernels import COLUMNS, FAR, lower, read
from endcap.features.counts import Counts, boundary
from endcap.features.declared import Declaration
from endcap.features.declared_columns import RankingWindows, can_rank
from endcap.features.facts import CATEGORY, INTERVAL, ItemFacts
from endcap.features.family import Block, Extra, Feature
from endcap.features.intervals import usual_intervals
from endcap.features.kinds import kind_of, kinds_at, kinds_of, plain
from endcap.features.table import FAMILIES, FORMAT
from endcap.lake.dataset import Dataset, Interactions
from endcap.stream.histories import Past
from endcap.stream.records import Value
from endcap.types import Float32, Int16, Int32, Int64

FEATURES: tuple[Feature, ...] = tuple(feature for family in FAMILIES for feature in family.features)


class ShopFeatures:
    """One shop's. Items are places: dataset rows, or catalogue ordinals. Any thread may fold and ask.

    `event_types` are what codes of events stand for; codes beyond them, and -1, are events of a kind that is not known.
    """

    def __init__(self, facts: ItemFacts, event_types: Sequence[str], counts: Counts | None = None) -> None:
        self.facts, self.event_types = facts, tuple(event_types)
        self.extras: tuple[Extra, ...] = ()
        self._kinds = kinds_of(self.event_types)
        self._codes = {plain(name): code for code, name in enumerate(self.event_types)}
        self._counts = counts or Counts(facts)
        self._first = np.full(len(facts), FAR, np.int64)
        """The first event of each place."""
        self._windows: RankingWindows | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        places: Int32 | None = None,
        size: int | None = None,
        *,
        until: int | None = None,
    ) -> ShopFeatures:
        """Facts and all events of a dataset, those that recipes do not learn from among them; its declared windows are
        features too.

        Row i of the dataset's items is place `places[i]` of `size`, or i. `until`: the rhythm of repeat purchases, the
        one fact that is learnt from events, is learnt from those before (microseconds); all events are folded anyway,
        for no value reads what comes after its moment.
        """
        rows = np.arange(dataset.n_items, dtype=np.int32) if places is None else places
        held = max(int(rows.max(initial=-1)) + 1, size or 0)
        facts = ItemFacts.of(dataset.item_metadata, held, rows)
        made = cls(facts, dataset.event_types)
        made._declare([Declaration.of_document(each) for each in dataset.windows])
        bought = kinds_at(made._kinds, dataset.interactions.event_type)
        facts.numbers[rows, INTERVAL] = usual_intervals(dataset, bought, facts.codes[rows, CATEGORY], until)
        parts: list[Interactions] = [dataset.interactions]
        parts += [dataset.left_out] if dataset.left_out is not None else []
        for part in parts:
            made.fold(rows[part.item], part.time, part.event_type, part.weight)
        return made

    @classmethod
    def empty(cls, facts: ItemFacts, event_types: Sequence[str]) -> ShopFeatures:
        """Of a shop in which nothing happened yet."""
        return cls(facts, event_types)

    @property
    def features(self) -> tuple[Feature, ...]:
        """All of them, in the order of columns."""
        return FEATURES + tuple(feature for extra in self.extras for feature in extra.features)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of `values`."""
        return tuple(feature.name for feature in self.features)

    @property
    def live_names(self) -> tuple[str, ...]:
        """Those that read the session, the last minutes or the last hour."""
        return tuple(feature.name for feature in self.features if feature.live)

    @property
    def signature(self) -> str:
        """16 hex digits: the same ones mean the same features in the same columns."""
        return signature_of(self.features)

    @property
    def declared(self) -> str:
        """The declared windows that are features, as JSON; empty for none."""
        return declared_text([] if self._windows is None else [each.document() for each in self._windows.declarations])

    def code(self, event_type: str) -> int:
        """Code of an event type as it is written anywhere, for `fold` and `Past.event_type`.

        A type that the shop did not have so far gets the code of its kind, beyond those of `event_types`.
        """
        known = self._codes.get(plain(event_type))
        return len(self.event_types) + kind_of(event_type) if known is None else known

    def fold(self, item: Int32, time: Int64, event_type: Int16, weight: Float32, user: Int32 | None = None) -> None:
        """Take events: places, microseconds, codes, weights. Each once, in any order; place -1 is left out."""
        del user  # what is counted by shopper is read from their history
        if len(item) and int(item.min()) < 0:
            known = item >= 0
            item, time, event_type, weight = item[known], time[known], event_type[known], weight[known]
        if not len(item):
            return
        time, item = _plain(time, np.int64), _plain(item, np.int32)
        kind, amount = read(_plain(event_type, np.int16), _plain(weight, np.float32), self._kinds)
        with self._lock:
            self._grow(int(item.max()) + 1)
            lower(self._first, item, time)
            self._counts.fold(item, time, kind, amount)
            if self._windows is not None:
                self._windows.fold(item, time, _plain(event_type, np.int16))

    def put(self, place: int, properties: Mapping[str, Value]) -> None:
        """Lay live properties of an item (by column, in any case) over what is known of it."""
        with self._lock:
            self._grow(place + 1)
            before = int(self.facts.codes[place, CATEGORY])
            self.facts.put(place, properties)
            if int(self.facts.codes[place, CATEGORY]) != before:
                self._counts.recode(place, before)

    def values(
        self,
        past: Past,
        now: Int64,
        items: Int32,
        indptr: Int64,
        retrieval: Float32,
        contexts: Sequence[Mapping[str, str]] = (),
        out: Float32 | None = None,
    ) -> Float32:
        """float32 [m, features] of m candidates, NaN where unknown.

        Candidates of question i are `items[indptr[i]:indptr[i + 1]]` (places, -1 for one that is not known), asked at
        `now[i]` (microseconds) about the shopper whose events are `past.slice(i)`, with `retrieval` scores of the
        candidates and, where there are any, one context a question. Events after `now` are not read; shop-wide counts
        end at `counts.boundary(now)`. Moments that rise cost least. Raises `InputError` where the parts do not fit.
        """
        past = Past(*(_plain(getattr(past, name), kind) for name, kind in _PAST.items()))
        now, indptr = _plain(now, np.int64), _plain(indptr, np.int64)
        items, retrieval = _plain(items, np.int32), _plain(retrieval, np.float32)
        block = self._block(past, now, items, indptr, retrieval, contexts)
        width = len(self.features)
        told = np.empty((len(items), width), np.float32) if out is None else out
        if told.shape != (len(items), width) or told.dtype != np.float32:
            raise InputError(f"out is {told.dtype} {told.shape}, expected float32 {(len(items), width)}.")
        column = 0
        for family in FAMILIES:
            family.fill(block, told[:, column : column + len(family.features)])
            column += len(family.features)
        for extra in self.extras:
            told[:, column : column + len(extra.features)] = extra.values(past, now, items, indptr)
            column += len(extra.features)
        return told

    def warm(self) -> None:
        """Compile or load every kernel, and bring the counts up to date: the first question is as quick as others."""
        nobody = Past(
            np.zeros(2, np.int64),
            *(np.zeros(0, kind) for kind in (np.int32, np.int64, np.int16, np.float32, np.int64)),  # type: ignore[arg-type]
        )
        # Of one candidate the columns of a family lie end to end, which is another type to a kernel.
        some = np.zeros(2, np.int32)
        with self._lock:
            read(nobody.event_type, nobody.weight, self._kinds)
            lower(self._first, nobody.item, nobody.time)
            moment = max(self._counts.warm(), 0)
        self.values(nobody, np.array([moment]), some, np.array([0, 2]), np.zeros(2, np.float32))

    def _block(
        self,
        past: Past,
        now: Int64,
        items: Int32,
        indptr: Int64,
        retrieval: Float32,
        contexts: Sequence[Mapping[str, str]],
    ) -> Block:
        q, m = len(now), len(items)
        if len(indptr) != q + 1 or len(past.indptr) != q + 1 or len(retrieval) != m or int(indptr[-1]) != m:
            raise InputError(
                f"{q} moments, {len(indptr) - 1} runs of candidates that end at {int(indptr[-1])}, "
                f"{len(past.indptr) - 1} histories, {m} candidates and {len(retrieval)} scores do not fit together."
            )
        of_item, of_category = np.empty((m, COLUMNS), np.int32), np.empty((m, COLUMNS), np.int64)
        of_shop = np.empty((q, COLUMNS), np.int64)
        ends = boundary(now)
        with self._lock:
            for queries in _runs(ends):
                self._counts.move(int(ends[queries[0]]))
                self._counts.gather(queries, indptr, items, of_item, of_category, of_shop)
            numbers, codes, since = self.facts.numbers, self.facts.codes, (self.facts.created, self._first)
        return Block(
            replace(past, item=_within(past.item, len(codes))),
            kinds_at(self._kinds, past.event_type),
            now,
            _within(items, len(codes)),
            indptr,
            retrieval,
            contexts,
            numbers,
            codes,
            since,
            of_item,
            of_category,
            of_shop,
        )

    def _declare(self, declarations: Sequence[Declaration]) -> None:
        """Before anything is folded: windows whose values are features beside the others."""
        windows = RankingWindows(declarations, self.event_types, self._category)
        if windows.declarations:
            self._windows, self.extras = windows, (windows,)

    def _category(self, places: Int32) -> Int64:
        codes = self.facts.codes
        known = (places >= 0) & (places < len(codes))
        return np.where(known, codes[np.where(known, places, 0), CATEGORY] if len(codes) else -1, -1).astype(np.int64)

    def _grow(self, size: int) -> None:
        self.facts.grow(size)
        more = len(self.facts) - len(self._first)
        if more > 0:
            self._first = np.concatenate((self._first, np.full(more, FAR, np.int64)))

    def arrays(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """(named arrays, notes), to be saved; see `stream.arrays`."""
        with self._lock:
            facts = self.facts.arrays()
            counts, horizon = self._counts.arrays()
            notes = {"features.signature": self.signature, "features.event_types": json.dumps(self.event_types)}
            if self._windows is not None:
                notes["features.windows"] = self.declared
                counts |= self._windows.arrays()
            return {**facts, **counts, "features.first": self._first}, {**horizon, **notes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> ShopFeatures:
        """What `arrays` gave, copied; of extras the declared windows. Raises `ArtefactError` when the parts do not fit
        together."""
        facts = ItemFacts.from_arrays(arrays)
        counts = Counts.from_arrays(facts, arrays, notes)
        try:
            made = cls(facts, json.loads(notes["features.event_types"]), counts)
            first = np.array(arrays["features.first"], np.int64)
            made._declare([Declaration.of_document(each) for each in json.loads(notes.get("features.windows", "[]"))])
        except (KeyError, ValueError, TypeError) as error:
            raise ArtefactError(f"The features are damaged: {error}.", fix=_AGAIN) from error
        if first.shape != (len(facts),):
            raise ArtefactError("The features do not fit their items.", fix=_AGAIN)
        made._first = first
        if made._windows is not None:
            made._windows.restore(arrays)
        return made


def signature_of(features: Sequence[Feature]) -> str:
    """16 hex digits for these features, in this order."""
    told = [f"{each.name} {each.meaning}" if each.meaning else each.name for each in features]
    return blake2b(json.dumps([FORMAT, told]).encode(), digest_size=8).hexdigest()


def declared_of(notes: Mapping[str, str]) -> str:
    """`ShopFeatures.declared` of the features that have these notes."""
    return notes.get("features.windows", "")


def declared_text(documents: Sequence[Mapping[str, Any]]) -> str:
    """`ShopFeatures.declared` of the features of a dataset with these windows."""
    wanted = [each for each in documents if can_rank(Declaration.of_document(each))]
    return json.dumps(wanted, sort_keys=True) if wanted else ""


_PAST = {
    "indptr": np.int64,
    "item": np.int32,
    "time": np.int64,
    "event_type": np.int16,
    "weight": np.float32,
    "order": np.int64,
}
_AGAIN = "Delete the directory; it is built again."


def _runs(ends: Int64) -> list[Int64]:
    """Questions with the same boundary together, the earliest first."""
    if len(ends) == 1:
        return [np.zeros(1, np.int64)]
    order = np.argsort(ends, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(ends[order])) + 1) if len(ends) else []


def _plain(column: Any, kind: type) -> Any:
    """The column as kernels were compiled for it; one that is mapped from a file may not be written on and would make
    them be compiled again."""
    flags = column.flags
    return column if flags.writeable and flags.c_contiguous and column.dtype == kind else np.array(column, kind)


def _within(places: Int32, size: int) -> Int32:
    return np.where(places < size, places, -1).astype(np.int32, copy=False)
