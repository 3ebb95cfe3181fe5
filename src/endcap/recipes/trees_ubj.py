"""Universal Binary JSON, as XGBoost writes its models: read without XGBoost, from bytes that nobody vouches for.

The format is ubjson.org's draft 12; typed containers (`$`) hold numbers only, as XGBoost's own writer has it.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from endcap.errors import ArtefactError

DEEPEST = 16
"""Containers inside each other; models have six."""
_NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


def read_ubj(data: bytes) -> Any:
    """The document: dicts, lists, NumPy arrays for typed lists, texts, numbers. Raises `ArtefactError`."""
    reader = _Reader(data)
    try:
        found = reader.value(reader.take(1), 0)
    except (struct.error, UnicodeDecodeError, ValueError, KeyError, IndexError) as error:
        raise _damaged(str(error)) from error
    if reader.place != len(data):
        raise _damaged(f"{len(data) - reader.place} bytes too many")
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self.data):
            raise _damaged("it ends too early")
        self.place += size
        return self.data[self.place - size : self.place]

    def value(self, marker: bytes, depth: int) -> Any:
        if depth > DEEPEST:
            raise _damaged("it is nested too deeply")
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        if marker == b"S":
            return self._text()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        return self._numbers(marker, 1)[0].item()

    def _numbers(self, marker: bytes, count: int) -> np.ndarray:
        kind = np.dtype(_NUMBERS[marker])
        raw = self.take(count * kind.itemsize)  # checked before anything is allocated
        return np.frombuffer(raw, kind).astype(kind.newbyteorder("="))

    def _length(self) -> int:
        return int(self._numbers(self.take(1), 1)[0])

    def _text(self) -> str:
        return self.take(self._length()).decode("utf-8")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.data[self.place : self.place + 1] != b"}":
            name = self._text()  # keys are texts without a marker
            found[name] = self.value(self.take(1), depth + 1)
        self.take(1)
        return found

    def _array(self, depth: int) -> Any:
        marker = self.take(1)
        if marker == b"$":
            kind = self.take(1)
            if self.take(1) != b"#":
                raise _damaged("a typed list has no length")
            return self._numbers(kind, self._length())
        if marker == b"#":
            count = self._length()
            if count > len(self.data) - self.place:
                raise _damaged("a list is longer than the document")
            return [self.value(self.take(1), depth + 1) for _ in range(count)]
        found = []
        while marker != b"]":
            found.append(self.value(marker, depth + 1))
            marker = self.take(1)
        return found


def _damaged(what: str) -> ArtefactError:
    return ArtefactError(f"The tree model is damaged: {what}.", fix="Train it again.")
