"""What visits see and click: pages of ten products, drawn by popularity around what the visit is after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.simulator.choice import Facts, clicked, examined
from endcap.simulator.facts import facts_of
from endcap.simulator.sessions import Sessions
from endcap.simulator.shop import Shop
from endcap.simulator.streams import BROWSING, stream
from endcap.types import DAY, SECOND, Bool, Float32, Int16, Int32, Int64

SLOTS = 10
PLACES = ("home", "category", "search")
HOME, CATEGORY, SEARCH = range(3)
AT_HOME, BY_SEARCH = 0.3, 0.4
"""Share of visits that begin on the home page, and of lists that come from the search box."""
TIRING = 7 * DAY
"""How long it is remembered that a product was shown."""
PACE = 75
"""Seconds from page to page, at least."""


@dataclass(frozen=True)
class Pages:
    """Lists shown, in columns, sorted by (shopper, time); `session` is the place of the visit in its block."""

    session: Int64
    shopper: Int64
    time: Int64
    goal: Int64
    place: Int16
    is_known: Bool

    def __len__(self) -> int:
        return len(self.session)


@dataclass(frozen=True)
class Cells:
    """Products on lists, in columns, sorted by page and slot (from 0); `clicks` says which were clicked."""

    page: Int64
    slot: Int16
    item: Int32
    clicks: Bool
    facts: Facts


def draw_pages(shop: Shop, sessions: Sessions, first: int) -> Pages:
    """The lists of visits; shoppers of the block begin at `first`."""
    random = stream(shop.seed, BROWSING, first)
    session = np.repeat(np.arange(len(sessions)), sessions.pages)
    begins = np.cumsum(sessions.pages) - sessions.pages
    number = np.arange(len(session)) - begins[session]
    goal = np.where(number >= sessions.turn[session], sessions.then[session], sessions.goal[session])
    time = sessions.time[session] + (number * PACE + random.integers(0, 40, len(session))) * SECOND
    place = np.where(random.random(len(session)) < BY_SEARCH, SEARCH, CATEGORY)
    place[(number == 0) & (random.random(len(session)) < AT_HOME)] = HOME
    known = number >= sessions.known[session]
    return Pages(session, sessions.shopper[session], time, goal, place.astype(np.int16), known)


def browse(shop: Shop, pages: Pages, first: int) -> Cells:
    """What the lists hold, and what is clicked."""
    random = stream(shop.seed, BROWSING, first, 1)
    page, slot, item = _compact(fill(shop, pages, random), shop, pages)
    shopper, time = pages.shopper[page], pages.time[page]
    seen = times_shown(shopper - first, item, time)
    facts = facts_of(shop, shopper, item, pages.goal[page], time, seen)
    chance = examined(shop.behaviour, np.arange(SLOTS))[slot] * clicked(shop.behaviour, facts)
    return Cells(page, slot, item, random.random(len(item), np.float32) < chance, facts)


def fill(shop: Shop, pages: Pages, random: np.random.Generator) -> Int32:
    """int32 [pages, 10] products: on lists mostly of the goal's type, at home of all; popular ones more often."""
    goods, count = shop.catalogue, len(pages)
    kind = np.broadcast_to(pages.goal[:, None], (count, SLOTS))
    near = shop.nearby[pages.goal[:, None], random.integers(0, shop.nearby.shape[1], (count, SLOTS))]
    kind = np.where(random.random((count, SLOTS), np.float32) < shop.behaviour.focus, kind, near)
    low, high = goods.cumulative[goods.starts[kind]], goods.cumulative[goods.starts[kind + 1]]
    home = pages.place == HOME
    low[home], high[home] = 0.0, 1.0
    drawn = low + random.random((count, SLOTS)) * (high - low)
    found = np.searchsorted(goods.cumulative, drawn, side="right") - 1
    return np.clip(found, 0, len(goods) - 1).astype(np.int32)


def _compact(items: Int32, shop: Shop, pages: Pages) -> tuple[Int64, Int16, Int32]:
    """Cells without repetitions and without what is not launched yet; slots close up."""
    good = shop.catalogue.created[items] <= pages.time[:, None]
    for later in range(1, SLOTS):
        good[:, later] &= (items[:, :later] != items[:, later : later + 1]).all(1)
    slot = (np.cumsum(good, axis=1, dtype=np.int16) - 1).astype(np.int16)
    page, place = np.nonzero(good)
    return page, slot[page, place], items[page, place]


def times_shown(shopper: Int64, item: Int32, time: Int64) -> Float32:
    """float32: how often each cell's product was shown to its shopper in the seven days before; cells are sorted by
    shopper and time, shoppers count from 0."""
    if not len(item):
        return np.zeros(0, np.float32)
    pair = shopper * np.int64(item.max() + 1) + item
    order = np.argsort(pair, kind="stable")
    group = np.concatenate(([0], np.cumsum(np.diff(pair[order]) != 0)))
    moment = (time[order] - time.min()) // SECOND
    keys = group * (1 << 33) + moment
    since = np.searchsorted(keys, group * (1 << 33) + np.maximum(moment - TIRING // SECOND, 0))
    seen = np.empty(len(item), np.float32)
    seen[order] = np.arange(len(item)) - since
    return seen
