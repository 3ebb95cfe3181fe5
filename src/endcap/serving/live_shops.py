"""What is streamed to the shops that are served: fed by the log's writer, made anew for each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from endcap.lake.tables import Lake, Snapshot
from endcap.seams import Clock
from endcap.serving.live_shop import LiveShop
from endcap.serving.shop import ShopState
from endcap.storage.log import Log
from endcap.stream.live import Live, Records
from endcap.stream.replay import Feed, lake_offsets
from endcap.types import ShopKey


@dataclass(frozen=True)
class Streamed:
    """One shop's, over the states of its items and, where it has any, its actions."""

    live: Live
    items: LiveShop
    actions: LiveShop | None = None

    def fold(self, records: Records) -> None:
        """Take in what the log has made durable, in any order, any number of times."""
        news = self.live.fold(records)
        self.items.note(news)
        if self.actions is not None:
            self.actions.note(news)


class LiveShops:
    """Of every shop."""

    def __init__(self, log: Log, lake: Lake, clock: Clock) -> None:
        self._log, self._lake, self._clock = log, lake, clock
        self._feed: Feed[Streamed] = Feed(log)

    def follow(
        self, shop: ShopKey, state: ShopState, actions: ShopState | None = None, before: Streamed | None = None
    ) -> Streamed:
        """What was streamed since these states of one snapshot, up to now and from now on."""
        after = lake_offsets(self._log, self._lake, shop, Snapshot.parse(state.snapshot))
        live = Live(shop, after=after, linked=state.histories.linked_user, clock=self._clock)
        items = LiveShop(state, live, "items", before.items if before is not None else None)
        offered = None if actions is None else LiveShop(actions, live, "actions")
        if offered is not None:
            offered.forgotten = items.forgotten
        return self._feed.add(shop, Streamed(live, items, offered))

    @property
    def poisoned(self) -> int:
        """Records beyond the states' snapshots that could not be folded, and were passed over."""
        return self._feed.poisoned + sum(streamed.live.poisoned for streamed in self._feed.newest())

    @property
    def refused(self) -> Mapping[str, int]:
        """By column, numbers beside live events that could be none, since the states that are served were made."""
        found = Counter[str]()
        for streamed in self._feed.newest():
            found.update(dict(streamed.items.refused))
        return found

    def keep(self, wanted: Iterable[Streamed]) -> None:
        """Feed only these from now on."""
        self._feed.keep(wanted)
