"""What becomes of an item that is shown, viewed and bought; rates are drawn towards the shop's own."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.count_kernels import CARTS, PURCHASES, RETURNS, SHOWINGS, VIEWS
from endcap.features.family import Block, Family, Feature
from endcap.types import Float32, Int32, Int64

PRIOR = 20.0
"""The shop's rate counts as much as so many views (purchases, impressions) of the item itself."""


@njit(cache=True, nogil=True)
def _fill(indptr: Int64, of_item: Int32, of_shop: Int64, out: Float32) -> None:
    for query in range(len(indptr) - 1):
        shop = of_shop[query]
        for at in range(indptr[query], indptr[query + 1]):
            item = of_item[at]
            for column, (part, whole) in enumerate(
                ((VIEWS, SHOWINGS), (CARTS, VIEWS), (PURCHASES, VIEWS), (RETURNS, PURCHASES))
            ):
                if shop[whole] == 0:
                    out[at, column] = np.nan
                else:
                    usual = shop[part] / shop[whole]
                    out[at, column] = (item[part] + PRIOR * usual) / (item[whole] + PRIOR)


def _of(block: Block, out: Float32) -> None:
    _fill(block.indptr, block.of_item, block.of_shop, out)


_DRAWN = f"drawn towards the shop's rate as if by {PRIOR:.0f} more"
RATES = Family(
    (
        Feature("click_rate", "item", f"Views and clicks per impression, {_DRAWN}; unknown without impressions."),
        Feature("cart_rate", "item", f"Additions to a cart per view, {_DRAWN}; unknown without views."),
        Feature("purchase_rate", "item", f"Purchases per view, {_DRAWN}; unknown without views."),
        Feature("return_rate", "item", f"Returns per purchase, {_DRAWN}; unknown without purchases."),
    ),
    _of,
)
