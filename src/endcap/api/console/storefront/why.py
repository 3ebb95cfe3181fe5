"""Why a shopper sees what they see, measured when it is asked for: what the drawer behind the scenes shows."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from endcap.api.console.backstage import Backstage
from endcap.api.console.explained import SourceCount, StageCount, WhyItem, item_of
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import OPEN, Counter
from endcap.api.console.storefront.goods import Shelved
from endcap.api.console.titles import titles_of
from endcap.api.wire import invalid
from endcap.errors import UnknownName
from endcap.serving.inspecting import Inspection, inspect
from endcap.serving.recommendation_id import token_of
from endcap.serving.slate import Request
from endcap.serving.snapshot import Snapshot
from endcap.serving.why_not import why_not

MOST, CHECKS = 50, 12
"""Most items of an answer that is explained, and groups of events that are left out one after the other."""


class WhyAsked(Ask, frozen=True):
    """Which answer: of a campaign (`arn`) or of a `purpose`, as it was asked. `about` is the item that it was asked
    about, `candidates` the list that was ranked, `recommendation_id` repeats what was left to chance. `items` are those
    to be explained; none: the first ones shown."""

    shop: str
    arn: str = ""
    purpose: str = "for-you"
    user: str = ""
    session: str = ""
    about: str = ""
    candidates: tuple[str, ...] = ()
    context: dict[str, str] = msgspec.field(default_factory=dict)
    items: tuple[str, ...] = ()
    k: int = 12
    checks: int = CHECKS
    recommendation_id: str = ""


class Why(Shape, frozen=True):
    """The answer as it is now. `because` is why it is not personal; `events` how many of the shopper's it was made of;
    `measured` how many answers were made to explain it."""

    campaign: str
    recipe: str
    version: str
    variant: str
    rung: str
    because: str
    events: int
    measured: int
    ms: float
    stages: tuple[StageCount, ...]
    sources: tuple[SourceCount, ...]
    items: tuple[WhyItem, ...]
    notes: tuple[str, ...] = ()


class Explaining:
    """`POST /shop/api/why`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved = backstage, shelved

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        said, path = "Why a shopper sees these items: measured, not guessed.", "/shop/api/why"
        return (OPEN("getWhy", "POST", path, said, self.why, WhyAsked, Why),)

    def why(self, call: Call, asked: WhyAsked) -> Why:
        """Raises `UnknownName`, `InputError`, `Refusal`."""
        counter = Counter.of(self._backstage, self._shelved, call, asked.shop)
        snapshot = _asked_for(counter, asked)
        if not 1 <= asked.k <= 500 or len(asked.candidates) > 500 or len(asked.items) > MOST:
            raise invalid(f"k and candidates go to 500, items to {MOST}.")
        started = time.perf_counter()
        request = Request(
            len(asked.candidates) or asked.k,
            asked.user or asked.session,
            asked.about,
            asked.candidates or None,
            context=asked.context,
            asked=self._backstage.clock.now(),
        )
        token = token_of(asked.recommendation_id) if asked.recommendation_id else ""
        found = inspect(snapshot, request, token=token, checks=min(max(asked.checks, 0), 20))
        items = _items(snapshot, request, found, asked.items)
        return Why(
            campaign=snapshot.deployment.campaign,
            recipe=found.recipe,
            version=found.version,
            variant=found.variant,
            rung=found.rung,
            because=found.cause,
            events=sum(event.used for event in found.history),
            measured=1 + len(found.left_out),
            ms=(time.perf_counter() - started) * 1e3,
            stages=tuple(StageCount(name=each.name, count=each.count, bars=each.bars) for each in found.stages),
            sources=tuple(SourceCount(name=name, count=count) for name, count in found.sources),
            items=items,
            notes=found.notes,
        )


def _asked_for(counter: Counter, asked: WhyAsked) -> Snapshot:
    if asked.arn:
        found = next((each for each in counter.served if each.arn == asked.arn), None)
        if found is None:
            raise UnknownName("campaign", asked.arn, [each.arn for each in counter.served])
        return found
    if asked.purpose not in counter.purposes:
        raise UnknownName("purpose", asked.purpose, counter.purposes)
    return counter.purposes[asked.purpose]


def _items(snapshot: Snapshot, request: Request, found: Inspection, wanted: Sequence[str]) -> tuple[WhyItem, ...]:
    titles = titles_of(snapshot)
    shown = {each.item: each for each in found.items}
    names = wanted or [each.item for each in found.items[:MOST]]
    told = []
    for name in names:
        if name in shown:
            told.append(item_of(found, shown[name], titles, whose="your"))
        else:
            verdict = why_not(snapshot, request, name, token=found.token)
            told.append(WhyItem(item=name, title=titles(name), place=None, reason=verdict.said))
    return tuple(told)
