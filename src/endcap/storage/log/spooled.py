"""A shared log with a spool of this machine's: while its server is away, events are acknowledged from there.

What cannot be appended is flushed into a SQLite log of this process's own and told to its subscribers at once, under
the partition `SPOOLED`. As long as anything waits there, whatever comes is put behind it. When the server is back, it
is appended in order; a crash in between only repeats what the shared log knows by its ids. What comes while the last of
it is appended is held back for that moment, in memory and not acknowledged: so the spool is left under any load.

Answers that were given (decisions) were acknowledged to nobody and are most of the bytes, so they are appended last:
what other processes must know of is `owed`, and that is little.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from endcap.errors import ArtefactError, EndcapError, StateError, UnavailableError
from endcap.seams import Clock, SystemClock
from endcap.storage.log.contract import SPOOLED, Committed, Log, Offset, QueueFull, Record
from endcap.storage.log.sqlite import SqliteLog
from endcap.storage.log.subscribers import Subscribers

MOST_WAITING = 1_000_000
PART = 1_000
"""Records that are appended at once when the server is back …"""
PART_BYTES = 256 << 10
"""… and about how many bytes at most: nobody else is answered meanwhile."""
DEEP = 3
"""Such appends that are underway at once, of what is owed; one of the rest, so that others get through."""
FEW = 50_000
"""When no more wait, what comes is held back until they are appended, for about a second."""
MOST_HELD = 20_000
MOST_FILES = 1_000
LOOK_SECONDS = 0.05
ADOPT_SECONDS = 5.0
"""How often it is looked for what processes that are gone have left."""
_log = logging.getLogger(__name__)

Offsets = tuple[Offset | None, ...]
_Looks = tuple[int, ...]
_Wanted = Callable[[int, Record], bool]
"""By offset and record."""
_Done = Callable[[int, int], None]


class SpooledLog:
    """A `Log`. `folder` is one machine's: each process takes a file of its own in it, also one that a process left that
    is gone, and the files of others that are gone are emptied too."""

    def __init__(self, shared: Log, folder: Path, *, most: int = MOST_WAITING, clock: Clock | None = None) -> None:
        """`most` records may wait. Raises `ResourceError` when the disk refuses."""
        self._shared, self._folder, self._most = shared, folder, most
        self._clock = clock or SystemClock()
        self._subscribers = Subscribers()
        self._own = _own_file(folder)
        self._lock = threading.RLock()
        self._held: deque[tuple[Sequence[Record], Future[Offsets]]] = deque()
        self._holding, self._held_rows = False, 0
        self._waiting = self._owed = _left(self._own)
        self._counted = self._own.ends()[0]
        """Up to here all were counted as owed: what another process left was not looked at."""
        self._sent = self._drained = self._counted - self._waiting
        """Up to where all that is owed was appended, and all that waited."""
        self._since = int(self._clock.now()) if self._waiting else 0
        self.spooled = 0
        """Records that were acknowledged from the spool since the start."""
        self._emptied: dict[Path, _Looks] = {}
        self._closing = threading.Event()
        shared.subscribe(self._subscribers.tell)
        self._own.subscribe(self._told_here)
        self._thread = threading.Thread(target=self._run, name="log-spool", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Records in this process's spool."""
        return self._waiting

    @property
    def owed(self) -> int:
        """Those among them that were acknowledged, and that no other process can know of."""
        return self._owed

    @property
    def waiting_since(self) -> int:
        """Since when any wait (microseconds UTC), 0 when none does."""
        return self._since

    @property
    def identity(self) -> str:
        """Of the shared log."""
        return self._shared.identity

    @property
    def partitions(self) -> int:
        """Of the shared log."""
        return self._shared.partitions

    @property
    def told(self) -> tuple[int, ...]:
        """How much of the shared log subscribers here were told."""
        return self._shared.told

    @property
    def away(self) -> str:
        """Why the shared log cannot be reached; empty when it can."""
        return self._shared.away

    @property
    def durability(self) -> str:
        """Of the shared log; the spool is always flushed."""
        return self._shared.durability

    @property
    def fold_failures(self) -> int:
        """How often a subscriber raised."""
        return self._subscribers.failures

    def read(self, partition: int, after: int = 0, limit: int = 10_000) -> list[tuple[Offset, Record]]:
        """What the shared log holds."""
        return self._shared.read(partition, after, limit)

    def ends(self) -> tuple[int, ...]:
        """Of the shared log."""
        return self._shared.ends()

    def trim(self, partition: int, upto: int) -> None:
        """Trim the shared log."""
        self._shared.trim(partition, upto)

    def sync(self, seconds: float) -> bool:
        """As the shared log: what waits in the spools of other processes is not among it."""
        return self._shared.sync(seconds)

    def subscribe(self, committed: Committed) -> None:
        """Told what the shared log tells, and what is spooled here: that comes again when it is in the shared log."""
        self._subscribers.add(committed)

    def submit(self, records: Sequence[Record]) -> Future[Offsets]:
        """See `Log`. What is spooled has offsets of the partition `SPOOLED`. Fails with `QueueFull` when as many wait
        as may."""
        done: Future[Offsets] = Future()
        if not self._owed and not self._holding and not self._shared.away:
            self._straight(records, done)
            return done
        with self._lock:
            if self._holding:
                self._held.append((records, done))
                self._held_rows += len(records)
                if self._held_rows > MOST_HELD:
                    self._let_go(self._spool)
            elif self._owed or self._shared.away:
                self._spool(records, done)
            else:
                self._straight(records, done)
        return done

    def append(self, records: Sequence[Record]) -> Offsets:
        """`submit`, waited for."""
        return self.submit(records).result()

    def close(self) -> None:
        """Finish what was submitted, then let go of both. What waits still is appended by the next process."""
        self._closing.set()
        self._thread.join()
        self._shared.close()
        self._own.close()

    def _straight(self, records: Sequence[Record], done: Future[Offsets]) -> None:
        self._shared.submit(records).add_done_callback(lambda taken: self._taken(taken, records, done))

    def _let_go(self, to: Callable[[Sequence[Record], Future[Offsets]], None]) -> None:
        """What was held back goes on, in order."""
        with self._lock:
            while self._held:
                to(*self._held.popleft())
            self._holding, self._held_rows = False, 0

    def _taken(self, taken: Future[Offsets], records: Sequence[Record], done: Future[Offsets]) -> None:
        error = taken.exception()
        if isinstance(error, UnavailableError):
            self._spool(records, done)
        elif done.set_running_or_notify_cancel():
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(taken.result())

    def _spool(self, records: Sequence[Record], done: Future[Offsets]) -> None:
        with self._lock:
            full = self._waiting + len(records) > self._most
            if not full:
                self._waiting += len(records)
                self._owed += sum(map(_is_owed, records))
                self._since = self._since or int(self._clock.now())
        if full:
            fix = "Bring the log's server back; it is tried again by itself."
            if done.set_running_or_notify_cancel():
                done.set_exception(QueueFull(f"{self._waiting:,} records wait for it in the spool already.", fix=fix))
            return
        self._own.submit(records).add_done_callback(lambda taken: self._spooled(taken, records, done))

    def _spooled(self, taken: Future[Offsets], records: Sequence[Record], done: Future[Offsets]) -> None:
        error = taken.exception()
        offsets: Offsets = (None,) * len(records) if error is not None else taken.result()
        stayed = [each for each, offset in zip(records, offsets, strict=True) if offset is None]
        self._gone(len(stayed), sum(map(_is_owed, stayed)))
        with self._lock:
            self.spooled += len(records) - len(stayed)
        if done.set_running_or_notify_cancel():
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(tuple(offset and Offset(SPOOLED, offset.n) for offset in offsets))

    def _told_here(self, rows: Sequence[tuple[Offset, Record]]) -> None:
        self._subscribers.tell([(Offset(SPOOLED, offset.n), record) for offset, record in rows])

    def _gone(self, rows: int, owed: int) -> None:
        with self._lock:  # what a disk refused may have stayed there after all
            self._waiting, self._owed = max(0, self._waiting - rows), max(0, self._owed - owed)
            if not self._waiting:
                self._since = 0

    def _run(self) -> None:
        adopted, said = 0.0, ""
        while not self._closing.wait(LOOK_SECONDS):
            why = self._shared.away
            try:
                if not why and self._waiting:
                    self._return()
                if not why and time.monotonic() - adopted > ADOPT_SECONDS:
                    adopted = time.monotonic()
                    self._adopt()
            except (EndcapError, OSError) as error:
                why = str(error)
            except Exception as error:  # without this thread what waits would wait for ever
                _log.exception("emptying spools failed; it is tried again")
                why = repr(error)
            if why != said:
                _log.warning("Spool %s: %s", self._own.path, why or "what waited was appended.")
                said = why

    def _return(self) -> None:
        """Append what waits here: first what is owed, until nothing is, then the rest, and take it out. Raises what is
        in the way."""
        try:
            while (self._owed or self._sent < self._own.ends()[0]) and not self._closing.wait(0.001):
                self._drain(self._own, self._sent, self._is_owed_here, self._paid, deep=DEEP)
        finally:
            self._let_go(self._spool if self._owed else self._straight)
        self._drain(self._own, self._drained, lambda n, each: not self._is_owed_here(n, each), self._done, self._sent)
        self._own.trim(0, self._drained)

    def _is_owed_here(self, n: int, record: Record) -> bool:
        return n <= self._counted or _is_owed(record)

    def _paid(self, upto: int, rows: int) -> None:
        self._sent = upto
        self._gone(0, rows)
        with self._lock:
            self._holding = self._holding or self._owed <= FEW

    def _done(self, upto: int, rows: int) -> None:
        del rows
        self._gone(upto - self._drained, 0)
        self._drained = upto

    def _drain(
        self,
        spool: SqliteLog,
        after: int,
        wanted: _Wanted,
        done: _Done,
        until: int | None = None,
        *,
        deep: int = 1,
    ) -> None:
        """Append what is wanted of what follows an offset, up to another one, oldest first; `done` is told how far, and
        how many more that is."""
        underway: deque[tuple[Future[Offsets] | None, int, int]] = deque()
        for upto, part in _parts(spool, after, wanted, until):
            if self._closing.is_set():
                return
            underway.append((self._shared.submit(part) if part else None, upto, len(part)))
            if len(underway) >= deep:
                _appended(*underway.popleft(), done)
        while underway:
            _appended(*underway.popleft(), done)

    def _adopt(self) -> None:
        """Empty the files of processes that are gone. They stay: another process may be taking one just now."""
        for path in self._folder.glob("spool-*.db"):
            if path == self._own.path or self._emptied.get(path) == _looks(path):
                continue
            try:
                spool = SqliteLog(path, forget=True)
            except StateError:  # its process lives
                continue
            except ArtefactError as error:  # nothing can be had from it until somebody mends it; others wait behind it
                _log.error("A spool is passed over: %s", error)
                self._emptied[path] = _looks(path)
                continue
            end = spool.ends()[0]
            try:
                self._drain(spool, 0, lambda _, each: _is_owed(each), _nobody, end)
                self._drain(spool, 0, lambda _, each: not _is_owed(each), _nobody, end)
                if not self._closing.is_set():
                    spool.trim(0, end)
            finally:
                spool.close()
            self._emptied[path] = _looks(path)


def _own_file(folder: Path) -> SqliteLog:
    for number in range(MOST_FILES):
        try:
            return SqliteLog(folder / f"spool-{number}.db", forget=True)
        except StateError:  # another process has it
            continue
        except ArtefactError as error:
            _log.error("A spool is passed over: %s", error)
    raise StateError(f"{MOST_FILES:,} processes have a spool in {folder} already.", fix="Name another folder.")


def _is_owed(record: Record) -> bool:
    return record.kind != "decision"


def _parts(spool: SqliteLog, after: int, wanted: _Wanted, until: int | None) -> Iterator[tuple[int, list[Record]]]:
    """What is wanted of what follows an offset, in parts, each with the offset that it goes up to."""
    while rows := spool.read(0, after, PART):
        part, size = list[Record](), 0
        for (_, n), record in rows:
            if until is not None and n > until:
                break
            after = n
            if wanted(n, record):
                part.append(record)
                size += len(record.payload)
            if size >= PART_BYTES:
                yield after, part
                part, size = [], 0
        if part or size == 0:
            yield after, part
        if after < rows[-1][0].n:
            return


def _appended(taken: Future[Offsets] | None, upto: int, rows: int, done: _Done) -> None:
    if taken is not None:
        taken.result()
    done(upto, rows)


def _nobody(upto: int, rows: int) -> None:
    del upto, rows


def _looks(path: Path) -> _Looks:
    """Another one after every commit: what is in the write-ahead log changes nothing in the file itself."""
    found: list[int] = []
    for each in (path, path.with_name(f"{path.name}-wal")):
        with suppress(FileNotFoundError):
            told = each.stat()
            found += (told.st_mtime_ns, told.st_size)
    return tuple(found)


def _left(spool: SqliteLog) -> int:
    """Records that it holds."""
    first = spool.read(0, 0, 1)
    return spool.ends()[0] - first[0][0].n + 1 if first else 0
