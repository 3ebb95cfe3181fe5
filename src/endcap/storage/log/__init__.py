"""The durable event log: what is appended survives a power cut once it is acknowledged. Opened by URL.

Everything that happens live goes through it: interactions, items, users and actions that were put, and decisions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from endcap.errors import InputError, UnknownName
from endcap.storage.log.contract import (
    RECORD_KINDS,
    SPOOLED,
    Committed,
    Log,
    LogReader,
    Offset,
    QueueFull,
    Record,
    RecordKind,
)
from endcap.storage.log.spooled import SpooledLog
from endcap.storage.log.sqlite import SqliteLog
from endcap.storage.log.sqlite_reader import SqliteReader
from endcap.storage.redis_server import server

if TYPE_CHECKING:
    from endcap.storage.log.redis_group import RedisGroup
    from endcap.storage.log.redis_place import RedisPlace

__all__ = [
    "RECORD_KINDS",
    "SPOOLED",
    "Committed",
    "Log",
    "LogReader",
    "Offset",
    "QueueFull",
    "Record",
    "RecordKind",
    "SpooledLog",
    "open_group",
    "open_log",
    "open_log_reader",
]

SCHEMES = ("sqlite", "redis", "rediss")


def open_log(url: str, *, partitions: int | None = None, queue: int = 20_000) -> Log:
    """The log at `sqlite:///path` for its one writer, or at `redis://host:port/db` for one of many; made where there is
    none. A Redis URL may have `?partitions=8`, `name=log` (of several in one database) and `remember=604800` (seconds
    for which the ids of trimmed records are kept).

    `partitions` is fixed when the log is made (1 by default, in Redis 8); `queue` is how many records may wait for the
    disk. Raises `UnknownName` for another scheme, `StateError` when another writer holds a file or the log has another
    number of partitions, `ArtefactError` when it is damaged, `ResourceError` when the disk refuses, `UnavailableError`
    when the server does not answer.
    """
    if _scheme(url) == "sqlite":
        return SqliteLog(_path(url), partitions=partitions, queue=queue)
    from endcap.storage.log.redis import RedisLog  # noqa: PLC0415 - the driver is an extra

    return RedisLog(_place(url), partitions=partitions, queue=queue)


def open_log_reader(url: str) -> LogReader:
    """The same log, for reading beside its writers, also before one has made it."""
    if _scheme(url) == "sqlite":
        return SqliteReader(_path(url))
    from endcap.storage.log.redis_reader import RedisReader  # noqa: PLC0415

    return RedisReader(_place(url))


def open_group(url: str, group: str, member: str, *, idle: float = 60.0) -> RedisGroup:
    """A member of a consumer group of the log at `redis://host:port/db`, which somebody has made; see `RedisGroup`.

    Raises `UnknownName` for another scheme: a log in SQLite has no groups.
    """
    if _scheme(url) == "sqlite":
        raise UnknownName("scheme of logs with groups", "sqlite", SCHEMES[1:], fix="Write redis://HOST:PORT/DB.")
    from endcap.storage.log.redis_group import RedisGroup  # noqa: PLC0415

    return RedisGroup(_place(url), group, member, idle=idle)


def _scheme(url: str) -> str:
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise UnknownName("log scheme", scheme, SCHEMES, fix="Write sqlite:///PATH or redis://HOST:PORT/DB.")
    return scheme


def _place(url: str) -> RedisPlace:
    from endcap.storage.log.redis_place import RedisPlace  # noqa: PLC0415

    return RedisPlace(server(url, ("partitions", "name", "remember")))


def _path(url: str) -> Path:
    # As SQLAlchemy reads it: three slashes and a relative path, or four and an absolute one.
    host, slash, path = url.removeprefix("sqlite://").partition("/")
    if host or not slash or path in ("", ":memory:"):
        raise InputError(f"{url!r} names no file, expected sqlite:///PATH.", fix="Set ENDCAP_LOG_URL.")
    return Path(path).absolute()
