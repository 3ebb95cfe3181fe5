"""Columns as they come, read for features: distinct texts with codes, numbers, words, texts as bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.types import Float64, Int32, Int64

SEPARATOR = "|"
_WORD = re.compile(r"\b\w\w+\b")


@dataclass(frozen=True)
class Coded:
    """`texts` are distinct, `codes` int32 [rows] their places, -1 where the row has none."""

    codes: Int32
    texts: pa.Array


def coded(column: pa.ChunkedArray | pa.Array) -> Coded:
    """Any column as texts; numbers and booleans as they are written."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    given = pa.types.is_dictionary(whole.type)
    if not given:
        whole = whole.dictionary_encode()
    codes = whole.indices.cast(pa.int32())
    codes = np.asarray(codes.fill_null(-1) if codes.null_count else codes, np.int32)
    texts = whole.dictionary.cast(pa.large_string())
    if not len(texts):
        return Coded(np.full(len(codes), -1, np.int32), texts)
    # A dictionary may hold nulls, empty texts, texts twice, and, where it was given, texts that no row has.
    texts, places = _distinct(texts)
    if not np.array_equal(places, np.arange(len(places))):
        codes = np.append(places, np.int32(-1))[codes]  # a code of -1 takes the last place
    if not given:
        return Coded(codes, texts)
    used = np.zeros(len(texts) + 1, np.bool_)
    used[codes] = True
    used = used[:-1]
    if used.all():
        return Coded(codes, texts)
    number = np.append(np.cumsum(used) - 1, -1).astype(np.int32)
    return Coded(number[codes], texts.take(pa.array(np.flatnonzero(used))))


def counted(column: pa.ChunkedArray | pa.Array) -> tuple[pa.Array, Int64]:
    """(distinct texts, int64 how many rows have each), as `coded` has them."""
    if pa.types.is_dictionary(column.type):
        found = coded(column)
        return found.texts, np.bincount(found.codes[found.codes >= 0], minlength=len(found.texts))
    pairs = pc.value_counts(column)
    texts, places = _distinct(pairs.field("values").cast(pa.large_string()))
    there = places >= 0
    rows = pairs.field("counts").to_numpy()
    return texts, np.bincount(places[there], rows[there], len(texts)).astype(np.int64)


def _distinct(texts: pa.Array) -> tuple[pa.Array, Int32]:
    """(each text once, int32 the place of each among them), -1 of what is null or empty."""
    found = pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts).dictionary_encode()
    return found.dictionary, np.asarray(found.indices.fill_null(-1), np.int32)


def numbers(column: pa.ChunkedArray | pa.Array) -> Float64:
    """float64 [rows], NaN where there is none; texts are read as numbers where they are."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    if pa.types.is_string(whole.type) or pa.types.is_large_string(whole.type):
        return np.array([_number(text) for text in whole.to_pylist()], np.float64)
    if pa.types.is_boolean(whole.type):
        whole = whole.cast(pa.int8())
    if pa.types.is_timestamp(whole.type):
        whole = whole.cast(pa.int64())
    return np.asarray(whole.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _number(text: str | None) -> float:
    try:
        return float(text) if text else np.nan
    except ValueError:
        return np.nan


def parts_of(texts: pa.Array) -> tuple[Int64, pa.Array]:
    """(int64 which text, its part) of every part between `|`; each part of a text once."""
    pieces = pc.split_pattern(texts, SEPARATOR)
    lengths = pc.list_value_length(pieces).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(texts)), lengths)
    flat = pc.utf8_trim_whitespace(pieces.flatten()).dictionary_encode()
    if len(flat) == len(texts):  # one each: the common case
        return owner, flat.dictionary_decode()
    pairs = owner * np.int64(len(flat.dictionary)) + flat.indices.to_numpy()
    once = np.sort(np.unique(pairs, return_index=True)[1])
    return owner[once], flat.take(pa.array(once)).dictionary_decode()


def words_in(texts: pa.Array) -> tuple[Int64, pa.Array]:
    """(int64 which text, word) of every word of two letters or more, in small letters, as often as it is there."""
    found = [_WORD.findall(text.lower()) for text in texts.to_pylist()]
    owner = np.repeat(np.arange(len(found)), [len(words) for words in found])
    return owner, pa.array([word for words in found for word in words], pa.large_string())


def pack_texts(texts: pa.Array) -> tuple[np.ndarray, Int64]:
    """(uint8 the texts' bytes one after another, int64 [n] where each ends)."""
    encoded = [text.encode() for text in texts.to_pylist()]
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([len(each) for each in encoded], dtype=np.int64)


def unpack_texts(data: np.ndarray, ends: Int64) -> pa.Array:
    """What `pack_texts` was given. Raises `ValueError` where the two do not fit together."""
    bounds = np.concatenate(([0], ends)).astype(np.int64)
    if data.dtype != np.uint8 or bounds[-1] != len(data) or (np.diff(bounds) < 0).any():
        raise ValueError("texts that end elsewhere than their bytes")
    whole = data.tobytes()
    pairs = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    return pa.array([whole[start:end].decode() for start, end in pairs], pa.large_string())


def joined(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> pa.Table:
    """Mappings, one a row, as a table of these columns of texts; what a mapping lacks is missing."""
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns})
