"""What shoppers do on the pages, into the log: the path of `/collect`, with how long it took and what was refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from endcap.api.acknowledging import acknowledged
from endcap.api.collect import kept_aside, records
from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import Ask, Call, Operation, Shape
from endcap.api.console.storefront.counter import Counter
from endcap.api.console.storefront.goods import Shelved
from endcap.stream.dialects import dialect
from endcap.stream.dialects.reading import read

MOST = 200


class EventsTold(Ask, frozen=True):
    """Events in our own dialect, as `/collect` takes them, of one shopper."""

    shop: str
    user: str = ""
    session: str = ""
    events: tuple[dict[str, Any], ...] = ()


class EventRefused(Shape, frozen=True):
    """An event that was not taken: its place in the call, and why."""

    index: int
    reason: str


class EventsTaken(Shape, frozen=True):
    """What became of them. `ms` is from the call until all that was accepted survives a power cut and is folded."""

    accepted: int
    rejected: tuple[EventRefused, ...]
    ms: float


class Told:
    """`POST /shop/api/events`."""

    def __init__(self, backstage: Backstage, shelved: Shelved) -> None:
        self._backstage, self._shelved = backstage, shelved

    def operations(self) -> Sequence[Operation]:
        """Its one row."""
        said, path = "Tell what a shopper did.", "/shop/api/events"
        return (
            Operation(
                "tellEvents", "POST", path, said, self.take, EventsTold, EventsTaken, access="events", local=True
            ),
        )

    async def take(self, call: Call, asked: EventsTold) -> EventsTaken:
        """A bad event is refused and set aside, and holds up no other."""
        by, started = self._backstage, time.perf_counter()
        shop = Counter.of(by, self._shelved, call, asked.shop).shop
        told = {"user_id": asked.user, "session_id": asked.session, "events": list(asked.events[:MOST])}
        found = read(dialect("endcap"), told, by.clock.now())
        made = records(shop, found)
        if made:
            await acknowledged(by.log, made)
        by.metrics.taken("event", len(made))
        if found.rejected:
            by.metrics.taken("rejected", len(found.rejected))
            now = by.clock.now()
            aside = [
                {"time": now, "index": each.index, "reason": each.reason, "event": each.event}
                for each in found.rejected
            ]
            await asyncio.to_thread(kept_aside, by.set_aside, shop, aside)
        refused = [EventRefused(index=each.index, reason=each.reason) for each in found.rejected]
        refused += [
            EventRefused(index=at, reason=f"A call says at most {MOST} events.")
            for at in range(MOST, len(asked.events))
        ]
        ms = (time.perf_counter() - started) * 1e3
        return EventsTaken(accepted=len(made), rejected=tuple(refused), ms=ms)
