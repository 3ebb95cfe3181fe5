"""What a log is: its entries, the protocol of the one writer and that of readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Literal, NamedTuple, Protocol, get_args

from endcap.types import Micros, ShopKey

RecordKind = Literal["event", "item", "user", "action", "action_event", "decision", "feature"]
RECORD_KINDS: tuple[RecordKind, ...] = get_args(RecordKind)
"""Append only: backends store the place in it."""


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
"""Told what was new, in order, after it is durable and before it is acknowledged; runs in the writer's thread."""


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
    """One writer, any number of readers in any process. Every method may be called from any thread."""

    def subscribe(self, committed: Committed) -> None:
        """Fold what is committed from now on."""

    def submit(self, records: Sequence[Record]) -> Future[tuple[Offset | None, ...]]:
        """Done when all survive a power cut and were folded: their offsets, None for each that was there before.

        Fails with `ResourceError` when the disk refuses (nothing of this batch is then taken) or the queue is full.
        """

    def append(self, records: Sequence[Record]) -> tuple[Offset | None, ...]:
        """`submit`, waited for."""

    def trim(self, partition: int, upto: int) -> None:
        """Forget records up to an offset, once they are in the lake. Their ids are kept: a repeat stays a repeat."""

    def close(self) -> None:
        """Finish what was submitted, then let go."""
