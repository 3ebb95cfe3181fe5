"""External ids found without a Python object per id: one block of UTF-8 and an open-addressed hash table over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from endcap.errors import ArtefactError
from endcap.stream.arrays import read_only
from endcap.types import Int32, Int64

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class IdIndex:
    """n ids by place and back.

    `data` uint8 and `offsets` int64 [n + 1] hold the ids end to end; `slots` int32 [a power of two ≥ 2n] holds places,
    -1 where free, probed linearly from the id's 64-bit FNV-1a hash. Where an id occurs twice the first place wins.
    """

    data: UInt8
    offsets: Int64
    slots: Int32

    @classmethod
    def of(cls, ids: pa.Array | pa.ChunkedArray) -> IdIndex:
        """From an Arrow string array without nulls; place = row."""
        column = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
        column = column.cast(pa.large_string())
        offsets = np.zeros(len(column) + 1, np.int64)
        data = np.zeros(0, np.uint8)
        if len(column):
            _, places, block = column.buffers()
            held = np.frombuffer(places, np.int64)[column.offset : column.offset + len(column) + 1]
            offsets = held - held[0]
            if block is not None:
                data = np.frombuffer(block, np.uint8)[held[0] : held[-1]].copy()
        slots = np.full(1 << max(3, int(2 * len(column)).bit_length()), -1, np.int32)
        data, offsets = read_only(data), read_only(offsets)
        _fill(data, offsets, slots)
        return cls(data, offsets, read_only(slots))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def find(self, name: str) -> int:
        """Place of an id, -1 where unknown."""
        key = name.encode("utf-8", "surrogatepass")
        place: int = _find(self.data, self.offsets, self.slots, np.frombuffer(key, np.uint8))
        return place

    def find_all(self, names: Sequence[str]) -> Int32:
        """int32 [len(names)] places, -1 where unknown."""
        keys = [name.encode("utf-8", "surrogatepass") for name in names]
        ends = np.zeros(len(keys) + 1, np.int64)
        np.cumsum([len(key) for key in keys], out=ends[1:])
        places: Int32 = _find_all(self.data, self.offsets, self.slots, np.frombuffer(b"".join(keys), np.uint8), ends)
        return places

    def name(self, place: int) -> str:
        """The id at a place."""
        return self._bytes[self.offsets[place] : self.offsets[place + 1]].decode()

    def names(self, places: Int32) -> list[str]:
        """The ids at these places."""
        starts, ends = self.offsets[places].tolist(), self.offsets[places + 1].tolist()
        text = self._text
        if text:
            return [text[start:end] for start, end in zip(starts, ends, strict=True)]
        held = self._bytes
        return [held[start:end].decode() for start, end in zip(starts, ends, strict=True)]

    def containing(self, text: str, most: int) -> list[int]:
        """Up to `most` places whose ids hold a text, in their order; case counts. Reads all ids: some 1 GB a second."""
        key, held, found, start = text.encode("utf-8", "surrogatepass"), self._bytes, list[int](), 0
        while key and len(found) < most and (at := held.find(key, start)) >= 0:
            place = int(np.searchsorted(self.offsets, at, side="right")) - 1
            if at + len(key) <= self.offsets[place + 1]:
                found.append(place)
                start = int(self.offsets[place + 1])
            else:  # it only begins in this id
                start = at + 1
        return found

    @cached_property
    def _bytes(self) -> bytes:
        return self.data.tobytes()

    @cached_property
    def _text(self) -> str:
        """All ids as one text where each byte is a character, which takes half the time to cut; else empty."""
        return self._bytes.decode() if self._bytes.isascii() else ""

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Named arrays, to be saved."""
        return {f"{prefix}.data": self.data, f"{prefix}.offsets": self.offsets, f"{prefix}.slots": self.slots}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> IdIndex:
        """What `arrays` gave. Raises `ArtefactError` when the parts do not fit together."""
        data, offsets, slots = (read_only(arrays[f"{prefix}.{part}"]) for part in ("data", "offsets", "slots"))
        kinds = data.dtype == np.uint8 and offsets.dtype == np.int64 and slots.dtype == np.int32
        n, size = len(offsets) - 1, len(slots)
        if not kinds or n < 0 or size <= n or size & (size - 1) or not _sound(data, offsets, slots):
            raise ArtefactError(f"The id index {prefix!r} is damaged.", fix="Delete the directory; it is built again.")
        return cls(data, offsets, slots)


@njit(cache=True, nogil=True)
def _hash(data: UInt8, start: int, stop: int) -> Any:
    value = np.uint64(0xCBF29CE484222325)
    for place in range(start, stop):
        value = (value ^ np.uint64(data[place])) * np.uint64(0x100000001B3)
    # FNV's low bits are weak for short ids, and the table uses just those.
    return value ^ (value >> np.uint64(32))


@njit(cache=True, nogil=True)
def _same(data: UInt8, start: int, stop: int, key: UInt8, first: int, last: int) -> bool:
    same = stop - start == last - first
    step = 0
    while same and step < stop - start:
        same = data[start + step] == key[first + step]
        step += 1
    return same


@njit(cache=True, nogil=True)
def _probe(data: UInt8, offsets: Int64, slots: Int32, key: UInt8, first: int, last: int) -> Any:
    """The slot that holds the key or, where it is unknown, the free one that would."""
    mask = np.uint64(len(slots) - 1)
    slot = _hash(key, first, last) & mask
    while slots[slot] >= 0:
        place = slots[slot]
        if _same(data, offsets[place], offsets[place + 1], key, first, last):
            break
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def _fill(data: UInt8, offsets: Int64, slots: Int32) -> None:
    for place in range(len(offsets) - 1):
        slot = _probe(data, offsets, slots, data, offsets[place], offsets[place + 1])
        if slots[slot] < 0:
            slots[slot] = place


@njit(cache=True, nogil=True)
def _find(data: UInt8, offsets: Int64, slots: Int32, key: UInt8) -> int:
    place: int = slots[_probe(data, offsets, slots, key, np.int64(0), len(key))]
    return place


@njit(cache=True, nogil=True)
def _find_all(data: UInt8, offsets: Int64, slots: Int32, keys: UInt8, ends: Int64) -> Int32:
    found = np.empty(len(ends) - 1, np.int32)
    for row in range(len(found)):
        found[row] = slots[_probe(data, offsets, slots, keys, ends[row], ends[row + 1])]
    return found


@njit(cache=True, nogil=True)
def _sound(data: UInt8, offsets: Int64, slots: Int32) -> bool:
    """Offsets rise within the data, slots point at ids, and one slot at least is free (or a probe never ends)."""
    n = len(offsets) - 1
    if offsets[0] != 0 or offsets[n] != len(data):
        return False
    for place in range(n):
        if offsets[place] > offsets[place + 1]:
            return False
    free = 0
    for slot in range(len(slots)):
        free += slots[slot] < 0
        if slots[slot] >= n:
            return False
    return free > 0
