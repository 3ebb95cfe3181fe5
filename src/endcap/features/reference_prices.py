"""What a category usually cost up to a moment: the running mean of log prices, which one dear thing moves little."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.kinds import PURCHASE
from endcap.features.reference_tables import ShopTables, coded
from endcap.types import Bool, Float64, Int32


def usual_prices(tables: ShopTables) -> Float64:
    """float64 by event: the geometric mean price of earlier purchases in the category of the event's item (of all items
    where the shop has no categories); NaN where nothing was bought in it before."""
    codes, names = coded(tables.item_text("category_l2", "category_l1", "category", "genres", "genre"))
    item = tables.item[0]
    of = np.append(codes, np.int32(-1))[item] if names else np.where(item >= 0, 0, -1).astype(np.int32)
    price = tables.price
    known = (tables.kind == PURCHASE) & (of >= 0) & (price > 0)
    found: Float64 = _running(of, np.log(np.where(known, price, 1.0)), known, max(len(names), 1))
    return found


@njit(cache=True, nogil=True)
def _running(of: Int32, logs: Float64, known: Bool, n: int) -> Float64:
    sums, counts = np.zeros(n), np.zeros(n)
    found = np.full(len(of), np.nan)
    for row in range(len(of)):
        if of[row] >= 0 and counts[of[row]] > 0:
            found[row] = np.exp(sums[of[row]] / counts[of[row]])
        if known[row]:
            sums[of[row]] += logs[row]
            counts[of[row]] += 1
    return found
