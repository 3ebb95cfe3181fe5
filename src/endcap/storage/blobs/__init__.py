"""Named bytes: one protocol, one file per backend (a directory, an S3-compatible bucket)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PIECE = 8 << 20
"""Bytes read or written at once; what is held in memory of a blob is a few of these."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of some bytes without reading them; `mark` changes whenever they do."""

    key: str
    size: int
    mark: str


class Blobs(Protocol):
    """Bytes by key. Keys are relative paths with `/`; each operation raises `InputError` for any other key."""

    def put(self, key: str, data: bytes | Path | Iterable[bytes]) -> None:
        """Store or replace. When it returns the bytes survive a power cut; no reader ever sees half of them, and
        where `data` raises, what was there before stays."""

    def read(self, blob: Blob) -> Iterator[bytes]:
        """The bytes in pieces. Raises `StateError` where they changed since the blob was found."""

    def find(self, key: str) -> Blob | None: ...

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """What starts with `prefix`, sorted by key."""

    def delete(self, key: str) -> None:
        """Remove durably; nothing happens where there is nothing."""


class Buckets(Protocol):
    """Where buckets come from."""

    def open(self, bucket: str, *, write: bool = False) -> Blobs:
        """One bucket. Raises `InputError` for an impossible name or, where that is told already, a missing bucket."""


def pieces(data: bytes | Path | Iterable[bytes]) -> Iterator[bytes]:
    """Whatever `put` takes, in pieces."""
    if isinstance(data, bytes):
        yield data
    elif isinstance(data, Path):
        with data.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    else:
        yield from data
