"""Orders: one record per line, as it was bought."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.features.kinds import PURCHASE
from endcap.features.reference_tables import ReferenceGroup, ShopTables, features, number, season
from endcap.types import HOUR, Int64


def _rows(tables: ShopTables) -> pa.Table:
    rows = np.flatnonzero((tables.kind == PURCHASE) & (tables.item[0] >= 0))
    time, taken = tables.time[rows], pa.array(rows)
    order, line = _orders(tables, rows)
    price, quantity = tables.price[rows], tables.quantity[rows]
    product = tables.item[1].take(pa.array(tables.item[0][rows]))
    texts = {name: _texts(tables, column).take(taken) for name, column in _TEXTS.items()}
    slot = tables.numbers("position")[rows]
    columns = {
        **texts,
        "order": order,
        "customer": tables.user[1].take(pa.array(tables.user[0][rows])),
        "product": product,
        "line": pa.array(line),
        "slot": pa.array(np.nan_to_num(slot).astype(np.int64), mask=np.isnan(slot)),
        "quantity": number(tables.numbers("quantity")[rows]),
        "price": number(price),
        "discount": number(tables.numbers("discount")[rows]),
        "value": number(price * quantity),
        "season": season(time),
        "weekday": pa.array((time // (24 * HOUR) + 3) % 7 + 1),
        "hour": pa.array(time // HOUR % 24),
    }
    ids = pc.binary_join_element_wise(order, pa.array(line).cast(pa.string()), "/")
    return ORDERS.table(ids, time, columns)


def _orders(tables: ShopTables, rows: Int64) -> tuple[pa.Array, Int64]:
    """(the order of each line, its place in it from 1): an order without an id is `CUSTOMER@MICROSECONDS`."""
    codes, ids = tables.codes("order_id")
    user, time = tables.user[0][rows], tables.time[rows]
    customers = tables.user[1].take(pa.array(user))
    made = pc.binary_join_element_wise(customers, pa.array(time).cast(pa.string()), "@")
    known = codes[rows] >= 0
    told = ids.take(pa.array(codes[rows], mask=~known)) if len(ids) else pa.nulls(len(rows), pa.string())
    order = pc.coalesce(told, made)
    number_of = np.asarray(order.dictionary_encode().indices, np.int64)
    named = np.asarray(pc.rank(tables.item[1], tiebreaker="first"), np.int64)
    sequence = np.lexsort((named[tables.item[0][rows]], time, number_of))
    ranked = number_of[sequence]
    begins = np.searchsorted(ranked, ranked)
    line = np.empty(len(rows), np.int64)
    line[sequence] = np.arange(len(rows)) - begins + 1
    return order, line


def _texts(tables: ShopTables, name: str) -> pa.Array:
    codes, texts = tables.codes(name)
    return texts.take(pa.array(codes, mask=codes < 0)) if len(texts) else pa.nulls(len(codes), pa.string())


_TEXTS = {"channel": "channel", "store": "store", "country": "country", "device": "device", "place": "place"}
ORDERS = ReferenceGroup(
    "orders",
    "order_line_id",
    (
        *features("String", "order", "customer", "product", *_TEXTS),
        *features("Integral", "line", "slot"),
        *features("Fractional", "quantity", "price", "discount", "value"),
        *features("String", "season"),
        *features("Integral", "weekday", "hour"),
    ),
    _rows,
    ("offline",),
)
"""A row per line of an order, `ORDER/LINE`, at the time of purchase; offline only. `slot` is the position in the list
that `place` names, where events say it; `weekday` 1 is Monday and `hour` is UTC's; lines of one time are in the order
of their products' ids."""
