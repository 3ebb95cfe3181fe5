"""The calls of a storefront, in Personalize's shapes, and what a slate carries back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from endcap.errors import UnavailableError
from endcap.simulator.outcomes import Outcomes
from endcap.simulator.transport import Answer, Transport

BATCH = 10
"""Events of one call."""
MOST_SHOWN = 25
"""Items of one impression."""


@dataclass(frozen=True)
class Targets:
    """ARNs of the campaigns that fill the storefront's places, and the tracking id; empty ones are not asked."""

    campaign: str
    tracking: str = ""
    similar: str = ""
    ranking: str = ""
    shadow: str = ""
    """Asked for the same slates, which nobody is shown: what they were worth is counted (`shadow_purchases`)."""
    k: int = 10


@dataclass(frozen=True)
class Slate:
    """An answered slate: item ids, and where it came from."""

    items: tuple[str, ...]
    id: str
    variant: str


@dataclass(frozen=True)
class Storefront:
    """Asks and tells the server; what it refuses is counted and leaves the place empty."""

    transport: Transport
    targets: Targets
    outcomes: Outcomes

    async def recommendations(self, user: str, context: Mapping[str, str]) -> Slate | None:
        """GetRecommendations."""
        wanted = {"campaignArn": self.targets.campaign, "userId": user, "numResults": self.targets.k}
        return await self._slate("/recommendations", {**wanted, "context": dict(context)}, "itemList")

    async def shadow(self, user: str, context: Mapping[str, str]) -> Slate | None:
        """GetRecommendations of a campaign whose slates are shown to nobody."""
        wanted = {"campaignArn": self.targets.shadow, "userId": user, "numResults": self.targets.k}
        return await self._slate("/recommendations", {**wanted, "context": dict(context)}, "itemList")

    async def similar(self, user: str, item: str) -> Slate | None:
        """GetRecommendations of what goes with an item."""
        wanted = {"campaignArn": self.targets.similar, "userId": user, "itemId": item, "numResults": self.targets.k}
        return await self._slate("/recommendations", wanted, "itemList")

    async def ranking(self, user: str, items: Sequence[str]) -> Slate | None:
        """GetPersonalizedRanking of a list of the shop's own."""
        wanted = {"campaignArn": self.targets.ranking, "userId": user, "inputList": list(items)}
        return await self._slate("/personalize-ranking", wanted, "personalizedRanking")

    async def tell(self, session: str, user: str, events: Sequence[Mapping[str, Any]]) -> None:
        """PutEvents, ten at a time; `user` is empty while nobody has logged in."""
        for first in range(0, len(events), BATCH):
            part = events[first : first + BATCH]
            given = {"trackingId": self.targets.tracking, "sessionId": session, "eventList": part}
            answer = await self._post("/events", given | ({"userId": user} if user else {}))
            if answer is not None and answer.status == 200:
                self.outcomes.acknowledged += [event["eventId"] for event in part]
            else:
                self.outcomes.refused += len(part)

    async def _slate(self, path: str, wanted: Mapping[str, Any], member: str) -> Slate | None:
        started = time.perf_counter()
        answer = await self._post(path, wanted)
        self.outcomes.seconds.append(time.perf_counter() - started)
        if answer is None or answer.status != 200:
            return None
        told = json.loads(answer.body)
        name = answer.headers.get("x-endcap-variant") or told.get("recommendationId", "")[4:12] or "all"
        self.outcomes.answers[answer.headers.get("x-endcap-rung", "answered")] += 1
        return Slate(tuple(each["itemId"] for each in told[member]), told.get("recommendationId", ""), name)

    async def _post(self, path: str, given: Mapping[str, Any]) -> Answer | None:
        try:
            answer = await self.transport.post(path, json.dumps(given, separators=(",", ":")).encode())
        except UnavailableError:
            self.outcomes.answers["no answer"] += 1
            return None
        if answer.status != 200:
            kind = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
            self.outcomes.answers[f"{answer.status} {kind}".strip()] += 1
        return answer


def event(kind: str, item: str, at: float, identity: str, **told: Any) -> dict[str, Any]:
    """One event of PutEvents; `at` in seconds. `slate` (id and items shown) and other properties may be given."""
    made: dict[str, Any] = {"eventId": identity, "eventType": kind, "itemId": item, "sentAt": round(at, 6)}
    slate: Slate | None = told.pop("slate", None)
    if slate is not None and slate.id:
        made["recommendationId"] = slate.id
    if slate is not None and told.pop("is_first", True):
        made["impression"] = list(slate.items[:MOST_SHOWN])
    if told.get("price") is not None and kind == "Purchase":
        made["eventValue"] = round(told["price"] * told.get("quantity", 1), 2)
    made["properties"] = json.dumps({name: value for name, value in told.items() if value is not None})
    return made
