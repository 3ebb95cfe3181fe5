"""Events as declared windows take them: ids as 64-bit keys, in columns, from tables of the lake and from the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.storage.log import Offset, Record
from endcap.stream.records import Event, decode
from endcap.stream.windows_keys import keys_of, pairs
from endcap.types import EVENT_TYPE, ITEM_ID, SESSION_ID, TIMESTAMP, USER_ID, Int16, Int64

CategoryOf = Callable[[str], str]
"""The category of an item by its id, empty where it is not known."""
CATEGORIES = ("category_l1", "category", "categories", "genres", "genre", "department", "category_l2")
"""Columns of items that may hold the category; the first that is there does."""


@dataclass(frozen=True)
class Events:
    """Columns of one length: `user`, `session`, `item`, `category` and `name` (of the event) are int64 keys, 0 for
    nothing; `time` int64 microseconds; `type` int16 places in `event_types`."""

    user: Int64
    session: Int64
    item: Int64
    category: Int64
    name: Int64
    time: Int64
    type: Int16
    event_types: tuple[str, ...]
    texts: Callable[[], Mapping[int, str]]
    """The ids of what these keys stand for; asked only where someone wants them back."""

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def pair(self) -> Int64:
        """int64 keys of user and item."""
        return pairs(self.user, self.item)

    def keys(self, key: str) -> Int64:
        """The keys of one kind."""
        found: Int64 = getattr(self, key)
        return found

    def take(self, rows: Any) -> Events:
        """These rows: a slice, an index or a mask."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})


_COLUMNS = ("user", "session", "item", "category", "name", "time", "type")


def categories_of(items: pa.Table | None, column: str = "") -> dict[str, str]:
    """Category by item id, from a table of items: of `column`, or of the first of `CATEGORIES` that is there; of
    several values joined by `|` the first."""
    if items is None:
        return {}
    found = column or next((name for name in CATEGORIES if name in items.column_names), "")
    if not found:
        return {}
    told = zip(items[ITEM_ID].to_pylist(), items[found].cast(pa.string()).to_pylist(), strict=True)
    return {item: category.partition("|")[0] for item, category in told if category}


def events_of_table(table: pa.Table, categories: Mapping[str, str] | None = None) -> Events:
    """Rows of interactions: `user_id`, `timestamp` and, where they are there, `item_id`, `session_id`, `event_type`,
    `event_id`. Rows without an event id are named by what they say and their number among equals, so that a table read
    again names them again."""
    texts = {name: _texts(table, name) for name in (USER_ID, SESSION_ID, ITEM_ID, EVENT_TYPE, "event_id")}
    types = texts[EVENT_TYPE].dictionary_encode()
    time = np.asarray(table[TIMESTAMP].combine_chunks().to_numpy(zero_copy_only=False), np.int64)
    encoded = texts[ITEM_ID].dictionary_encode()
    named = [(categories or {}).get(item, "") for item in encoded.dictionary.to_pylist()]
    category = keys_of(named)[np.asarray(encoded.indices, np.int64)] if named else np.zeros(len(time), np.int64)
    keys = {name: keys_of(texts[name]) for name in (USER_ID, SESSION_ID, ITEM_ID, "event_id")}
    type_keys = keys_of(types.dictionary)[np.asarray(types.indices, np.int64)] if len(types) else time[:0]
    name = np.where(keys["event_id"] != 0, keys["event_id"], _named(keys, type_keys, time))

    def back() -> Mapping[int, str]:
        ids = [texts[USER_ID].unique(), texts[SESSION_ID].unique(), encoded.dictionary, pa.array(named, pa.string())]
        whole = pa.concat_arrays([each.cast(pa.string()) for each in ids]).unique()
        return dict(zip(keys_of(whole).tolist(), whole.to_pylist(), strict=True))

    return Events(
        keys[USER_ID],
        keys[SESSION_ID],
        keys[ITEM_ID],
        category,
        name,
        time,
        np.asarray(types.indices, np.int16),
        tuple(types.dictionary.to_pylist()),
        back,
    )


def events_of_records(
    records: Iterable[tuple[Offset, Record]], category: CategoryOf | None = None, linked: CategoryOf | None = None
) -> tuple[Events, int]:
    """(events, how many could not be read) of the log's records; other kinds, bots and internal traffic are left out.

    `linked` tells the user that a session became, by its id; empty where it did not.
    """
    told: list[Event] = []
    poisoned = 0
    for _, record in records:
        if record.kind == "event":
            try:
                event: Event = decode(record.payload, Event)
            except (msgspec.DecodeError, UnicodeError):
                poisoned += 1
                continue
            if not event.traffic:
                told.append(event)
    types = {name: place for place, name in enumerate(dict.fromkeys(event.event_type for event in told))}
    users = [event.user_id or (linked(event.session_id) if linked else "") or event.session_id for event in told]
    sessions, items = [event.session_id for event in told], [event.item_id for event in told]
    kinds = [category(item) if category and item else "" for item in items]
    columns = [keys_of(texts) for texts in (users, sessions, items, kinds, [event.event_id for event in told])]

    def back() -> Mapping[int, str]:
        texts = (users, sessions, items, kinds)
        return {
            key: text
            for held, named in zip(columns, texts, strict=False)
            for key, text in zip(held.tolist(), named, strict=True)
        }

    times = np.array([event.time for event in told], np.int64)
    type_codes = np.array([types[event.event_type] for event in told], np.int16)
    user, session, item, kind, name = columns
    return Events(user, session, item, kind, name, times, type_codes, tuple(types), back), poisoned


def _texts(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.array([""] * table.num_rows, pa.string())
    column = table[name].combine_chunks()
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return pc.fill_null(column.cast(pa.string()), "")


def _named(keys: Mapping[str, Int64], types: Int64, time: Int64) -> Int64:
    """Names made of what rows say; equal rows are numbered."""
    said = pairs(pairs(keys[USER_ID] | 1, keys[ITEM_ID] | 1), pairs(types | 1, time | 1))
    order = np.argsort(said, kind="stable")
    ranked = said[order]
    begins = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1]))) if len(said) else order
    number = np.arange(len(said)) - np.repeat(begins, np.diff(np.append(begins, len(said))))
    told = np.empty(len(said), np.int64)
    told[order] = number
    return pairs(said, told + 1)
