"""The shelves of a page: which there are, who answers each, and what is on them."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import OPEN, Answered, Counter, Missing
from endcap.api.console.storefront.goods import Card, Goods, Shelved
from endcap.api.console.storefront.past import Deeds
from endcap.api.console.storefront.people import has_answered
from endcap.serving.slate import Request, Slate

Page = Literal["home", "product", "cart"]
MOST_SHELVES = 3
SHORTLY = 6
"""So many products, the last that were looked at, stand among the recently viewed and so not on *For you*."""
SPARE = 2
"""So many times the items of a shelf are asked for: some stand on another shelf, or are sold out."""

FALLEN = {"catalogue": "From the catalogue", "popular": "Best sellers"}
"""What *Trending now* is called where most of it comes from that rung."""


class ShelvesWanted(Ask, frozen=True):
    """Which page, and for whom. `item` is what a product page shows, `cart` what lies in the cart, newest last."""

    shop: str
    page: Page
    user: str = ""
    session: str = ""
    item: str = ""
    cart: tuple[str, ...] = ()
    size: int = 12


class Placed(Shape, frozen=True):
    """A product on a shelf, and why it is there."""

    card: Card
    reason: str = ""
    score: float | None = None
    rung: str = ""
    was: int | None = None
    """Of lists: its place (from 1) where they are not in the shopper's own order."""


class Shelf(Shape, frozen=True):
    """One shelf. `answered` is None for what no campaign was asked for, `missing` tells what the shop lacks for it."""

    key: str
    title: str
    about: str = ""
    """The item that it is about."""
    items: tuple[Placed, ...] = ()
    answered: Answered | None = None
    missing: Missing | None = None


class ShelvesShown(Shape, frozen=True):
    """The shelves of one page, in order."""

    shelves: tuple[Shelf, ...]


@dataclass(frozen=True)
class Plan:
    """A shelf to be filled by the campaign of a purpose."""

    key: str
    purpose: str
    title: str
    request: Request
    about: str = ""
    size: int = 12


class Shelves:
    """`POST /shop/api/shelves`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved = backstage, shelved

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        said, path = "The shelves of a page, for one shopper.", "/shop/api/shelves"
        return (OPEN("getShelves", "POST", path, said, self.show, ShelvesWanted, ShelvesShown),)

    async def show(self, call: Call, asked: ShelvesWanted) -> ShelvesShown:
        """At most three, none of them empty but those whose campaign the shop lacks."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        goods = await counter.goods()
        deeds = Deeds.of(counter.snapshot, asked.user or asked.session)
        page = _Page(counter, goods, deeds, asked, min(max(asked.size, 1), 48), self._backstage.clock.now())
        shelves = await page.shelves()
        return ShelvesShown(shelves=tuple(shelves[:MOST_SHELVES]))


@dataclass(frozen=True)
class _Page:
    counter: Counter
    goods: Goods
    deeds: Deeds
    asked: ShelvesWanted
    size: int
    now: int

    async def shelves(self) -> list[Shelf]:
        """Asked together; what stands on a shelf is not put on one below it."""
        plans = {"home": self._home, "product": self._product, "cart": self._cart}[self.asked.page]()
        found = await asyncio.gather(*(self._ask(plan) for plan in plans))
        taken, shelves = set(self.asked.cart), list[Shelf]()
        for plan, shelf in zip(plans, found, strict=True):
            fresh = [each for each in shelf.items if self._may_stand(each.card, plan.key, taken)]
            kept = tuple(fresh[: plan.size])
            taken |= {each.card.item for each in kept}
            if kept or shelf.missing is not None:
                shelves.append(msgspec.structs.replace(shelf, items=kept))
        return shelves

    def _home(self) -> list[Plan]:
        viewed = self.deeds.looked_at()
        if has_answered(self.counter.snapshot, self.asked.user) and "told" in self.counter.purposes:
            last = self._recent(viewed) if viewed else self._trending()
            return [self._told(), *([self._for_you()] if self.deeds.is_known else []), last]
        plans = [] if self.deeds.is_known else [self._trending()]
        if self.deeds.is_known:
            plans += [self._for_you(), self._because(viewed[0]) if viewed else self._trending()]
            plans.append(self._recent(viewed))
        return plans

    def _product(self) -> list[Plan]:
        item = self.asked.item
        ordinal = self.counter.snapshot.ordinal(item)
        is_gone = ordinal >= 0 and self.goods.is_sold_out(ordinal)
        alike = self._about(item)
        together = Plan("bought-together", "bought-together", "Often bought together", alike, item, size=3)
        similar = Plan("similar", "similar", "Similar", alike, item, self.size)
        if is_gone:
            similar = Plan("alternatives", "similar", "In stock instead", alike, item, self.size)
        recent = self._recent(self.deeds.looked_at(besides=(item,)))
        return [similar, recent] if is_gone else [together, similar, recent]

    def _cart(self) -> list[Plan]:
        cart = self.asked.cart
        if not cart:
            return [self._trending() if not self.deeds.is_known else self._for_you()]
        user = self.asked.user or self.asked.session
        together = Request(self.size * SPARE, user, cart[-1], asked=self.now)
        return [
            Plan("goes-with", "bought-together", "Goes with this", together, cart[-1], self.size),
            self._recent(self.deeds.looked_at(besides=cart)),
        ]

    def _trending(self) -> Plan:
        return Plan("trending", "trending", "Trending now", self._request(), size=self.size)

    def _for_you(self) -> Plan:
        return Plan("for-you", "for-you", "For you", self._request(), size=self.size)

    def _told(self) -> Plan:
        return Plan("told", "told", "As you told us", self._request(), size=self.size)

    def _because(self, item: str) -> Plan:
        cards = self.goods.cards([item])
        title = f"Because you viewed {cards[0].title}" if cards else "Because of what you viewed"
        return Plan("because", "similar", title, self._about(item), item, self.size)

    def _recent(self, items: Sequence[str]) -> Plan:
        return Plan("recent", "", "Recently viewed", Request(0, candidates=tuple(items[: self.size])), size=self.size)

    def _request(self) -> Request:
        return Request(self.size * SPARE, self.asked.user or self.asked.session, asked=self.now)

    def _about(self, item: str) -> Request:
        """Of the item alone: a shelf of what is new to the shopper leaves the shopper out."""
        return Request(self.size * SPARE, "", item, asked=self.now)

    def _may_stand(self, card: Card, key: str, taken: set[str]) -> bool:
        if key == "recent":
            return True
        if key == "for-you" and card.item in self.deeds.looked_at()[:SHORTLY]:
            return False
        return card.item not in taken and not card.sold_out and card.item != self.asked.item

    async def _ask(self, plan: Plan) -> Shelf:
        if not plan.purpose:
            cards = self.goods.cards(plan.request.candidates or ())
            return Shelf(key=plan.key, title=plan.title, items=tuple(Placed(card=card) for card in cards))
        found = await self.counter.ask(plan.purpose, plan.request)
        if found is None:
            missing = self.counter.missing(plan.purpose)
            return Shelf(key=plan.key, title=plan.title, about=plan.about, missing=missing)
        slate, answered = found
        items = tuple(placed(self.goods, slate))
        title = _honest(slate.rungs, plan.title) if plan.key == "trending" else plan.title
        return Shelf(key=plan.key, title=title, about=plan.about, items=items, answered=answered)


def _honest(rungs: Sequence[str], title: str) -> str:
    """What a shelf is called whose items come from further down than it promises: a shop that is new has no trend."""
    told = Tally(rungs).most_common(1)
    return FALLEN.get(told[0][0], title) if told else title


def placed(goods: Goods, slate: Slate) -> list[Placed]:
    """The items of an answer with their reasons."""
    ordinals = slate.ordinals
    columns = zip(slate.items, ordinals, slate.reasons, slate.scores, slate.rungs, strict=True)
    return [
        Placed(card=goods.card(item, ordinal), reason=reason, score=score, rung=rung)
        for item, ordinal, reason, score, rung in columns
        if ordinal >= 0
    ]
