"""The file of a log in SQLite, as its one writer sees it: tables, offsets, ids, and when it is flushed."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO, Any

from endcap.errors import ArtefactError, InputError, StateError, UnavailableError
from endcap.seams import Disk
from endcap.storage.directories import disk_errors, make_directories
from endcap.storage.log.contract import MOST_PARTITIONS, RECORD_KINDS, Offset, Record, partition_of
from endcap.storage.log.sqlite_reader import ENDS, connect, refused, shops_of
from endcap.types import ShopKey

FORMAT = "1"
CARRY_OVER_PAGES = 1_000
"""When nobody waits and the write-ahead log is longer than this, it is carried over into the database."""
LONG_PAGES = 8_000
"""Above this it is carried over even though somebody waits."""

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE partitions (number INTEGER PRIMARY KEY, trimmed INTEGER NOT NULL);
CREATE TABLE shops (id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (account, region, name));
CREATE TABLE records (partition INTEGER NOT NULL, n INTEGER NOT NULL, shop INTEGER NOT NULL, kind INTEGER NOT NULL,
    key TEXT NOT NULL, id BLOB NOT NULL, time INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (partition, n)) WITHOUT ROWID;
CREATE TABLE ids (shop INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (shop, id)) WITHOUT ROWID;
"""
_KINDS = {kind: place for place, kind in enumerate(RECORD_KINDS)}
_TOGETHER = (500, 250, 100, 50, 25, 10, 5, 2, 1)
"""Rows of one statement. While it runs other threads have the interpreter, and for every further one the writer must
wait for it again; each size is a statement of its own, which is read once."""
_CACHE = "cache_size=-32768"
"""KiB of pages: ids lie anywhere in their table."""

_ASKED = 200
"""Ids looked up by one statement."""


class _KnownError(Exception):
    """Some id was there before, or twice in one commit."""


def held_by_one_writer(path: Path) -> IO[bytes]:
    """A lock beside the file that dies with its holder. Raises `StateError` when another writer has it."""
    with disk_errors(f"Making the directory of {path}"):
        make_directories(path.parent, Disk())
        file = open(path.with_name(path.name + ".lock"), "a+b")  # noqa: SIM115 - held as long as the writer lives
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(20).decode("ascii", "replace").strip()
        file.close()
        raise StateError(
            f"The log {path} is being written by process {holder or 'unknown'}; one writer is allowed.",
            fix="Stop that process; other processes read it with open_log_reader.",
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return file


class LogFile:
    """Opened, recovered and ready to append. Not for several threads."""

    def __init__(self, path: Path, partitions: int | None) -> None:
        """Raises `StateError` for another number of partitions, `ArtefactError` for a damaged or foreign file."""
        if partitions is not None and partitions not in range(1, MOST_PARTITIONS + 1):
            raise InputError(f"A log of {partitions} partitions is not possible, expected 1 to {MOST_PARTITIONS}.")
        self.path = path
        self.identity, self.partitions = "", 0
        self._pages = 0
        self._ends: dict[int, int] = {}
        self._shops: dict[ShopKey, int] = {}
        self._repeats = False
        """Whether the last commit had any: then ids are looked up first, instead of just being added."""
        with disk_errors(f"Recovering the log {path}"):
            _write_anew(path.with_name(path.name + "-wal"))
            fresh = not path.exists()
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what shoppers do is nobody else's business
        try:
            self._connection = connect(path, create=True)
            try:
                self._configure()
                self._recover()
                self._prepare(partitions)
                if fresh:
                    Disk().fsync(path.parent)
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.DatabaseError as error:
            raise refused(path, error) from error

    def close(self) -> None:
        """Let go; the last connection carries the write-ahead log over."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def roll_back(self) -> None:
        """Give up a transaction that failed. The connection stays: closing the last one would flush what could not be
        flushed, so it is closed when another one has recovered the file."""
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def is_long(self) -> bool:
        """Whether the write-ahead log can wait no longer to be carried over."""
        return self._pages > LONG_PAGES

    def carry_over(self) -> None:
        """Move the write-ahead log into the database where that is due."""
        if self._pages > CARRY_OVER_PAGES:
            _, pages, done = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self._pages = int(pages) - int(done)

    def trim(self, partition: int, upto: int, *, forget: bool = False) -> None:
        """Delete records up to an offset, and remember it; their ids too if they are to be forgotten."""
        with self._committing():
            if forget:
                mine = "SELECT shop, id FROM records WHERE partition = ? AND n <= ?"
                ids = self._connection.execute(mine, (partition, upto)).fetchall()
                self._connection.executemany("DELETE FROM ids WHERE shop = ? AND id = ?", ids)
            self._connection.execute("DELETE FROM records WHERE partition = ? AND n <= ?", (partition, upto))
            query = "UPDATE partitions SET trimmed = max(trimmed, ?) WHERE number = ?"
            self._connection.execute(query, (upto, partition))

    def commit(self, records: Sequence[Record]) -> tuple[Offset | None, ...]:
        """Take the records whose id is not known: their offsets, None for the others. Durable on return; when it
        fails nothing is taken."""
        ends, shops = dict(self._ends), dict(self._shops)
        try:
            if not self._repeats:
                with suppress(_KnownError), self._committing():
                    return self._add(records, range(len(records)))  # leaving the block flushes
                self.roll_back()
                self._ends, self._shops = dict(ends), dict(shops)
            with self._committing():
                offsets = self._add(records, self._new(records))
            self._repeats = None in offsets
            return offsets
        except BaseException:
            self._ends, self._shops = ends, shops
            raise

    @contextmanager
    def _committing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        yield
        self._connection.execute("COMMIT")
        self._pages += 8

    def _add(self, records: Sequence[Record], new: Iterable[int]) -> tuple[Offset | None, ...]:
        """Add the records at these places. Raises `_KnownError` where the id of one is known."""
        offsets: list[Offset | None] = [None] * len(records)
        ids: list[tuple[int, bytes]] = []
        rows: list[tuple[Any, ...]] = []
        partition, shop, number = 0, None, 0
        for at in new:
            record = records[at]
            if record.shop is not shop:
                shop, number = record.shop, self._shop(record.shop)
            if self.partitions > 1:
                partition = partition_of(record, self.partitions)
            self._ends[partition] += 1
            offset = offsets[at] = Offset(partition, self._ends[partition])
            ids.append((number, record.id))
            rows.append((*offset, number, _KINDS[record.kind], record.key, record.id, record.time, record.payload))
        self._pages += len(rows)  # each id has a page of its own once there are many
        if self._insert("OR IGNORE INTO ids", ids) < len(ids):
            raise _KnownError
        self._insert("INTO records", rows)
        return tuple(offsets)

    def _insert(self, into: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """How many were added."""
        start = added = 0
        most = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        for size in _TOGETHER:
            while len(rows) - start >= size and size * len(rows[0]) <= most:
                told = list(chain.from_iterable(rows[start : start + size]))
                added += self._connection.execute(_statement(into, len(rows[0]), size), told).rowcount
                start += size
        return added

    def _new(self, records: Sequence[Record]) -> list[int]:
        """Places of records whose id was not there before, the first of each id."""
        ids = [(self._shop(record.shop), record.id) for record in records]
        known, found = self._known(ids), []
        for at, each in enumerate(ids):
            if each not in known:
                known.add(each)
                found.append(at)
        return found

    def _known(self, ids: list[tuple[int, bytes]]) -> set[tuple[int, bytes]]:
        by_shop: dict[int, list[bytes]] = {}
        for shop, name in ids:
            by_shop.setdefault(shop, []).append(name)
        found: set[tuple[int, bytes]] = set()
        for shop, names in by_shop.items():
            for start in range(0, len(names), _ASKED):
                part = names[start : start + _ASKED]
                query = f"SELECT id FROM ids WHERE shop = ? AND id IN ({', '.join('?' * len(part))})"  # noqa: S608
                found.update((shop, name) for (name,) in self._connection.execute(query, (shop, *part)))
        return found

    def _shop(self, shop: ShopKey) -> int:
        number = self._shops.get(shop)
        if number is None:
            number = len(self._shops) + 1
            self._connection.execute("INSERT INTO shops VALUES (?, ?, ?, ?)", (number, *shop.parts()))
            self._shops[shop] = number
        return number

    def _configure(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0", "secure_delete=ON", _CACHE):
            found = self._connection.execute(f"PRAGMA {pragma}").fetchone()
            if pragma == "journal_mode=WAL" and found != ("wal",):
                raise UnavailableError(f"The log {self.path} cannot use a write-ahead log here: {found}.")

    def _recover(self) -> None:
        """Carry over whatever the last writer left: see the top of `sqlite`."""
        busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise UnavailableError(
                f"The log {self.path} is being read so long that it cannot be recovered.", fix="Try again."
            )

    def _prepare(self, partitions: int | None) -> None:
        """Make the tables where there are none, and learn what they hold."""
        connection = self._connection
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not names:
            with self._committing():
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                facts = [("format", FORMAT), ("identity", secrets.token_hex(8))]
                connection.executemany("INSERT INTO facts VALUES (?, ?)", facts)
                numbers = [(number, 0) for number in range(partitions or 1)]
                connection.executemany("INSERT INTO partitions VALUES (?, ?)", numbers)
        elif "facts" not in names:
            raise ArtefactError(f"{self.path} is no event log.", fix="Name another file in ENDCAP_LOG_URL.")
        facts_there = dict(connection.execute("SELECT name, value FROM facts").fetchall())
        if facts_there.get("format") != FORMAT:
            raise StateError(
                f"The log {self.path} has format {facts_there.get('format')}, this version reads {FORMAT}."
            )
        self.identity = str(facts_there["identity"])
        self._ends = {int(number): int(end) for number, end in connection.execute(ENDS)}
        self.partitions = len(self._ends)
        if partitions not in (None, self.partitions):
            raise StateError(
                f"The log {self.path} has {self.partitions} partitions, not {partitions}.",
                fix="The number is fixed when a log is made: name another file, or leave it out.",
            )
        self._shops = {shop: number for number, shop in shops_of(connection).items()}


@cache
def _statement(into: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return " ".join(("INSERT", into, "VALUES", ", ".join([row] * rows)))


def _write_anew(path: Path) -> None:
    """Write a file's own content over itself and flush it, so that what is read from it is what the disk holds.

    After a flush that failed the kernel may hold pages that it never wrote and calls clean; another flush alone would
    not write them. Content and place stay, so it may be read meanwhile, and a crash in the middle changes nothing.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        place = 0
        while data := os.pread(handle, 1 << 20, place):
            place += os.pwrite(handle, data, place)
        os.fsync(handle)
    finally:
        os.close(handle)
