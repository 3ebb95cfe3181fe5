"""A shop's front, its categories and its products."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

import numpy as np

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import OPEN, PURPOSES, Counter, Missing, absent, recipe_of
from endcap.api.console.storefront.goods import Aisle, Card, Goods, Shelved
from endcap.api.console.storefront.listing import Listing, Order, Orders
from endcap.errors import UnknownName
from endcap.jobs.demo import DEMO_SHOPS
from endcap.lake.schemas import TIMES
from endcap.serving.slate import Request
from endcap.types import Int32

Sort = Literal["for-you", "popular", "price-up", "price-down", "newest", "name"]
RANKED = 500
"""So many best sellers of a category are put in the shopper's order; the others follow as they sell."""
AISLES, SUBS, SAMPLE = 24, 12, 4
MOST_CARDS = 200
HIDDEN = frozenset({"currency", "image_url", "image_link", "image", "availability", "link", "margin"})
"""Columns that a product page does not list: shown otherwise, or nobody's business."""
_TIMES = frozenset(name.lower() for name in TIMES)


class ShopAsked(Ask, frozen=True):
    """Which shop."""

    shop: str


class ShopFront(Shape, frozen=True):
    """What every page of a shop needs. `purposes` are those that a campaign answers, with its recipe."""

    name: str
    title: str
    items: int
    aisles: tuple[Aisle, ...]
    purposes: dict[str, str]
    missing: tuple[Missing, ...]
    has_prices: bool
    now: int
    """What counts as now in the shop, milliseconds."""


class ProductAsked(Ask, frozen=True):
    """Which product."""

    shop: str
    item: str


class Product(Shape, frozen=True):
    """A product page's own part. `attributes` are what else the catalogue says, by column."""

    card: Card
    description: str
    attributes: dict[str, str]
    sold: float
    """Weighted number of its events in the shop's snapshot."""


class CardsAsked(Ask, frozen=True):
    """Which products."""

    shop: str
    items: tuple[str, ...]


class Cards(Shape, frozen=True):
    """Those that the shop has, in the order asked for."""

    cards: tuple[Card, ...]


class CategoryAsked(Ask, frozen=True):
    """A category by its names from the top, and in which order; `order` repeats that of the page before."""

    shop: str
    category: str = ""
    sub: str = ""
    leaf: str = ""
    user: str = ""
    session: str = ""
    sort: Sort = "for-you"
    page: int = 0
    size: int = 24
    order: str = ""


class CategoryShown(Shape, frozen=True):
    """One page of a category, and what is directly below it."""

    listing: Listing
    below: tuple[Aisle, ...]


class Catalogue:
    """`/shop/api/shop`, `/shop/api/product`, `/shop/api/cards` and `/shop/api/category`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved, self._orders = backstage, shelved, Orders()

    def operations(self) -> Sequence[Operation]:
        """Its rows."""
        front, product = "What every page of a shop needs.", "A product's own page."
        cards, category = "Products by their ids.", "Products of a category, a page at a time."
        return (
            OPEN("getShop", "GET", "/shop/api/shop", front, self.front, ShopAsked, ShopFront),
            OPEN("getProduct", "GET", "/shop/api/product", product, self.product, ProductAsked, Product),
            OPEN("getCards", "POST", "/shop/api/cards", cards, self.cards, CardsAsked, Cards),
            OPEN("getCategory", "GET", "/shop/api/category", category, self.category, CategoryAsked, CategoryShown),
        )

    def front(self, call: Call, asked: ShopAsked) -> ShopFront:
        """Raises `UnknownName`, `Refusal` where nothing is served."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        goods = self._shelved.goods(counter.snapshot)
        demo = DEMO_SHOPS.get(asked.shop)
        by_name = goods.aisles.children(())[:AISLES]
        return ShopFront(
            name=asked.shop,
            title=demo.title.partition(":")[0] if demo else _titled(asked.shop),
            items=len(goods.aisles.order),
            aisles=tuple(_aisle(goods, (), name, count) for name, count in by_name),
            purposes={purpose: recipe_of(held) for purpose, held in counter.purposes.items()},
            missing=tuple(counter.missing(purpose) for purpose in PURPOSES if purpose not in counter.purposes),
            has_prices=any(card.price is not None for card in goods.of(goods.aisles.order[:20])),
            now=counter.snapshot.moment(self._backstage.clock.now()) // 1000,
        )

    def product(self, call: Call, asked: ProductAsked) -> Product:
        """Raises `Refusal` for one that is not there."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        goods, ordinal = self._shelved.goods(counter.snapshot), counter.snapshot.ordinal(asked.item)
        if ordinal < 0:
            raise absent(f"The shop {asked.shop} has no item", asked.item, ", or not any more.")
        known = goods.known(ordinal)
        description = str(known.pop("product_description", None) or known.pop("description", None) or "")
        counts = counter.snapshot.state.counts
        told = {name: str(value) for name, value in known.items() if name not in HIDDEN | _TIMES}
        sold = float(counts[ordinal]) if ordinal < len(counts) else 0.0
        return Product(card=goods.card(asked.item, ordinal), description=description, attributes=told, sold=sold)

    def cards(self, call: Call, asked: CardsAsked) -> Cards:
        """Those that are there."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        return Cards(cards=tuple(self._shelved.goods(counter.snapshot).cards(asked.items[:MOST_CARDS])))

    async def category(self, call: Call, asked: CategoryAsked) -> CategoryShown:
        """In the shopper's own order, or by what the products are."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        goods = await counter.goods()
        path = tuple(name for name in (asked.category, asked.sub, asked.leaf) if name)
        if self._orders.find(asked.order) is None:
            within = await asyncio.to_thread(_within, goods, path)
            if not len(within) and path:
                known = [name for name, _ in goods.aisles.children(path[:-1])]
                raise UnknownName("category", path[-1], known[:20])
            order = self._orders.keep(await self._order(counter, goods, asked, within))
        else:
            order = asked.order
        listing = self._orders.listing(goods, order, max(asked.page, 0), asked.size)
        below = goods.aisles.children(path)[:SUBS] if asked.page <= 0 else []
        return CategoryShown(listing=listing, below=tuple(Aisle(name=name, items=count) for name, count in below))

    async def _order(self, counter: Counter, goods: Goods, asked: CategoryAsked, within: Int32) -> Order:
        if asked.sort != "for-you":
            chosen = await asyncio.to_thread(_sorted, goods, within, asked.sort)
            return Order(counter.snapshot.names(chosen))
        items = counter.snapshot.names(within)
        now, user = self._backstage.clock.now(), asked.user or asked.session
        request = Request(min(len(items), RANKED), user, "", tuple(items[:RANKED]), asked=now)
        found = await counter.ask("for-you", request)
        if found is None:
            return Order(items, missing=counter.missing("for-you"))
        slate, answered = found
        reasons = dict(zip(slate.items, slate.reasons, strict=True))
        return Order([*slate.items, *items[RANKED:]], reasons, answered, before=items)


def _aisle(goods: Goods, above: tuple[str, ...], name: str, count: int) -> Aisle:
    path = (*above, name)
    subs = goods.aisles.children(path)[:SUBS]
    return Aisle(
        name=name,
        items=count,
        subs=tuple(Aisle(name=each, items=items) for each, items in subs),
        sample=tuple(goods.of(_sample(goods, path))),
    )


def _sample(goods: Goods, path: tuple[str, ...]) -> Int32:
    """The best seller of each of a category's best selling kinds: four sorts of milk are no picture of a grocer."""
    best, level = goods.aisles.within(path)[:MOST_CARDS], len(path)
    if level >= len(goods.aisles.codes):
        return best[:SAMPLE]
    firsts = np.sort(np.unique(goods.aisles.codes[level][best], return_index=True)[1])
    rest = np.setdiff1d(np.arange(len(best)), firsts)
    return best[np.concatenate((firsts, rest))[:SAMPLE]]


def _within(goods: Goods, path: tuple[str, ...]) -> Int32:
    """Ordinals of a category with what came since the state was made, first."""
    snapshot, columns = goods.snapshot, goods.aisles.columns
    found = goods.aisles.within(path)
    items = snapshot.attributes.items
    put = [
        ordinal
        for ordinal in items.now().rows
        if len(snapshot.state.catalogue) <= ordinal < snapshot.size
        and all(
            str(items.value(ordinal, column) or "").partition("|")[0] == name
            for column, name in zip(columns, path, strict=False)
        )
    ]
    return np.concatenate((np.array(put, np.int32), found)) if put else found


def _sorted(goods: Goods, within: Int32, sort: Sort) -> Int32:
    if sort in ("price-up", "price-down"):
        prices = goods.prices(within)
        keys = np.where(np.isnan(prices), np.inf, prices if sort == "price-up" else -prices)
        return within[np.argsort(keys, kind="stable")]
    if sort == "newest":
        created, live = goods.snapshot.state.created, goods.snapshot.live
        born = [created[at] if at < len(created) else live.places.born(at) if live else 0 for at in within.tolist()]
        return within[np.argsort(-np.array(born, np.int64), kind="stable")]
    if sort == "name":
        titles = [goods.title(ordinal).casefold() for ordinal in within.tolist()]
        return within[np.array(sorted(range(len(titles)), key=titles.__getitem__), np.int64)]
    return within


def _titled(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").title()
