"""The metadata database, by URL: SQLite in one file, or PostgreSQL. Engines, pragmas and dialects end here."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import URL, make_url

from endcap.errors import (
    ArtefactError,
    EndcapError,
    InputError,
    ResourceError,
    StateError,
    UnavailableError,
    UnknownName,
)
from endcap.seams import Disk
from endcap.storage.directories import disk_errors, make_directories
from endcap.storage.schema import REVISION

SCHEMES = ("sqlite", "postgresql")
WAIT_SECONDS = 10
"""How long to wait for a connection, or for another process that is writing."""
CONFLICTS = 200
"""How often a transaction that lost a race is run again; each round of a race has a winner."""
_MIGRATION_LOCK = 0x656E6463
_SQLITE_CONFLICTS = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
_POSTGRES_CONFLICTS = ("23505", "40001", "40P01")
"""Unique violation, serialization failure, deadlock."""
_REFUSED = (exc.IntegrityError, exc.ProgrammingError, exc.NotSupportedError)
T = TypeVar("T")


class Database:
    """One engine. `begin` writes, `read` reads; both raise only errors of ours."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.url = _shown(engine.url)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, rolled back by any exception.

        Raises `Conflict` when a row with the same key was there first, `InputError` for a value that cannot be kept (a
        NUL in PostgreSQL, a number beyond 64 bits), `UnavailableError`, `ResourceError`.
        """
        with self._errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view that takes no lock against writers."""
        with self._errors(), self._engine.connect().execution_options(endcap_read=True) as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, again from the start whenever another process was first with the same key."""
        for _ in range(CONFLICTS):
            try:
                with self.begin() as connection:
                    return work(connection)
            except Conflict as error:
                last = error
        raise UnavailableError(f"{self.url} is too busy: {CONFLICTS} attempts lost a race.", fix="Try again.") from last

    def revision(self) -> str | None:
        """The migration this database is at; None when it is empty."""
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def migrate(self, to: str = REVISION) -> None:
        """Create or upgrade the tables; safe when several processes start at once.

        Raises `StateError` when a newer version of the product wrote the database.
        """
        if self.revision() == to:
            return
        with self.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            _upgrade(connection, to)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise _translated(self.url, error) from error
        except OverflowError as error:  # SQLite's driver, before it asks
            raise _unkept(str(error)) from error


class Conflict(StateError):
    """Another process was first with the same key."""


def open_database(url: str) -> Database:
    """The database at `sqlite:///path` or `postgresql://user@host/name`; nothing is connected to or created yet,
    except SQLite's directory.

    Raises `UnknownName` for another scheme, `InputError` for no URL or a missing driver.
    """
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        shown = re.sub(r":[^/@]+@", ":***@", url)
        raise InputError(f"{shown!r} is no database URL.", fix="Write sqlite:///PATH or postgresql://…") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return Database(_sqlite(parsed))
    if backend in ("postgresql", "postgres"):
        return Database(_postgresql(parsed))
    raise UnknownName("database scheme", backend, SCHEMES, fix="Write sqlite:///PATH or postgresql://…")


def _sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise InputError("A database in memory is lost with the process.", fix="Name a file: sqlite:///PATH")
    with disk_errors(f"Making the directory of {url.database}"):
        make_directories(Path(str(url.database)).absolute().parent, Disk())
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"), json_serializer=_json, connect_args={"timeout": WAIT_SECONDS}
    )
    event.listen(engine, "do_connect", lambda *_: _keep_private(Path(str(url.database))))
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _keep_private(path: Path) -> None:
    """Access keys are in the file: only its owner may read it, and SQLite's files beside it take over its mode.

    It is never opened here: closing a second handle would drop the locks that SQLite holds on the first.
    """
    with suppress(OSError):
        os.mknod(path, 0o600)
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _configure_sqlite(connection: sqlite3.Connection, record: object) -> None:
    del record
    connection.isolation_level = None  # the driver's own BEGIN comes too late and is never IMMEDIATE
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. The busy timeout does not cover this switch, so waiting is done here."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue at BEGIN, where the busy timeout holds; upgrading a reader later would fail at once."""
    reading = connection.get_execution_options().get("endcap_read")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            json_serializer=_json,
            pool_pre_ping=True,
            connect_args={"connect_timeout": WAIT_SECONDS, "application_name": "endcap"},
        )
    except ModuleNotFoundError as error:
        fix = "Install it: pip install 'endcap[postgres]'"
        raise InputError(f"PostgreSQL needs the package {error.name}, which is not installed.", fix=fix) from None


def _shown(url: URL) -> str:
    """The URL without its password, which PostgreSQL's may also carry as a parameter."""
    if "password" in url.query:
        url = url.update_query_dict({"password": "***"})
    return url.render_as_string(hide_password=True)


def _json(value: Any) -> str:
    """JSON text; NaN and infinities become null, which PostgreSQL would refuse."""
    return msgspec.json.encode(value).decode()


def _translated(url: str, error: exc.DBAPIError | exc.TimeoutError) -> EndcapError:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    said = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    extended, state = getattr(cause, "sqlite_errorcode", 0), getattr(cause, "sqlstate", "")
    kind = extended & 0xFF
    if extended in _SQLITE_CONFLICTS or state in _POSTGRES_CONFLICTS:
        return Conflict(f"{url}: {said}.", fix="Try again.")
    if kind == sqlite3.SQLITE_FULL or state == "53100":
        return ResourceError(f"The disk of {url} is full.", fix="Free some space and try again.")
    if kind in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return ArtefactError(f"{url} is damaged: {said}.", fix="Restore it from a backup.")
    if isinstance(error, exc.DataError):
        return _unkept(said)
    if isinstance(error, _REFUSED) or "no such table" in said:
        return StateError(f"{url} refused: {said}.", fix="Where tables are missing, call migrate() first.")
    return UnavailableError(f"{url} does not answer: {said}.", fix="Check that it runs and that the URL is right.")


def _unkept(said: str) -> InputError:
    return InputError(f"A value is none that a database can keep: {said}.", fix="Leave it out.")


def _upgrade(connection: Connection, to: str) -> None:
    # Imported here: a database that is up to date, the usual case, needs no Alembic.
    from alembic.command import upgrade  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "endcap.storage:migrations")
    config.attributes["connection"] = connection
    try:
        upgrade(config, to)
    except CommandError as error:
        raise StateError(f"The database was written by a newer version: {error}.", fix="Upgrade Endcap.") from error
