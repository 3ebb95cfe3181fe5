"""One shopper's recent events as one block of bytes, oldest first; no Python object per event.

A block is its newest event's place in time (time, id), the number of events, and the events, each a row with its own
length. Folding is commutative and idempotent: rows are ordered by (time, id), an id is taken once, and the newest `CAP`
stay, whatever the order in which they came.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from endcap.types import Float64, Int64

CAP = 512
"""Events kept per shopper; the newest stay. As in `histories`."""
EMPTY = b""
_HEAD = struct.Struct("<q16sH")
_ROW = struct.Struct("<HqHd16s")  # length of the row, time, length of the type, value, id
_NONE = float("nan")

Key = tuple[int, bytes]
"""(time, id): the total order of events."""


@dataclass(frozen=True)
class Recent:
    """What a shopper did lately, oldest first: equal lengths; `times` int64 microseconds, `values` float64, NaN where
    there is none."""

    items: tuple[str, ...]
    times: Int64
    event_types: tuple[str, ...]
    values: Float64

    def __len__(self) -> int:
        return len(self.items)


def row(time: int, name: bytes, item: str, event_type: str, value: float | None) -> bytes:
    """One event; `name` is its 16-byte id. Texts are cut at 256 characters."""
    kind, what = _text(event_type), _text(item)
    size = _ROW.size + len(kind) + len(what)
    return _ROW.pack(size, time, len(kind), _NONE if value is None else value, name) + kind + what


def fold(block: bytes, fresh: bytes, cap: int = CAP) -> bytes:
    """A block with one row more."""
    time, name = _key(fresh)
    if not block:
        return _HEAD.pack(time, name, 1) + fresh
    last_time, last_name, count = _HEAD.unpack_from(block)
    if (time, name) == (last_time, last_name):
        return block
    if (time, name) < (last_time, last_name):
        return pack([*rows(block), fresh], cap)
    start = _HEAD.size
    if count >= cap:  # the oldest makes room
        start += _ROW.unpack_from(block, start)[0]
        count -= 1
    return b"".join((_HEAD.pack(time, name, count + 1), block[start:], fresh))


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
    return b"".join((_HEAD.pack(*_key(ordered[-1]), len(ordered)), *ordered))


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
    items, kinds, times, values = [], [], [], []
    start = _HEAD.size
    while start < len(block):
        size, time, length, value, _ = _ROW.unpack_from(block, start)
        middle = start + _ROW.size + length
        kinds.append(block[start + _ROW.size : middle].decode("utf-8", "surrogatepass"))
        items.append(block[middle : start + size].decode("utf-8", "surrogatepass"))
        times.append(time)
        values.append(value)
        start += size
    return Recent(tuple(items), np.array(times, np.int64), tuple(kinds), np.array(values, np.float64))


def _key(one: bytes) -> Key:
    _, time, _, _, name = _ROW.unpack_from(one)
    return time, name


def _text(text: str) -> bytes:
    return text[:256].encode("utf-8", "surrogatepass")
