"""Lists that go on over several pages: the order is decided once, and kept until the shopper asks anew."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from secrets import token_hex

from endcap.api.console.operation import Shape
from endcap.api.console.storefront.counter import Answered, Missing
from endcap.api.console.storefront.goods import Goods
from endcap.api.console.storefront.shelves import Placed

KEPT = 256
"""Orders that are remembered, the newest."""
MOST_A_PAGE = 96


class Listing(Shape, frozen=True):
    """One page of a list. `order` is given back for the next page, so that none of it moves meanwhile."""

    items: tuple[Placed, ...]
    total: int
    page: int
    pages: int
    order: str
    answered: Answered | None = None
    missing: Missing | None = None


class Order:
    """The items of one list with the reasons of those that were chosen for the shopper."""

    def __init__(
        self,
        items: Sequence[str],
        reasons: Mapping[str, str] | None = None,
        answered: Answered | None = None,
        missing: Missing | None = None,
        before: Sequence[str] = (),
    ) -> None:
        """`before` is everybody's order, where `items` are in the shopper's own."""
        self.items, self.reasons = items, reasons or {}
        self.answered, self.missing = answered, missing
        self.was = {item: place for place, item in enumerate(before, 1)}


class Orders:
    """Those that were given lately, by a name that cannot be guessed."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Order] = OrderedDict()

    def find(self, name: str) -> Order | None:
        """One of them; None where it is forgotten."""
        return self._held.get(name)

    def keep(self, order: Order) -> str:
        """Its name."""
        name = token_hex(8)
        self._held[name] = order
        while len(self._held) > KEPT:
            self._held.popitem(last=False)
        return name

    def listing(self, goods: Goods, name: str, page: int, size: int) -> Listing:
        """A page of a kept order, the first is 0."""
        order = self._held[name]
        size = min(max(size, 1), MOST_A_PAGE)
        part = order.items[page * size : (page + 1) * size]
        items = tuple(
            Placed(card=card, reason=order.reasons.get(card.item, ""), was=order.was.get(card.item))
            for card in goods.cards(part)
        )
        total = len(order.items)
        pages = -(-total // size)
        return Listing(
            items=items,
            total=total,
            page=page,
            pages=pages,
            order=name,
            answered=order.answered if page == 0 else None,
            missing=order.missing,
        )
