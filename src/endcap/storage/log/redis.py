"""The log in Redis Streams: many writers in many processes, each of which folds what all of them append.

One thread appends what was submitted, in groups, by one script for each: while it runs the next group gathers. Another
one follows all partitions and tells the subscribers. An append is acknowledged when the server has answered, which it
does after its flush (`appendfsync always`), and the follower has told it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from endcap.errors import EndcapError, InputError, ResourceError, StateError, UnavailableError
from endcap.storage.log.contract import Committed, Offset, QueueFull, Record
from endcap.storage.log.redis_barrier import Barrier
from endcap.storage.log.redis_follower import Durable, Follower
from endcap.storage.log.redis_place import RedisPlace, Row
from endcap.storage.log.redis_reader import RedisReader
from endcap.storage.log.subscribers import Subscribers

MOST_ROWS = 1_000
MOST_BYTES = 4 << 20
"""An append takes what is queued up to these: the server answers nobody else meanwhile."""

Offsets = tuple[Offset | None, ...]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Submitted:
    records: Sequence[Record]
    rows: Sequence[Row]
    size: int
    done: Future[Offsets]


class RedisLog(RedisReader):
    """One writer of many. Every method may be called from any thread."""

    def __init__(self, place: RedisPlace, *, partitions: int | None = None, queue: int = 20_000) -> None:
        """Raises as `open_log` says."""
        super().__init__(place)
        self._made = self._facts = place.make(partitions)
        self._subscribers = Subscribers()
        self._follower = Follower(place, self._made, self._subscribers)
        self._barrier = Barrier(lambda: place.ends(self._made.partitions), self._follower.lost)
        self._ends = self._follower.told
        self._most, self._waiting = queue, 0
        self._queue: deque[_Submitted] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def fold_failures(self) -> int:
        """How often a subscriber raised; what it was told is durable nevertheless, and was acknowledged."""
        return self._subscribers.failures

    @property
    def missed(self) -> int:
        """Records that were trimmed before subscribers here were told: the lake has them, live state has not."""
        return self._follower.missed

    @property
    def told(self) -> tuple[int, ...]:
        """The newest offset of each partition that subscribers here were told."""
        return self._follower.told

    @property
    def away(self) -> str:
        """Why the server cannot be reached; empty when it can."""
        return self._follower.away

    @property
    def durability(self) -> str:
        """As `Log.durability`, from the server's settings when it was last connected."""
        return self._follower.durability

    def subscribe(self, committed: Committed) -> None:
        """Told of every later record of every process, in the follower's thread."""
        self._subscribers.add(committed)

    def submit(self, records: Sequence[Record]) -> Future[Offsets]:
        """See `Log`. Raises `InputError` for an id that is not 16 bytes long."""
        rows = [self._place.row(record, self._made) for record in records]
        size = sum(len(row.value) for row in rows)
        done: Future[Offsets] = Future()
        with self._changed:
            if self._closing:
                done.set_exception(StateError(f"The log {self._place.shown} is closed."))
            elif self._follower.away:
                done.set_exception(UnavailableError(self._follower.away))
            elif self._waiting and self._waiting + len(records) > self._most:
                fix = "Send fewer at once, or give it a faster server."
                done.set_exception(QueueFull(f"{self._waiting:,} records wait for the log already.", fix=fix))
            else:
                self._waiting += len(records)
                self._queue.append(_Submitted(records, rows, size, done))
                self._changed.notify()
        return done

    def append(self, records: Sequence[Record]) -> Offsets:
        """`submit`, waited for."""
        return self.submit(records).result()

    def sync(self, seconds: float) -> bool:
        """As `Log.sync`. Those who ask at the same time share one question to the server."""
        deadline = time.monotonic() + seconds
        if self._follower.away:
            return False
        ends = self._barrier.ends(deadline)
        return ends is not None and self._follower.wait(ends, deadline)

    def trim(self, partition: int, upto: int) -> None:
        """Forget records up to an offset. Their ids are remembered for as long as the URL's `remember` says."""
        if partition not in range(self._made.partitions):
            last = self._made.partitions - 1
            raise InputError(f"The log {self._place.shown} has no partition {partition}, only 0 to {last}.")
        self._place.trim(self._made, partition, upto)

    def close(self) -> None:
        """Finish what was submitted, then let go of the server."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._follower.close()
        self._barrier.close()
        self._place.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if not self._queue:
                    return
                taken = self._group()
            try:
                self._commit(taken)
            except EndcapError as error:
                if not isinstance(error, ResourceError):
                    self._follower.lost(error)
                self._refuse(taken, error)
            except Exception as error:  # without this thread nothing would ever be answered again
                _log.exception("appending to the log failed")
                said = EndcapError(f"{self._place.shown} answers what nobody understands: {error}.")
                self._follower.lost(said)
                self._refuse(taken, said)

    def _group(self) -> list[_Submitted]:
        """Whole submissions only: each is taken or refused as one."""
        taken, rows, size = list[_Submitted](), 0, 0
        while self._queue:
            head = self._queue[0]
            rows, size = rows + len(head.rows), size + head.size
            if taken and (rows > MOST_ROWS or size > MOST_BYTES):
                break
            taken.append(self._queue.popleft())
        return taken

    def _commit(self, taken: Sequence[_Submitted]) -> None:
        if self._follower.away:
            raise UnavailableError(self._follower.away)
        rows = [row for each in taken for row in each.rows]
        floors = [max(pair) for pair in zip(self._ends, self._follower.told, strict=True)]
        appended = self._place.append(self._made, floors, rows)
        self._ends = appended.ends
        offsets = [Offset(row.partition, n) if n else None for row, n in zip(rows, appended.numbers, strict=True)]
        records = [record for each in taken for record in each.records]
        fresh = [(offset, record) for offset, record in zip(offsets, records, strict=True) if offset is not None]
        # A repeat waits too: whoever sent it first may be another process.
        upto = {row.partition: appended.ends[row.partition] for row in rows}
        self._follower.settle_when_told(Durable(upto, fresh, lambda: self._answer(taken, offsets)))

    def _answer(self, taken: Sequence[_Submitted], offsets: Sequence[Offset | None]) -> None:
        self._settled(taken)
        start = 0
        for one in taken:
            if one.done.set_running_or_notify_cancel():
                one.done.set_result(tuple(offsets[start : start + len(one.rows)]))
            start += len(one.rows)

    def _refuse(self, taken: Sequence[_Submitted], error: EndcapError) -> None:
        self._settled(taken)
        refusal = error if isinstance(error, UnavailableError | ResourceError) else UnavailableError(str(error))
        for one in taken:
            if one.done.set_running_or_notify_cancel():
                one.done.set_exception(refusal)

    def _settled(self, taken: Sequence[_Submitted]) -> None:
        with self._changed:
            self._waiting -= sum(len(each.rows) for each in taken)
