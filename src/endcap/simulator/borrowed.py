"""Shoppers for a shop that nobody simulated: its goods as a server tells them, and people whose tastes are drawn from
those of its own shoppers. What they truly want is made up all the same, so nothing they do is evidence of anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.errors import DataError
from endcap.seams import rng
from endcap.simulator.catalogue import Catalogue
from endcap.simulator.minds import NEVER, Minds
from endcap.simulator.population import STAPLES, Population, make_population
from endcap.simulator.shop import VISITS, Shop
from endcap.simulator.themes import Persona, ProductType, Style, Theme
from endcap.types import DAY, Int64

DAYS = 30
FEWEST = 8
"""Products without which there is nothing to choose from."""
FEWEST_TYPES = 4
STYLES = tuple(Style(name, (name,), 1.0) for name in ("plain", "bright", "classic", "new"))
EVERYBODY = Persona("everybody", {}, (18, 75), 0.5, 0.8, 0.0, ("plain", "classic"), "evening", 1.0)
OFTEN, SELDOM = 14.0, 90.0
"""Days between repeat purchases, in shops where the same is bought again and in others."""


@dataclass(frozen=True)
class BorrowedCatalogue(Catalogue):
    """Products under the ids that the server has for them."""

    names: tuple[str, ...] = ()

    @cached_property
    def ids(self) -> pa.Array:
        """External ids."""
        return pa.array(self.names, pa.string())


@dataclass(frozen=True)
class Visitors(Population):
    """Shoppers under ids that nobody else has, so that no real shopper's history is touched."""

    prefix: str = "crowd-"

    @cached_property
    def ids(self) -> pa.Array:
        """External ids."""
        return pa.array([f"{self.prefix}{number:05d}" for number in range(1, len(self) + 1)])


def borrow(told: Mapping[str, Any], *, users: int, seed: int, now: int) -> Shop:
    """A shop of what a server told (`items`, `tastes`, `repeats`; see `GET /shop/api/crowd/ground`).

    Raises `DataError` for what is no such thing, or too little of it.
    """
    try:
        items = list(told["items"])
        types, kind = _types(items, repeats=bool(told.get("repeats")))
        order = np.argsort(kind, kind="stable")
        items, kind = [items[at] for at in order.tolist()], kind[order]
        theme = _theme(types, items, told.get("tastes", ()))
        start = now - DAYS * DAY
        catalogue = _catalogue(theme, items, kind, seed, start)
        people = make_population(theme, catalogue, users, VISITS, (seed, start, DAYS))
    except (KeyError, TypeError, ValueError) as error:
        said = f"The server told of no shop that can be visited: {error!r}."
        raise DataError(said, fix="Is it another version?") from None
    known = {each.name: getattr(people, each.name) for each in fields(Population)}
    known |= {"bot": np.zeros(users, np.bool_), "joined": np.full(users, start, np.int64)}
    return Shop(theme, seed, start, DAYS, catalogue, Visitors(**known))


def minds_of(shop: Shop, now: int) -> Minds:
    """Nobody owns anything yet; staples run out over the next weeks."""
    random = rng(shop.seed)
    people = shop.population
    due = now + (random.random((len(people), STAPLES)) * people.every * DAY).astype(np.int64)
    return Minds(shop, np.where(people.staples >= 0, due, NEVER), {})


def _types(items: Sequence[Mapping[str, Any]], *, repeats: bool) -> tuple[tuple[ProductType, ...], Int64]:
    """Product types by the items' categories, and which each item is of; where these are few, prices part them."""
    if len(items) < FEWEST:
        raise DataError(f"The shop has {len(items)} products, a crowd needs {FEWEST}.", fix="Import more of its goods.")
    names = [str(each.get("category") or "Other") for each in items]
    groups = [str(each.get("group") or "Other") for each in items]
    if len(set(names)) < FEWEST_TYPES:
        place = np.argsort(np.argsort([_price(each) for each in items], kind="stable"), kind="stable")
        parts = (place * FEWEST_TYPES // len(items)).tolist()
        names = [f"{name} {part}" for name, part in zip(names, parts, strict=True)]
    known = list(dict.fromkeys(zip(groups, names, strict=True)))
    at = {pair: number for number, pair in enumerate(known)}
    kind = np.array([at[pair] for pair in zip(groups, names, strict=True)], np.int64)
    prices = np.array([_price(each) for each in items])
    types = tuple(
        ProductType(group, name, name, float(np.median(prices[kind == number])), every, 0, 0.0, ("",), ("",))
        for number, (group, name) in enumerate(known)
        for every in [OFTEN if repeats else SELDOM]
    )
    return types, kind


def _theme(types: tuple[ProductType, ...], items: Sequence[Mapping[str, Any]], tastes: Any) -> Theme:
    brands = tuple(dict.fromkeys(str(each.get("brand") or "none") for each in items))
    personas = [
        Persona(
            f"persona {number}",
            {str(name): float(np.clip(factor, 0.05, 20.0)) for name, factor in dict(given).items()},
            *((18, 75), 0.5, 0.8, 0.0, (STYLES[number % 4].name, STYLES[(number + 1) % 4].name), "evening", 1.0),
        )
        for number, given in enumerate(tastes)
    ]
    return Theme("borrowed", types, STYLES, brands, tuple(personas) or (EVERYBODY,), 1.0, 2.0, (0.1, 0.5), 0.0, 0.0)


def _catalogue(
    theme: Theme, items: Sequence[Mapping[str, Any]], kind: Int64, seed: int, start: int
) -> BorrowedCatalogue:
    count = len(items)
    brands = {name: number for number, name in enumerate(theme.brands)}
    weight = np.array([max(float(each.get("weight") or 0.0), 0.0) for each in items]) + 1e-3
    weight += weight.mean() * 0.05  # what never sold is looked at now and then, too
    zeros = np.zeros(count, np.int16)
    return BorrowedCatalogue(
        type=kind.astype(np.int16),
        style=np.array([_hash(str(each["id"])) % len(STYLES) for each in items], np.int16),
        brand=np.array([brands[str(each.get("brand") or "none")] for each in items], np.int16),
        weight=weight / weight.sum(),
        price=np.array([_price(each) for each in items], np.float32),
        margin=np.full(count, 0.3, np.float32),
        quality=rng(seed).normal(0, 1, count).astype(np.float32),
        created=np.full(count, start - 60 * DAY, np.int64),
        stock=np.full(count, 100, np.int32),
        starts=np.searchsorted(kind, np.arange(len(theme.types) + 1)).astype(np.int64),
        variant=zeros,
        size=zeros,
        word=zeros,
        names=tuple(str(each["id"]) for each in items),
    )


def _price(item: Mapping[str, Any]) -> float:
    price = float(item.get("price") or 0.0)
    return price if price > 0 and np.isfinite(price) else 10.0


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "big")
