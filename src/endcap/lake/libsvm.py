"""LibSVM's text format: a line a row, `label index:value index:value …`, what follows `#` is a remark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NoReturn

import numpy as np
from scipy import sparse

from endcap.errors import DataError, InputError
from endcap.types import Float32

_MOST = 2**31 - 1


def read_libsvm(lines: Iterable[str], *, first: int = 1, width: int | None = None) -> tuple[sparse.csr_matrix, Float32]:
    """(float32 csr [rows, width], float32 labels). Features are numbered from `first` (1, or 0); without a `width` it
    is that of the largest number.

    Raises `DataError`, naming line and place, for a label or value that is no finite number, an index that is out of
    range or not above the one before it.
    """
    labels, data, indices, ends = list[float](), list[float](), list[int](), [0]
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].split()
        if not text:
            continue
        labels.append(_number(text[0], number, "label"))
        before = -1
        for index, value in _entries(text[1:], number, first, _MOST if width is None else width):
            if index <= before:
                _fail(number, f"the index {index + first} comes after {before + first}", "Sort the indices of a line.")
            before = index
            indices.append(index)
            data.append(value)
        ends.append(len(data))
    columns = max(indices, default=-1) + 1 if width is None else width
    parts = (np.array(data, np.float32), np.array(indices, np.int32), np.array(ends, np.int64))
    return sparse.csr_matrix(parts, shape=(len(labels), columns)), np.array(labels, np.float32)


def write_libsvm(rows: sparse.csr_matrix, labels: Float32, *, first: int = 1) -> Iterator[str]:
    """The lines; numbers are written so that they are read as the same float32. Raises `InputError` where labels and
    rows differ in number."""
    if len(labels) != rows.shape[0]:
        raise InputError(f"{len(labels)} labels for {rows.shape[0]} rows.")
    plain = rows.tocsr().astype(np.float32)
    plain.sort_indices()
    for row in range(plain.shape[0]):
        part = slice(plain.indptr[row], plain.indptr[row + 1])
        entries = zip((plain.indices[part] + first).tolist(), plain.data[part], strict=True)
        told = [str(np.float32(labels[row])), *(f"{index}:{value!s}" for index, value in entries)]
        yield " ".join(told) + "\n"


def _entries(words: list[str], number: int, first: int, width: int) -> Iterator[tuple[int, float]]:
    for word in words:
        name, colon, value = word.partition(":")
        if not colon or not name.isascii() or not name.isdigit() or len(name) > 10:
            _fail(number, f"{word[:64]!r} is no index:value", "qid and other names are not read.")
        index = int(name) - first
        if not 0 <= index < width:
            _fail(
                number, f"the index {name} is not in {first} … {width - 1 + first}", "Say whether indices begin at 0."
            )
        yield index, _number(value, number, f"value of {name}")


def _number(text: str, number: int, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    with np.errstate(over="ignore"):
        narrow = float(np.float32(value))
    if not math.isfinite(narrow):
        _fail(number, f"the {what} is {text[:64]!r}, no finite number of 32 bits", "Mend the line.")
    return narrow


def _fail(number: int, said: str, fix: str) -> NoReturn:
    raise DataError(f"Line {number}: {said}.", row=number, fix=fix)
