"""Reading a log in SQLite: beside the writer, from any process and thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from endcap.errors import ArtefactError, InputError, UnavailableError
from endcap.storage.log.contract import RECORD_KINDS, Offset, Record
from endcap.types import AccountKey, Micros, ShopKey

WAIT_SECONDS = 10.0
_READ = "SELECT n, shop, kind, key, id, time, payload FROM records WHERE partition = ? AND n > ? ORDER BY n LIMIT ?"
ENDS = "SELECT number, max(trimmed, coalesce((SELECT max(n) FROM records WHERE partition = number), 0)) FROM partitions"


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """A connection in autocommit that any thread may use, one at a time."""
    mode = "rwc" if create else "rw"
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=WAIT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=32,
    )


class SqliteReader:
    """One connection, taken in turn by the threads that read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity = ""
        self._shops: dict[int, ShopKey] = {}

    @property
    def identity(self) -> str:
        """Empty as long as nothing was written."""
        if not self._identity:
            with self._reading() as connection:
                if connection is not None:
                    found = connection.execute("SELECT value FROM facts WHERE name = 'identity'").fetchone()
                    self._identity = str(found[0])
        return self._identity

    @property
    def partitions(self) -> int:
        """How many partitions the log was made with; 0 as long as there is none."""
        return len(self.ends())

    def read(self, partition: int, after: int = 0, limit: int = 10_000) -> list[tuple[Offset, Record]]:
        """What follows offset `after` of a partition, in order. Raises `InputError` for an unknown partition."""
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(_READ, (partition, after, limit)).fetchall()
            if not rows and (partition,) not in connection.execute("SELECT number FROM partitions").fetchall():
                raise InputError(f"The log {self.path} has no partition {partition}.")
            return [(Offset(partition, row[0]), self._record(connection, row)) for row in rows]

    def ends(self) -> tuple[int, ...]:
        """The newest offset of each partition; empty as long as there is no log."""
        with self._reading() as connection:
            if connection is None:
                return ()
            return tuple(end for _, end in sorted(connection.execute(ENDS)))

    def close(self) -> None:
        """Close the connection; it is opened again when it is used again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _record(self, connection: sqlite3.Connection, row: tuple[int, int, int, str, bytes, int, bytes]) -> Record:
        _, shop, kind, key, name, time, payload = row
        if shop not in self._shops:
            self._shops = shops_of(connection)
        return Record(self._shops[shop], RECORD_KINDS[kind], key, name, Micros(time), payload)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The connection, or None where nothing was written yet."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                yield self._connection
            except sqlite3.DatabaseError as error:
                raise refused(self.path, error) from error

    def _open(self) -> sqlite3.Connection | None:
        if not self.path.exists():
            return None
        connection = connect(self.path)
        connection.execute("PRAGMA query_only=ON")
        # The writer makes the file, then its tables in one transaction.
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'partitions'").fetchone() is None:
            connection.close()
            return None
        return connection


def shops_of(connection: sqlite3.Connection) -> dict[int, ShopKey]:
    """The shops that have records, by the number that stands for each."""
    rows = connection.execute("SELECT id, account, region, name FROM shops")
    return {number: ShopKey(AccountKey(account, region), group) for number, account, region, group in rows}


def refused(path: Path, error: sqlite3.DatabaseError) -> ArtefactError | UnavailableError:
    """Why reading failed, in words."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return ArtefactError(f"The log {path} is damaged: {error}.", fix="Restore it from a backup.")
    return UnavailableError(f"The log {path} does not answer: {error}.", fix="Check its disk, then try again.")
