"""Blobs in a directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from endcap.errors import ArtefactError, InputError
from endcap.seams import Disk
from endcap.storage.directories import TEMPORARY, check_name, disk_errors, make_directories

MAX_KEY = 1024
"""Bytes of a key; the limit of S3, so that keys can move there."""


class LocalBlobs:
    """Each blob is one file under `root`, replaced by rename."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self.root, self._disk = root, disk

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with disk_errors(f"Storing {key}"):
            make_directories(path.parent, self._disk)
            temporary = path.parent / f"{TEMPORARY}{token_hex(8)}"
            self._disk.write(temporary, data)
            self._disk.rename(temporary, path)
            self._disk.fsync(path.parent)

    def get(self, key: str) -> bytes:
        path = self._path(key)
        if not path.is_file():
            raise ArtefactError(f"There is no blob {key!r} in {self.root}.")
        with disk_errors(f"Reading {key}"):
            return path.read_bytes()

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def list(self, prefix: str = "") -> Iterator[str]:
        found = (path for path in self.root.rglob("*") if path.is_file() and not path.name.startswith(TEMPORARY))
        keys = sorted(path.relative_to(self.root).as_posix() for path in found)
        return (key for key in keys if key.startswith(prefix))

    def delete(self, key: str) -> None:
        path = self._path(key)
        if path.is_file():
            with disk_errors(f"Deleting {key}"):
                self._disk.remove(path)
                self._disk.fsync(path.parent)

    def _path(self, key: str) -> Path:
        """The file of a key. A link inside the root that leads out of it is an escape as well."""
        if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY:
            raise InputError(f"Key {key[:40]!r}… is over {MAX_KEY} bytes.")
        for part in key.split("/"):
            check_name(part)
        path = self.root / key
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise InputError(f"Key {key!r} leads out of {self.root}.")
        return path
