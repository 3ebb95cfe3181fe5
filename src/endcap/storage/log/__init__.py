"""The durable event log: what is appended survives a power cut once it is acknowledged. Opened by URL.

Everything that happens live goes through it: interactions, items, users and actions that were put, and decisions.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from endcap.errors import InputError, UnknownName
from endcap.storage.log.contract import RECORD_KINDS, Committed, Log, LogReader, Offset, Record, RecordKind
from endcap.storage.log.sqlite import SqliteLog
from endcap.storage.log.sqlite_reader import SqliteReader

__all__ = [
    "RECORD_KINDS",
    "Committed",
    "Log",
    "LogReader",
    "Offset",
    "Record",
    "RecordKind",
    "open_log",
    "open_log_reader",
]

SCHEMES = ("sqlite",)


def open_log(url: str, *, partitions: int | None = None, queue: int = 20_000) -> Log:
    """The log at `sqlite:///path`, for its one writer; made where there is none.

    `partitions` is fixed when the log is made (1 by default); `queue` is how many records may wait for the disk.
    Raises `UnknownName` for another scheme, `StateError` when another writer holds it or it has another number of
    partitions, `ArtefactError` when it is damaged, `ResourceError` when the disk refuses.
    """
    return SqliteLog(_path(url), partitions=partitions, queue=queue)


def open_log_reader(url: str) -> LogReader:
    """The log at `sqlite:///path`, for reading beside its writer, also before one has made it."""
    return SqliteReader(_path(url))


def _path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise UnknownName("log scheme", parts.scheme, SCHEMES, fix="Write sqlite:///PATH.")
    # As SQLAlchemy reads it: three slashes and a relative path, or four and an absolute one.
    host, slash, path = url.removeprefix("sqlite://").partition("/")
    if host or not slash or path in ("", ":memory:"):
        raise InputError(f"{url!r} names no file, expected sqlite:///PATH.", fix="Set ENDCAP_LOG_URL.")
    return Path(path).absolute()
