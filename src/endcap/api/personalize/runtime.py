"""`personalize-runtime`: recommendations and rankings in the shapes of botocore's service model."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import msgspec

from endcap.api.batching import Batcher
from endcap.api.door import Exchange, Route
from endcap.api.metrics import Metrics
from endcap.api.shapes import convert, request_type
from endcap.api.wire import JSON_HEADERS, Refusal, Reply, invalid, read_json
from endcap.serving.recommend import Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.serving.watch import Watch

SERVICE = "personalize-runtime"
BODY_LIMIT = 1 << 20
DEFAULT_RESULTS = 25
MOST_RESULTS = 500
MOST_RANKED = 500
PURCHASED = "filter/exclude-purchased"
"""The built-in filter, by the last part of its ARN."""


class PredictedItem(msgspec.Struct, omit_defaults=True, gc=False):
    """Personalize's shape; an item without a score has none on the wire."""

    itemId: str  # noqa: N815
    score: float | None = None
    reason: tuple[str, ...] = ()


class Runtime:
    """The handlers of the service; `snapshots` come from the watcher, answers from the batcher."""

    def __init__(
        self, watch: Watch, batcher: Batcher, metrics: Metrics, *, tokens: Callable[[], str] = lambda: token_hex(8)
    ) -> None:
        self._watch, self._batcher, self._metrics, self._tokens = watch, batcher, metrics, tokens
        self._get_recommendations = request_type(SERVICE, "GetRecommendations")
        self._get_ranking = request_type(SERVICE, "GetPersonalizedRanking")
        self._encoder = msgspec.json.Encoder()

    def routes(self) -> tuple[Route, ...]:
        """The service's rows of the table."""
        return (
            Route("POST", "/recommendations", self.recommendations, BODY_LIMIT),
            Route("POST", "/personalize-ranking", self.ranking, BODY_LIMIT),
        )

    async def recommendations(self, exchange: Exchange) -> Reply:
        """GetRecommendations."""
        given = convert(read_json(exchange.body), self._get_recommendations)
        snapshot = self._campaign(given.campaignArn, given.recommenderArn)
        _refuse_promotions(given.promotions)
        k = DEFAULT_RESULTS if given.numResults is None else given.numResults
        if k > MOST_RESULTS:
            raise invalid(f"numResults is {k}, expected at most {MOST_RESULTS}.")
        request = Request(
            k,
            given.userId or "",
            given.itemId or "",
            None,
            _wants_unbought(given),
            context=given.context or {},
        )
        return self._reply("itemList", await self._answer(snapshot, request))

    async def ranking(self, exchange: Exchange) -> Reply:
        """GetPersonalizedRanking."""
        given = convert(read_json(exchange.body), self._get_ranking)
        snapshot = self._campaign(given.campaignArn, None)
        if not 1 <= len(given.inputList) <= MOST_RANKED:
            raise invalid(f"inputList has {len(given.inputList)} items, expected 1 to {MOST_RANKED}.")
        request = Request(
            len(given.inputList),
            given.userId,
            "",
            tuple(given.inputList),
            _wants_unbought(given),
            context=given.context or {},
        )
        return self._reply("personalizedRanking", await self._answer(snapshot, request))

    async def _answer(self, snapshot: Snapshot, request: Request) -> Slate:
        slate = await self._batcher.fill(Slate(snapshot, request, self._tokens()))
        self._metrics.answered(snapshot.deployment.campaign, slate.rung)
        return slate

    def _campaign(self, campaign_arn: str | None, recommender_arn: str | None) -> Snapshot:
        if (campaign_arn is None) == (recommender_arn is None):
            raise invalid("Give campaignArn or recommenderArn, one of the two.")
        arn = campaign_arn or recommender_arn or ""
        snapshot = self._watch.snapshots.get(arn)
        if snapshot is not None:
            return snapshot
        if not self._watch.status.ready:
            after = ((b"retry-after", b"1"),)
            raise Refusal(503, "ServiceUnavailableException", "Models are still being loaded; try again.", after)
        served = ", ".join(sorted(self._watch.snapshots)[:10]) or "none yet; make one with endcap publish"
        raise Refusal(404, "ResourceNotFoundException", f"{arn} does not exist. Served here: {served}.")

    def _reply(self, member: str, slate: Slate) -> Reply:
        items = [
            PredictedItem(item, score, (reason,))
            for item, score, reason in zip(slate.items, slate.scores, slate.reasons, strict=True)
        ]
        body = self._encoder.encode({member: items, "recommendationId": slate.recommendation_id})
        told = (
            (b"x-endcap-rung", slate.rung.encode()),
            (b"x-endcap-version", slate.model.version.encode()),
            (b"x-endcap-variant", slate.variant.name.encode()),
            (b"x-endcap-generation", str(slate.snapshot.generation).encode()),
        )
        because = ((b"x-endcap-because", slate.cause.encode()),) if slate.cause else ()
        return Reply(200, body, (*JSON_HEADERS, *told, *because))


def _wants_unbought(given: Any) -> bool:
    """Whether the request names the built-in filter, the only one there is. Raises `Refusal`."""
    if given.metadataColumns:
        raise invalid("metadataColumns cannot be answered: this campaign returns no metadata.")
    if given.filterArn is None:
        if given.filterValues:
            raise invalid("filterValues were given without a filterArn.")
        return False
    if given.filterArn.rpartition(":")[2] != PURCHASED:
        message = f"{given.filterArn} does not exist. The built-in filter is …:{PURCHASED}."
        raise Refusal(404, "ResourceNotFoundException", message)
    if given.filterValues:
        raise invalid(f"The filter {PURCHASED} takes no filterValues.")
    return True


def _refuse_promotions(promotions: Any) -> None:
    if promotions:
        raise invalid("promotions cannot be answered: no filter that promotes items exists here.")
