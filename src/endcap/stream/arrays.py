"""Named arrays in one safetensors file, read as a memory map: nothing is copied until it is touched."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from endcap.errors import ArtefactError

Array = TypeVar("Array", bound=NDArray[Any])

_KINDS = {"U8": np.uint8, "I16": np.int16, "I32": np.int32, "I64": np.int64, "F32": np.float32, "BOOL": np.bool_}
_HEADER_LIMIT = 1 << 20


def read_only(array: Array) -> Array:
    """The same numbers, not to be written on. A kernel that only reads would be compiled twice where some callers have
    mapped arrays and others arrays of their own: so all of them give it this."""
    view = array.view()
    view.flags.writeable = False
    return view


def pack(arrays: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> bytes:
    """The bytes of a file that `map_arrays` reads; `notes` are strings kept in its header."""
    data: bytes = save({name: np.ascontiguousarray(value) for name, value in arrays.items()}, dict(notes))
    return data


def map_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(read-only arrays, notes) of a file. Raises `ArtefactError` when it is missing or damaged.

    Every place and size is checked against the file before anything is read.
    """
    try:
        with open(path, "rb") as file:
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size = int.from_bytes(whole[:8], "little")
        if not 0 < size <= min(_HEADER_LIMIT, len(whole) - 8):
            raise ValueError(f"its header says {size} bytes")
        header = json.loads(whole[8 : 8 + size])
        notes = header.pop("__metadata__", {})
        return {name: _array(whole, 8 + size, entry) for name, entry in header.items()}, notes
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(
            f"{path} cannot be read: {error}.", fix="Delete the directory; it is built again."
        ) from error


def _array(whole: mmap.mmap, base: int, entry: dict[str, Any]) -> np.ndarray:
    dtype = np.dtype(_KINDS[entry["dtype"]])
    start, stop = entry["data_offsets"]
    count = int(np.prod(entry["shape"], dtype=np.int64))
    if not 0 <= start <= stop <= len(whole) - base or count * dtype.itemsize != stop - start:
        raise ValueError(f"an array of {entry['shape']} does not fit in bytes {start} to {stop}")
    return np.frombuffer(whole, dtype, count, base + start).reshape(entry["shape"])
