"""Columns of a table as sparse features: what models of fields (factorization machines, cross networks) read.

A category is one-hot with a place for whatever was rare or is unknown, texts of several values joined by `|` share a
row's weight of 1, a number is standardised or cut into bins of equal count, a text is tf-idf of its words. Data only:
`arrays` and `from_arrays` keep it as bytes, numbers and JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from endcap.errors import ArtefactError, InputError, SchemaError
from endcap.recipes.field_columns import (
    SEPARATOR,
    Coded,
    coded,
    counted,
    joined,
    numbers,
    pack_texts,
    parts_of,
    unpack_texts,
    words_in,
)
from endcap.types import Float32, Float64, Int32

Kind = Literal["category", "set", "number", "bins", "text"]
LONGEST_CATEGORY = 60
"""A column of strings whose texts are longer on average is taken for text."""
FARTHEST = 5.0
"""A standardised number is cut off at so many standard deviations."""
TOGETHER = 1 << 16
"""So many rows are laid out at once."""


@dataclass(frozen=True)
class Spec:
    """How one column becomes features.

    `least`: a value (word) in fewer rows (distinct texts) has no feature of its own. `most`: only the so many most
    frequent values have one. `bins`: at most so many. `unknown`: whether there is a feature for what is missing, rare
    or was not there in training; without it such a row has no feature in this field.
    """

    kind: Kind
    least: int = 1
    most: int = 1_000_000
    bins: int = 16
    unknown: bool = True

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"A field of kind {self.kind!r}; expected one of {', '.join(get_args(Kind))}.")
        if min(self.least, self.most, self.bins) < 1:
            raise InputError(f"least, most and bins of a field must be 1 or more; got {self}.")


@dataclass(frozen=True)
class Field:
    """One column's features, in this order: its values (words, bins, the number itself), then what is unknown.

    `values` are what values or words there are (none of a number), `weights` float64 what belongs to them: rarity of
    words, inner edges of bins, (mean, deviation) of a number.
    """

    column: str
    spec: Spec
    values: pa.Array
    weights: Float64

    @property
    def known(self) -> int:
        """Features without the one for what is unknown."""
        return {"number": 1, "bins": len(self.weights) + 1}.get(self.spec.kind, len(self.values))

    @property
    def width(self) -> int:
        """Features."""
        return self.known + (self.spec.unknown and self.spec.kind != "text")

    @property
    def names(self) -> tuple[str, ...]:
        """Of each feature: `column=value`, `column:word`, `column` of a number, `column<edge`; `column?` unknown."""
        match self.spec.kind:
            case "number":
                found = [self.column]
            case "bins":
                found = [f"{self.column}<{edge:g}" for edge in [*self.weights.tolist(), np.inf]]
            case kind:
                mark = ":" if kind == "text" else "="
                found = [f"{self.column}{mark}{value}" for value in self.values.to_pylist()]
        return (*found, *([f"{self.column}?"] if self.width > self.known else []))


class _One(NamedTuple):
    """One feature of each row: `places[codes]`, past the last where it has none; `values`, how much of it, None: 1."""

    codes: Int32
    places: Int32
    values: Float32 | None = None

    def always(self, width: int) -> bool:
        """Whether every row has one of so many."""
        used = self.places if self.codes.min(initial=0) < 0 else self.places[: self.codes.max(initial=-1) + 1]
        return bool((used < width).all())


@dataclass(frozen=True)
class Fields:
    """Fields in order, learnt from a table; feature numbers run on from field to field."""

    fields: tuple[Field, ...]

    @classmethod
    def learn(cls, table: pa.Table, spec: Mapping[str, Spec]) -> Fields:
        """The values, words, bins and scales of the columns that `spec` names. Raises `SchemaError` where the table
        lacks one."""
        for name in spec:
            if name not in table.column_names:
                raise SchemaError(
                    f"There is no column {name!r}; found {', '.join(table.column_names) or 'none'}.",
                    column=name,
                    fix="Name a column of the table, or leave the field out.",
                )
        return cls(tuple(_LEARN[each.kind](name, each, table[name]) for name, each in spec.items()))

    def encode(self, table: pa.Table) -> sparse.csr_matrix:
        """float32 csr [rows, features], indices sorted. A column that the table lacks is missing in every row."""
        given = [
            table[field.column] if field.column in table.column_names else pa.nulls(table.num_rows)
            for field in self.fields
        ]
        ones = [_ONE[field.spec.kind](field, column) for field, column in zip(self.fields, given, strict=True)]
        single = [one for one in ones if one is not None]
        if ones and len(single) == len(ones) and all(map(_One.always, single, np.diff(self.starts).tolist())):
            return self._one_of_each(single, table.num_rows)
        blocks = [
            (_some_words if field.spec.kind == "text" else _some_values)(field, column)
            if one is None
            else _one_each(field, one)
            for field, column, one in zip(self.fields, given, ones, strict=True)
        ]
        if not blocks:
            return sparse.csr_matrix((table.num_rows, 0), dtype=np.float32)
        return sparse.csr_matrix(sparse.hstack(blocks, format="csr", dtype=np.float32))

    def _one_of_each(self, ones: list[_One], rows: int) -> sparse.csr_matrix:
        """Rows that have one feature in each field: the common case. Laid out some rows at a time, which stay in the
        cache, so that the cost of a row does not grow with their number."""
        shape = (rows, len(ones))
        kind = np.int32 if rows * len(ones) < np.iinfo(np.int32).max else np.int64
        indices, data = np.empty(shape, kind), np.ones(shape, np.float32)
        features = [one.places + start for one, start in zip(ones, self.starts, strict=False)]
        for low in range(0, rows, TOGETHER):
            some = slice(low, low + TOGETHER)
            for number, one in enumerate(ones):
                indices[some, number] = features[number][one.codes[some]]
                if one.values is not None:
                    data[some, number] = one.values[some]
        ends = np.arange(0, rows * len(ones) + 1, len(ones), dtype=kind)
        return sparse.csr_matrix((data.ravel(), indices.ravel(), ends), shape=(rows, len(self)))

    def __len__(self) -> int:
        """Number of features."""
        return sum(field.width for field in self.fields)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, in the order of the fields."""
        return tuple(field.column for field in self.fields)

    @cached_property
    def starts(self) -> Int32:
        """int32 [fields + 1]: field f has the features `starts[f]` … `starts[f + 1] - 1`."""
        return np.concatenate(([0], np.cumsum([field.width for field in self.fields]))).astype(np.int32)

    @cached_property
    def field_of(self) -> Int32:
        """int32 [features]: the field of each feature."""
        return np.repeat(np.arange(len(self.fields), dtype=np.int32), np.diff(self.starts))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each feature."""
        return tuple(name for field in self.fields for name in field.names)

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, to be saved."""
        said = [{"column": field.column, **vars(field.spec)} for field in self.fields]
        found: dict[str, np.ndarray] = {"spec": np.frombuffer(json.dumps(said).encode(), np.uint8)}
        for number, field in enumerate(self.fields):
            found[f"{number}.texts"], found[f"{number}.ends"] = pack_texts(field.values)
            found[f"{number}.weights"] = field.weights
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Fields:
        """What `arrays` gave. Raises `ArtefactError` where the parts do not fit together."""
        try:
            said = json.loads(arrays["spec"].tobytes())
            fields = []
            for number, each in enumerate(said):
                values = unpack_texts(arrays[f"{number}.texts"], arrays[f"{number}.ends"])
                weights = np.asarray(arrays[f"{number}.weights"], np.float64)
                field = Field(each.pop("column"), Spec(**each), values, weights)
                _sound(field)
                fields.append(field)
        except (KeyError, ValueError, TypeError, AttributeError, InputError, RecursionError) as error:
            raise ArtefactError(f"The model's fields are damaged: {error}.", fix="Train it again.") from error
        return cls(tuple(fields))


def guess(table: pa.Table, *, least: int = 2, leave_out: tuple[str, ...] = ()) -> dict[str, Spec]:
    """A spec of every column that can be read: numbers standardised, long texts by their words, other texts as sets of
    values; `least` as in `Spec`. Times and nested columns are passed over."""
    found: dict[str, Spec] = {}
    for name in table.column_names:
        kind = table[name].type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if name in leave_out:
            continue
        if pa.types.is_boolean(kind):
            found[name] = Spec("category")
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            found[name] = Spec("number")
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            length = pc.mean(pc.utf8_length(table[name].cast(pa.string()))).as_py() or 0
            found[name] = Spec("text" if length > LONGEST_CATEGORY else "set", least=least)
    return found


def _learn_values(name: str, spec: Spec, column: pa.ChunkedArray) -> Field:
    texts, rows = counted(column)
    owner, parts = parts_of(texts) if spec.kind == "set" else (np.arange(len(texts)), texts)
    values = parts.dictionary_encode()
    counts = np.bincount(values.indices.to_numpy(), rows[owner], len(values.dictionary))
    kept = np.flatnonzero(counts >= spec.least)
    if len(kept) > spec.most:
        kept = np.sort(kept[np.argsort(-counts[kept], kind="stable")[: spec.most]])
    return Field(name, spec, values.dictionary.take(pa.array(kept)), np.zeros(0))


def _learn_number(name: str, spec: Spec, column: pa.ChunkedArray) -> Field:
    given = numbers(column)
    given = given[np.isfinite(given)]
    mean, deviation = (float(given.mean()), float(given.std())) if len(given) else (0.0, 1.0)
    return Field(name, spec, pa.array([], pa.large_string()), np.array([mean, deviation if deviation > 0 else 1.0]))


def _learn_bins(name: str, spec: Spec, column: pa.ChunkedArray) -> Field:
    given = numbers(column)
    given = given[np.isfinite(given)]
    edges = np.quantile(given, np.arange(1, spec.bins) / spec.bins) if len(given) else np.zeros(0)
    return Field(name, spec, pa.array([], pa.large_string()), np.unique(edges))


def _learn_text(name: str, spec: Spec, column: pa.ChunkedArray) -> Field:
    texts = coded(column).texts
    owner, words = words_in(texts)
    values = words.dictionary_encode()
    size = max(len(values.dictionary), 1)
    pairs = np.unique(owner * np.int64(size) + values.indices.to_numpy())
    spread = np.bincount(pairs % size, minlength=len(values.dictionary))
    kept = np.flatnonzero(spread >= spec.least)
    if len(kept) > spec.most:
        kept = np.sort(kept[np.argsort(-spread[kept], kind="stable")[: spec.most]])
    rarity = np.log((1 + len(texts)) / (1 + spread[kept])) + 1
    return Field(name, spec, values.dictionary.take(pa.array(kept)), rarity)


def _one_category(field: Field, column: pa.ChunkedArray) -> _One:
    found = coded(column)
    return _placed(field, found, found.texts)


def _one_value(field: Field, column: pa.ChunkedArray) -> _One | None:
    found = coded(column)
    if pc.any(pc.match_substring(found.texts, SEPARATOR)).as_py():
        return None
    return _placed(field, found, pc.utf8_trim_whitespace(found.texts))


def _placed(field: Field, found: Coded, values: pa.Array) -> _One:
    places = pc.index_in(values, value_set=field.values).fill_null(field.known)
    # A code of -1 takes the last place.
    return _One(found.codes, np.append(np.asarray(places, np.int32), np.int32(field.known)))


def _some_values(field: Field, column: pa.ChunkedArray) -> sparse.csr_matrix:
    """Of each distinct text the features of its parts, then of each row those of its text."""
    found = coded(column)
    count = len(found.texts)
    owner, parts = parts_of(found.texts)
    places = pc.index_in(parts, value_set=field.values).fill_null(field.known).to_numpy(zero_copy_only=False)
    shares = (1.0 / np.bincount(owner, minlength=count))[owner] if len(owner) else np.zeros(0)
    told = sparse.csr_matrix((shares, (owner, places)), shape=(count, field.known + 1))
    return _spread(field, found, told, field.known)


def _some_words(field: Field, column: pa.ChunkedArray) -> sparse.csr_matrix:
    """Tf-idf of the words, rows of length 1, or 0 where no word is known (Salton and Buckley 1988, smoothed)."""
    found = coded(column)
    owner, words = words_in(found.texts)
    places = pc.index_in(words, value_set=field.values).fill_null(-1).to_numpy(zero_copy_only=False)
    owner, places = owner[places >= 0], places[places >= 0]
    shape = (len(found.texts), field.known)
    told = sparse.csr_matrix((field.weights[places], (owner, places)), shape=shape)
    told.sum_duplicates()
    lengths = np.sqrt(np.asarray(told.multiply(told).sum(1)).ravel())
    return _spread(field, found, sparse.diags(1 / np.maximum(lengths, 1e-12)) @ told, None)


def _spread(field: Field, found: Coded, told: sparse.spmatrix, missing: int | None) -> sparse.csr_matrix:
    """Rows of `told`, one per distinct text, laid out by the texts' codes; `missing` is the place of what has none."""
    empty = ([], ([], [])) if missing is None else ([1.0], ([0], [missing]))
    full = sparse.vstack((told, sparse.csr_matrix(empty, shape=(1, told.shape[1]))), format="csr", dtype=np.float32)
    full = full[:, : field.width].tocsr()
    full.sort_indices()
    return full[np.where(found.codes < 0, len(found.texts), found.codes)]


def _one_number(field: Field, column: pa.ChunkedArray) -> _One:
    given = numbers(column)
    known = np.isfinite(given)
    scaled = np.clip((given - field.weights[0]) / field.weights[1], -FARTHEST, FARTHEST)
    places = np.arange(2, dtype=np.int32)
    return _One(np.where(known, 0, 1).astype(np.int32), places, np.where(known, scaled, 1.0).astype(np.float32))


def _one_bin(field: Field, column: pa.ChunkedArray) -> _One:
    given = numbers(column)
    places = np.searchsorted(field.weights, given, side="right")
    codes = np.where(np.isfinite(given), places, field.known).astype(np.int32)
    return _One(codes, np.arange(field.known + 1, dtype=np.int32))


def _one_each(field: Field, one: _One) -> sparse.csr_matrix:
    """Rows of one feature at most."""
    places, values = one.places[one.codes], one.values
    there = places < field.width
    indptr = np.concatenate(([0], np.cumsum(there))).astype(np.int32)
    data = np.ones(int(indptr[-1]), np.float32) if values is None else values[there]
    return sparse.csr_matrix((data, places[there], indptr), shape=(len(places), field.width))


def _sound(field: Field) -> None:
    expected = {"number": (0, 2), "text": (len(field.values), len(field.values)), "bins": (0, len(field.weights))}
    if (len(field.values), len(field.weights)) != expected.get(field.spec.kind, (len(field.values), 0)):
        raise ValueError(f"{field.column} has {len(field.values)} values and {len(field.weights)} weights")


_LEARN: dict[Kind, Callable[[str, Spec, pa.ChunkedArray], Field]] = {
    "category": _learn_values,
    "set": _learn_values,
    "number": _learn_number,
    "bins": _learn_bins,
    "text": _learn_text,
}
_ONE: dict[Kind, Callable[[Field, pa.ChunkedArray], _One | None]] = {
    "category": _one_category,
    "set": _one_value,
    "number": _one_number,
    "bins": _one_bin,
    "text": lambda *_: None,
}
"""None where rows may have several."""
__all__ = ["Field", "Fields", "Kind", "Spec", "guess", "joined"]
