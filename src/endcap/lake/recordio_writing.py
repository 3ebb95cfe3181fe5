"""The bytes of RecordIO frames and of the protobuf messages in them: measured, then written."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.lake.recordio_reading import FLOAT32, INT32, MAGIC, NAMED
from endcap.types import Float64, Int64


@njit(cache=True, nogil=True)
def measure(
    indptr: Int64, keys: Int64, values: Float64, labels: Float64, width: int, kind: int, label_kind: int
) -> Int64:
    """int64 [records + 1]: where each frame begins; `width` is -1 of dense rows."""
    ends = np.zeros(len(indptr), np.int64)
    for record in range(len(indptr) - 1):
        low, high = indptr[record], indptr[record + 1]
        length = _entry_size(_tensor_size(keys[low:high], values[low:high], width, kind))
        if label_kind:
            length += _entry_size(_tensor_size(keys[:0], labels[record : record + 1], np.int64(-1), label_kind))
        ends[record + 1] = ends[record] + 8 + length + (-length) % 4
    return ends


@njit(cache=True, nogil=True)
def write_frames(
    indptr: Int64,
    keys: Int64,
    values: Float64,
    labels: Float64,
    width: int,
    kind: int,
    label_kind: int,
    ends: Int64,
    out: np.ndarray,
) -> None:
    """The frames, into `out` uint8 of the length that `measure` said."""
    for record in range(len(indptr) - 1):
        low, high = indptr[record], indptr[record + 1]
        at = ends[record] + 8
        at = _put_entry(out, at, np.int64(1), kind, keys[low:high], values[low:high], width)
        if label_kind:
            at = _put_entry(out, at, np.int64(2), label_kind, keys[:0], labels[record : record + 1], np.int64(-1))
        length = at - ends[record] - 8
        for place in range(4):
            out[ends[record] + place] = (MAGIC >> (8 * place)) & 0xFF
            out[ends[record] + 4 + place] = (length >> (8 * place)) & 0xFF


@njit(cache=True, nogil=True)
def _put_entry(out: np.ndarray, at: int, number: int, kind: int, keys: Int64, values: Float64, width: int) -> int:
    """One field of a Record: an entry called `values` that holds a tensor. Returns what comes after it."""
    size = _tensor_size(keys, values, width, kind)
    inner = 1 + _varint_size(np.uint64(size)) + size
    at = _put_varint(out, at, np.uint64(number << 3 | 2))
    at = _put_varint(out, at, np.uint64(8 + 1 + _varint_size(np.uint64(inner)) + inner))
    for place in range(8):
        out[at + place] = NAMED[place]
    at = _put_varint(out, at + 8, np.uint64(2 << 3 | 2))
    at = _put_varint(out, at, np.uint64(inner))
    at = _put_varint(out, at, np.uint64(kind << 3 | 2))
    at = _put_varint(out, at, np.uint64(size))
    if len(values):
        at = _put_varint(out, at, np.uint64(1 << 3 | 2))
        at = _put_varint(out, at, np.uint64(_values_size(values, kind)))
        for value in values:
            if kind == INT32:
                at = _put_varint(out, at, np.uint64(np.int64(value)))
            elif kind == FLOAT32:
                out[at : at + 4].view(np.float32)[0] = value
                at += 4
            else:
                out[at : at + 8].view(np.float64)[0] = value
                at += 8
    if width >= 0 and len(keys):
        at = _put_varint(out, at, np.uint64(2 << 3 | 2))
        at = _put_varint(out, at, np.uint64(_keys_size(keys)))
        for key in keys:
            at = _put_varint(out, at, np.uint64(key))
    if width >= 0:
        at = _put_varint(out, at, np.uint64(3 << 3 | 2))
        at = _put_varint(out, at, np.uint64(_varint_size(np.uint64(width))))
        at = _put_varint(out, at, np.uint64(width))
    return at


@njit(cache=True, nogil=True)
def _entry_size(tensor: int) -> int:
    """Of a whole field of a Record around a tensor of so many bytes."""
    inner = 1 + _varint_size(np.uint64(tensor)) + tensor
    outer = 8 + 1 + _varint_size(np.uint64(inner)) + inner
    return int(1 + _varint_size(np.uint64(outer)) + outer)


@njit(cache=True, nogil=True)
def _tensor_size(keys: Int64, values: Float64, width: int, kind: int) -> int:
    size = 0
    if len(values):
        inner = _values_size(values, kind)
        size += 1 + _varint_size(np.uint64(inner)) + inner
    if width >= 0:
        if len(keys):
            inner = _keys_size(keys)
            size += 1 + _varint_size(np.uint64(inner)) + inner
        size += 2 + _varint_size(np.uint64(width))
    return size


@njit(cache=True, nogil=True)
def _values_size(values: Float64, kind: int) -> int:
    if kind != INT32:
        return int(len(values) * (4 if kind == FLOAT32 else 8))
    size = 0
    for value in values:
        size += _varint_size(np.uint64(np.int64(value)))
    return size


@njit(cache=True, nogil=True)
def _keys_size(keys: Int64) -> int:
    size = 0
    for key in keys:
        size += _varint_size(np.uint64(key))
    return size


@njit(cache=True, nogil=True)
def _varint_size(value: np.uint64) -> int:
    size = 1
    while value >= np.uint64(0x80):
        value >>= np.uint64(7)
        size += 1
    return size


@njit(cache=True, nogil=True)
def _put_varint(out: np.ndarray, at: int, value: np.uint64) -> int:
    while value >= np.uint64(0x80):
        out[at] = np.uint8(value & np.uint64(0x7F)) | np.uint8(0x80)
        value >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(value)
    return at + 1
