"""Attributes of items, users or actions in columns over their ordinals: what filters compare and answers show.

Everything is named NumPy arrays, so that it lies in the mapped state file beside histories and catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import ArtefactError
from endcap.lake.schemas import ARROW, Schema
from endcap.stream.ids import IdIndex
from endcap.types import Bool, Float32, Float64, Int32, Int64

Plain = str | int | float | bool | None
"""One value of one row; several texts are joined by `|`, times are microseconds."""
SEPARATOR = "|"
_AGAIN = "Delete the directory; it is built again."


class Column(Protocol):
    """One attribute of n rows."""

    def __len__(self) -> int: ...

    def value(self, row: int) -> Plain:
        """What a row holds; None where it is missing."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Named parts, to be saved."""


@dataclass(frozen=True)
class TextColumn:
    """Texts by code: row r has the values `words` at `codes[indptr[r]:indptr[r + 1]]`; none where it is missing.

    Joined by `|` they are the row's text again; an empty one is a value that nothing is compared with.
    `indptr` int64 [n + 1], `codes` int32; every code is a place in `words`.
    """

    words: IdIndex
    indptr: Int64
    codes: Int32

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @cached_property
    def rows(self) -> Int32:
        """int32 [len(codes)]: the row of each value."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.indptr))

    def has(self, values: Iterable[str]) -> Bool:
        """bool [n]: rows that hold any of these values, or whose whole text is one of them."""
        given = [value for value in values if value]
        places = self.words.find_all(given)
        found = np.zeros(len(self), np.bool_)
        for value in given:
            if SEPARATOR in value:
                found[self._spelling(value)] = True
        places = places[places >= 0]
        if len(places) == 1:
            found[self.rows[self.codes == places[0]]] = True
        elif len(places):
            wanted = np.zeros(len(self.words), np.bool_)
            wanted[places] = True
            found[self.rows[wanted[self.codes]]] = True
        return found

    def _spelling(self, text: str) -> Int64:
        """int64: rows whose values, joined by `|`, are this text."""
        places = self.words.find_all(text.split(SEPARATOR))
        rows = np.flatnonzero(np.diff(self.indptr) == len(places))
        for step, place in enumerate(places.tolist()):
            rows = rows[self.codes[self.indptr[rows] + step] == place]
        return rows

    def value(self, row: int) -> str | None:
        """The values of a row, joined by `|`."""
        codes = self.codes[self.indptr[row] : self.indptr[row + 1]]
        return SEPARATOR.join(self.words.names(codes)) if len(codes) else None

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.words.arrays("words"), "indptr": self.indptr, "codes": self.codes}

    @classmethod
    def from_arrays(cls, parts: Mapping[str, np.ndarray]) -> TextColumn:
        """What `arrays` gave. Raises `ArtefactError` where it is damaged, `KeyError` where a part is missing."""
        words = IdIndex.from_arrays(parts, "words")
        indptr, codes = parts["indptr"], parts["codes"]
        sound = indptr.dtype == np.int64 and codes.dtype == np.int32 and len(indptr) > 0
        sound = sound and int(indptr[0]) == 0 and int(indptr[-1]) == len(codes) and bool((np.diff(indptr) >= 0).all())
        if not sound or (len(codes) and not (int(codes.min()) >= 0 and int(codes.max()) < len(words))):
            raise ArtefactError("A column of texts is damaged.", fix=_AGAIN)
        return cls(words, indptr, codes)


@dataclass(frozen=True)
class NumberColumn:
    """int64, float32 or float64 [n], in the type of the table: 19.99 is found again in a column of floats.

    `known` bool [n] is False where the value is missing (a float's NaN is missing too).
    """

    values: Int64 | Float32 | Float64
    known: Bool

    def __len__(self) -> int:
        return len(self.values)

    def value(self, row: int) -> int | float | None:
        return self.values[row].item() if self.known[row] else None

    def arrays(self) -> dict[str, np.ndarray]:
        if self.values.dtype == np.float64:  # the state file knows no 64-bit floats
            return {"float64": self.values.view(np.int64), "known": self.known}
        return {"values": self.values, "known": self.known}

    @classmethod
    def from_arrays(cls, parts: Mapping[str, np.ndarray]) -> NumberColumn:
        """What `arrays` gave. Raises `ArtefactError` where it is damaged, `KeyError` where a part is missing."""
        values = parts["float64"].view(np.float64) if "float64" in parts else parts["values"]
        kinds = (np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64))
        if values.dtype not in kinds or parts["known"].dtype != np.bool_ or len(parts["known"]) != len(values):
            raise ArtefactError("A column of numbers is damaged.", fix=_AGAIN)
        return cls(values, parts["known"])


@dataclass(frozen=True)
class TruthColumn:
    """bool [n]; `known` bool [n] is False where the value is missing."""

    values: Bool
    known: Bool

    def __len__(self) -> int:
        return len(self.values)

    def value(self, row: int) -> bool | None:
        return bool(self.values[row]) if self.known[row] else None

    def arrays(self) -> dict[str, np.ndarray]:
        return {"values": self.values, "known": self.known}

    @classmethod
    def from_arrays(cls, parts: Mapping[str, np.ndarray]) -> TruthColumn:
        """What `arrays` gave. Raises `ArtefactError` where it is damaged, `KeyError` where a part is missing."""
        values, known = parts["values"], parts["known"]
        if values.dtype != np.bool_ or known.dtype != np.bool_ or len(known) != len(values):
            raise ArtefactError("A column of booleans is damaged.", fix=_AGAIN)
        return cls(values, known)


AnyColumn = TextColumn | NumberColumn | TruthColumn
_COLUMNS: Mapping[str, type[TextColumn] | type[NumberColumn] | type[TruthColumn]] = {
    "text": TextColumn,
    "number": NumberColumn,
    "truth": TruthColumn,
}


@dataclass(frozen=True)
class AttributeTable:
    """All attributes of `size` rows by column name (lower case).

    `whole` names text columns whose values are not cut at `|`: all but the categorical ones, where a schema says so.
    """

    size: int
    columns: Mapping[str, AnyColumn] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, table: pa.Table | None, ordinals: Int32, *, size: int | None = None, schema: Schema | None = None
    ) -> AttributeTable:
        """From a table of records whose row r is about ordinal `ordinals[r]` (of `size`, or just enough).

        Ordinals that no row is about have no attributes. `schema` adds its fields that the table lacks, all missing,
        and says which texts are several values (the categorical ones); without it all but ids may be.
        """
        count = size if size is not None else int(ordinals.max(initial=-1)) + 1
        whole = _whole(schema) if schema else frozenset({"item_id", "user_id", "action_id"})
        columns: dict[str, AnyColumn] = {}
        if table is not None:
            for name in table.column_names:
                columns[name] = _column(table[name], ordinals, count, cut=name not in whole)
        for given in schema.fields if schema else ():
            if given.column not in columns:
                kind = pa.int64() if given.is_time else ARROW[given.type]
                columns[given.column] = _column(pa.nulls(0, kind), ordinals[:0], count, cut=True)
        return cls(count, columns, whole & set(columns))

    def value(self, row: int, column: str) -> Plain:
        """What a row holds; None where it is missing or there is no such row or column."""
        held = self.columns.get(column)
        return held.value(row) if held is not None and 0 <= row < self.size else None

    def row(self, row: int) -> dict[str, Plain]:
        """All that is known of a row."""
        found = {name: self.value(row, name) for name in self.columns}
        return {name: value for name, value in found.items() if value is not None}

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Named arrays, to be saved."""
        found = {f"{prefix}.size": np.array([self.size], np.int64)}
        for name, column in self.columns.items():
            kind = next(kind for kind, known in _COLUMNS.items() if isinstance(column, known))
            mark = f"{kind}-whole" if name in self.whole else kind
            found |= {f"{prefix}/{name}/{mark}/{part}": value for part, value in column.arrays().items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> AttributeTable:
        """What `arrays` gave. Raises `ArtefactError` when the parts do not fit together."""
        parts: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        try:
            size = int(arrays[f"{prefix}.size"][0])
            for key in arrays:
                if key.startswith(f"{prefix}/"):
                    name, mark, part = key[len(prefix) + 1 :].rsplit("/", 2)
                    parts.setdefault((name, mark), {})[part] = arrays[key]
            columns = {
                name: _COLUMNS[mark.removesuffix("-whole")].from_arrays(given) for (name, mark), given in parts.items()
            }
        except (KeyError, IndexError, ValueError) as error:
            raise ArtefactError(f"The attributes {prefix!r} are damaged: {error}.", fix=_AGAIN) from error
        if any(len(column) != size for column in columns.values()):
            raise ArtefactError(f"The attributes {prefix!r} differ in length.", fix=_AGAIN)
        whole = frozenset(name for name, mark in parts if mark.endswith("-whole"))
        return cls(size, columns, whole)


def words(text: str, *, cut: bool) -> list[str]:
    """The values that a text stands for: its parts between `|`, or all of it."""
    return text.split(SEPARATOR) if cut else [text]


def _whole(schema: Schema) -> frozenset[str]:
    return frozenset(each.column for each in schema.fields if each.type == "string" and not each.categorical)


def _column(given: pa.Array | pa.ChunkedArray, ordinals: Int32, size: int, *, cut: bool) -> AnyColumn:
    column = given.combine_chunks() if isinstance(given, pa.ChunkedArray) else given
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_boolean(column.type):
        known = _placed(pc.is_valid(column), ordinals, size, np.bool_)
        return TruthColumn(_placed(pc.fill_null(column, False), ordinals, size, np.bool_), known)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_floating(column.type):
        kind = np.float64 if column.type == pa.float64() else np.float32
        values: np.ndarray = np.full(size, np.nan, kind)
        values[ordinals] = column.to_numpy(zero_copy_only=False)
        return NumberColumn(values, ~np.isnan(values))
    if pa.types.is_integer(column.type):
        known = _placed(pc.is_valid(column), ordinals, size, np.bool_)
        whole = pc.fill_null(column.cast(pa.int64()), 0)
        return NumberColumn(_placed(whole, ordinals, size, np.int64), known)
    return _texts(column.cast(pa.large_string()), ordinals, size, cut=cut)


def _placed(column: pa.Array, ordinals: Int32, size: int, kind: type) -> np.ndarray:
    """A column without nulls at its ordinals; zeros elsewhere."""
    placed: np.ndarray = np.zeros(size, kind)
    placed[ordinals] = column.to_numpy(zero_copy_only=False)
    return placed


def _texts(column: pa.Array, ordinals: Int32, size: int, *, cut: bool) -> TextColumn:
    encoded = column.dictionary_encode()
    texts = [words(text, cut=cut) for text in encoded.dictionary.to_pylist()]
    places = {word: code for code, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    codes_of = np.array([places[word] for text in texts for word in text], np.int32)
    starts = np.concatenate(([0], np.cumsum([len(text) for text in texts]))).astype(np.int64)
    rows = np.full(size, -1, np.int64)
    rows[ordinals] = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    lengths = np.where(rows < 0, 0, starts[rows + 1] - starts[rows]) if texts else np.zeros(size, np.int64)
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    at = np.arange(indptr[-1]) + np.repeat((starts[rows] if texts else rows) - indptr[:-1], lengths)
    return TextColumn(IdIndex.of(pa.array(list(places), pa.large_string())), indptr, codes_of[at])
