"""Live state from the log: what is in it and not yet in a snapshot of the lake."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from endcap.lake.offsets import LakeOffsets
from endcap.lake.tables import Lake, Snapshot
from endcap.seams import Clock
from endcap.storage.log import Log, LogReader, Offset, Record
from endcap.storage.state import StateStore
from endcap.stream.live import Linked, Live
from endcap.types import ShopKey

BATCH = 1_000
"""Folding one holds up live commits for a few milliseconds."""


def lake_offsets(log: LogReader, lake: Lake, shop: ShopKey, snapshot: Snapshot | None = None) -> LakeOffsets:
    """How much of the log a snapshot of the lake (the newest when None) holds of a shop."""
    return lake.offsets(shop, log.identity, log.partitions, snapshot)


def replay(log: LogReader, live: Live) -> Live:
    """Fold what the log holds up to now into `live`; the same one. Harmless beside live traffic and when repeated."""
    for partition, end in enumerate(log.ends()):
        after = 0
        while after < end and (rows := log.read(partition, after, min(BATCH, end - after))):
            live.fold(rows)
            after = rows[-1][0].n
    return live


def live_since(
    log: LogReader,
    lake: Lake,
    shop: ShopKey,
    snapshot: Snapshot | None = None,
    *,
    linked: Linked | None = None,
    state: StateStore | None = None,
    clock: Clock | None = None,
) -> Live:
    """What was streamed to a shop since a snapshot (the newest when None), up to now; `linked` as in `Live`."""
    after = lake_offsets(log, lake, shop, snapshot)
    return replay(log, Live(shop, after=after, linked=linked, state=state, clock=clock))


class Lives:
    """Live state of every shop that is served, kept up by the log's writer: for the process that owns the log.

    `follow` builds one for a snapshot while the older one goes on being fed; `keep_only` lets the older ones go once
    nobody reads them any more. Every method may be called from any thread.
    """

    def __init__(self, log: Log, lake: Lake, *, clock: Clock | None = None) -> None:
        self._log, self._lake, self._clock = log, lake, clock
        self._fed: dict[ShopKey, tuple[Live, ...]] = {}
        self._lock = threading.Lock()
        log.subscribe(self._committed)

    def follow(self, shop: ShopKey, snapshot: Snapshot | None = None, *, linked: Linked | None = None) -> Live:
        """A live state that is complete on return and is fed from then on; `linked` as in `Live`."""
        after = lake_offsets(self._log, self._lake, shop, snapshot)
        live = Live(shop, after=after, linked=linked, clock=self._clock)
        with self._lock:  # fed first, replayed then: nothing falls between, and what comes twice is harmless
            self._fed[shop] = (*self._fed.get(shop, ()), live)
        return replay(self._log, live)

    def current(self, shop: ShopKey) -> Live | None:
        """The newest one of a shop, None where none is followed."""
        fed = self._fed.get(shop)
        return fed[-1] if fed else None

    def keep_only(self, shop: ShopKey, live: Live | None) -> None:
        """Feed only this one of a shop from now on, none where None."""
        with self._lock:
            if live is None:
                self._fed.pop(shop, None)
            else:
                self._fed[shop] = (live,)

    def _committed(self, records: Sequence[tuple[Offset, Record]]) -> None:
        by_shop: dict[ShopKey, list[tuple[Offset, Record]]] = {}
        for each in records:
            by_shop.setdefault(each[1].shop, []).append(each)
        for shop, told in by_shop.items():
            for live in self._fed.get(shop, ()):
                live.fold(told)
