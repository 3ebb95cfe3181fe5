"""A shop's goods as its pages show them: cards, aisles, prices; from the attributes that serving holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Shape
from endcap.jobs.answering import TITLE_COLUMNS
from endcap.jobs.demo import DEMO_SHOPS
from endcap.lake.tables import Lake
from endcap.serving.attributes import NumberColumn, Plain, TextColumn
from endcap.serving.shop import ShopState
from endcap.serving.snapshot import Snapshot
from endcap.types import ITEM_ID, Float64, Int32, ShopKey

LEVELS = ("category_l1", "category_l2", "category_l3")
ALONE = ("category", "product_category", "product_type", "department", "genres")
"""Columns of categories where a shop has no levels: the first that it has."""
PRICES = ("sale_price", "price")
IMAGES = ("image_url", "image_link", "image")
UNSOLD = ("out of stock", "out_of_stock", "sold out", "discontinued")
LEAST = 0.005
"""What is paid for a piece of what is sold by the millilitre is no price that could be shown."""
KNOWN_SHOPS = 8
"""Shops whose aisles are kept."""


class Card(Shape, frozen=True):
    """A product as a shelf shows it. `price` is None where nobody knows it; `paid` tells that it is the median of what
    was paid, because the catalogue has none. `stock` is None where it is unknown."""

    item: str
    title: str
    categories: tuple[str, ...] = ()
    brand: str = ""
    colour: str = ""
    material: str = ""
    size: str = ""
    image: str = ""
    price: float | None = None
    paid: bool = False
    currency: str = ""
    stock: int | None = None
    sold_out: bool = False
    rating: float | None = None
    reviews: int | None = None


class Aisle(Shape, frozen=True):
    """A category, with how many products it has."""

    name: str
    items: int
    subs: tuple[Aisle, ...] = ()
    sample: tuple[Card, ...] = ()
    """Some of its best sellers, so that it can be pictured."""


@dataclass(frozen=True)
class Aisles:
    """The categories of one state's items. `codes` int32 [ordinals] of each level are places in that level's `names`,
    -1 where an item has none; `order` int32 holds every listed ordinal, best sellers first."""

    columns: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    codes: tuple[Int32, ...]
    order: Int32
    paid: Float64 | None
    """float64 [ordinals]: the median of what was paid for one, NaN where unknown; None where the catalogue tells."""

    @classmethod
    def of(cls, state: ShopState, lake: Lake, shop: ShopKey) -> Aisles:
        """Read from a state; what was paid, where that is needed, from the lake."""
        table = state.items.columns
        columns = tuple(name for name in LEVELS if isinstance(table.get(name), TextColumn))
        columns = columns or tuple(name for name in ALONE if isinstance(table.get(name), TextColumn))[:1]
        names, codes = [], []
        for name in columns:
            column = table[name]
            assert isinstance(column, TextColumn)
            has = np.diff(column.indptr) > 0
            first = np.full(len(column), -1, np.int32)
            first[has] = column.codes[column.indptr[:-1][has]]
            names.append(tuple(column.words.names(np.arange(len(column.words), dtype=np.int32))))
            codes.append(first)
        listed = np.flatnonzero(state.listed).astype(np.int32)
        order = listed[np.argsort(-state.counts[listed], kind="stable")]
        has_prices = any(isinstance(table.get(name), NumberColumn) for name in PRICES)
        return cls(columns, tuple(names), tuple(codes), order, None if has_prices else _paid(state, lake, shop))

    def within(self, path: Sequence[str]) -> Int32:
        """int32 ordinals of a category (names from the top), best sellers first; all for the empty path."""
        kept = np.ones(len(self.order), np.bool_)
        for level, name in enumerate(path[: len(self.columns)]):
            wanted = self.names[level].index(name) if name in self.names[level] else -2
            kept &= self.codes[level][self.order] == wanted
        return self.order[kept]

    def children(self, path: Sequence[str]) -> list[tuple[str, int]]:
        """(name, items) of what is directly below a category, the largest first."""
        level = len(path)
        if level >= len(self.columns):
            return []
        codes = self.codes[level][self.within(path)]
        counts = np.bincount(codes[codes >= 0], minlength=len(self.names[level]))
        order = np.argsort(-counts, kind="stable")
        return [(self.names[level][place], int(counts[place])) for place in order.tolist() if counts[place]]


class Goods:
    """What is known of the goods of one snapshot now."""

    def __init__(self, snapshot: Snapshot, aisles: Aisles) -> None:
        self.snapshot, self.aisles = snapshot, aisles
        self._items = snapshot.attributes.items
        demo = DEMO_SHOPS.get(snapshot.deployment.shop.group)
        self._currency = demo.currency if demo is not None else ""

    def cards(self, items: Sequence[str]) -> list[Card]:
        """Cards of those that the shop knows, in their order."""
        ordinals = self.snapshot.ordinals(list(items)).tolist() if items else []
        return [self.card(item, ordinal) for item, ordinal in zip(items, ordinals, strict=True) if ordinal >= 0]

    def of(self, ordinals: Sequence[int] | Int32) -> list[Card]:
        """Cards by ordinals."""
        names = self.snapshot.names(ordinals)
        return [self.card(name, int(ordinal)) for name, ordinal in zip(names, ordinals, strict=True)]

    def card(self, item: str, ordinal: int) -> Card:
        """One card."""
        price, is_paid = self._price(ordinal)
        stock = self._number(ordinal, "stock")
        reviews = self._number(ordinal, "review_count")
        return Card(
            item=item,
            title=self.title(ordinal) or item,
            categories=tuple(text for name in self.aisles.columns if (text := self._text(ordinal, name))),
            brand=self._text(ordinal, "brand"),
            colour=self._text(ordinal, "colour") or self._text(ordinal, "color"),
            material=self._text(ordinal, "material"),
            size=self._text(ordinal, "size"),
            image=next((text for name in IMAGES if (text := self._whole(ordinal, name))), ""),
            price=price,
            paid=is_paid,
            currency=self._text(ordinal, "currency") or self._currency if price is not None else "",
            stock=None if stock is None else int(stock),
            sold_out=self.is_sold_out(ordinal),
            rating=self._number(ordinal, "average_rating"),
            reviews=None if reviews is None else int(reviews),
        )

    def title(self, ordinal: int) -> str:
        """The name of an item; empty where it has none."""
        return next((text for name in TITLE_COLUMNS[:4] if (text := self._whole(ordinal, name))), "")

    def is_sold_out(self, ordinal: int) -> bool:
        """Whether the catalogue says so."""
        stock = self._number(ordinal, "stock")
        return (stock is not None and stock <= 0) or self._text(ordinal, "availability").lower() in UNSOLD

    def known(self, ordinal: int) -> dict[str, Plain]:
        """All columns of an item."""
        return {name: value for name, value in self._items.row(ordinal).items() if name != ITEM_ID}

    def prices(self, ordinals: Int32) -> Float64:
        """float64 [m], NaN where unknown."""
        found = [self._price(ordinal)[0] for ordinal in ordinals.tolist()]
        return np.array([np.nan if each is None else each for each in found], np.float64)

    def _price(self, ordinal: int) -> tuple[float | None, bool]:
        for name in PRICES:
            told = self._number(ordinal, name)
            if told is not None and told > 0:
                return round(told, 2), False
        paid = self.aisles.paid
        if paid is None or not 0 <= ordinal < len(paid) or np.isnan(paid[ordinal]):
            return None, False
        return round(float(paid[ordinal]), 2), True

    def _number(self, ordinal: int, column: str) -> float | None:
        value = self._items.value(ordinal, column)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and np.isfinite(value) else None  # type: ignore[arg-type]

    def _whole(self, ordinal: int, column: str) -> str:
        value = self._items.value(ordinal, column)
        return "" if value is None else str(value)

    def _text(self, ordinal: int, column: str) -> str:
        """The first value of a column."""
        return self._whole(ordinal, column).partition("|")[0]


class Shelved:
    """Aisles of shops' states, made once for each."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage, self._held = backstage, dict[ShopKey, tuple[ShopState, Aisles]]()

    def goods(self, snapshot: Snapshot) -> Goods:
        """The goods of what serves a shop. Takes a moment for a new state: call it in a thread."""
        return Goods(snapshot, self._aisles(snapshot))

    def ready(self, snapshot: Snapshot) -> Goods | None:
        """The same at once; None where the aisles are not made yet."""
        held = self._held.get(snapshot.deployment.shop)
        return Goods(snapshot, held[1]) if held is not None and held[0] is snapshot.state else None

    def _aisles(self, snapshot: Snapshot) -> Aisles:
        shop = snapshot.deployment.shop
        held = self._held.get(shop)
        if held is not None and held[0] is snapshot.state:
            return held[1]
        made = Aisles.of(snapshot.state, self._backstage.workspace.lake, shop)
        if len(self._held) >= KNOWN_SHOPS:
            self._held.clear()
        self._held[shop] = snapshot.state, made
        return made


def _paid(state: ShopState, lake: Lake, shop: ShopKey) -> Float64 | None:
    """The median price that was paid for each item; None where events tell none."""
    if not lake.exists(shop, "interactions"):
        return None
    if "price" not in lake.open(shop, "interactions").schema().to_arrow().names:
        return None
    paid = lake.read(shop, "interactions", columns=[ITEM_ID, "price"])
    medians = paid.group_by(ITEM_ID).aggregate([("price", "approximate_median")])
    found = np.full(len(state.catalogue), np.nan)
    places = state.catalogue.find_all(medians[ITEM_ID].to_pylist())
    values = medians["price_approximate_median"].to_numpy()
    known = (places >= 0) & (values >= LEAST)
    found[places[known]] = values[known]
    return found
