"""One shopper's recent events as one block of bytes, oldest first; no Python object per event.

A block is its format, its newest event's place in time (time, id), the number of events, and the events, each a row
with its own length. A block of another format counts as none: what it held is in the lake and in the log. Folding is
commutative and idempotent: rows are ordered by (time, id), an id is taken once, and the newest `CAP` stay, whatever the
order in which they came.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from endcap.lake.signals import Numbers
from endcap.types import Int64

CAP = 512
"""Events kept per shopper; the newest stay. As in `histories`."""
EMPTY = b""
FORMAT = 2
"""Of blocks; those of the first began with the time, and held the value alone."""
_HEAD = struct.Struct("<4sq16sH")
_MARK = b"\xffev" + bytes([FORMAT])
_ROW = struct.Struct("<HqHfff16s")  # length of the row, time, length of the type, value, seconds, stars, id
_NONE = float("nan")

Key = tuple[int, bytes]
"""(time, id): the total order of events."""


@dataclass(frozen=True)
class Recent:
    """What a shopper did lately, oldest first: equal lengths; `times` int64 microseconds, `numbers` None where nothing
    was measured beside any of it."""

    items: tuple[str, ...]
    times: Int64
    event_types: tuple[str, ...]
    numbers: Numbers | None

    def __len__(self) -> int:
        return len(self.items)


def row(
    time: int,
    name: bytes,
    item: str,
    event_type: str,
    value: float = _NONE,
    seconds: float = _NONE,
    stars: float = _NONE,
) -> bytes:
    """One event; `name` is its 16-byte id, numbers are what `signals.number` gives. Texts are cut at 256 characters."""
    kind, what = _text(event_type), _text(item)
    size = _ROW.size + len(kind) + len(what)
    return _ROW.pack(size, time, len(kind), value, seconds, stars, name) + kind + what


def current(block: bytes | None) -> bytes:
    """A block that was kept somewhere; empty where it is of another format."""
    return block if block and block[:4] == _MARK else EMPTY


def fold(block: bytes, fresh: bytes, cap: int = CAP) -> bytes:
    """A block with one row more."""
    time, name = _key(fresh)
    if not block:
        return _HEAD.pack(_MARK, time, name, 1) + fresh
    _, last_time, last_name, count = _HEAD.unpack_from(block)
    if (time, name) == (last_time, last_name):
        return block
    if (time, name) < (last_time, last_name):
        return pack([*rows(block), fresh], cap)
    start = _HEAD.size
    if count >= cap:  # the oldest makes room
        start += _ROW.unpack_from(block, start)[0]
        count -= 1
    return b"".join((_HEAD.pack(_MARK, time, name, count + 1), block[start:], fresh))


def merge(blocks: Iterable[bytes], cap: int = CAP) -> bytes:
    """One block of what several hold."""
    held = [block for block in blocks if block]
    if len(held) < 2:
        return held[0] if held else EMPTY
    return pack([each for block in held for each in rows(block)], cap)


def pack(each: Iterable[bytes], cap: int = CAP) -> bytes:
    """A block of rows in any order."""
    by_name = {_key(one)[1]: one for one in each}
    ordered = sorted(by_name.values(), key=_key)[-cap:]
    if not ordered:
        return EMPTY
    return b"".join((_HEAD.pack(_MARK, *_key(ordered[-1]), len(ordered)), *ordered))


def rows(block: bytes) -> list[bytes]:
    """The rows of a block, oldest first."""
    found = []
    start = _HEAD.size
    while start < len(block):
        stop = start + _ROW.unpack_from(block, start)[0]
        found.append(block[start:stop])
        start = stop
    return found


def unpack(block: bytes) -> Recent:
    """The events of a block."""
    items, kinds, times = [], [], []
    numbers: list[float] = []
    start = _HEAD.size
    while start < len(block):
        size, time, length, *told, _ = _ROW.unpack_from(block, start)
        middle = start + _ROW.size + length
        kinds.append(block[start + _ROW.size : middle].decode("utf-8", "surrogatepass"))
        items.append(block[middle : start + size].decode("utf-8", "surrogatepass"))
        times.append(time)
        numbers += told
        start += size
    columns = np.array(numbers, np.float32).reshape(-1, 3).T
    measured = None if np.isnan(columns).all() else Numbers(*columns)
    return Recent(tuple(items), np.array(times, np.int64), tuple(kinds), measured)


def _key(one: bytes) -> Key:
    _, time, _, _, _, _, name = _ROW.unpack_from(one)
    return time, name


def _text(text: str) -> bytes:
    return text[:256].encode("utf-8", "surrogatepass")
