"""Search results: what matches, in the shopper's own order or in everybody's."""

from __future__ import annotations

from collections.abc import Sequence

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation
from endcap.api.console.storefront.counter import OPEN, Answered, Counter, recipe_of
from endcap.api.console.storefront.goods import Shelved
from endcap.api.console.storefront.listing import Listing, Order, Orders
from endcap.recipes.search import Search
from endcap.serving.slate import Request, Slate
from endcap.serving.snapshot import Snapshot

FOUND = 240
"""Most items that are looked for."""
WORDS, PERSONAL = "search", "search-personalised"


class SearchAsked(Ask, frozen=True):
    """What is searched for, by whom; not `personal`, the order is that of a stranger. `order` repeats that of the page
    before."""

    shop: str
    q: str
    user: str = ""
    session: str = ""
    personal: bool = True
    page: int = 0
    size: int = 24
    order: str = ""


class Searching:
    """`GET /shop/api/search`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved, self._orders = backstage, shelved, Orders()

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        said, path = "What matches some words, a page at a time.", "/shop/api/search"
        return (OPEN("searchShop", "GET", path, said, self.search, SearchAsked, Listing),)

    async def search(self, call: Call, asked: SearchAsked) -> Listing:
        """What trails behind the matches to fill an answer is left out."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        goods = await counter.goods()
        order = asked.order
        if self._orders.find(order) is None:
            order = self._orders.keep(await self._order(counter, asked))
        return self._orders.listing(goods, order, max(asked.page, 0), asked.size)

    async def _order(self, counter: Counter, asked: SearchAsked) -> Order:
        snapshot, words = _searcher(counter, asked.personal), " ".join(asked.q.split())[:200]
        if snapshot is None:
            return Order((), missing=counter.missing("search"))
        if not words:
            return Order(())
        slate, answered = await self._matches(counter, snapshot, words, asked)
        reasons = _matching(slate)
        stranger = _searcher(counter, personal=False)
        if not asked.personal or stranger is None:
            return Order(list(reasons), reasons, answered)
        before, _ = await self._matches(counter, stranger, words, None)
        return Order(list(reasons), reasons, answered, before=list(_matching(before)))

    async def _matches(
        self, counter: Counter, snapshot: Snapshot, words: str, asked: SearchAsked | None
    ) -> tuple[Slate, Answered]:
        """`asked` tells who searches; nobody in particular where it is None, or wants everybody's order."""
        user = (asked.user or asked.session) if asked is not None and asked.personal else ""
        request = Request(FOUND, user, context={"search": words}, asked=self._backstage.clock.now())
        return await counter.asked(snapshot, "search", request)


def _matching(slate: Slate) -> dict[str, str]:
    """The items that match, in order, with the reason."""
    pairs = zip(slate.items, slate.reasons, strict=True)
    return {item: reason for item, reason in pairs if reason == Search.reason}


def _searcher(counter: Counter, personal: bool) -> Snapshot | None:
    """The campaign that searches as asked; the other kind where there is no such one."""
    by_recipe = {recipe_of(each): each for each in counter.served}
    wanted = (PERSONAL, WORDS) if personal else (WORDS, PERSONAL)
    return next((by_recipe[name] for name in wanted if name in by_recipe), None)
