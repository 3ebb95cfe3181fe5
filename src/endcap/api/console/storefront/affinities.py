"""What a visitor is drawn to now: categories and brands by what they did before and in this visit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import OPEN, Counter
from endcap.api.console.storefront.goods import Goods, Shelved
from endcap.api.console.storefront.past import Deed, Deeds
from endcap.lake.event_types import weight
from endcap.types import SECOND

BEFORE_COUNTS = 0.5
"""What was done before counts as much as so much weight of live events: five views, or one product put in a cart."""
SHOWN = 8
VISIT = 12 * 3600 * SECOND
"""Live events of this age at most are the visit's."""


class AffinitiesAsked(Ask, frozen=True):
    """Whose: a user's or a session's."""

    shop: str
    user: str = ""
    session: str = ""


class Affinity(Shape, frozen=True):
    """Shares of what a shopper took, 0 … 1: `before` this visit, in the `visit`, and `now` of both together."""

    name: str
    before: float
    visit: float
    now: float


class AffinitiesShown(Shape, frozen=True):
    """The strongest now, and how many events each part was made of."""

    categories: tuple[Affinity, ...]
    brands: tuple[Affinity, ...]
    events_before: int
    events_visit: int
    before_counts: float
    """As much weight as all that was done before has, beside that of the visit's events."""


class Affinities:
    """`GET /shop/api/affinities`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved = backstage, shelved

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        said, path = "What a visitor is drawn to now.", "/shop/api/affinities"
        return (OPEN("getAffinities", "GET", path, said, self.show, AffinitiesAsked, AffinitiesShown),)

    async def show(self, call: Call, asked: AffinitiesAsked) -> AffinitiesShown:
        """Nothing for somebody who did nothing yet."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        goods = await counter.goods()
        deeds = Deeds.of(counter.snapshot, asked.user or asked.session)
        since = self._backstage.clock.now() - VISIT
        interest = [deed for deed in deeds.found if deed.is_interest]
        visit = [deed for deed in interest if deed.is_live and deed.time >= since]
        before = [deed for deed in interest if not (deed.is_live and deed.time >= since)]
        return AffinitiesShown(
            categories=_moved(_summed(goods, before, "category"), _summed(goods, visit, "category")),
            brands=_moved(_summed(goods, before, "brand"), _summed(goods, visit, "brand")),
            events_before=len(before),
            events_visit=len(visit),
            before_counts=BEFORE_COUNTS,
        )


def _summed(goods: Goods, deeds: Iterable[Deed], what: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for deed in deeds:
        if deed.item not in kinds:
            card = next(iter(goods.cards([deed.item])), None)
            level = (card.categories[:2] or ("",))[-1] if card is not None else ""
            kinds[deed.item] = card.brand if what == "brand" and card is not None else level
        if kinds[deed.item]:
            sums[kinds[deed.item]] = sums.get(kinds[deed.item], 0.0) + weight(deed.event_type)
    return sums


def _moved(before: dict[str, float], visit: dict[str, float]) -> tuple[Affinity, ...]:
    past, live = sum(before.values()), sum(visit.values())
    counts = BEFORE_COUNTS if past else 0.0
    whole = counts + live
    if not whole:
        return ()
    found = []
    for name in dict.fromkeys((*visit, *before)):
        was = before.get(name, 0.0) / past if past else 0.0
        here = visit.get(name, 0.0)
        now = (counts * was + here) / whole
        found.append(
            Affinity(name=name, before=round(was, 4), visit=round(here / live, 4) if live else 0.0, now=round(now, 4))
        )
    return tuple(sorted(found, key=lambda each: (-each.now, each.name))[:SHOWN])
