"""Themes of batch answers: what the items of a list have in common, in words of the catalogue itself.

A value of an attribute belongs to the theme where it is over-represented in the list beside the catalogue, by the
log-odds ratio with an informative Dirichlet prior, whose z-score does not run away for rare words (Monroe, Colaresi,
Quinn 2008, "Fightin' Words"). No word is invented: a list without anything in common has no theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from endcap.errors import InputError
from endcap.jobs.batch_answers import Asked
from endcap.jobs.workspace import Workspace
from endcap.lake.schemas import Schema
from endcap.serving.attributes import TextColumn
from endcap.serving.shop import ShopState
from endcap.serving.shop_schemas import ShopSchemas
from endcap.types import Float64, Int32, ShopKey

PRIOR = 10.0
"""Items of the catalogue's average that are added to a list before it is judged."""
SURE = 1.96
"""z-score from which a value is over-represented (95 %, two-sided)."""
LEAST, WORDS, COUNTED = 2, 3, 10
"""Items of the list that must hold a value; values that a theme is called by, at most; values that relevance counts."""
MOST_VALUES = 5_000
"""A column with more distinct values than this, or than half the items, names items rather than describes them."""


class Themed(msgspec.Struct, rename="camel"):
    """The items, best first, what they have in common, and how much of it each one has (0 to 1)."""

    recommended_items: list[str]
    theme: str
    items_theme_relevance_scores: list[float]


@dataclass(frozen=True)
class _Values:
    """Values of one column: `counts` float64 [values] is how many items of the catalogue hold each."""

    name: str
    column: TextColumn
    counts: Float64


@dataclass(frozen=True)
class Themes:
    """What themes are made of: the describing columns of a catalogue of `total` items."""

    state: ShopState
    columns: tuple[_Values, ...]
    total: int

    @classmethod
    def of(cls, workspace: Workspace, shop: ShopKey, state: ShopState, name: str) -> Themes:
        """`name` is the field that names items. Raises `InputError` where items have nothing to make a theme of."""
        if name.lower() not in state.items.columns:
            held = ", ".join(sorted(state.items.columns)).upper() or "none"
            raise InputError(f"The Items dataset has no field {name} to be the itemName; it has {held}.")
        columns = tuple(_usable(state, name.lower(), ShopSchemas(workspace.resources)(shop, "items")))
        if not columns:
            raise InputError(
                "Themes cannot be made: the Items dataset has no categorical attribute that several items share.",
                fix="Import items with categorical fields, such as GENRES, or use the mode BATCH_INFERENCE.",
            )
        return cls(state, columns, int(state.listed.sum()))

    def finish(self, asked: Asked, items: list[str], scores: list[float] | None) -> Themed:
        """A list with its theme."""
        del asked, scores
        ordinals = self.state.ordinals(items)
        found = sorted(self._over_represented(ordinals), key=lambda each: -each[0])[:COUNTED]
        relevance = np.zeros(len(items))
        for z, values, code in found:
            relevance += z * _holds(values.column, ordinals, code)
        if found:
            relevance /= sum(z for z, _, _ in found)
        named: dict[str, str] = {}
        for _, values, code in found:
            named.setdefault(values.name, values.column.words.name(code))
        return Themed(items, ", ".join(list(named.values())[:WORDS]), np.round(relevance, 6).tolist())

    def _over_represented(self, ordinals: Int32) -> list[tuple[float, _Values, int]]:
        """(z, column, code) of every value that the list holds more of than chance."""
        found: list[tuple[float, _Values, int]] = []
        for values in self.columns:
            held = np.concatenate([_codes(values.column, int(ordinal)) for ordinal in ordinals] or [np.zeros(0, int)])
            codes, counts = np.unique(held, return_counts=True)
            z = _z_scores(counts.astype(np.float64), len(ordinals), values.counts[codes], self.total)
            sure = np.flatnonzero((z >= SURE) & (counts >= LEAST))
            found += [(float(z[at]), values, int(codes[at])) for at in sure]
        return found


def _z_scores(inside: Float64, size: int, everywhere: Float64, total: int) -> Float64:
    """float64 [values]: how surely each value is commoner in a list of `size` than in the catalogue of `total`."""
    prior = PRIOR * everywhere / total
    here = np.log((inside + prior) / np.maximum(size + PRIOR - inside - prior, 1e-9))
    there = np.log((everywhere + prior) / np.maximum(total + PRIOR - everywhere - prior, 1e-9))
    return np.asarray((here - there) / np.sqrt(1 / (inside + prior) + 1 / (everywhere + prior)), np.float64)


def _usable(state: ShopState, name: str, schema: Schema | None) -> list[_Values]:
    categorical = None if schema is None else {field.column for field in schema.fields if field.categorical}
    items, found = int(state.listed.sum()), []
    for each, column in state.items.columns.items():
        if not isinstance(column, TextColumn) or each in (name, "item_id") or each in state.items.whole:
            continue
        if categorical is not None and each not in categorical:
            continue
        counts = np.bincount(column.codes, minlength=len(column.words)).astype(np.float64)
        few = len(counts) <= min(MOST_VALUES, items // 2)
        if len(counts) > 1 and counts.max() >= LEAST and (categorical is not None or few):
            found.append(_Values(each, column, counts))
    return found


def _codes(column: TextColumn, ordinal: int) -> Int32:
    if not 0 <= ordinal < len(column):
        return column.codes[:0]
    return column.codes[column.indptr[ordinal] : column.indptr[ordinal + 1]]


def _holds(column: TextColumn, ordinals: Sequence[int] | Int32, code: int) -> np.ndarray:
    """bool [m]: which items hold a value."""
    return np.array([code in _codes(column, int(ordinal)) for ordinal in ordinals], np.bool_)
