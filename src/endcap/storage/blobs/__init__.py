"""Named bytes: one protocol, one file per backend, opened by URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from endcap.errors import InputError, UnknownName
from endcap.seams import Disk
from endcap.storage.blobs.local import LocalBlobs

SCHEMES = ("file",)


class Blobs(Protocol):
    """Bytes by key. Keys are relative paths with `/`; each operation raises `InputError` for any other key."""

    def put(self, key: str, data: bytes) -> None:
        """Store or replace; when it returns the bytes survive a power cut, and no reader ever sees half of them."""

    def get(self, key: str) -> bytes:
        """Raises `ArtefactError` where there is nothing."""

    def exists(self, key: str) -> bool: ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Remove durably; nothing happens where there is nothing."""


def open_blobs(url: str, disk: Disk | None = None) -> Blobs:
    """Blobs at `file:///path` or at a plain path. Raises `UnknownName` for any other scheme."""
    parts = urlsplit(url)
    if not url:
        raise InputError("An empty URL names no storage.", fix="Give a directory or file:///directory.")
    if parts.scheme in ("", "file"):
        if parts.netloc not in ("", "localhost"):
            raise InputError(
                f"{url} names the machine {parts.netloc!r}.", fix="Write file:///directory, three slashes."
            )
        return LocalBlobs(Path(unquote(parts.path) if parts.scheme else url), disk or Disk())
    raise UnknownName("storage scheme", parts.scheme, SCHEMES, fix="Give a directory or file:///directory.")
