"""One live visit: pages, slates, clicks, carts, checkout; what is shown decides what is bought."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from endcap.simulator.browsing import CATEGORY, PACE, PLACES, SEARCH, Pages, fill
from endcap.simulator.choice import DWELL_SPREAD, dwelt
from endcap.simulator.minds import Mind
from endcap.simulator.outcomes import (
    CARTS,
    CLICKS,
    ELSEWHERE,
    EXPECTED_CLICKS,
    EXPECTED_PURCHASES,
    POTENTIAL,
    PURCHASES,
    REVENUE,
    SHADOW_PURCHASES,
    SLATES,
    Outcomes,
)
from endcap.simulator.population import CHANNELS, DEVICES
from endcap.simulator.shop import Shop
from endcap.simulator.staples import vary
from endcap.simulator.wire import Slate, Storefront, event
from endcap.simulator.worth import chances
from endcap.types import DAY, SECOND, Int32, Micros

LISTS = 0.7
"""How often a page after the first is a list that the shopper asked for; there the visit shows what it is after."""
OPENS_SIMILAR = 0.5
"""How often what goes with a clicked product is looked at, where the shop shows it."""


class Time(Protocol):
    """The crowd's clock; `sleep` takes seconds of the shoppers' time."""

    def now(self) -> Micros: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Plan:
    """What a visit is after, drawn before it begins; `known` is the page from which the shop knows the shopper."""

    number: int
    shopper: int
    goal: int
    then: int
    turn: int
    pages: int
    known: int


@dataclass(frozen=True)
class Wanted:
    """Something in the cart that will be paid for, and the slate and variant it came from."""

    item: int
    slate: Slate
    unit: str


@dataclass
class Visit:
    """One visit of one shopper."""

    shop: Shop
    mind: Mind
    plan: Plan
    front: Storefront
    time: Time
    random: np.random.Generator
    prefix: str = "L"
    _cart: dict[int, Wanted] = field(default_factory=dict)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _page: int = 0
    _told: int = 0
    _last: tuple[str, str] | None = None

    @property
    def session(self) -> str:
        """Its id."""
        return f"{self.prefix}{self.plan.number}"

    @property
    def user(self) -> str:
        """The shopper's id from the page on where the shop knows it; before, empty."""
        return str(self.shop.population.ids[self.plan.shopper]) if self._page >= self.plan.known else ""

    @property
    def unit(self) -> str:
        """Who is counted: the shopper, or the session where nobody has logged in."""
        return self.user or self.session

    @property
    def goal(self) -> int:
        """What the visit is after now."""
        return self.plan.then if self._page >= self.plan.turn else self.plan.goal

    async def run(self) -> Outcomes:
        """From arrival to checkout."""
        for page in range(self.plan.pages):
            self._page = page
            if page and self.random.random() < LISTS:
                await self._list()
            slate = await self.front.recommendations(self.unit, self._context())
            await self._note(slate)
            await self._look(slate, "recommended")
            if page + 1 < self.plan.pages:
                await self.time.sleep(float(self.random.uniform(PACE / 2, PACE)))
        await self._check_out()
        self.front.outcomes.visits += 1
        return self.front.outcomes

    async def wander(self) -> None:
        """A machine's visit: views of anything, one a second, nothing asked and nothing bought."""
        for _ in range(10 * self.plan.pages):
            item = int(self.random.integers(len(self.shop.catalogue)))
            self._tell("View", item, device="desktop")
        await self._send()

    async def _list(self) -> None:
        """A list by category or from the search box, in the shop's own order or, where there is one, ranked."""
        by_search = self.random.random() < self.shop.behaviour.lookup
        items = self._own_list()
        place = PLACES[SEARCH if by_search else CATEGORY]
        ids = tuple(str(self.shop.catalogue.ids[int(item)]) for item in items)
        if self.front.targets.ranking and ids:
            slate = await self.front.ranking(self.unit, ids)
            await self._look(slate, place)
            return
        query = self.shop.theme.types[self.goal].name.lower() if by_search else None
        await self._react(Slate(ids, "", ""), items, place, query)

    def _own_list(self) -> Int32:
        now = np.array([self.time.now()])
        goal = np.array([self.goal])
        page = Pages(np.zeros(1, np.int64), goal, now, goal, np.full(1, CATEGORY, np.int16), np.ones(1, np.bool_))
        items = fill(self.shop, page, self.random)[0]
        items = items[self.shop.catalogue.created[items] <= self.time.now()]
        return np.asarray(items[np.sort(np.unique(items, return_index=True)[1])], np.int32)

    async def _look(self, slate: Slate | None, place: str) -> None:
        """Look at what the server gave; products that the simulation does not know keep their slots."""
        if slate is None or not slate.items:
            return
        places = self._places(slate)
        clicked = await self._react(slate, places, place)
        if clicked and self.front.targets.similar and self.random.random() < OPENS_SIMILAR:
            related = await self.front.similar(self.unit, slate.items[clicked[0]])
            if related is not None and related.items:
                await self._react(related, self._places(related), "similar")

    async def _note(self, slate: Slate | None) -> None:
        """What this page could sell, whoever fills it: popular products of the goal, to a shopper without a memory; and
        what the shadow's slate would sell."""
        if slate is None or not slate.items:
            return
        self._count(slate, POTENTIAL, self._worth(Mind(self.plan.shopper), self.shop.bestsellers[self.goal]))
        if self.front.targets.shadow:
            other = await self.front.shadow(self.unit, self._context())
            if other is not None and other.items:
                self._count(slate, SHADOW_PURCHASES, self._worth(self.mind, self._places(other)))

    def _worth(self, mind: Mind, items: Int32) -> float:
        """Purchases that the truth expects of a slate on this page."""
        found = chances(self.shop, mind, np.maximum(items, 0), self.goal, self.time.now())
        return float(((items >= 0) * found.look * found.click * found.cart * found.buy).sum())

    def _places(self, slate: Slate) -> Int32:
        return np.array([self.shop.places.get(item, -1) for item in slate.items], np.int32)

    async def _react(self, slate: Slate, items: Int32, place: str, query: str | None = None) -> list[int]:
        """Clicks, carts and decisions to buy, and their events; the slots that were clicked."""
        now = self.time.now()
        found = chances(self.shop, self.mind, np.maximum(items, 0), self.goal, now)
        known = items >= 0
        drawn = self.random.random((3, len(items)))
        clicks = known & (drawn[0] < found.look * found.click)
        carts = clicks & (drawn[1] < found.cart)
        buys = carts & (drawn[2] < found.buy)
        if slate.variant:
            seen = known * found.look * found.click
            self._count(slate, SLATES, 1)
            self._count(slate, EXPECTED_CLICKS, float(seen.sum()))
            self._count(slate, EXPECTED_PURCHASES, float((seen * found.cart * found.buy).sum()))
            self._count(slate, CLICKS, float(clicks.sum()))
            self._count(slate, CARTS, float(carts.sum()))
            self._last = (slate.variant, self.unit)
        self.mind.see(items[known], now)
        slots = np.flatnonzero(clicks).tolist()
        self._tell_clicks(slate, items, slots, (carts, dwelt(found.cart, carts)), (place, query))
        if not slots:
            self._tell("Impression", int(items[0]), slate=slate, place=place)
        for slot in np.flatnonzero(buys).tolist():
            self._cart.setdefault(int(items[slot]), Wanted(int(items[slot]), slate, self.unit))
        await self._send()
        return slots

    def _tell_clicks(self, slate: Slate, items: Int32, slots: list[int], interest: Any, where: Any) -> None:
        (carts, dwell), (place, query) = interest, where
        for nth, slot in enumerate(slots):
            seconds = round(min(float(self.random.lognormal(dwell[slot], DWELL_SPREAD)), PACE), 1)
            shown = {"slate": slate, "is_first": nth == 0, "place": place}
            self._tell("View", int(items[slot]), **shown, position=slot + 1, duration=seconds, searchQuery=query)
            if carts[slot]:
                self._tell("AddToCart", int(items[slot]), slate=slate, is_first=False)

    async def _check_out(self) -> None:
        """Pay for the cart, and restock what has run out and was not found on the way."""
        order, now = f"{self.session}-order", self.time.now()
        staples = self.shop.population.staples[self.plan.shopper]
        for wanted in self._cart.values():
            price = float(self.shop.catalogue.price[wanted.item])
            self._tell(
                "Purchase", wanted.item, slate=wanted.slate, is_first=False, orderId=order, quantity=1, price=price
            )
            self._paid(wanted, price)
            if not self.shop.consumable[self.shop.catalogue.type[wanted.item]]:
                self.mind.owned.add(wanted.item)
        for slot, item in enumerate(staples.tolist()):
            if item in self._cart:
                self._restocked(slot, now)
            elif item >= 0 and self.mind.dues[slot] <= now and self.random.random() < self.shop.behaviour.lookup:
                price = float(self.shop.catalogue.price[item])
                self._tell("Purchase", item, orderId=order, quantity=1, price=price)
                self._restocked(slot, now)
                self._elsewhere()
        await self._send()

    def _paid(self, wanted: Wanted, price: float) -> None:
        if wanted.slate.variant:
            self.front.outcomes.add(wanted.slate.variant, wanted.unit, PURCHASES)
            self.front.outcomes.add(wanted.slate.variant, wanted.unit, REVENUE, price)
        else:
            self._elsewhere()

    def _elsewhere(self) -> None:
        if self._last is not None:
            self.front.outcomes.add(*self._last, ELSEWHERE)

    def _restocked(self, slot: int, now: int) -> None:
        every = float(self.shop.population.every[self.plan.shopper, slot]) * DAY
        self.mind.dues[slot] = now + int(every * float(vary(self.random, 1)[0]))

    def _count(self, slate: Slate, measure: int, amount: float) -> None:
        self.front.outcomes.add(slate.variant, self.unit, measure, amount)

    def _context(self) -> Mapping[str, str]:
        return {"DEVICE": DEVICES[self.shop.population.device[self.plan.shopper]]}

    def _tell(self, kind: str, item: int, **told: Any) -> None:
        if item < 0:
            return
        device = int(self.shop.population.device[self.plan.shopper])
        self._told += 1
        at = self.time.now() / SECOND + len(self._events) / 1000
        known = {"device": DEVICES[device], "channel": CHANNELS[device]}
        name, identity = str(self.shop.catalogue.ids[item]), f"{self.session}-{self._told}"
        self._events.append(event(kind, name, at, identity, **{**known, **told}))

    async def _send(self) -> None:
        events, self._events = self._events, []
        if self.front.targets.tracking and events:
            await self.front.tell(self.session, self.user, events)
        else:
            await asyncio.sleep(0)
