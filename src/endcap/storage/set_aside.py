"""Lines that could not be taken, kept for whoever mends what sends them: bounded files of JSON, one for each shop."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from endcap.types import ShopKey

BYTES = 16 << 20
"""Of one file; when it is full it becomes the older one, and the older one goes."""


class SetAside:
    """Files under `root`. Every method may be called from any thread of any process."""

    def __init__(self, root: Path, *, limit: int = BYTES) -> None:
        self._root, self._limit, self._lock = root, limit, threading.Lock()

    def keep(self, shop: ShopKey, lines: Sequence[bytes]) -> None:
        """Append lines, each without its end."""
        path = self._path(shop)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock, open(path.with_suffix(".lock"), "ab") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_size > self._limit:
                path.replace(path.with_suffix(".older"))
            with open(path, "ab") as file:
                file.write(b"".join(line + b"\n" for line in lines))

    def read(self, shop: ShopKey) -> bytes:
        """All that is kept of a shop, oldest first."""
        path = self._path(shop)
        with self._lock:
            return b"".join(each.read_bytes() for each in (path.with_suffix(".older"), path) if each.exists())

    def newest(self, shop: ShopKey, lines: int, reach: int = 256 << 10) -> list[bytes]:
        """The newest lines, oldest first, of at most `reach` bytes at the file's end."""
        try:
            with self._lock, open(self._path(shop), "rb") as file:
                start = max(0, file.seek(0, os.SEEK_END) - reach)
                file.seek(start)
                held = file.read(reach)
        except FileNotFoundError:  # there is none, or it has just become the older one
            return []
        whole = held.split(b"\n")[1 if start else 0 : -1]
        return whole[-lines:]

    def forget(self, shop: ShopKey) -> None:
        """All of a shop's go: a line may be about anyone."""
        path = self._path(shop)
        if not path.parent.is_dir():
            return
        with self._lock, open(path.with_suffix(".lock"), "ab") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            for each in (path, path.with_suffix(".older")):
                each.unlink(missing_ok=True)

    def _path(self, shop: ShopKey) -> Path:
        return self._root.joinpath(*shop.parts()).with_suffix(".jsonl")


def refused_events(home: Path) -> SetAside:
    """Live events that a home's servers could not take."""
    return SetAside(home / "rejects" / "collect")
