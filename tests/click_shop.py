"""A shop of clicks: in each session a shopper is after one category, looks at a few of its items and buys another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from endcap.lake.dataset import Dataset
from endcap.seams import rng
from endcap.testing.datasets import START
from endcap.types import DAY, MINUTE

CATEGORIES, EACH = 6, 12
ITEMS = CATEGORIES * EACH
SETTINGS = {"retrieval": "ease", "depth": ITEMS, "trees": 40, "cuts": 2, "cut_days": 10.0, "levels": 4}
"""Of a `ranked` that learns this shop in a second."""


def category(item: str) -> str:
    """The category of an item."""
    return f"c{int(item[1:]) // EACH}"


def history(users: int = 150, sessions: int = 6, seed: int = 2, begin: int = START) -> pa.Table:
    """Sessions of views, a cart and a purchase at the end, all of one category that chance chooses, in 60 days."""
    draw = rng(seed)
    rows = []
    for user in range(users):
        for _ in range(sessions):
            after = int(draw.integers(CATEGORIES))
            items = [after * EACH + int(min(draw.geometric(0.25) - 1, EACH - 1)) for _ in range(5)]
            start = begin + int(draw.integers(0, 60 * DAY)) // MINUTE * MINUTE
            for step, item in enumerate(items):
                kind = "Purchase" if step == 4 else "AddToCart" if step == 3 else "View"
                rows.append((f"u{user}", f"i{item}", kind, start + step * MINUTE // 2))
    rows += [("u0", f"i{item}", "View", begin + item) for item in range(ITEMS)]
    names = ("user_id", "item_id", "event_type", "timestamp")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def catalogue() -> pa.Table:
    """What is known of the items."""
    names = [f"i{number}" for number in range(ITEMS)]
    return pa.table(
        {
            "item_id": names,
            "category_l1": [category(name) for name in names],
            "price": pa.array([5.0 + number % 7 for number in range(ITEMS)], pa.float64()),
            "stock": pa.array([3] * ITEMS, pa.int64()),
        }
    )


def dataset() -> Dataset:
    """Both, as recipes see them."""
    data = Dataset.from_table(history())
    order = np.argsort(data.items.ids.to_numpy(zero_copy_only=False))
    known = catalogue().sort_by("item_id")
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return replace(data, item_metadata=known.take(pa.array(back)))
