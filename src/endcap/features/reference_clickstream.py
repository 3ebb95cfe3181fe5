"""The click-stream: what a shopper did in each two-minute stagger window, recorded when it closes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.features.kinds import ACTIVITY, CART, LIKE, PURCHASE, SAVE, SEARCH, VIEWING, WISH
from endcap.features.reference_tables import ReferenceGroup, ShopTables, coded, features, number, text
from endcap.stream.windows import Window, openings
from endcap.types import MINUTE, Bool, Float64, Int32, Int64

STAGGER = Window("stagger", 2 * MINUTE)
"""Opens with a shopper's first event, lasts two minutes; the next event after it opens the next."""
INTENTS = ("browse", "search", "compare", "collect", "buy")
"""What a shopper seems to be about, the strongest sign wins: *buy* (a purchase, or a cart), *collect* (liked, wished
for, saved), *compare* (three products of one category looked at), *search* (a search), *browse* (anything else)."""
_COMPARED, _MOST_TERMS = 3, 10


@dataclass(frozen=True)
class _Opened:
    """n events sorted by shopper and time: their rows in the tables, and m windows that begin at `begins`; `of` [n] is
    the window of each."""

    row: Int64
    begins: Int64
    of: Int64

    def total(self, values: Float64 | Bool) -> Float64:
        amounts = np.nan_to_num(values[self.row].astype(np.float64))
        return np.bincount(self.of, weights=amounts, minlength=len(self.begins)).astype(np.float64)

    def count(self, values: Bool) -> pa.Array:
        return pa.array(self.total(values).astype(np.int64))

    def distinct(self, codes: Int32, wanted: Bool | None = None) -> pa.Array:
        mine = codes[self.row]
        known = mine >= 0 if wanted is None else (mine >= 0) & wanted[self.row]
        pairs = np.unique(self.of[known] * (int(mine.max(initial=0)) + 1) + mine[known])
        return pa.array(np.bincount(pairs // (int(mine.max(initial=0)) + 1), minlength=len(self.begins)))

    def newest(self, codes: Int32) -> Int64:
        """The code of the last event that has one, -1 where none has."""
        mine = codes[self.row].astype(np.int64)
        places = np.where(mine >= 0, np.arange(len(mine)), -1)
        last = np.maximum.reduceat(places, self.begins) if len(self.begins) else places
        return np.where(last >= 0, np.append(mine, -1)[last], -1)


def _rows(tables: ShopTables) -> pa.Table:
    user, ids = tables.user
    opened = _opened(tables)
    row = opened.row[opened.begins]
    kind, item = tables.kind, tables.item[0]
    categories, _ = coded(tables.item_text("category_l1", "category", "genres", "genre"))
    category = np.append(categories, np.int32(-1))[item] if len(categories) else np.full(len(item), -1, np.int32)
    counted = {name: opened.count(kind == each) for name, each in _COUNTED.items()}
    viewed = VIEWING[kind] > 0
    duration, position = tables.numbers("duration"), tables.numbers("position")
    placed = opened.total(~np.isnan(position))
    columns = {
        "activity": number(opened.total(ACTIVITY[kind])),
        "events": pa.array(np.bincount(opened.of, minlength=len(row))),
        "views": opened.count(viewed),
        **counted,
        "items": opened.distinct(item),
        "categories": opened.distinct(category),
        "intent": _intents(opened, counted, item, category, viewed),
        "search_terms": _terms(tables, opened),
        "time_on_page": number(opened.total(duration), opened.total(~np.isnan(duration)) > 0),
        "mean_position": number(opened.total(position) / np.maximum(placed, 1), placed > 0),
        **{name: text(*_last(tables, opened, column)) for name, column in _LAST.items()},
        "opened_at": pa.array(tables.time[row]),
    }
    return CLICKSTREAM.table(ids.take(pa.array(user[row])), tables.time[row] + STAGGER.length, columns)


def _opened(tables: ShopTables) -> _Opened:
    user = tables.user[0]
    row = np.lexsort((tables.time, user))
    found = openings(STAGGER, user[row].astype(np.int64), tables.time[row])
    begins, of = np.unique(found, return_inverse=True)
    return _Opened(row, begins, of.astype(np.int64))


def _intents(opened: _Opened, counted: dict[str, pa.Array], item: Int32, category: Int32, viewed: Bool) -> pa.Array:
    some = {name: np.asarray(column) > 0 for name, column in counted.items()}
    compared = np.zeros(len(opened.begins), np.bool_)
    looked = np.flatnonzero(viewed[opened.row] & (category[opened.row] >= 0))
    if len(looked):
        triples = np.unique(
            np.stack([opened.of[looked], category[opened.row[looked]], item[opened.row[looked]]]), axis=1
        )
        pairs, items = np.unique(triples[:2], axis=1, return_counts=True)
        compared[pairs[0][items >= _COMPARED]] = True
    bought = some["purchases"] | some["carts"]
    collected = some["likes"] | some["wishes"] | some["saves"]
    strongest = np.select([bought, collected, compared, some["searches"]], [4, 3, 2, 1], 0)
    return pa.array(INTENTS).take(pa.array(strongest))


def _terms(tables: ShopTables, opened: _Opened) -> pa.Array:
    """Search terms of each window, in the order in which they were first asked, joined by `|`."""
    codes, texts = tables.codes("search_query")
    found: list[str | None] = [None] * len(opened.begins)
    searched = np.flatnonzero(codes[opened.row] >= 0)
    held: dict[int, dict[str, None]] = {}
    names = texts.to_pylist()
    for window, code in zip(opened.of[searched].tolist(), codes[opened.row[searched]].tolist(), strict=True):
        held.setdefault(window, {})[names[code].replace("|", " ").strip().lower()] = None
    for window, terms in held.items():
        found[window] = "|".join(list(terms)[:_MOST_TERMS])
    return pc.if_else(pc.equal(pa.array(found, pa.string()), ""), None, pa.array(found, pa.string()))


def _last(tables: ShopTables, opened: _Opened, column: str) -> tuple[Int64, pa.Array]:
    codes, texts = tables.codes(column)
    return opened.newest(codes), texts


_COUNTED = {
    "carts": CART,
    "likes": LIKE,
    "wishes": WISH,
    "saves": SAVE,
    "searches": SEARCH,
    "purchases": PURCHASE,
}
_LAST = {"session": "session_id", "channel": "channel", "device": "device", "place": "place"}
CLICKSTREAM = ReferenceGroup(
    "clickstream",
    "user_id",
    (
        *features("Fractional", "activity"),
        *features("Integral", "events", "views", *_COUNTED, "items", "categories"),
        *features("String", "intent", "search_terms"),
        *features("Fractional", "time_on_page", "mean_position"),
        *features("String", *_LAST),
        *features("Integral", "opened_at"),
    ),
    _rows,
)
"""A row per shopper (a session that became nobody's is one) and window, at its close. `activity` is the sum of liked 1,
wish list 1, added to cart 2, saved for later 2; `time_on_page` in seconds, `opened_at` in microseconds."""
