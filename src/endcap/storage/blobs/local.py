"""Blobs in a directory, and directories that play buckets."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

from endcap.errors import InputError, StateError
from endcap.seams import Disk
from endcap.storage.blobs import PIECE, Blob, pieces
from endcap.storage.directories import TEMPORARY, check_name, disk_errors, make_directories

MAX_KEY = 1024
"""Bytes of a key; the limit of S3, so that keys can move there."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


class LocalBlobs:
    """Each blob is one file under `root`, replaced by rename."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self.root, self._disk = root, disk

    def put(self, key: str, data: bytes | Path | Iterable[bytes]) -> None:
        path = self._path(key)
        if path.is_dir():
            raise InputError(f"{key!r} is a folder of {self.root}.", fix="Write to a key inside it.")
        with disk_errors(f"Storing {key}"):
            make_directories(path.parent, self._disk)
            _sweep(path.parent, self._disk)
        with _temporary(path.parent, key) as (temporary, file):
            for piece in pieces(data):
                with disk_errors(f"Storing {key}"):
                    file.write(piece)
            with disk_errors(f"Storing {key}"):
                file.flush()
                self._disk.fsync(temporary)
                self._disk.rename(temporary, path)
                self._disk.fsync(path.parent)

    def read(self, blob: Blob) -> Iterator[bytes]:
        path = self._path(blob.key)
        with disk_errors(f"Reading {blob.key}"), path.open("rb") as file:
            if _mark(os.fstat(file.fileno())) != blob.mark:
                raise StateError(f"{blob.key} changed while it was being read.", fix="Start again.")
            while piece := file.read(PIECE):
                yield piece

    def find(self, key: str) -> Blob | None:
        path = self._path(key)
        return self._blob(path) if path.is_file() else None

    def list(self, prefix: str = "") -> Iterator[Blob]:
        folder = self.root / prefix.rpartition("/")[0]
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise InputError(f"{prefix!r} leads out of {self.root}.")
        found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(TEMPORARY))
        keys = sorted(path.relative_to(self.root).as_posix() for path in found)
        return (self._blob(self.root / key) for key in keys if key.startswith(prefix))

    def delete(self, key: str) -> None:
        path = self._path(key)
        if path.is_file():
            with disk_errors(f"Deleting {key}"):
                self._disk.remove(path)
                self._disk.fsync(path.parent)

    def _blob(self, path: Path) -> Blob:
        stat = path.stat()
        return Blob(path.relative_to(self.root).as_posix(), stat.st_size, _mark(stat))

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


class LocalBuckets:
    """`root/NAME` plays the bucket NAME. Writing makes a bucket; reading one that is not there is an error."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self.root, self._disk = root, disk

    def open(self, bucket: str, *, write: bool = False) -> LocalBlobs:
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise InputError(
                f"The specified bucket is not valid: {bucket!r}.",
                fix="A bucket's name is 2-63 letters, digits, dots and dashes.",
            )
        folder = self.root / bucket
        if not write and not folder.is_dir():
            raise InputError(
                f"The specified bucket does not exist: {bucket}.",
                fix=f"Make the folder {folder} and put the files there, or set s3_endpoint.",
            )
        return LocalBlobs(folder, self._disk)


def _mark(stat: os.stat_result) -> str:
    return f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"


@contextmanager
def _temporary(folder: Path, key: str) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file to write into, held with a lock while it is written, so that a dead writer's can be told from it."""
    with disk_errors(f"Storing {key}"):
        temporary, file = _locked(folder)
    with file:
        try:
            yield temporary, file
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _locked(folder: Path) -> tuple[Path, IO[bytes]]:
    while True:
        temporary = folder / f"{TEMPORARY}{token_hex(8)}"
        file = temporary.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:  # else it was swept between the two calls
            return temporary, file
        file.close()


def _sweep(folder: Path, disk: Disk) -> None:
    """Remove what killed writers left."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError), leftover.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            disk.remove(leftover)
