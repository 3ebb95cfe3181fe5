"""What each web process of a home says of itself once a second: how far it follows the log, and its metrics.

<home>/workers/<name>.json    its `Note`
<home>/workers/<name>.prom    what /metrics of this process alone would say
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from endcap.types import SECOND, Micros

FRESH_SECONDS = 10
"""A note that is older is of a process that is gone, or cannot speak."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One process's. `told` is the newest offset of each partition that its live state has, `ends` what the log had."""

    name: str
    process: int
    at: Micros
    ends: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
    away: str = ""
    spooled: int = 0
    owed: int = 0
    """Of what is spooled, what was acknowledged: no other process can know of it yet."""
    poisoned: int = 0
    durability: str = ""

    @property
    def lag(self) -> tuple[int, ...]:
        """Records of each partition that this process has not folded yet."""
        return tuple(max(0, end - told) for end, told in zip(self.ends, self.told, strict=False))


class Notes:
    """Those of a home."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "workers"
        self._lock = threading.Lock()

    def leave(self, note: Note, metrics: bytes | None = None) -> None:
        """Say it, metrics where they are told; a process that cannot works all the same."""
        with self._lock, suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for ending, content in ((".json", msgspec.json.encode(note)), (".prom", metrics)):
                if content is None:
                    continue
                waiting = self._folder / f"{note.name}{ending}.writing"
                waiting.write_bytes(content)
                waiting.replace(self._folder / f"{note.name}{ending}")

    def forget(self, name: str) -> None:
        """Its process ends."""
        for ending in (".json", ".prom"):
            with suppress(OSError):
                (self._folder / f"{name}{ending}").unlink(missing_ok=True)

    def living(self, now: Micros) -> list[Note]:
        """Of those that spoke lately, by name."""
        return [note for note in self._all() if now - note.at <= FRESH_SECONDS * SECOND]

    def metrics(self, now: Micros, besides: str) -> dict[str, bytes]:
        """By name, what those that spoke lately count, without that of `besides`."""
        found = {}
        for note in self.living(now):
            with suppress(OSError):
                if note.name != besides:
                    found[note.name] = (self._folder / f"{note.name}.prom").read_bytes()
        return found

    def _all(self) -> Iterator[Note]:
        for path in sorted(self._folder.glob("*.json")):
            with suppress(OSError, msgspec.MsgspecError):
                yield msgspec.json.decode(path.read_bytes(), type=Note)


def named(slot: int) -> str:
    """The name of a process that has this place at this machine's server."""
    return f"{os.uname().nodename}-{slot}"
