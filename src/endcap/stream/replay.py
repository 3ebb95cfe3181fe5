"""Live state from the log: what is in it and not yet in a snapshot of the lake."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar
from weakref import ReferenceType, ref

from endcap.lake.offsets import LakeOffsets
from endcap.lake.tables import Lake, Snapshot
from endcap.seams import Clock
from endcap.storage.log import Log, LogReader, Offset, Record
from endcap.storage.state import StateStore
from endcap.stream.live import Linked, Live, Records
from endcap.types import ShopKey

F = TypeVar("F", bound="Folding")
BATCH = 1_000
"""Folding one holds up live commits for a few milliseconds."""


class Folding(Protocol):
    """What records are folded into, in any order, any number of times."""

    def fold(self, records: Records) -> object: ...


def lake_offsets(log: LogReader, lake: Lake, shop: ShopKey, snapshot: Snapshot | None = None) -> LakeOffsets:
    """How much of the log a snapshot of the lake (the newest when None) holds of a shop."""
    return lake.offsets(shop, log.identity, log.partitions, snapshot)


def replay(log: LogReader, into: F) -> F:
    """Fold what the log holds up to now; the same one. Harmless beside live traffic and when repeated."""
    for partition, end in enumerate(log.ends()):
        after = 0
        while after < end and (rows := log.read(partition, after, min(BATCH, end - after))):
            into.fold(rows)
            after = rows[-1][0].n
    return into


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


class Feed(Generic[F]):
    """What the log's writer keeps up, by shop, before it acknowledges: for the process that owns the log.

    A newer one is fed beside the older ones until `keep` lets those go, and those go on for as long as anybody holds
    them: a request that waits to learn what was acknowledged must find it in what it began with. Every method may be
    called from any thread.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._fed: dict[ShopKey, tuple[F, ...]] = {}
        self._let_go: dict[ShopKey, tuple[ReferenceType[F], ...]] = {}
        self._lock = threading.Lock()
        self.poisoned = 0
        """Times that a record could not be folded, and was passed over."""
        log.subscribe(self._committed)

    def add(self, shop: ShopKey, into: F) -> F:
        """Fold what the log holds of a shop, and what it will hold; complete on return."""
        with self._lock:  # fed first, replayed then: nothing falls between, and what comes twice is harmless
            self._fed[shop] = (*self._fed.get(shop, ()), into)
        replay(self._log, _Past(into, self))
        return into

    def newest(self) -> list[F]:
        """What was added last of each shop that is fed."""
        return [fed[-1] for fed in self._fed.copy().values()]

    def keep(self, wanted: Iterable[F]) -> None:
        """Let all others go."""
        kept = {id(each) for each in wanted}
        with self._lock:
            for shop, fed in self._fed.items():
                held = (each for each in self._let_go.get(shop, ()) if each() is not None)
                # First among those let go, then no longer among the others: nothing is missed between.
                self._let_go[shop] = (*held, *(ref(each) for each in fed if id(each) not in kept))
            left = {shop: tuple(each for each in fed if id(each) in kept) for shop, fed in self._fed.items()}
            self._fed = {shop: fed for shop, fed in left.items() if fed}

    def _committed(self, records: Records) -> None:
        by_shop: dict[ShopKey, list[tuple[Offset, Record]]] = {}
        shop, mine = None, list[tuple[Offset, Record]]()
        for each in records:
            if each[1].shop is not shop:  # those of one request name the very same one
                shop = each[1].shop
                mine = by_shop.setdefault(shop, [])
            mine.append(each)
        for shop, mine in by_shop.items():
            for into in self._fed.get(shop, ()):
                self.fold(into, mine)
            for held in self._let_go.get(shop, ()):
                if (into_held := held()) is not None:
                    self.fold(into_held, mine)

    def fold(self, into: F, records: Records) -> None:
        """Fold into one; a record that raises takes none of those that came with it along."""
        try:
            into.fold(records)
        except Exception:  # whatever a record does to whoever folds it
            if len(records) == 1:
                self.poisoned += 1
                return
            for each in records:  # those that were folded before it raised are folded again, which is harmless
                self.fold(into, [each])


class _Past(Generic[F]):
    """What is replayed is folded as what is new."""

    def __init__(self, into: F, feed: Feed[F]) -> None:
        self._into, self._feed = into, feed

    def fold(self, records: Records) -> None:
        self._feed.fold(self._into, records)
