"""Who shops: personas, tastes, brands, price sensitivity, activity, staples, and what the shop knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from endcap.simulator.catalogue import Catalogue
from endcap.simulator.streams import POPULATION, stream
from endcap.simulator.themes import Theme
from endcap.types import DAY, Bool, Float32, Float64, Int16, Int32, Int64

TASTES = 3
"""Product types that a shopper likes most."""
STAPLES = 4
"""Consumables at most that a shopper buys again and again."""
ACTIVITY = 1.2
"""Sigma of the lognormal of visits (as measured on real shops)."""
NEW = 0.15
"""Share of shoppers who come for the first time during the run."""
BOTS = 0.002
DEVICES = ("mobile", "desktop", "tablet")
CHANNELS = ("mobile", "online", "online")
"""Of each device."""
LOCATIONS = ("London", "Manchester", "Leeds", "Bristol", "Glasgow", "Cardiff", "Belfast", "Dublin", "Cork", "York")


@dataclass(frozen=True)
class Population:
    """Shoppers in columns [n]; ids are `U000001` ….

    `tastes` [n, 3] types, dearest first; `styles`, `brands` [n, 2]; `visits` expected per day; `staples` [n, 4] items,
    -1 for none, with `every` [n, 4] days; `joined` microseconds UTC; `bot` marks what is no shopper.
    """

    persona: Int16
    tastes: Int16
    styles: Int16
    brands: Int16
    sensitivity: Float32
    liked_price: Float32
    visits: Float64
    closing: Float32
    device: Int16
    staples: Int32
    every: Float32
    joined: Int64
    bot: Bool

    def __len__(self) -> int:
        return len(self.persona)

    @cached_property
    def ids(self) -> pa.Array:
        """External ids."""
        return pa.array([f"U{number:06d}" for number in range(1, len(self) + 1)])


def demand(theme: Theme, catalogue: Catalogue) -> Float64:
    """float64 [personas, types]: what share of a persona's interest a product type has, without season."""
    share = np.diff(catalogue.cumulative[catalogue.starts])
    factors = np.array(
        [[each.departments.get(kind.department, 1.0) for kind in theme.types] for each in theme.personas]
    )
    raw = factors * share
    return np.asarray(raw / raw.sum(1, keepdims=True))


def make_population(
    theme: Theme, catalogue: Catalogue, users: int, visits: float, when: tuple[int, int, int]
) -> Population:
    """`users` shoppers who visit `visits` times a month in the middle; `when` is (seed, start, days)."""
    seed, start, days = when
    random = stream(seed, POPULATION)
    mixture = random.dirichlet(np.full(len(theme.personas), 8.0))
    persona = random.choice(len(theme.personas), users, p=mixture)
    tastes = _tastes(demand(theme, catalogue), persona, random)
    names = [each.name for each in theme.styles]
    own = np.array([[names.index(name) for name in each.styles] for each in theme.personas])[persona]
    stray = random.random(own.shape) < 0.25
    styles = np.where(stray, random.integers(0, len(names), own.shape), own)
    brands = _liked_brands(catalogue, tastes, random)
    activity = np.array([each.activity for each in theme.personas])[persona]
    each_day = np.minimum(activity * visits / 30 * np.exp(random.normal(0, ACTIVITY, users)), 3.0)
    sensitivity = np.array([each.sensitivity for each in theme.personas])[persona] * random.lognormal(0, 0.3, users)
    liked = np.array([each.liked_price for each in theme.personas])[persona] + random.normal(0, 0.15, users)
    staples, every = _staples(theme, catalogue, tastes, random)
    joined = start - random.integers(1, 900 * DAY, users)
    new = random.random(users) < NEW
    joined[new] = start + random.integers(0, max(int(days * 0.9), 1) * DAY, int(new.sum()))
    bot = random.random(users) < BOTS
    return Population(
        persona.astype(np.int16),
        tastes.astype(np.int16),
        styles.astype(np.int16),
        brands.astype(np.int16),
        sensitivity.astype(np.float32),
        liked.astype(np.float32),
        each_day,
        random.normal(0, 0.3, users).astype(np.float32),
        random.choice(3, users, p=[0.55, 0.37, 0.08]).astype(np.int16),
        staples,
        every,
        joined // 1_000_000 * 1_000_000,
        bot,
    )


def _tastes(interest: Float64, persona: Int64, random: np.random.Generator) -> Int64:
    """Three different types for each shopper, drawn from the persona's interest (Gumbel top-k)."""
    users, kinds = len(persona), interest.shape[1]
    found = np.empty((users, TASTES), np.int64)
    for first in range(0, users, 1 << 16):
        part = slice(first, first + (1 << 16))
        keys = np.log(interest + 1e-12)[persona[part]] + random.gumbel(size=(len(persona[part]), kinds))
        found[part] = np.argsort(-keys, axis=1)[:, :TASTES]
    return found


def _liked_brands(catalogue: Catalogue, tastes: Int64, random: np.random.Generator) -> Int64:
    """Two brands found among the products of the dearest types."""
    liked = tastes[:, :2]
    low, high = catalogue.cumulative[catalogue.starts[liked]], catalogue.cumulative[catalogue.starts[liked + 1]]
    drawn = np.searchsorted(catalogue.cumulative, low + random.random(low.shape) * (high - low), side="right") - 1
    return catalogue.brand[np.clip(drawn, 0, len(catalogue) - 1)].astype(np.int64)


def _staples(theme: Theme, catalogue: Catalogue, tastes: Int64, random: np.random.Generator) -> tuple[Int32, Float32]:
    """Products of consumable types, half of them types the shopper likes, and each shopper's own interval."""
    users = len(tastes)
    interval = np.array([each.every for each in theme.types])
    consumable = np.flatnonzero(interval)
    kinds = random.choice(consumable, (users, STAPLES))
    kinds[:, :TASTES] = np.where(interval[tastes] > 0, tastes, kinds[:, :TASTES])
    low, high = catalogue.cumulative[catalogue.starts[kinds]], catalogue.cumulative[catalogue.starts[kinds + 1]]
    drawn = np.searchsorted(catalogue.cumulative, low + random.random(low.shape) * (high - low), side="right") - 1
    items = np.clip(drawn, 0, len(catalogue) - 1)
    every = interval[kinds] * random.lognormal(0, 0.25, kinds.shape)
    has = random.random(kinds.shape) < 0.55
    for later in range(1, STAPLES):
        has[:, later] &= (kinds[:, :later] != kinds[:, later : later + 1]).all(1)
    return np.where(has, items, -1).astype(np.int32), every.astype(np.float32)
