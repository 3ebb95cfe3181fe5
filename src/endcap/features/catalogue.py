"""What the catalogue says of an item."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.features.facts import MARGIN, POLARITY, PRICE, RATING, RELATIVE_PRICE, STOCK, UNKNOWN_TIME
from endcap.features.family import Block, Family, Feature
from endcap.types import DAY, Float32, Int32, Int64


@njit(cache=True, nogil=True)
def _fill(now: Int64, indptr: Int64, items: Int32, numbers: Float32, since: tuple[Int64, Int64], out: Float32) -> None:
    created, first = since
    for query in range(len(now)):
        for at in range(indptr[query], indptr[query + 1]):
            item = items[at]
            if item < 0:
                out[at, :] = np.nan
                continue
            came = created[item] if created[item] != UNKNOWN_TIME else first[item]
            out[at, 0] = (now[query] - came) / DAY if came <= now[query] else np.nan
            out[at, 1] = numbers[item, PRICE]
            out[at, 2] = numbers[item, RELATIVE_PRICE]
            out[at, 3] = numbers[item, MARGIN]
            out[at, 4] = numbers[item, RATING]
            out[at, 5] = numbers[item, POLARITY]
            out[at, 6] = numbers[item, STOCK]


def _of(block: Block, out: Float32) -> None:
    _fill(block.now, block.indptr, block.items, block.numbers, block.since, out)


CATALOGUE = Family(
    (
        Feature("age_days", "item", "Days since it came into the catalogue, or since its first event."),
        Feature("price", "item", "Price."),
        Feature("relative_price", "item", "Price over the median price of its category."),
        Feature("margin", "item", "Margin, as a share of the price."),
        Feature("rating", "item", "Average rating."),
        Feature("review_polarity", "item", "(positive - negative) / (positive + negative + 1) reviews."),
        Feature("stock", "item", "How many are in stock."),
    ),
    _of,
)
