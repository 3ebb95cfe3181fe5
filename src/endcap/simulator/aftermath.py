"""What follows a click: views, carts, orders, wishes, ratings, returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from endcap.simulator import events
from endcap.simulator.browsing import PACE, SEARCH, Cells, Pages
from endcap.simulator.choice import DWELL_SPREAD, OWNED, Facts, bought, carted, dwelt
from endcap.simulator.events import Rows, rows
from endcap.simulator.sessions import Sessions
from endcap.simulator.shop import Shop
from endcap.simulator.staples import Restocks
from endcap.simulator.streams import AFTERMATH, stream
from endcap.types import DAY, SECOND, Bool, Float32, Int32, Int64

WISHES = (
    (events.ADD_TO_WISH_LIST, 0.05),
    (events.LIKE, 0.04),
    (events.SAVE_FOR_LATER, 0.03),
    (events.SHARE, 0.01),
    (events.NOT_INTERESTED, 0.015),
)
"""What a shopper does with what was clicked and not put into the cart, and how often."""
SECOND_THOUGHTS = 0.3
"""Share of what is in the cart and not bought that is taken out again."""
RATED = 0.12
SLOW = 6
"""Seconds a shopper needs for each slot on the way to what is clicked."""


@dataclass(frozen=True)
class Clicked:
    """Clicks in columns: where they happened, and what became of them."""

    page: Int64
    slot: Int64
    item: Int32
    facts: Facts
    time: Int64
    duration: Float32
    in_cart: Bool
    is_bought: Bool


def clicks_of(shop: Shop, pages: Pages, cells: Cells, first: int) -> Clicked:
    """What became of each click. Staples are not bought from lists: their restocks are counted by themselves."""
    random = stream(shop.seed, AFTERMATH, first)
    there = np.flatnonzero(cells.clicks)
    page, item = cells.page[there], cells.item[there]
    facts = Facts(**{name: _at(value, there) for name, value in vars(cells.facts).items()})
    staple = (shop.population.staples[pages.shopper[page]] == item[:, None]).any(1)
    count = len(there)
    chance = carted(shop.behaviour, facts)
    in_cart = (random.random(count) < chance) & ~staple
    candidates = in_cart & (random.random(count) < bought(shop.behaviour, facts))
    again = random.random(count) < OWNED
    is_bought = candidates & (_first_time(pages.shopper[page], item, candidates) | again | _consumable(shop, item))
    slot = cells.slot[there].astype(np.int64)
    time = pages.time[page] + (3 + SLOW * slot) * SECOND
    duration = np.minimum(random.lognormal(dwelt(chance, in_cart), DWELL_SPREAD), PACE).astype(np.float32)
    return Clicked(page, slot, item, facts, time, duration, in_cart, is_bought)


def _at(value: object, there: Int64) -> object:
    return value[there] if isinstance(value, np.ndarray) else value


def _consumable(shop: Shop, item: Int32) -> Bool:
    return np.asarray(shop.consumable[shop.catalogue.type[item]] > 0)


def _first_time(shopper: Int64, item: Int32, candidates: Bool) -> Bool:
    """Which candidates are their shopper's first of the product; rows are sorted by shopper and time."""
    places = np.flatnonzero(candidates)
    pair = shopper[places] * np.int64(1 << 31) + item[places]
    _, firsts = np.unique(pair, return_index=True)
    found = np.zeros(len(shopper), np.bool_)
    found[places[firsts]] = True
    return found


def history_rows(shop: Shop, sessions: Sessions, pages: Pages, cells: Cells, restocks: Restocks, first: int) -> Rows:
    """All rows of a block of visits, sorted by time; what lies after the run is left out."""
    random = stream(shop.seed, AFTERMATH, first, 1)
    clicked = clicks_of(shop, pages, cells, first)
    parts = [_impressions(pages, cells), *_browsing(pages, clicked, random)]
    orders = [_ordered(shop, sessions, pages, clicked, random), _restocked(shop, sessions, restocks, random)]
    parts += [*orders, *_after(shop, orders, random)]
    whole = events.joined(parts)
    return whole.take(whole.time < shop.end)


def _who(pages: Pages, page: Int64) -> Int64:
    return np.where(pages.is_known[page], pages.shopper[page], -1 - pages.session[page])


def _impressions(pages: Pages, cells: Cells) -> Rows:
    page, where = np.unique(cells.page, return_index=True)
    return rows(
        events.IMPRESSION,
        cells.item[where],
        shopper=_who(pages, page),
        time=pages.time[page],
        session=pages.session[page],
        place=pages.place[page],
        page=page,
        channel=-2,
    )


def _browsing(pages: Pages, clicked: Clicked, random: np.random.Generator) -> list[Rows]:
    page, item = clicked.page, clicked.item
    whole = rows(
        events.VIEW,
        item,
        shopper=_who(pages, page),
        time=clicked.time,
        session=pages.session[page],
        duration=clicked.duration.round(1),
        position=clicked.slot + 1,
        place=pages.place[page],
        page=page,
        channel=-2,
    )
    leave = clicked.time + clicked.duration.astype(np.int64) * SECOND
    bare = replace_columns(whole, time=leave, duration=np.nan, position=-1)
    found = [whole]
    searched = np.flatnonzero((pages.place[page] == SEARCH) & (np.diff(page, prepend=-1) != 0))
    found.append(replace_columns(whole.take(searched), type=events.SEARCH, duration=np.nan, position=-1))
    found[-1].time[:] = pages.time[page[searched]]
    found.append(replace_columns(bare.take(clicked.in_cart), type=events.ADD_TO_CART))
    left = clicked.in_cart & ~clicked.is_bought & (random.random(len(item)) < SECOND_THOUGHTS)
    taken = replace_columns(bare.take(left), type=events.REMOVE_FROM_CART)
    taken.time[:] += PACE * SECOND
    found.append(taken)
    return [*found, *_wishes(clicked, bare, random)]


def _wishes(clicked: Clicked, bare: Rows, random: np.random.Generator) -> list[Rows]:
    drawn, low, found = random.random(len(bare)), 0.0, []
    for kind, share in WISHES:
        there = ~clicked.in_cart & (drawn >= low) & (drawn < low + share)
        found.append(replace_columns(bare.take(there), type=kind))
        low += share
    return found


def _ordered(shop: Shop, sessions: Sessions, pages: Pages, clicked: Clicked, random: np.random.Generator) -> Rows:
    """Purchases at the end of visits: one order of all that is bought in one."""
    there = np.flatnonzero(clicked.is_bought)
    page, item = clicked.page[there], clicked.item[there]
    session = pages.session[page]
    end = sessions.time[session] + (sessions.pages[session] * PACE + 60) * SECOND
    late = np.maximum(end, clicked.time[there] + (clicked.duration[there].astype(np.int64) + 5) * SECOND)
    return rows(
        events.PURCHASE,
        item,
        shopper=_who(pages, page),
        time=late,
        session=session,
        order=session,
        quantity=_quantity(shop, item, random),
        channel=-2,
    )


def _restocked(shop: Shop, sessions: Sessions, restocks: Restocks, random: np.random.Generator) -> Rows:
    online = restocks.session >= 0
    place = np.maximum(restocks.session, 0)
    pages = sessions.pages[place] if len(sessions) else np.zeros(len(place), np.int64)
    end = (sessions.time[place] if len(sessions) else restocks.time) + (pages * PACE + 60) * SECOND
    alone = len(sessions) + np.arange(len(online))
    return rows(
        events.PURCHASE,
        restocks.item,
        shopper=restocks.shopper,
        time=np.where(online, end, restocks.time),
        session=restocks.session,
        order=np.where(online, restocks.session, alone),
        quantity=_quantity(shop, restocks.item, random),
        channel=np.where(online, -2, events.IN_STORE),
    )


def _quantity(shop: Shop, item: Int32, random: np.random.Generator) -> Float32:
    more = random.poisson(0.35, len(item))
    return np.where(_consumable(shop, item), 1 + more, 1).astype(np.float32)


def _after(shop: Shop, orders: list[Rows], random: np.random.Generator) -> list[Rows]:
    """Ratings and returns, days later, of shoppers that the shop knows."""
    whole = events.joined(orders)
    whole = whole.take(whole.shopper >= 0)
    count = len(whole)
    quality = shop.catalogue.quality[whole.item]
    stars = np.clip(np.round(3.9 + 0.5 * quality + random.normal(0, 0.7, count)), 1, 5)
    days = random.gamma(4, 1.5, count)
    later = whole.time + (days * DAY).astype(np.int64) // SECOND * SECOND
    plain = replace_columns(whole, time=later, session=-1, order=-1, quantity=np.nan, channel=-1)
    rated = replace_columns(plain, type=events.RATING, rating=stars).take(random.random(count) < RATED)
    bad = np.clip(shop.theme.returns * np.exp(-0.4 * quality), 0, 0.8)
    back = replace_columns(plain, type=events.RETURN, quantity=whole.quantity, order=whole.order)
    return [rated, back.take(random.random(count) < bad)]


def replace_columns(given: Rows, **columns: object) -> Rows:
    """The rows with some columns set to a value or to other columns."""
    made = {}
    for name, value in columns.items():
        kind = getattr(given, name).dtype
        made[name] = np.broadcast_to(np.asarray(value), len(given)).astype(kind)
    return replace(given, **{name: getattr(given, name).copy() for name in vars(given) if name not in made}, **made)
