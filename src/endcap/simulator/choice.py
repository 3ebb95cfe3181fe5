"""How shoppers choose: the ground truth, one formula for history, for live shoppers and for expected values.

A slate is examined slot by slot, each slot by itself (position-based model): slot k is looked at with probability
`k ** -position`. What is looked at is clicked with a probability that depends on the shopper, the product and what the
shopper is after in this visit; what was clicked may be put into the cart, and what is in the cart may be bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from endcap.types import Float32

CLICK: Mapping[str, float] = {
    "base": -3.1,
    "goal": 2.3,
    "family": 0.8,
    "taste": 0.7,
    "style": 0.7,
    "brand": 0.6,
    "price": -0.7,
    "quality": 0.25,
    "new": 0.3,
    "season": 0.5,
    "fatigue": -0.45,
    "due": 2.6,
}
CART: Mapping[str, float] = {
    "base": -3.0,
    "goal": 1.5,
    "style": 0.5,
    "brand": 0.5,
    "price": -0.7,
    "quality": 0.35,
    "due": 2.6,
}
OWNED = 0.05
"""What is left of the chance to buy once more what is no consumable."""


@dataclass(frozen=True)
class Behaviour:
    """The parameters of all shoppers: log-odds of a click (looked at) and of a cart (clicked), per unit of a fact.

    `position`: how fast attention falls with the slot; `checkout`: log-odds that what is in the cart is bought.
    """

    position: float = 0.7
    click: Mapping[str, float] = field(default_factory=lambda: dict(CLICK))
    cart: Mapping[str, float] = field(default_factory=lambda: dict(CART))
    checkout: float = 0.5
    focus: float = 0.8
    """Share of what a visit lists that is of the type the shopper is after."""
    second_goal: float = 0.4
    """Share of visits that turn to something else, mostly to what goes with the first."""
    taste: float = 0.7
    """Share of visits that are after one of the shopper's own tastes."""
    lookup: float = 0.5
    """Chance that a visit restocks a staple that is due, without being shown it."""

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}


@dataclass
class Facts:
    """What a choice depends on, equal-shaped float32 arrays (or numbers): 0/1 flags, except `taste` (1, 0.6, 0.4 or 0),
    `price` (sensitivity × distance from the liked price), `quality`, `season`, `seen` (times shown before)."""

    goal: Any
    family: Any
    taste: Any
    style: Any
    brand: Any
    price: Any
    quality: Any
    new: Any
    season: Any
    seen: Any
    due: Any = 0.0
    owned: Any = 0.0
    closing: Any = 0.0
    """The shopper's own inclination to buy, in log-odds."""


def examined(behaviour: Behaviour, slots: Any) -> Float32:
    """Probability that slots (from 0) are looked at."""
    return np.asarray((np.asarray(slots, np.float32) + 1) ** -behaviour.position, np.float32)


def clicked(behaviour: Behaviour, facts: Facts) -> Float32:
    """Probability of a click on what is looked at."""
    by = behaviour.click
    odds = by["base"] + by["goal"] * facts.goal + by["family"] * facts.family + by["taste"] * facts.taste
    odds = odds + by["style"] * facts.style + by["brand"] * facts.brand + by["price"] * facts.price
    odds = odds + by["quality"] * facts.quality + by["new"] * facts.new + by["season"] * facts.season
    odds = odds + by["fatigue"] * np.log2(1 + facts.seen) + by["due"] * facts.due
    return _probability(odds)


def carted(behaviour: Behaviour, facts: Facts) -> Float32:
    """Probability that what was clicked goes into the cart."""
    by = behaviour.cart
    odds = by["base"] + by["goal"] * facts.goal + by["style"] * facts.style + by["brand"] * facts.brand
    odds = odds + by["price"] * facts.price + by["quality"] * facts.quality + by["due"] * facts.due
    return _probability(odds)


def bought(behaviour: Behaviour, facts: Facts) -> Float32:
    """Probability that what is in the cart is paid for."""
    once = _probability(behaviour.checkout + facts.closing)
    return np.asarray(once * (1 - np.float32(1 - OWNED) * facts.owned), np.float32)


DWELL = 2.4
"""Log of the seconds that a product is usually looked at; their spread is `DWELL_SPREAD`."""
DWELL_SPREAD = 0.6


def dwelt(cart: Any, in_cart: Any) -> Float32:
    """Mean of the log of the seconds that shoppers look at what they clicked: longer the likelier it was that it went
    into the cart, and where it did."""
    chance = np.clip(np.asarray(cart, np.float32), 1e-4, 0.999)
    drawn = np.clip(np.log(chance / (1 - chance)) + 1.5, -2, 2)  # beside the usual product of the type looked for
    return np.asarray(DWELL + 0.35 * drawn + 0.6 * np.asarray(in_cart), np.float32)


def _probability(odds: Any) -> Float32:
    return np.asarray(1 / (1 + np.exp(-np.asarray(odds, np.float32))), np.float32)
