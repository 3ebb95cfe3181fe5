"""What a slate is truly worth: the probability of each outcome, slot by slot, from the shoppers' own formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from endcap.errors import UnknownName
from endcap.simulator import rhythm
from endcap.simulator.choice import Facts, bought, carted, clicked, examined
from endcap.simulator.facts import facts_of
from endcap.simulator.minds import Mind
from endcap.simulator.sessions import TASTES
from endcap.simulator.shop import Shop
from endcap.types import Bool, Float32, Float64, Int32


@dataclass(frozen=True)
class Expected:
    """float64 [k] per slot: probabilities of a click, a cart and a purchase, and the money expected."""

    clicks: Float64
    carts: Float64
    purchases: Float64
    revenue: Float64


@dataclass(frozen=True)
class Chances:
    """float32 [k]: of looking at a slot, of a click then, of a cart then, of a purchase then."""

    look: Float32
    click: Float32
    cart: Float32
    buy: Float32


def expected(
    shop: Shop, shopper: str, slate: Sequence[str], now: int, *, goal: int | None = None, mind: Mind | None = None
) -> Expected:
    """What a slate (item ids, first slot first) brings, shown to a shopper (id) at `now` (microseconds UTC).

    `goal` is the product type the visit is after; unknown, it is averaged over what the shopper may be after.
    `mind` adds what was shown and bought before. Raises `UnknownName` for ids that the shop does not have.
    """
    who = _place(shop.population.ids.index(shopper).as_py(), "shopper", shopper)
    items = np.array([_place(shop.catalogue.ids.index(each).as_py(), "item", each) for each in slate], np.int32)
    known = mind or Mind(who)
    weights = goal_weights(shop, who, now) if goal is None else np.eye(len(shop.theme.types))[goal]
    total = np.zeros((3, len(items)))
    for kind in np.flatnonzero(weights):
        found = chances(shop, known, items, int(kind), now)
        seen = found.look * found.click
        total += weights[kind] * np.stack([seen, seen * found.cart, seen * found.cart * found.buy])
    return Expected(total[0], total[1], total[2], total[2] * shop.catalogue.price[items])


def chances(shop: Shop, mind: Mind, items: Int32, goal: int, now: int) -> Chances:
    """The chances of a slate of places in the catalogue, in a visit that is after `goal`."""
    facts = slate_facts(shop, mind, items, goal, now)
    look = examined(shop.behaviour, np.arange(len(items)))
    staple = shop.population.staples[mind.shopper]
    stocked = _any(items, staple) & (facts.due == 0)  # a staple that has not run out is not bought
    cart = np.where(stocked, np.float32(0), carted(shop.behaviour, facts))
    return Chances(look, clicked(shop.behaviour, facts), cart, bought(shop.behaviour, facts))


def slate_facts(shop: Shop, mind: Mind, items: Int32, goal: int, now: int) -> Facts:
    """The facts of a slate, with what this shopper has seen, owns and is short of."""
    count = len(items)
    columns = (np.full(count, mind.shopper, np.int64), items, np.full(count, goal, np.int64))
    facts = facts_of(shop, *columns, np.full(count, now, np.int64), mind.times_seen(items, now))
    short = shop.population.staples[mind.shopper][mind.dues <= now]
    facts.due = _any(items, short).astype(np.float32)
    facts.owned = np.array([int(item) in mind.owned for item in items], np.float32)
    return facts


def _any(items: Int32, of: Int32) -> Bool:
    """Which items are among a few others."""
    return np.asarray((items[:, None] == of).any(1))


def goal_weights(shop: Shop, shopper: int, now: int) -> Float64:
    """float64 [types]: what a visit of this shopper is after, before anything is known of it."""
    season = np.exp(rhythm.seasons(shop.theme, np.array([now]))[0].astype(np.float64))
    people = shop.population
    wanted = shop.demand[people.persona[shopper]] * season
    own = np.zeros(len(season))
    own[people.tastes[shopper]] = np.array(TASTES) * season[people.tastes[shopper]]
    share = shop.behaviour.taste
    return np.asarray(share * own / own.sum() + (1 - share) * wanted / wanted.sum())


def _place(place: int, kind: str, name: str) -> int:
    if place < 0:
        raise UnknownName(kind, name, ["those of the simulated shop only"])
    return place
