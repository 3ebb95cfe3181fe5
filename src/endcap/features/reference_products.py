"""Products: what they are, and how they had been bought, seen and judged up to the end of a day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from endcap.features.kinds import CLICK, PURCHASE, RATING, RETURN, SHOWN, VIEW
from endcap.features.reference_days import Days
from endcap.features.reference_tables import ReferenceGroup, ShopTables, divided, features, number, ratio
from endcap.types import DAY, Bool, Float64

WINDOWS = (1, 7, 28)
"""Days over which popularity is counted."""
GOOD, BAD = 4.0, 2.0
"""Ratings from here up praise, from there down blame."""
PRIOR = (1.0, 20.0)
"""Purchases and views that every product is taken to have had, so that few views say little."""


def _rows(tables: ShopTables) -> pa.Table:
    items, ids = tables.item
    days = Days.over(items, tables.time, WINDOWS)
    row, kind = days.order, tables.kind[days.order]
    bought, returned = kind == PURCHASE, kind == RETURN
    viewed, shown = np.isin(kind, (VIEW, CLICK)), kind == SHOWN
    price, rating = tables.price[row], np.where(kind == RATING, tables.numbers("rating")[row], np.nan)
    rated = ~np.isnan(rating)
    gaps, repeated = _repeats(tables, days, bought)
    of_item = pa.array(days.of)
    launch = _launch(tables, days)
    seen = viewed.any()
    columns = {
        **{name: tables.item_text(*names).take(of_item) for name, names in _FACTS.items()},
        "price": _price(tables, days, bought & ~np.isnan(price), price),
        "margin": number(tables.item_number("margin")[days.of]),
        "purchases": _whole(days.total(bought)),
        **{f"popularity_{each}d": _whole(days.recent(bought, each)) for each in WINDOWS},
        "buyers": _whole(days.total(days.firsts(np.where(bought, tables.user[0][row], -1)))),
        "repeat_interval": ratio(days.total(gaps), days.total(repeated)),
        "repeat_share": ratio(days.total(repeated), days.total(bought)),
        "views_7d": _whole(days.recent(viewed, 7)),
        "views_28d": _whole(days.recent(viewed, 28)),
        "conversion_28d": number(
            (days.recent(bought, 28) + PRIOR[0]) / (days.recent(viewed, 28) + PRIOR[1]), bool(seen)
        ),
        "click_rate_28d": number(
            (days.recent(kind == CLICK, 28) + PRIOR[0]) / (days.recent(shown, 28) + PRIOR[1]), bool(shown.any())
        ),
        "return_rate": number(divided(days.total(returned), days.total(bought)), bool(returned.any())),
        "average_rating": ratio(days.total(rating), days.total(rated)),
        "reviews": _whole(days.total(rated)),
        "review_polarity": ratio(days.total(rating >= GOOD) - days.total(rating <= BAD), days.total(rated)),
        "launch_time": pa.array(launch),
        "days_since_launch": number((days.end - launch) / DAY),
        "last_purchase_time": _times(days, days.newest(bought)),
    }
    return PRODUCTS.table(ids.take(of_item), days.end, columns)


def _repeats(tables: ShopTables, days: Days, bought: Bool) -> tuple[Float64, Bool]:
    """By event, days since the same customer last bought the product, and whether that is known: the same day is not
    again."""
    user = tables.user[0][days.order]
    places = np.flatnonzero(bought)
    places = places[np.lexsort((days.time[places], user[places], days.entity[places]))]
    gaps, repeated = np.zeros(len(user)), np.zeros(len(user), np.bool_)
    if len(places) > 1:
        later, before = places[1:], places[:-1]
        same = (days.entity[later] == days.entity[before]) & (user[later] == user[before])
        gap = (days.time[later] - days.time[before]) / DAY
        repeated[later] = same & (gap >= 1)
        gaps[later] = np.where(same & (gap >= 1), gap, 0.0)
    return gaps, repeated


def _price(tables: ShopTables, days: Days, priced: Bool, price: Float64) -> pa.Array:
    """What was paid for one last; what the catalogue says where nothing was paid yet."""
    last = days.newest(priced)
    return number(np.where(last >= 0, np.append(price, np.nan)[last], tables.item_number("price")[days.of]))


def _launch(tables: ShopTables, days: Days) -> np.ndarray:
    """int64: `CREATION_TIMESTAMP`, or the product's first event where there is none, or one after it."""
    told = tables.item_number("creation_timestamp")[days.of]
    first = days.time[days.first] if len(days.time) else days.end
    known = ~np.isnan(told) & (np.nan_to_num(told) <= first)
    return np.where(known, np.nan_to_num(told), first).astype(np.int64)


def _whole(values: Float64) -> pa.Array:
    return pa.array(values.astype(np.int64))


def _times(days: Days, places: np.ndarray) -> pa.Array:
    return pa.array(np.append(days.time, 0)[places], mask=places < 0)


_FACTS = {
    "category": ("category_l1", "category", "genres", "genre"),
    "subcategory": ("category_l2",),
    "brand": ("brand",),
}
PRODUCTS = ReferenceGroup(
    "products",
    "item_id",
    (
        *features("String", *_FACTS),
        *features("Fractional", "price", "margin"),
        *features("Integral", "purchases", *(f"popularity_{each}d" for each in WINDOWS), "buyers"),
        *features("Fractional", "repeat_interval", "repeat_share"),
        *features("Integral", "views_7d", "views_28d"),
        *features("Fractional", "conversion_28d", "click_rate_28d", "return_rate", "average_rating"),
        *features("Integral", "reviews"),
        *features("Fractional", "review_polarity"),
        *features("Integral", "launch_time"),
        *features("Fractional", "days_since_launch"),
        *features("Integral", "last_purchase_time"),
    ),
    _rows,
)
"""A row per product at the end of each day that changed something. Intervals in days, times in microseconds;
`review_polarity` is (praise - blame) / reviews. Stock and the catalogue's own counts of reviews are left out: their
history is not kept, and today's would tell a training set about its future."""
