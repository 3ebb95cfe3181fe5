"""External ids as int64: 64-bit hashes, so that no object is kept per key and history and live traffic agree.

Two of ten million ids meet with a probability of three in a million; they would then share their windows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from endcap.stream.windows_kernels import mixed
from endcap.types import Int64


def key_of(text: str) -> int:
    """The key of an id; 0 for the empty text, and for nothing else."""
    return int(keys_of([text])[0])


def keys_of(texts: pa.Array | pa.ChunkedArray | list[str]) -> Int64:
    """int64 [n] keys of ids; 0 where a text is empty or null."""
    column = pa.array(texts, pa.large_string()) if isinstance(texts, list) else texts
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(column.type):
        named = keys_of(column.dictionary)
        codes = np.asarray(column.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
        return np.asarray(np.append(named, 0)[codes], np.int64)
    column = column.cast(pa.large_string()).fill_null("")
    found = np.zeros(0, np.int64)
    if not len(column):
        return found
    _, offsets, data = column.buffers()
    places = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    block = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return np.asarray(_hashed(block, places))


def pairs(first: Int64, second: Int64) -> Int64:
    """int64 [n]: one key of two; 0 where either is 0."""
    found: Int64 = _paired(first, second)
    return found


@njit(cache=True, nogil=True)
def _hashed(data: NDArray[np.uint8], offsets: Int64) -> Any:
    """64-bit FNV-1a, then mixed."""
    found = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(found)):
        if offsets[row] == offsets[row + 1]:
            continue
        value = np.uint64(0xCBF29CE484222325)
        for place in range(offsets[row], offsets[row + 1]):
            value = (value ^ np.uint64(data[place])) * np.uint64(0x100000001B3)
        key = np.int64(mixed(np.int64(value)))
        found[row] = key if key != 0 else 1
    return found


@njit(cache=True, nogil=True)
def _paired(first: Int64, second: Int64) -> Any:
    found = np.zeros(len(first), np.int64)
    for row in range(len(found)):
        if first[row] != 0 and second[row] != 0:
            turned = mixed(np.int64(np.uint64(first[row]) + np.uint64(0x9E3779B97F4A7C15)))
            key = np.int64(mixed(np.int64(turned ^ np.uint64(second[row]))))
            found[row] = key if key != 0 else 1
    return found
