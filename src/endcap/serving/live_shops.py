"""What is streamed to the shops that are served: fed by the log's writer, made anew for each state."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from endcap.lake.tables import Lake, Snapshot
from endcap.seams import Clock
from endcap.serving.live_shop import LiveShop, Records
from endcap.serving.shop import ShopState
from endcap.storage.log import Log, Offset, Record
from endcap.stream.live import Live
from endcap.stream.replay import BATCH, lake_offsets
from endcap.types import ShopKey


@dataclass(frozen=True)
class Streamed:
    """One shop's, over the states of its items and, where it has any, its actions."""

    live: Live
    items: LiveShop
    actions: LiveShop | None = None

    def fold(self, records: Records) -> None:
        """Take in what the log has made durable, in any order, any number of times."""
        self.live.fold(records)
        self.items.note(records)
        if self.actions is not None:
            self.actions.note(records)


class LiveShops:
    """Of every shop. Old ones are fed until `keep` lets them go, so that requests that hold one see it move on."""

    def __init__(self, log: Log, lake: Lake, clock: Clock) -> None:
        self._log, self._lake, self._clock = log, lake, clock
        self._fed: dict[ShopKey, tuple[Streamed, ...]] = {}
        self._lock = threading.Lock()
        log.subscribe(self._committed)

    def follow(
        self, shop: ShopKey, state: ShopState, actions: ShopState | None = None, before: Streamed | None = None
    ) -> Streamed:
        """What was streamed since these states of one snapshot, up to now and from now on."""
        snapshot = Snapshot.parse(state.snapshot)
        after = lake_offsets(self._log, self._lake, shop, snapshot)
        live = Live(shop, after=after, linked=state.histories.linked_user, clock=self._clock)
        shown = before.items.shown if before is not None else None
        made = Streamed(
            live, LiveShop(state, live, "items", shown), None if actions is None else LiveShop(actions, live, "actions")
        )
        # Fed before the log is read: what is committed meanwhile comes twice, and never not at all.
        with self._lock:
            self._fed[shop] = (*self._fed.get(shop, ()), made)
        for partition, end in enumerate(self._log.ends()):
            read = 0
            while read < end and (rows := self._log.read(partition, read, min(BATCH, end - read))):
                made.fold(rows)
                read = rows[-1][0].n
        return made

    def keep(self, wanted: Iterable[Streamed]) -> None:
        """Feed only these from now on."""
        kept = list(wanted)
        with self._lock:
            for shop, fed in list(self._fed.items()):
                left = tuple(each for each in fed if any(each is other for other in kept))
                if left:
                    self._fed[shop] = left
                else:
                    del self._fed[shop]

    def _committed(self, records: Records) -> None:
        by_shop: dict[ShopKey, list[tuple[Offset, Record]]] = {}
        for each in records:
            by_shop.setdefault(each[1].shop, []).append(each)
        for shop, mine in by_shop.items():
            for streamed in self._fed.get(shop, ()):
                streamed.fold(mine)
