"""One writer at a time, across processes: an advisory lock that dies with its holder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from endcap.seams import Disk


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for whoever holds it; a killed holder's lock is free at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_directory(path: Path, disk: Disk) -> None:
    """Create `path` and its parents so that they survive a power cut."""
    if path.is_dir():
        return
    make_directory(path.parent, disk)
    path.mkdir(exist_ok=True)
    disk.fsync(path.parent)
