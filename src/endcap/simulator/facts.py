"""The facts of a choice, for any number of (shopper, product, goal, time) at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from endcap.simulator.choice import Facts
from endcap.simulator.shop import Shop
from endcap.types import DAY, Int32, Int64

NEW = 14 * DAY
"""How long a product counts as new."""
TASTE = (1.0, 0.6, 0.4)
"""How much a shopper's first, second and third taste count."""


def facts_of(shop: Shop, shopper: Int64, item: Int32, goal: Int64, now: Int64, seen: Any = 0.0) -> Facts:
    """Facts in columns; all four arguments are equally long. `due` and `owned` are left at 0."""
    goods, people = shop.catalogue, shop.population
    kind = goods.type[item]
    taste = np.zeros(len(item), np.float32)
    for place, worth in enumerate(TASTE):
        np.maximum(taste, np.float32(worth) * (people.tastes[shopper, place] == kind), out=taste)
    style, brand = goods.style[item], goods.brand[item]
    same = kind == goal
    away = np.abs(goods.relative_price[item] - people.liked_price[shopper])
    return Facts(
        goal=same.astype(np.float32),
        family=(~same & (shop.family[kind] == shop.family[goal])).astype(np.float32),
        taste=taste,
        style=(people.styles[shopper] == style[:, None]).any(1).astype(np.float32),
        brand=(people.brands[shopper] == brand[:, None]).any(1).astype(np.float32),
        price=people.sensitivity[shopper] * away,
        quality=goods.quality[item],
        new=((now >= goods.created[item]) & (now < goods.created[item] + NEW)).astype(np.float32),
        season=_season(shop, kind, now),
        seen=seen,
        closing=people.closing[shopper],
    )


def _season(shop: Shop, kind: Any, now: Int64) -> Any:
    """By day: a table of the days that occur."""
    day = now // DAY
    if not len(day):
        return np.zeros(0, np.float32)
    first, last = int(day.min()), int(day.max())
    if first == last:
        return shop.season(first)[kind]
    return np.stack([shop.season(each) for each in range(first, last + 1)])[day - first, kind]
