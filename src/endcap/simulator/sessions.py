"""Visits: who comes when, what for, how long, and whether the shop knows who it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.simulator import rhythm
from endcap.simulator.shop import Shop
from endcap.simulator.streams import SESSIONS, stream
from endcap.types import DAY, HOUR, SECOND, Float64, Int16, Int64

PAGES = 8
"""Pages of a visit at most."""
MEAN_PAGES = 2.2
"""Pages after the first, on average."""
GAP = HOUR // 2
"""Two visits of one shopper lie at least this far apart."""
ANONYMOUS, LOGS_IN = 0.2, 0.6
"""Share of visits that begin anonymous, and share of these that log in later."""
NEVER = PAGES + 1
TASTES = (0.5, 0.3, 0.2)
"""How often a visit is after the first, second and third taste."""


@dataclass(frozen=True)
class Sessions:
    """Visits in columns, sorted by (shopper, time): `goal` and `then` are product types, `turn` the page from which
    `then` holds, `known` the page from which the shop knows the shopper (0: from the start; NEVER: not at all)."""

    shopper: Int64
    time: Int64
    goal: Int64
    then: Int64
    turn: Int64
    pages: Int64
    known: Int16

    def __len__(self) -> int:
        return len(self.shopper)


def draw_sessions(shop: Shop, first: int, last: int) -> Sessions:
    """All visits of shoppers `first` to `last` (exclusive) during the run."""
    random = stream(shop.seed, SESSIONS, first)
    shopper, time = _arrivals(shop, first, last, random)
    count = len(shopper)
    goal = draw_goals(shop, shopper, time, random)
    then = next_goals(shop, shopper, goal, time, random)
    pages, turn, known = plan_pages(shop, count, random)
    return Sessions(shopper, time, goal, then, turn, pages, known)


def plan_pages(shop: Shop, count: int, random: np.random.Generator) -> tuple[Int64, Int64, Int16]:
    """(pages, turn, known) of `count` visits, as in `Sessions`."""
    pages = 1 + np.minimum(random.poisson(MEAN_PAGES, count), PAGES - 1)
    turn = np.where(random.random(count) < shop.behaviour.second_goal, (pages + 1) // 2, PAGES + 1)
    known = np.zeros(count, np.int16)
    anonymous = random.random(count) < ANONYMOUS
    late = anonymous & (random.random(count) < LOGS_IN)
    known[anonymous] = NEVER
    known[late] = 1 + random.integers(0, PAGES, count)[late] % pages[late]
    return pages, turn, known


def _arrivals(shop: Shop, first: int, last: int, random: np.random.Generator) -> tuple[Int64, Int64]:
    people = shop.population
    busy = rhythm.days(shop.start, shop.days)
    expected = np.where(people.bot[first:last], 0.0, people.visits[first:last]) * busy.sum()
    shopper = np.repeat(np.arange(first, last), random.poisson(expected))
    day = _draw(np.cumsum(busy), random.random(len(shopper)))
    names = [each.rhythm for each in shop.theme.personas]
    table = np.cumsum(np.stack([rhythm.hours(name) for name in names]), axis=1)
    row = people.persona[shopper].astype(np.int64)
    hour = _draw_rows(table, row, random.random(len(shopper)))
    time = shop.start + day * DAY + hour * HOUR + random.integers(0, 3600, len(shopper)) * SECOND
    there = time >= people.joined[shopper]
    shopper, time = shopper[there], time[there]
    order = np.lexsort((time, shopper))
    shopper, time = shopper[order], time[order]
    apart = np.ones(len(shopper), np.bool_)
    apart[1:] = (shopper[1:] != shopper[:-1]) | (time[1:] - time[:-1] >= GAP)
    return shopper[apart], time[apart]


def draw_goals(shop: Shop, shopper: Int64, time: Int64, random: np.random.Generator) -> Int64:
    """What visits are after: mostly one of the shopper's tastes, else what the persona wants, both in season."""
    months, month = np.unique(time // (30 * DAY), return_inverse=True)
    season = rhythm.seasons(shop.theme, months * (30 * DAY) + 15 * DAY).astype(np.float64)
    interest = shop.demand[:, None, :] * np.exp(season)[None]
    cumulative = np.cumsum(interest, axis=2).reshape(-1, interest.shape[2])
    cumulative /= cumulative[:, -1:]
    row = shop.population.persona[shopper].astype(np.int64) * len(months) + month
    wanted = _draw_rows(cumulative, row, random.random(len(shopper)))
    tastes = shop.population.tastes[shopper]
    keys = np.log(np.array(TASTES)) + season[month[:, None], tastes] + random.gumbel(size=tastes.shape)
    own = tastes[np.arange(len(shopper)), keys.argmax(1)] if len(shopper) else wanted
    return np.where(random.random(len(shopper)) < shop.behaviour.taste, own, wanted).astype(np.int64)


def next_goals(shop: Shop, shopper: Int64, goal: Int64, time: Int64, random: np.random.Generator) -> Int64:
    """What visits turn to: in six of ten what goes with the first goal, else a goal like any."""
    goes = shop.complements[goal, random.integers(0, 2, len(goal))]
    return np.where(random.random(len(goal)) < 0.6, goes, draw_goals(shop, shopper, time, random)).astype(np.int64)


def _draw(cumulative: Float64, uniform: Float64) -> Int64:
    found = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.asarray(np.minimum(found, len(cumulative) - 1), np.int64)


def _draw_rows(cumulative: Float64, row: Int64, uniform: Float64) -> Int64:
    """One draw from each row's own distribution; rows of `cumulative` end at 1."""
    rows, width = cumulative.shape
    flat = (cumulative + np.arange(rows)[:, None]).ravel()
    found = np.searchsorted(flat, row + uniform, side="right") - row * width
    return np.asarray(np.clip(found, 0, width - 1), np.int64)
