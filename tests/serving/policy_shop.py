"""A served shop with categories, brands, stock and repeat purchases, and its campaign under any configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from shops import Registry

from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.registry.campaigns import CampaignConfig
from endcap.seams import rng
from endcap.serving.snapshot import Snapshot
from endcap.testing.datasets import START
from endcap.types import DAY

USERS, ITEMS, CATEGORIES = 60, 80, 5


def shop(seed: int = 3, events: int = 1500) -> Dataset:
    """Item n is of category n % 5 and brand n % 7; every eighth is sold out; coffee (i0) is bought each ten days."""
    draw = rng(seed)
    user, item = draw.integers(0, USERS, events), np.minimum(draw.geometric(0.04, events) - 1, ITEMS - 1)
    kind = np.where(draw.random(events) < 0.4, "Purchase", "View")
    time = START + draw.integers(0, 90 * DAY, events)
    rows = list(zip(user.tolist(), item.tolist(), kind.tolist(), time.tolist(), strict=True))
    rows = [row for row in rows if row[1] != 0 or row[2] == "View"]
    rows += [(u, 0, "Purchase", START + u * 1000 + each * 10 * DAY) for u in range(20) for each in range(8)]
    rows += [(USERS - 1, n, "View", START + n) for n in range(ITEMS)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    table = pa.table(
        {
            "user_id": [f"u{each}" for each in columns[0]],
            "item_id": [f"i{each}" for each in columns[1]],
            "event_type": columns[2],
            "timestamp": pa.array(columns[3], pa.int64()),
        }
    )
    data = Dataset.from_table(table)
    numbers = [int(name[1:]) for name in data.items.ids.to_pylist()]
    facts = pa.table(
        {
            "item_id": data.items.ids,
            "category_l1": [f"c{each % CATEGORIES}" for each in numbers],
            "brand": [f"b{each % 7}" for each in numbers],
            "stock": pa.array([0 if each % 8 == 3 else 5 for each in numbers], pa.int64()),
        }
    )
    return replace(data, item_metadata=facts)


def served(home: Path, recipe: str = "als", **settings: object) -> Snapshot:
    """A campaign of this shop."""
    return Registry(home, shop()).snapshot(create(recipe, settings or {"factors": 8}))


def under(snapshot: Snapshot, **config: object) -> Snapshot:
    """The same under another configuration."""
    return replace(snapshot, deployment=replace(snapshot.deployment, config=CampaignConfig(**config)))  # type: ignore[arg-type]


def category(name: str) -> int:
    """The category of an item."""
    return int(name[1:]) % CATEGORIES
