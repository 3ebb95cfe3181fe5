"""Customers: who they are, and what they had done up to the end of a day."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.features.kinds import PURCHASE, RETURN, SEARCH, WISH
from endcap.features.reference_days import Days
from endcap.features.reference_tables import (
    ReferenceGroup,
    ShopTables,
    coded,
    divided,
    features,
    number,
    ratio,
    season,
    text,
)
from endcap.types import DAY, Bool, Float64, Int64

MONTH, QUARTER = 28, 91
"""Days of the two windows: whole weeks."""
HEALTHY = re.compile(
    r"\b(produce|fruits?|vegetables?|salads?|nutrition|natural|organic|whole ?grain|seafood|fish|nuts?|seeds?|yogh?urt|"
    r"beans?|lentils?|berries|health|diet|water)\b",
    re.IGNORECASE,
)
"""Words that make a category count for the health index."""
UNHEALTHY = re.compile(
    r"\b(candy|canned|candied|sweet goods|soft drinks?|liquor|tobacco|juice drinks?)\b", re.IGNORECASE
)
"""Words that take it back again (canned fruit in syrup, candied nuts)."""
_BANDS = (18, 25, 35, 45, 55, 65)


def _rows(tables: ShopTables) -> pa.Table:
    users, ids = tables.user
    days = Days.over(users, tables.time, (MONTH, QUARTER))
    row = days.order
    kind, price, quantity = tables.kind[row], tables.price[row], tables.quantity[row]
    bought = kind == PURCHASE
    orders = days.firsts(_orders(tables, days, bought))
    visits = days.firsts(_visits(tables, days))
    value, priced = np.where(bought, price * quantity, 0.0), bought & ~np.isnan(price)
    n_orders, n_bought = days.total(orders), days.total(bought)
    first, last = days.oldest(bought), days.newest(bought)
    time = np.append(days.time, 0)
    channel, channels = tables.codes("channel")
    duration, returns = tables.numbers("duration")[row], kind == RETURN
    of_user = pa.array(days.of)
    columns = {
        **{name: tables.user_text(*names).take(of_user) for name, names in _PROFILE.items()},
        "age_band": _bands(tables).take(of_user),
        "orders": pa.array(n_orders.astype(np.int64)),
        "orders_28d": pa.array(days.recent(orders, MONTH).astype(np.int64)),
        "visits": pa.array(days.total(visits).astype(np.int64)),
        "visits_per_week": number(days.recent(visits, MONTH) / (MONTH / 7)),
        "time_on_site": number(days.total(duration), not np.isnan(duration).all()),
        "average_basket": ratio(days.total(value), days.total(orders & priced.any())),
        "items_per_order": ratio(n_bought, n_orders),
        "spend_91d": number(days.recent(value, QUARTER), days.total(priced) > 0),
        "return_rate": number(divided(days.total(returns), n_bought), bool(returns.any())),
        "price_affinity": ratio(*_price_affinity(tables, days, priced, price)),
        "health_index": ratio(*_health(tables, days, bought)),
        "favourite_category": text(*_favourite(tables, days, bought)),
        "season": pc.if_else(pa.array(last >= 0), season(time[last]), None),
        "channel": text(np.where(last >= 0, np.append(channel[row], -1)[last], -1), channels),
        "first_order_time": pa.array(time[first], mask=first < 0),
        "last_order_time": pa.array(time[last], mask=last < 0),
        "days_between_orders": number(divided((time[last] - time[first]) / DAY, n_orders - 1), n_orders > 1),
        "searches_28d": pa.array(days.recent(kind == SEARCH, MONTH).astype(np.int64)),
        "wish_list_28d": pa.array(days.recent(kind == WISH, MONTH).astype(np.int64)),
    }
    return CUSTOMERS.table(ids.take(of_user), days.end, columns)


def _orders(tables: ShopTables, days: Days, bought: Bool) -> Int64:
    """What tells one order of a customer from another: its id, or its time where it has none; -1 for no purchase."""
    order = tables.codes("order_id")[0][days.order].astype(np.int64)
    return np.where(bought, np.where(order >= 0, order, days.time + (1 << 40)), -1)


def _visits(tables: ShopTables, days: Days) -> Int64:
    """A visit is a session; an order where events have no session; a day where they have neither."""
    session, order = (tables.codes(name)[0][days.order].astype(np.int64) for name in ("session_id", "order_id"))
    return np.where(session >= 0, session, np.where(order >= 0, order + (1 << 32), days.time // DAY + (1 << 40)))


def _price_affinity(tables: ShopTables, days: Days, priced: Bool, price: Float64) -> tuple[Float64, Float64]:
    """(sum of log(price / what the item's category usually cost so far), how many): mean 0 is a middling taste."""
    from endcap.features.reference_prices import usual_prices  # noqa: PLC0415 - a kernel that nothing else needs

    usual = usual_prices(tables)[days.order]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(price / usual)
    known = priced & np.isfinite(ratio)
    return days.total(np.where(known, ratio, 0.0)), days.total(known)


def _health(tables: ShopTables, days: Days, bought: Bool) -> tuple[Float64, Float64]:
    """(purchases in healthy categories, purchases of a known category); nothing where the shop has no such category."""
    parts = [tables.item_text(name) for name in ("category_l1", "category_l2")]
    joined = pc.binary_join_element_wise(*(pc.fill_null(part, "") for part in parts), " ").to_pylist()
    healthy = np.array(
        [bool(HEALTHY.search(each)) and not UNHEALTHY.search(each) for each in joined] or [False], np.bool_
    )
    known = np.array([bool(each.strip()) for each in joined] or [False], np.bool_) & healthy.any()
    item = tables.item[0][days.order]
    counted = bought & known[item] & (item >= 0)
    return days.total(counted & healthy[item]), days.total(counted)


def _favourite(tables: ShopTables, days: Days, bought: Bool) -> tuple[np.ndarray, list[str]]:
    codes, names = coded(tables.item_text("category_l1", "category", "genres", "genre"))
    item = tables.item[0][days.order]
    return days.favourite(
        np.where(bought & (item >= 0), np.append(codes, np.int32(-1))[item], -1).astype(np.int32)
    ), names


def _bands(tables: ShopTables) -> pa.Array:
    """`AGE_GROUP` where the shop has it, else bands of `AGE`."""
    told, age = tables.user_text("age_group"), tables.user_number("age")
    labels = [f"-{_BANDS[0] - 1}", *(f"{low}-{high - 1}" for low, high in pairwise(_BANDS)), "65+"]
    bands = pa.array(labels).take(pa.array(np.searchsorted(_BANDS, np.nan_to_num(age), side="right")))
    return pc.coalesce(told, pc.if_else(pa.array(~np.isnan(age)), bands, None))


_PROFILE = {
    "gender": ("gender",),
    "state": ("location", "state", "country"),
    "income": ("income",),
    "household_size": ("household_size",),
    "children": ("children",),
    "occupation": ("occupation",),
    "membership": ("membership_status",),
}
CUSTOMERS = ReferenceGroup(
    "customers",
    "user_id",
    (
        *features("String", "age_band", *_PROFILE),
        *features("Integral", "orders", "orders_28d", "visits"),
        *features("Fractional", "visits_per_week", "time_on_site", "average_basket", "items_per_order", "spend_91d"),
        *features("Fractional", "return_rate", "price_affinity", "health_index"),
        *features("String", "favourite_category", "season", "channel"),
        *features("Integral", "first_order_time", "last_order_time"),
        *features("Fractional", "days_between_orders"),
        *features("Integral", "searches_28d", "wish_list_28d"),
    ),
    _rows,
)
"""A row per customer at the end of each day that changed something. `time_on_site` in seconds; times in microseconds;
`health_index` is the share of purchases in healthy categories; `price_affinity` the mean log of price over what its
category usually cost until then; the profile is as it is known now, for its history is not kept."""
