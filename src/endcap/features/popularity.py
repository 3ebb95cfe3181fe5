"""How much interest an item and its category meet lately, and how that changes."""

from __future__ import annotations

from numba import njit

from endcap.features.count_kernels import BOUGHT_28D, EVER, LATELY_1D, LATELY_1H, LATELY_7D, LATELY_28D
from endcap.features.family import Block, Family, Feature
from endcap.types import Float32, Int32, Int64

HUNDREDTHS = 0.01
USUAL = 1.0
"""Interest per day that is added on both sides of a trend, so that a single event is none."""


@njit(cache=True, nogil=True)
def _fill(indptr: Int64, of_item: Int32, of_category: Int64, of_shop: Int64, out: Float32) -> None:
    for query in range(len(indptr) - 1):
        week = max(of_shop[query, LATELY_7D], 1)
        for at in range(indptr[query], indptr[query + 1]):
            item, category = of_item[at], of_category[at]
            out[at, 0] = item[LATELY_1H] * HUNDREDTHS
            out[at, 1] = item[LATELY_1D] * HUNDREDTHS
            out[at, 2] = item[LATELY_7D] * HUNDREDTHS
            out[at, 3] = item[LATELY_28D] * HUNDREDTHS
            out[at, 4] = item[BOUGHT_28D]
            out[at, 5] = item[EVER] * HUNDREDTHS
            daily = item[LATELY_7D] * HUNDREDTHS / 7
            out[at, 6] = (item[LATELY_1D] * HUNDREDTHS + USUAL) / (daily + USUAL)
            weekly = item[LATELY_28D] * HUNDREDTHS / 4
            out[at, 7] = (item[LATELY_7D] * HUNDREDTHS + USUAL) / (weekly + USUAL)
            out[at, 8] = category[LATELY_7D] / week
            daily = category[LATELY_7D] * HUNDREDTHS / 7
            out[at, 9] = (category[LATELY_1D] * HUNDREDTHS + USUAL) / (daily + USUAL)


def _of(block: Block, out: Float32) -> None:
    _fill(block.indptr, block.of_item, block.of_category, block.of_shop, out)


_INTEREST = "Interest (events by weight; a purchase is 1)"
POPULARITY = Family(
    (
        Feature("popular_1h", "item", f"{_INTEREST} of the last hour.", live=True),
        Feature("popular_1d", "item", f"{_INTEREST} of the last day."),
        Feature("popular_7d", "item", f"{_INTEREST} of the last 7 days."),
        Feature("popular_28d", "item", f"{_INTEREST} of the last 28 days."),
        Feature("bought_28d", "item", "Purchases of the last 28 days."),
        Feature("popular_ever", "item", f"{_INTEREST} ever."),
        Feature("trend_1d", "item", "Interest of the last day over that of an average day of the week before now."),
        Feature("trend_7d", "item", "Interest of the last 7 days over that of an average week of the last four."),
        Feature("category_share_of_shop", "category", "Share of the category in the shop's interest of 7 days."),
        Feature("category_trend", "category", "As `trend_1d`, of the whole category."),
    ),
    _of,
)
