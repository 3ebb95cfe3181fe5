"""The log in one SQLite file: write-ahead log, full sync, one writer thread that commits in groups.

After an error of the disk the kernel may have dropped pages that it calls clean, so an fsync is never repeated: the
writer fails what is queued and lets the file go. Before anything is appended again, the write-ahead log is written
anew, carried over into the database and cut to nothing, so that no acknowledged record ever follows a page that may be
lost (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from endcap.errors import EndcapError, InputError, ResourceError, StateError
from endcap.storage.log.contract import Committed, Offset, QueueFull, Record
from endcap.storage.log.sqlite_file import LogFile, held_by_one_writer
from endcap.storage.log.sqlite_reader import SqliteReader
from endcap.storage.log.subscribers import Subscribers

MOST_ROWS = 500
"""A commit takes what is queued up to this; it never waits for more to come, so nobody waits but for the disk."""
TRIM_ROWS = 2_000
"""How much is trimmed between two commits."""
PAUSE_SECONDS = 0.2
"""After an error the file is opened again at most this often."""

Offsets = tuple[Offset | None, ...]


@dataclass(frozen=True)
class _Submitted:
    records: Sequence[Record]
    done: Future[Offsets]


@dataclass(frozen=True)
class _Trim:
    partition: int
    upto: int
    done: Future[None]


class SqliteLog:
    """The one writer. Every method may be called from any thread."""

    def __init__(self, path: Path, *, partitions: int | None = None, queue: int = 20_000, forget: bool = False) -> None:
        """Raises as `open_log` says. With `forget` the ids of what is trimmed go with it."""
        self._forget = forget
        self._lock = held_by_one_writer(path)
        self._broken: LogFile | None = None
        try:
            self._file: LogFile | None = LogFile(path, partitions)
        except BaseException:
            self._lock.close()
            raise
        self.path = path
        self.identity, self.partitions = self._file.identity, self._file.partitions
        self._reader = SqliteReader(path)
        self._subscribers = Subscribers()
        self._told = dict(enumerate(self._reader.ends()))
        self._most, self._waiting = queue, 0
        self._queue: deque[_Submitted | _Trim] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._failed_at = 0.0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def fold_failures(self) -> int:
        """How often a subscriber raised; what it was told is durable nevertheless, and was acknowledged."""
        return self._subscribers.failures

    @property
    def told(self) -> tuple[int, ...]:
        """The newest offset of each partition that subscribers were told."""
        return tuple(self._told.values())

    @property
    def away(self) -> str:
        """Empty: it is here."""
        return ""

    @property
    def durability(self) -> str:
        """Every commit is flushed."""
        return "always"

    def sync(self, seconds: float) -> bool:
        """True at once: there is one writer, and it tells before it acknowledges."""
        del seconds
        return True

    def subscribe(self, committed: Committed) -> None:
        """Told of every later commit, in the writer's thread."""
        self._subscribers.add(committed)

    def submit(self, records: Sequence[Record]) -> Future[Offsets]:
        """See `Log`. Raises `InputError` for an id that is not 16 bytes long."""
        for record in records:
            if len(record.id) != 16:
                raise InputError(f"A record's id is {len(record.id)} bytes long, expected 16.")
        done: Future[Offsets] = Future()
        with self._changed:
            if self._closing:
                done.set_exception(StateError(f"The log {self.path} is closed."))
            elif self._waiting and self._waiting + len(records) > self._most:
                done.set_exception(_full(self._waiting))
            else:
                self._waiting += len(records)
                self._queue.append(_Submitted(records, done))
                self._changed.notify()
        return done

    def append(self, records: Sequence[Record]) -> Offsets:
        """`submit`, waited for."""
        return self.submit(records).result()

    def read(self, partition: int, after: int = 0, limit: int = 10_000) -> list[tuple[Offset, Record]]:
        """What follows offset `after` of a partition, in order."""
        return self._reader.read(partition, after, limit)

    def ends(self) -> tuple[int, ...]:
        """The newest offset of each partition."""
        return self._reader.ends()

    def trim(self, partition: int, upto: int) -> None:
        """Forget records up to an offset, a few at a time so that commits pass between. Raises `ResourceError`."""
        if partition not in range(self.partitions):
            raise InputError(f"The log {self.path} has no partition {partition}, only 0 to {self.partitions - 1}.")
        upto = min(upto, self.ends()[partition])
        while rows := self._reader.read(partition, 0, 1):
            first = rows[0][0].n
            if first > upto:
                return
            done: Future[None] = Future()
            with self._changed:
                if self._closing:
                    raise StateError(f"The log {self.path} is closed.")
                self._queue.append(_Trim(partition, min(upto, first + TRIM_ROWS - 1), done))
                self._changed.notify()
            done.result()

    def close(self) -> None:
        """Finish what was submitted, then let go of the file."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self._file is None:
            with suppress(EndcapError):  # what is acknowledged is safe; the next writer recovers the file
                self._failed_at = 0.0
                self._opened()
        if self._file is not None:
            self._reader.close()
            self._file.close()
            self._file = None
        self._lock.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if not self._queue:
                    return
            self._work()

    def _work(self) -> None:
        """One commit, or one step of trimming."""
        taken: list[_Submitted] = []
        try:
            file = self._opened()
            if isinstance(self._queue[0], _Trim):
                trim = self._queue.popleft()
                assert isinstance(trim, _Trim)
                try:
                    file.trim(trim.partition, trim.upto, forget=self._forget)
                except BaseException as error:
                    trim.done.set_exception(_explained(self.path, error))
                    raise
                trim.done.set_result(None)
            else:
                self._commit(file, taken)
            if not self._queue or file.is_long():
                file.carry_over()
        except Exception as error:  # whatever it is: without this thread nothing would ever be answered again
            self._give_up(taken, error)

    def _commit(self, file: LogFile, taken: list[_Submitted]) -> None:
        """Whole submissions only: each is taken or refused as one."""
        records: list[Record] = []
        while self._queue:
            head = self._queue[0]
            if isinstance(head, _Trim) or (taken and len(records) + len(head.records) > MOST_ROWS):
                break
            self._queue.popleft()
            taken.append(head)
            records.extend(head.records)
        offsets = file.commit(records)
        fresh = [(offset, record) for offset, record in zip(offsets, records, strict=True) if offset is not None]
        self._subscribers.tell(fresh)
        self._told.update(offset for offset, _ in fresh)
        self._settle(len(records))
        start = 0
        for one in taken:
            _answer(one.done, offsets[start : start + len(one.records)])
            start += len(one.records)
        taken.clear()

    def _settle(self, rows: int) -> None:
        with self._changed:
            self._waiting -= rows

    def _opened(self) -> LogFile:
        """The file, opened again where an error had closed it."""
        if self._file is None:
            if time.monotonic() - self._failed_at < PAUSE_SECONDS:
                raise ResourceError(f"The log {self.path} was closed after an error of its disk.", fix=_DISK)
            self._failed_at = time.monotonic()
            self._file = LogFile(self.path, self.partitions)
            if self._broken is not None:
                self._broken.close()
                self._broken = None
        return self._file

    def _give_up(self, taken: list[_Submitted], error: BaseException) -> None:
        """Fail all that was taken and all that is queued, and let the file go: its fsync is not tried again."""
        explained = _explained(self.path, error)
        with self._changed:
            failed = [*taken, *self._queue]
            self._queue.clear()
            self._waiting = 0
        if self._file is not None:
            self._file.roll_back()
            self._broken, self._file = self._file, None
            self._failed_at = time.monotonic()
        for one in failed:
            if one.done.set_running_or_notify_cancel():
                one.done.set_exception(explained)


_DISK = "Free some space or check the disk; the log opens again by itself."


def _answer(done: Future[Offsets], offsets: Offsets) -> None:
    if done.set_running_or_notify_cancel():
        done.set_result(offsets)


def _full(waiting: int) -> QueueFull:
    return QueueFull(
        f"{waiting:,} records wait for the log's disk already.", fix="Send fewer at once, or give it a faster disk."
    )


def _explained(path: Path, error: BaseException) -> EndcapError:
    if isinstance(error, EndcapError):
        return error
    return ResourceError(f"The log {path} could not be written: {error}.", fix=_DISK)
