"""`personalize-runtime`: recommendations, rankings and actions in the shapes of botocore's service model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from endcap.api.admission import Admission
from endcap.api.batching import Batcher
from endcap.api.callers import Caller
from endcap.api.door import Exchange, Route
from endcap.api.metrics import Metrics
from endcap.api.personalize import answers
from endcap.api.personalize.finding import Finder
from endcap.api.shapes import convert, request_type
from endcap.api.wire import Refusal, Reply, invalid, read_json
from endcap.errors import InputError
from endcap.seams import Clock
from endcap.serving.decisions import Answered, Decisions
from endcap.serving.restriction import Restriction
from endcap.serving.slate import Promotion, Request, Slate
from endcap.serving.snapshot import Snapshot

SERVICE = "personalize-runtime"
BODY_LIMIT = 1 << 20
DEFAULT_RESULTS, MOST_RESULTS, MOST_WITH_METADATA = 25, 500, 50
DEFAULT_ACTIONS, MOST_ACTIONS = 5, 100
MOST_RANKED = 500
PURCHASED = "filter/exclude-purchased"
"""The built-in filter, by the last part of its ARN."""
PROMOTION = "promotion"
"""The name of a promotion that was given none."""


@dataclass(frozen=True)
class Answering:
    """What answers are made with, and what is told of them."""

    batcher: Batcher
    metrics: Metrics
    clock: Clock
    decisions: Decisions | None = None
    tokens: Callable[[], str] = lambda: token_hex(8)


class Runtime:
    """The handlers of the service."""

    def __init__(self, finder: Finder, answering: Answering) -> None:
        self._finder, self._by = finder, answering
        self._admission = Admission(lambda: answering.batcher.waiting)
        self._get_recommendations = request_type(SERVICE, "GetRecommendations")
        self._get_ranking = request_type(SERVICE, "GetPersonalizedRanking")
        self._get_actions = request_type(SERVICE, "GetActionRecommendations")

    def routes(self) -> tuple[Route, ...]:
        """The service's rows of the table."""
        return (
            Route("POST", "/recommendations", self.recommendations, BODY_LIMIT, access="runtime"),
            Route("POST", "/personalize-ranking", self.ranking, BODY_LIMIT, access="runtime"),
            Route("POST", "/action-recommendations", self.actions, BODY_LIMIT, access="runtime"),
        )

    async def recommendations(self, exchange: Exchange) -> Reply:
        """GetRecommendations."""
        given = convert(read_json(exchange.body), self._get_recommendations)
        snapshot = await self._target(given, exchange.caller)
        if snapshot.is_about_actions:
            raise invalid(f"{snapshot.arn} recommends actions: ask GetActionRecommendations.")
        _require(snapshot, given)
        columns = answers.metadata_columns(given.metadataColumns, snapshot)
        request = Request(
            _count(given.numResults, DEFAULT_RESULTS, MOST_WITH_METADATA if columns else MOST_RESULTS),
            given.userId or "",
            given.itemId or "",
            None,
            _wants_unbought(given),
            restriction=await self._restriction(given, snapshot, has_item=bool(given.itemId)),
            promotion=await self._promotion(given.promotions, snapshot, has_item=bool(given.itemId)),
            context=given.context or {},
            asked=self._by.clock.now(),
        )
        slate = await self._answer(snapshot, request, "recommendations")
        scored = not snapshot.is_named or (snapshot.offer is not None and snapshot.offer.gives_scores)
        return answers.reply(slate, "itemList", answers.items(slate, columns, scored=scored))

    async def ranking(self, exchange: Exchange) -> Reply:
        """GetPersonalizedRanking."""
        given = convert(read_json(exchange.body), self._get_ranking)
        snapshot = await self._finder.snapshot(given.campaignArn, "campaign", exchange.caller)
        if snapshot.is_named and snapshot.offer is not None and snapshot.offer.type != "PERSONALIZED_RANKING":
            raise invalid(f"{snapshot.arn} ranks nothing: its recipe {snapshot.offer.name} is {snapshot.offer.type}.")
        columns = answers.metadata_columns(given.metadataColumns, snapshot)
        most = MOST_WITH_METADATA if columns else MOST_RANKED
        if not 1 <= len(given.inputList) <= most:
            raise invalid(f"inputList has {len(given.inputList)} items, expected 1 to {most}.")
        request = Request(
            len(given.inputList),
            given.userId,
            "",
            tuple(given.inputList),
            _wants_unbought(given),
            restriction=await self._restriction(given, snapshot),
            context=given.context or {},
            asked=self._by.clock.now(),
        )
        slate = await self._answer(snapshot, request, "ranking")
        return answers.reply(slate, "personalizedRanking", answers.items(slate, columns))

    async def actions(self, exchange: Exchange) -> Reply:
        """GetActionRecommendations."""
        given = convert(read_json(exchange.body), self._get_actions)
        if given.campaignArn is None:
            raise invalid("campaignArn was not given.")
        snapshot = await self._finder.snapshot(given.campaignArn, "campaign", exchange.caller)
        if not snapshot.is_about_actions:
            raise invalid(f"{snapshot.arn} recommends items: ask GetRecommendations.")
        if not given.userId:
            raise invalid("userId was not given, and the recipe needs it.")
        request = Request(
            _count(given.numResults, DEFAULT_ACTIONS, MOST_ACTIONS),
            given.userId,
            restriction=await self._restriction(given, snapshot, about="action"),
            asked=self._by.clock.now(),
        )
        slate = await self._answer(snapshot, request, "actions")
        return answers.reply(slate, "actionList", answers.actions(slate))

    async def _answer(self, snapshot: Snapshot, request: Request, operation: str) -> Slate:
        by, started = self._by, time.perf_counter()
        deployment = snapshot.deployment
        try:
            self._admission.admit(deployment.arn, deployment.config.guaranteed_tps)
        except Refusal:
            by.metrics.throttled(deployment.campaign)
            raise
        slate = await by.batcher.fill(Slate(snapshot, request, by.tokens()))
        by.metrics.answered(deployment.campaign, slate.rung)
        if by.decisions is not None:
            micros = int((time.perf_counter() - started) * 1e6)
            by.decisions.note(Answered(slate, operation, by.clock.now(), micros))
        return slate

    async def _target(self, given: Any, caller: Caller) -> Snapshot:
        if (given.campaignArn is None) == (given.recommenderArn is None):
            raise invalid("Give campaignArn or recommenderArn, one of the two.")
        if given.campaignArn is not None:
            return await self._finder.snapshot(given.campaignArn, "campaign", caller)
        return await self._finder.snapshot(given.recommenderArn, "recommender", caller)

    async def _restriction(
        self, given: Any, snapshot: Snapshot, *, about: str = "item", has_item: bool = False
    ) -> Restriction | None:
        if given.filterArn is None:
            if given.filterValues:
                raise invalid("filterValues were given without a filterArn.")
            return None
        if given.filterArn.rpartition(":")[2] == PURCHASED and about == "item":
            return None
        return await self._checked(given.filterArn, given.filterValues, snapshot, about=about, has_item=has_item)

    async def _promotion(self, given: Any, snapshot: Snapshot, *, has_item: bool) -> Promotion | None:
        if not given:
            return None
        (asked,) = given
        if asked.filterArn is None or asked.percentPromotedItems is None:
            raise invalid("A promotion needs filterArn and percentPromotedItems.")
        found = await self._checked(asked.filterArn, asked.filterValues, snapshot, about="item", has_item=has_item)
        return Promotion(asked.name or PROMOTION, asked.percentPromotedItems, found)

    async def _checked(
        self, arn: str, values: dict[str, str] | None, snapshot: Snapshot, *, about: str, has_item: bool
    ) -> Restriction:
        found = await self._finder.restriction(arn, values, snapshot)
        named = snapshot.offer if snapshot.is_named else None
        try:
            found.check(about=about, has_item=has_item, recipe_type=named.type if named is not None else None)
        except InputError as error:
            raise invalid(str(error)) from None
        return found


def _require(snapshot: Snapshot, given: Any) -> None:
    """Whether the request has what the recipe needs. Ours take what they get. Raises `Refusal`."""
    offer = snapshot.offer
    if offer is None or not snapshot.is_named:
        return
    told: Mapping[str, Any] = {"userId": given.userId, "itemId": given.itemId}
    for name in offer.needs:
        if name not in told:
            raise invalid(f"The recipe {offer.name} of {snapshot.arn} needs {name}: ask GetPersonalizedRanking.")
        if not told[name]:
            raise invalid(f"{name} was not given, and the recipe {offer.name} of {snapshot.arn} needs it.")


def _count(given: int | None, default: int, most: int) -> int:
    k = min(default, most) if given is None else given
    if k > most:
        raise invalid(f"numResults is {k}, expected at most {most}.")
    return k


def _wants_unbought(given: Any) -> bool:
    """Whether the request names the built-in filter. Raises `Refusal`."""
    if given.filterArn is None or given.filterArn.rpartition(":")[2] != PURCHASED:
        return False
    if given.filterValues:
        raise invalid(f"The filter {PURCHASED} takes no filterValues.")
    return True
