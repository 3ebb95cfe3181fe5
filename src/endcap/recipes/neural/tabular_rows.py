"""Rows of fields as places in one table of vectors: what networks over fields are given.

A field has one slot (a category, a number) or several (a set of values, the words of a text, a history); a slot holds
a feature, numbered from 1 through all fields, and how much of it. 0 is an empty slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from endcap.recipes.fields import Fields
from endcap.types import Float32, Int32, Int64

MOST_PARTS = 8
"""Of a set of values or the words of a text at most so many are read, those that weigh most."""


@dataclass(frozen=True)
class Shape:
    """Which field each slot is of (ascending), and how many features there are, the empty one not counted."""

    field_of: tuple[int, ...]
    features: int

    @property
    def fields(self) -> int:
        """Number of fields."""
        return self.field_of[-1] + 1 if self.field_of else 0

    @property
    def starts(self) -> Int64:
        """int64 [fields]: the first slot of each."""
        return np.flatnonzero(np.diff(self.field_of, prepend=-1)).astype(np.int64)


@dataclass(frozen=True)
class Slots:
    """Rows: `codes` int32 [m, slots] of features, `weights` float32 [m, slots]."""

    shape: Shape
    codes: Int32
    weights: Float32

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Int64 | Int32 | slice) -> Slots:
        """Some of the rows."""
        return Slots(self.shape, self.codes[rows], self.weights[rows])

    @classmethod
    def single(cls, codes: Int32, features: int) -> Slots:
        """One field of one slot: int32 [m], -1 where there is nothing."""
        filled = (codes[:, None] + 1).astype(np.int32)
        return cls(Shape((0,), features), filled, (filled > 0).astype(np.float32))

    @classmethod
    def of(cls, fields: Fields, table: pa.Table) -> Slots:
        """The rows of a table. Of a field with several features in a row the `MOST_PARTS` heaviest are kept."""
        encoded, shape = fields.encode(table), shape_of(fields)
        starts = np.append(shape.starts, len(shape.field_of)).astype(np.int64)
        row = np.repeat(np.arange(encoded.shape[0]), np.diff(encoded.indptr))
        field = fields.field_of[encoded.indices]
        order = np.lexsort((-np.abs(encoded.data), field, row))
        run = row[order] * np.int64(max(shape.fields, 1)) + field[order]
        begins = np.flatnonzero(np.diff(run, prepend=-1))
        place = np.arange(len(run)) - np.repeat(begins, np.diff(np.append(begins, len(run))))
        kept = place < np.diff(starts)[field[order]]
        row, slot, order = row[order][kept], (starts[field[order]] + place)[kept], order[kept]
        codes = np.zeros((encoded.shape[0], len(shape.field_of)), np.int32)
        weights = np.zeros(codes.shape, np.float32)
        codes[row, slot], weights[row, slot] = encoded.indices[order] + 1, encoded.data[order]
        return cls(shape, codes, weights)


def shape_of(fields: Fields) -> Shape:
    """The slots of encoded columns."""
    several = [MOST_PARTS if field.spec.kind in ("set", "text") else 1 for field in fields.fields]
    return Shape(tuple(np.repeat(np.arange(len(several)), several).tolist()), len(fields))


def join(shapes: Sequence[Shape]) -> Shape:
    """Fields of one after those of the other."""
    before = np.concatenate(([0], np.cumsum([shape.fields for shape in shapes]))).tolist()
    found = [start + field for shape, start in zip(shapes, before[:-1], strict=True) for field in shape.field_of]
    return Shape(tuple(found), sum(shape.features for shape in shapes))


def side_by_side(parts: Sequence[Slots]) -> Slots:
    """The same rows in several blocks as one, features renumbered; there must be at least one block."""
    before = np.concatenate(([0], np.cumsum([part.shape.features for part in parts])))
    codes = [
        np.where(part.codes > 0, part.codes + np.int32(start), 0)
        for part, start in zip(parts, before[:-1], strict=True)
    ]
    weights = np.concatenate([part.weights for part in parts], axis=1)
    return Slots(join([part.shape for part in parts]), np.concatenate(codes, axis=1).astype(np.int32), weights)


def vectors(table: Float32, slots: Slots, start: int = 0) -> Float32:
    """float32 [m, fields, w]: of each field Σ weight · vector, of float32 [1 + features, w] `table`; `start` features
    of other blocks come before those of `slots`."""
    codes = slots.codes if start == 0 else np.where(slots.codes > 0, slots.codes + np.int32(start), 0)
    found = table[codes] * slots.weights[:, :, None]
    if slots.shape.fields == len(slots.shape.field_of):
        return np.asarray(found, np.float32)
    return np.asarray(np.add.reduceat(found, slots.shape.starts, axis=1), np.float32)
