"""Repeat purchases: each shopper's consumables run out after an interval of their own and are bought again.

A staple is due one interval after its last purchase, give or take a fifth. From then on each visit restocks it with
probability `Behaviour.lookup`; some are bought in a branch on the very day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.simulator.population import STAPLES as SLOTS
from endcap.simulator.sessions import Sessions
from endcap.simulator.shop import Shop
from endcap.simulator.streams import STAPLES, stream
from endcap.types import DAY, SECOND, Bool, Float64, Int32, Int64

SHAPE = 25.0
"""Gamma shape of an interval over its mean: its coefficient of variation is 1/√shape = 0.2."""


@dataclass(frozen=True)
class Restocks:
    """Repeat purchases in columns: `session` is the visit's place in its block, -1 for those made in a branch."""

    shopper: Int64
    item: Int32
    time: Int64
    session: Int64


def vary(random: np.random.Generator, count: int) -> Float64:
    """float64 [count]: factors on intervals, mean 1."""
    return random.gamma(SHAPE, 1 / SHAPE, count)


def restock(shop: Shop, sessions: Sessions, first: int, last: int) -> tuple[Restocks, Int64]:
    """(all restocks of shoppers `first` to `last` in the run, when each staple is due next: int64 [shoppers, 4])."""
    random = stream(shop.seed, STAPLES, first)
    people = shop.population
    rows, slots = np.nonzero((people.staples[first:last] >= 0) & ~people.bot[first:last, None])
    who = first + rows
    item, every = people.staples[who, slots], people.every[who, slots] * float(DAY)
    begin = np.maximum(shop.start, np.maximum(people.joined[who], shop.catalogue.created[item]))
    due = begin + (random.random(len(who)) * every).astype(np.int64)
    span = 1 << 52
    keys = (sessions.shopper - first) * span + (sessions.time - shop.start)
    found: list[tuple[Int64, Int64, Int64]] = []
    active = np.flatnonzero(due < shop.end)
    while len(active):
        time, place = _bought(shop, sessions, keys, (rows[active], due[active]), random)
        there = time < shop.end
        active, time, place = active[there], time[there], place[there]
        found.append((active, time, place))
        due[active] = time + (every[active] * vary(random, len(active))).astype(np.int64)
        active = active[due[active] < shop.end]
    dues = np.full((last - first, SLOTS), np.iinfo(np.int64).max, np.int64)
    dues[rows, slots] = due
    if not found:
        none = np.zeros(0, np.int64)
        return Restocks(none, none.astype(np.int32), none, none), dues
    which, times, places = (np.concatenate(column) for column in zip(*found, strict=True))
    return Restocks(who[which], item[which], times // SECOND * SECOND, places), dues


def _bought(
    shop: Shop, sessions: Sessions, keys: Int64, due: tuple[Int64, Int64], random: np.random.Generator
) -> tuple[Int64, Int64]:
    """(when each is bought, in which visit): after `geometric` visits, or at once in a branch; the end for never."""
    row, at = due
    place = np.searchsorted(keys, row * (1 << 52) + (at - shop.start))
    place = place + random.geometric(shop.behaviour.lookup, len(row)) - 1
    first = shop_first(sessions, keys)
    there: Bool = place < len(keys)
    there[there] = sessions.shopper[place[there]] - first == row[there]
    time = np.full(len(row), shop.end, np.int64)
    time[there] = sessions.time[place[there]] + 45 * SECOND
    branch = random.random(len(row)) < shop.theme.in_store
    return np.where(branch, at, time), np.where(branch, -1, place)


def shop_first(sessions: Sessions, keys: Int64) -> int:
    """The number of the block's first shopper."""
    return int(sessions.shopper[0] - (keys[0] >> 52)) if len(keys) else 0
