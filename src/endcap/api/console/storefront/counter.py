"""Asking campaigns for the pages: the same path as every other request, with what is told of each answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from secrets import token_hex

import msgspec

from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Call, Operation, Shape
from endcap.api.console.storefront.goods import Goods, Shelved
from endcap.api.wire import Refusal, invalid
from endcap.errors import UnknownName
from endcap.serving.decisions import Answered as Decided
from endcap.serving.slate import Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.types import ShopKey

PURPOSES: Mapping[str, tuple[str, ...]] = {
    "for-you": ("blend", "ranked", "hybrid", "steered", "ensemble", "graph-filter", "als", "sasrec", "session-knn"),
    "similar": ("content", "semantic", "also-viewed", "item-item", "related"),
    "bought-together": ("bought-together", "item-item"),
    "trending": ("trending", "popularity"),
    "search": ("search-personalised", "search"),
    "told": ("knowledge",),
}
"""What pages want of a shop, and the recipes that answer it where no campaign has the purpose's name, best first."""

OPEN = partial(Operation, access="runtime", local=True)
"""An operation that asks, for whoever sits at this machine."""
REPEATED = 64
"""Letters of a name that is not known."""


class Answered(Shape, frozen=True):
    """How one question to a campaign was answered. `counts` are how many were left after each step."""

    operation: str
    purpose: str
    campaign: str
    arn: str
    recipe: str
    version: str
    variant: str
    generation: int
    rung: str
    recommendation_id: str
    ms: float
    k: int
    user: str = ""
    item: str = ""
    because: str = ""
    """Why it is not personal, where it is not."""
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    context: dict[str, str] = msgspec.field(default_factory=dict)


class Missing(Shape, frozen=True):
    """A campaign that the shop lacks, and the commands that make it; `why` it cannot be served, where there is one."""

    purpose: str
    recipe: str
    commands: tuple[str, ...]
    why: str = ""


def absent(said: str, name: str, more: str) -> Refusal:
    """The refusal of what is not there (404); of its name, which may be anything, only the beginning is repeated."""
    return Refusal(404, "ResourceNotFoundException", f"{said} {name[:REPEATED]!r}{more}")


@dataclass(frozen=True)
class Counter:
    """One shop, at the moment of a call."""

    backstage: Backstage
    shelved: Shelved
    shop: ShopKey
    served: tuple[Snapshot, ...]

    @classmethod
    def of(cls, backstage: Backstage, shelved: Shelved, call: Call, name: str) -> Counter:
        """Raises `UnknownName` for a shop that is not the caller's, `Refusal` where nothing is served of it (409), or
        it is still being loaded (503)."""
        try:
            shop = ShopKey(call.account, name)
        except ValueError as error:
            raise invalid(f"{error}.") from None
        served = tuple(each for each in backstage.served(shop) if not each.is_about_actions)
        if served:
            return cls(backstage, shelved, shop, served)
        known = [key.group for key in backstage.workspace.lake.shops() if key.account == call.account]
        if name not in known:
            raise UnknownName("shop", name, known, fix="endcap import FILE --shop NAME makes one.")
        if backstage.workspace.campaigns.list(shop):
            after = ((b"retry-after", b"1"),)
            raise Refusal(503, "ServiceUnavailableException", f"{name} is still being loaded. Try again.", after)
        raise Refusal(409, "ResourceInUseException", f"Nothing is served of {name} yet. {' && '.join(steps(name))}")

    @property
    def snapshot(self) -> Snapshot:
        """Any of what is served: they share one state."""
        return self.served[0]

    @cached_property
    def purposes(self) -> Mapping[str, Snapshot]:
        """What answers each purpose: the campaign of its name, else one whose recipe can."""
        found: dict[str, Snapshot] = {}
        for purpose, recipes in PURPOSES.items():
            by_name = {each.deployment.campaign: each for each in self.served}
            named = by_name.get(self.shop.name_of(purpose))
            fits = [(recipes.index(name), each) for each in self.served if (name := recipe_of(each)) in recipes]
            best = min(fits, key=lambda pair: pair[0], default=None)
            chosen = named or (best[1] if best is not None else None)
            if chosen is not None:
                found[purpose] = chosen
        return found

    def missing(self, purpose: str) -> Missing:
        """How to get a campaign that answers a purpose."""
        arn = self.shop.arn("campaign", self.shop.name_of(purpose))
        failure = self.backstage.watch.status.failures.get(arn)
        return Missing(
            purpose=purpose,
            recipe=PURPOSES[purpose][0],
            commands=steps(self.shop.group, purpose),
            why=failure.message if failure is not None else "",
        )

    async def goods(self) -> Goods:
        """The shop's goods."""
        ready = self.shelved.ready(self.snapshot)
        return ready if ready is not None else await asyncio.to_thread(self.shelved.goods, self.snapshot)

    async def ask(self, purpose: str, request: Request) -> tuple[Slate, Answered] | None:
        """The answer of the campaign of a purpose; None where the shop has none."""
        snapshot = self.purposes.get(purpose)
        return None if snapshot is None else await self.asked(snapshot, purpose, request)

    async def asked(self, snapshot: Snapshot, purpose: str, request: Request) -> tuple[Slate, Answered]:
        """The answer of one campaign, written down like every other."""
        by, started = self.backstage, time.perf_counter()
        operation = "recommendations" if request.candidates is None else "ranking"
        slate = await by.batcher.fill(Slate(snapshot, request, token_hex(8)))
        micros = int((time.perf_counter() - started) * 1e6)
        by.metrics.answered(snapshot.deployment.campaign, slate.rung)
        by.decisions.note(Decided(slate, operation, by.clock.now(), micros))
        return slate, _told(slate, operation, purpose, micros)


def steps(shop: str, purpose: str = "for-you") -> tuple[str, ...]:
    """The commands that train and publish a campaign of a purpose."""
    recipe, campaign = PURPOSES[purpose][0], f"{shop}-{purpose}"[:63]
    return f"endcap train {recipe} --shop {shop}", f"endcap publish --shop {shop} --campaign {campaign}"


def recipe_of(snapshot: Snapshot) -> str:
    """The recipe of a campaign's first variant."""
    return snapshot.models[snapshot.deployment.variants[0].version_id].recipe_name


def _told(slate: Slate, operation: str, purpose: str, micros: int) -> Answered:
    deployment, request = slate.snapshot.deployment, slate.request
    counts = {"candidates": len(slate.candidates), **slate.counts, "shown": len(slate.items)}
    if len(slate.seen):
        counts["ranked"] = len(slate.seen)
    return Answered(
        operation=operation,
        purpose=purpose,
        campaign=deployment.campaign,
        arn=deployment.arn,
        recipe=slate.model.recipe_name,
        version=slate.model.version,
        variant=slate.variant.name,
        generation=slate.snapshot.generation,
        rung=slate.rung,
        recommendation_id=slate.recommendation_id,
        ms=micros / 1000,
        k=request.k,
        user=request.user_id,
        item=request.item_id,
        because=" ".join(filter(None, (slate.cause, *slate.unread))),
        counts=counts,
        context=dict(request.context),
    )
