"""Tiny datasets whose right answers are obvious."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from endcap.lake.dataset import Dataset
from endcap.types import DAY

START = 1_700_000_000_000_000


def checkerboard(n: int = 12, *, times: bool = True, orders: bool = True) -> Dataset:
    """n users × n items: users take the items of their own parity, all but the one at their own number + 2.

    So even users should be shown even items and odd users odd ones, the one left out first of all.
    """
    users, items, stamps, baskets = [], [], [], []
    for user in range(n):
        own = [(user + step) % n for step in range(0, n, 2) if step != 2]
        for place, item in enumerate(own):
            users.append(f"u{user}")
            items.append(f"i{item}")
            stamps.append(START + user * 1000 + place * DAY)
            baskets.append(f"o{user}-{place // 3}")
    columns: dict[str, pa.Array] = {"user_id": pa.array(users), "item_id": pa.array(items)}
    if times:
        columns["timestamp"] = pa.array(stamps, pa.int64())
    if orders:
        columns["order_id"] = pa.array(baskets)
    return Dataset.from_table(pa.table(columns))


def random_shop(seed: int, users: int = 40, items: int = 30, events: int = 400) -> Dataset:
    """A small random shop with a long tail, for properties that must hold whatever the data."""
    rng = np.random.Generator(np.random.PCG64(seed))
    item = np.minimum(rng.geometric(0.12, events) - 1, items - 1)
    table = pa.table(
        {
            "user_id": pa.array([f"u{u}" for u in rng.integers(0, users, events)]),
            "item_id": pa.array([f"i{i}" for i in item]),
            "timestamp": pa.array(START + rng.integers(0, 90 * DAY, events)),
            "order_id": pa.array([f"o{o}" for o in rng.integers(0, events // 3, events)]),
        }
    )
    return Dataset.from_table(table)
