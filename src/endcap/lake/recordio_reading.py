"""The bytes of RecordIO frames and of the protobuf messages in them: read once to measure, once more to fill.

Every read is bounded by the message that it belongs to. What is wrong, and where, is left in `found`, int64 [9]:
records, entries, width, type of values, type of labels (0: none), whether dense (1, 0; -1 without records), and the
fault, its record, its byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from endcap.types import Float64, Int64

MAGIC = 0xCED7230A
FLOAT32, FLOAT64, INT32 = 2, 3, 7
"""Which field of `Value` a tensor is."""
KINDS: dict[int, Any] = {FLOAT32: np.float32, FLOAT64: np.float64, INT32: np.int32}
FAULTS = (
    "",
    "it does not begin with the magic number 0xCED7230A",
    "it ends before its length says",
    "a number that is longer than 64 bits or is cut off",
    "a field of a kind that is not expected here",
    "a field that reaches beyond its message",
    "a feature or label that is not called `values`",
    "no tensor of float32, float64 or int32",
    "a second tensor where one is expected",
    "values of another type than in the records before",
    "another width than the records before",
    "keys and values differ in number",
    "a key beyond the shape",
    "a sparse row without a shape of one dimension",
    "more than one label, or a label with keys",
    "a label here and none in other records",
    "dense and sparse records in one file",
    "a packed array that is no whole number of values",
)
_MAGIC, _TRUNCATED, _VARINT, _WIRE, _BEYOND, _NAME, _TENSOR, _SECOND, _TYPE = np.arange(1, 10)
_WIDTH, _COUNT, _KEY, _SHAPE, _LABEL, _UNLABELLED, _MIXED, _PACKED = np.arange(10, 18)
"""Not plain numbers: of a kernel that takes those, numba compiles one for each."""
RECORDS, ENTRIES, WIDTH, KIND, LABEL_KIND, DENSE, FAULT, RECORD, OFFSET = range(9)
NAMED = np.frombuffer(b"\x0a\x06values", np.uint8)
"""How the key of an entry is written."""
_MOST = 2**31 - 1
_BYTES = np.array([0, 8, 0, 0, 0, 4], np.int64)
"""How long a field of each wire type is, where that is fixed."""
_WIRES = np.array([-1, -1, 5, 1, -1, -1, -1, 0], np.int64)
"""How a single value of each kind is written."""


@njit(cache=True, nogil=True)
def parse(
    data: np.ndarray, found: Int64, indptr: Int64, keys: Int64, values: Float64, labels: Float64, fills: bool
) -> None:
    """What `found` says of a file, and, with `fills`, the rest. Raises `ValueError` where something is wrong."""
    found[:] = 0
    found[WIDTH] = found[DENSE] = -1
    row, label = np.zeros(4, np.int64), np.zeros(4, np.int64)
    at = np.int64(0)
    while at < len(data):
        record, entries = found[RECORDS], found[ENTRIES]
        found[RECORD] = record
        start, end = _frame(data, at, found)
        _message(data, start, end, row, label, found)
        _agree(start, row[2], label[2], found)
        tensor = _tensor(data, row, keys[entries:], values[entries:], found, fills)
        count = _width(tensor, row[0], found)
        if fills:
            _settle_keys(keys[entries : entries + count], row[0], found)
            indptr[record + 1] = entries + count
        if label[2]:
            one = _tensor(data, label, keys[:0], labels[record : record + 1], found, fills)
            _require(one[0] == 1 and one[1] == 0 and one[3] == 0, _LABEL, label[0], found)
        found[RECORDS], found[ENTRIES] = record + 1, entries + count
        at = end + (-(end - start)) % 4


@njit(cache=True, nogil=True)
def _require(holds: bool, fault: int, at: int, found: Int64) -> None:
    if not holds:
        found[FAULT], found[OFFSET] = fault, at
        raise ValueError("damaged")


@njit(cache=True, nogil=True)
def _frame(data: np.ndarray, at: int, found: Int64) -> tuple[int, int]:
    """Where the message of a frame begins and ends."""
    _require(len(data) - at >= 4, _TRUNCATED, at, found)
    _require(_word(data, at) == MAGIC, _MAGIC, at, found)
    _require(len(data) - at >= 8, _TRUNCATED, at, found)
    length = _word(data, at + 4)
    _require(at + 8 + length + (-length) % 4 <= len(data), _TRUNCATED, at, found)
    return at + 8, at + 8 + length


@njit(cache=True, nogil=True)
def _agree(at: int, kind: int, label_kind: int, found: Int64) -> None:
    """Every record is as those before."""
    _require(kind != 0, _TENSOR, at, found)
    if found[RECORDS]:
        _require(kind == found[KIND], _TYPE, at, found)
        _require((label_kind == 0) == (found[LABEL_KIND] == 0), _UNLABELLED, at, found)
        _require(label_kind == found[LABEL_KIND], _TYPE, at, found)
    found[KIND], found[LABEL_KIND] = kind, label_kind


@njit(cache=True, nogil=True)
def _width(tensor: tuple[int, int, int, int], at: int, found: Int64) -> int:
    """How many entries a row has; its width is that of all."""
    count, pairs, size, dimensions = tensor
    dense = pairs == 0 and dimensions == 0
    if not dense:
        _require(pairs == count, _COUNT, at, found)
        _require(dimensions == 1, _SHAPE, at, found)
    width = count if dense else size
    _require(0 <= width <= _MOST and found[WIDTH] in (-1, width), _WIDTH, at, found)
    _require(found[DENSE] in (-1, np.int64(dense)), _MIXED, at, found)
    found[WIDTH], found[DENSE] = width, dense
    return count


@njit(cache=True, nogil=True)
def _settle_keys(keys: Int64, at: int, found: Int64) -> None:
    for place in range(len(keys)):
        if found[DENSE]:
            keys[place] = place
        _require(0 <= keys[place] < found[WIDTH], _KEY, at, found)


@njit(cache=True, nogil=True)
def _message(data: np.ndarray, at: int, end: int, row: Int64, label: Int64, found: Int64) -> None:
    """Where the tensors of features and label begin and end, and their types (0: none), of one Record."""
    row[2] = label[2] = 0
    while at < end:
        number, wire, start, stop = _field(data, at, end, found)
        if number <= 2:
            _require(wire == 2, _WIRE, at, found)
            place = row if number == 1 else label
            _require(place[2] == 0, _SECOND, at, found)
            _entry(data, start, stop, place, found)
        at = stop


@njit(cache=True, nogil=True)
def _entry(data: np.ndarray, at: int, end: int, place: Int64, found: Int64) -> None:
    """Begin, end and type of the tensor in an entry of a map from names to values."""
    named, first = False, at
    while at < end:
        number, wire, start, stop = _field(data, at, end, found)
        if number <= 2:
            _require(wire == 2, _WIRE, at, found)
        if number == 1:
            named = stop - start == 6
            for letter in range(6 if named else 0):
                named &= data[start + letter] == NAMED[2 + letter]
        elif number == 2:
            _one_tensor(data, start, stop, place, found)
        at = stop
    _require(named, _NAME, first, found)
    _require(place[2] != 0, _TENSOR, first, found)


@njit(cache=True, nogil=True)
def _one_tensor(data: np.ndarray, at: int, end: int, place: Int64, found: Int64) -> None:
    while at < end:
        kind, wire, start, stop = _field(data, at, end, found)
        _require(wire == 2 and kind in (FLOAT32, FLOAT64, INT32), _TENSOR, at, found)
        _require(place[2] == 0, _SECOND, at, found)
        place[0], place[1], place[2] = start, stop, kind
        at = stop


@njit(cache=True, nogil=True)
def _tensor(
    data: np.ndarray, place: Int64, keys: Int64, values: Float64, found: Int64, fills: bool
) -> tuple[int, int, int, int]:
    """(values, keys, the last dimension, dimensions) of the tensor at this place."""
    count, pairs, size, dimensions = 0, 0, 0, 0
    at, end, kind = place[0], place[1], place[2]
    while at < end:
        number, wire, start, stop = _field(data, at, end, found)
        if number == 1:
            _require(wire in (2, _WIRES[kind]), _WIRE, at, found)
            count += _values(data, start, stop, kind, values[count:], found, fills)
        elif number <= 3:
            _require(wire in (2, 0), _WIRE, at, found)
            while start < stop:
                whole, start = _varint(data, start, stop, found)
                if number == 3:
                    size, dimensions = whole, dimensions + 1
                    continue
                if fills and pairs < len(keys):
                    keys[pairs] = whole
                pairs += 1
        at = stop
    return count, pairs, size, dimensions


@njit(cache=True, nogil=True)
def _values(data: np.ndarray, at: int, end: int, kind: int, values: Float64, found: Int64, fills: bool) -> int:
    """How many values lie here; as many as `values` has room for go there."""
    count, first = 0, at
    step = 4 if kind == FLOAT32 else 8
    _require(kind == INT32 or (end - at) % step == 0, _PACKED, first, found)
    while at < end:
        if kind == INT32:
            whole, at = _varint(data, at, end, found)
            value = float(np.int32(whole))
        else:
            value = _float(data, at, kind)
            at += step
        if fills and count < len(values):
            values[count] = value
        count += 1
    return count


@njit(cache=True, nogil=True)
def _float(data: np.ndarray, at: int, kind: int) -> float:
    if kind == FLOAT32:
        return float(data[at : at + 4].view(np.float32)[0])
    return float(data[at : at + 8].view(np.float64)[0])


@njit(cache=True, nogil=True)
def _field(data: np.ndarray, at: int, end: int, found: Int64) -> tuple[int, int, int, int]:
    """(number, wire type, begin, end) of the content of a field."""
    tag, start = _varint(data, at, end, found)
    number, wire = tag >> 3, tag & 7
    _require(number > 0 and wire in (0, 1, 2, 5), _WIRE, at, found)
    if wire == 0:
        _, stop = _varint(data, start, end, found)
        return number, wire, start, stop
    length = _BYTES[wire]
    if wire == 2:
        length, start = _varint(data, start, end, found)
    _require(0 <= length <= end - start, _BEYOND, at, found)
    return number, wire, start, start + length


@njit(cache=True, nogil=True)
def _varint(data: np.ndarray, at: int, end: int, found: Int64) -> tuple[int, int]:
    """(number as int64, what comes after it)."""
    value, shift, first = np.uint64(0), np.uint64(0), at
    while True:
        _require(at < end and shift < np.uint64(70), _VARINT, first, found)
        byte = data[at]
        _require(shift < np.uint64(63) or byte <= 1, _VARINT, first, found)
        value |= np.uint64(byte & 0x7F) << shift
        shift += np.uint64(7)
        at += 1
        if byte < 0x80:
            return np.int64(value), at  # type: ignore[return-value]  # an int where it is compiled


@njit(cache=True, nogil=True)
def _word(data: np.ndarray, at: int) -> int:
    """A little-endian uint32."""
    value = 0
    for place in range(4):
        value |= int(data[at + place]) << (8 * place)
    return value
