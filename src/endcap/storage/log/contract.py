"""What a log is: its entries, the protocol of writers and that of readers."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Literal, NamedTuple, Protocol, get_args

from endcap.errors import ResourceError
from endcap.types import Micros, ShopKey

RecordKind = Literal["event", "item", "user", "action", "action_event", "decision", "feature"]
RECORD_KINDS: tuple[RecordKind, ...] = get_args(RecordKind)
"""Append only: backends store the place in it."""


MOST_PARTITIONS = 1024
SPOOLED = -1
"""The partition of what is told from a process's own spool: durable, and not in the shared log yet."""


class QueueFull(ResourceError):
    """As many records wait already as may: nothing is broken, and there is room again soon."""


class Offset(NamedTuple):
    """A place in the log: `n` counts from 1 within its partition, without gaps as long as nothing is trimmed."""

    partition: int
    n: int


class Record(NamedTuple):
    """One entry. `key` (user or session id, or the id of what was put) decides the partition, `id` is a 16-byte hash
    under which the shop takes the record once: the first wins. `payload` is msgpack, see `stream.records`."""

    shop: ShopKey
    kind: RecordKind
    key: str
    id: bytes
    time: Micros
    payload: bytes


Committed = Callable[[Sequence[tuple[Offset, Record]]], None]
"""Told what was new, in order within each partition, after it is durable and before it is acknowledged; runs in a
thread of the log's, one call at a time. A shared log may tell a record twice after its server was away."""


def partition_of(record: Record, partitions: int) -> int:
    """Where a record belongs: everything of one shop's key lies in one partition, in every backend."""
    if partitions == 1:
        return 0
    return zlib.crc32("\0".join((*record.shop.parts(), record.key)).encode("utf-8", "replace")) % partitions


class LogReader(Protocol):
    """Reads what is durable; any number of them, in any process, from any thread."""

    @property
    def identity(self) -> str:
        """Names this very log, so that offsets of another one that lay at the same URL are never taken for its own;
        empty as long as nothing was written."""

    @property
    def partitions(self) -> int:
        """How many partitions there are; 0 as long as nothing was written."""

    def read(self, partition: int, after: int = 0, limit: int = 10_000) -> list[tuple[Offset, Record]]:
        """What follows offset `after` of a partition, in order. What was trimmed is not there any more."""

    def ends(self) -> tuple[int, ...]:
        """The newest offset of each partition, 0 where it is empty."""

    def close(self) -> None:
        """Let go."""


class Log(LogReader, Protocol):
    """A writer, the only one or one of many, as the backend says. Every method may be called from any thread."""

    @property
    def told(self) -> tuple[int, ...]:
        """The newest offset of each partition that subscribers here were told; behind `ends` by what is underway."""

    @property
    def away(self) -> str:
        """Why the log cannot be reached just now; empty when it can."""

    @property
    def durability(self) -> str:
        """`always` when what is acknowledged was flushed to disk before. Else how the server was configured:
        `everysec`, `no`, `off` (it writes no log of its own at all), or `unknown`, when it does not say."""

    def subscribe(self, committed: Committed) -> None:
        """Fold what is committed from now on, by whatever process."""

    def submit(self, records: Sequence[Record]) -> Future[tuple[Offset | None, ...]]:
        """Done when all survive a power cut and were folded: their offsets, None for each that was there before.

        Fails with `ResourceError` when the disk or the server's memory refuses (nothing of this batch is then taken),
        with `QueueFull` when too many wait, with `UnavailableError` when a shared log cannot be reached: then it may
        have been taken, and is to be submitted again, which takes nothing twice.
        """

    def append(self, records: Sequence[Record]) -> tuple[Offset | None, ...]:
        """`submit`, waited for."""

    def sync(self, seconds: float) -> bool:
        """Wait until all that any process had acknowledged before this call was told to subscribers here. False when
        that takes longer, or the log cannot be reached."""

    def trim(self, partition: int, upto: int) -> None:
        """Forget records up to an offset, once they are in the lake. Their ids are kept, for good or for as long as
        the backend says: a repeat stays a repeat."""

    def close(self) -> None:
        """Finish what was submitted, then let go."""
