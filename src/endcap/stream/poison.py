"""Records that nothing can be made of, set aside where an operator sees them: they hold up nobody, and are not lost as
long as there is room: when a log has more than `BYTES` of them, its oldest go.

<root>/<identity of the log>.jsonl    one JSON object a line: offset, shop, kind, reason, the record itself in base64
"""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from endcap.lake.locks import locked, make_directory
from endcap.seams import Disk
from endcap.storage.log import Offset, Record

BYTES = 64 << 20
"""Of one log. A sender that is broken for good would fill the disk."""
_log = logging.getLogger(__name__)


class Poison(msgspec.Struct, frozen=True):
    """One record that could not be read; `payload` and `id` are base64, `time` microseconds."""

    partition: int
    n: int
    account: str
    region: str
    shop: str
    kind: str
    reason: str
    key: str
    id: str
    time: int
    payload: str

    @classmethod
    def of(cls, offset: Offset, record: Record, reason: object) -> Poison:
        """A record and why it is none."""
        said = f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(reason)
        identity, payload = (base64.b64encode(part).decode("ascii") for part in (record.id, record.payload))
        parts = (*record.shop.parts(), record.kind, said[:500], record.key, identity, record.time)
        return cls(offset.partition, offset.n, *parts, payload)


class PoisonStore:
    """Those of every log that a home had. Written by whoever sinks, read by anyone."""

    def __init__(self, root: Path, disk: Disk | None = None, *, limit: int = BYTES) -> None:
        self._root, self._disk, self._limit = root, disk or Disk(), limit

    def add(self, log: str, found: Sequence[Poison]) -> None:
        """Keep these, each once, before it returns."""
        if not found:
            return
        make_directory(self._root, self._disk)
        path = self.path(log)
        with locked(path.with_suffix(".lock")):
            known = {(each.partition, each.n) for each in self.read(log)}
            fresh = [each for each in found if (each.partition, each.n) not in known]
            with open(path, "a+b") as file:
                file.truncate(_whole(path))
                file.write(b"".join(msgspec.json.encode(each) + b"\n" for each in fresh))
                file.flush()
                os.fsync(file.fileno())
            self._bound(path)
            self._disk.fsync(path.parent)

    def read(self, log: str) -> list[Poison]:
        """Those of a log, in the order in which they were found."""
        try:
            lines = self.path(log).read_bytes()[: _whole(self.path(log))].splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Poison) for line in lines]

    def _bound(self, path: Path) -> None:
        """Keep the newest half of what may be kept, where there is more."""
        if path.stat().st_size <= self._limit:
            return
        held = path.read_bytes()
        start = held.find(b"\n", len(held) - self._limit // 2) + 1
        _log.error("%s: %d records beyond its bound of %d bytes go.", path, held.count(b"\n", 0, start), self._limit)
        waiting = path.with_suffix(".writing")
        self._disk.write(waiting, held[start:])
        self._disk.rename(waiting, path)

    def path(self, log: str) -> Path:
        """The file of a log."""
        return self._root / f"{log}.jsonl"


def _whole(path: Path) -> int:
    """How long the file is without a line that a crash cut off."""
    return path.read_bytes().rfind(b"\n") + 1
