"""Steered: another recipe's order, pulled towards what is worth more to the shop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Bool, Float32, Int32

STRENGTHS = {"OFF": 0.0, "LOW": 0.1, "MEDIUM": 0.25, "HIGH": 0.5}
"""How many standard deviations of a query's scores one standard deviation of worth is worth."""


@dataclass
class Steered(Recipe):
    """score(i) = s(i) + strength · σ · v(i), where s scores; σ is the standard deviation of the query's scores.

    v(i) is the item's rank by the objective (margin, price, …) among all items, as a normal score (Blom 1958): mean 0,
    deviation 1, so that a single precious item does not outweigh the rest. What has no value stands in the middle. At
    strength 0 (OFF) the model inside answers alone.
    """

    title: ClassVar[str] = "Steered"
    reason: ClassVar[str] = "Recommended for you"

    base: str = param("blend", "The recipe whose order is pulled.")
    base_settings: dict[str, Any] = param({}, "Its hyper-parameters, a JSON object.")
    attribute: str = param("margin", "The numeric column of items that is to be raised.")
    sensitivity: str = param("MEDIUM", "How far.", choices=tuple(STRENGTHS))

    inner_: Recipe = fitted()
    worth_: Float32 = fitted()
    """float32 [n]: v."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.worth_ = normal_scores(_values(dataset, self.attribute))
        self.inner_ = create(self.base, self.base_settings).fit(dataset, progress)

    @property
    def label(self) -> str:
        """The base recipe's."""
        return create(self.base, self.base_settings).label

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        strength = STRENGTHS[self.sensitivity]
        if not strength:
            return self.inner_.score(queries, items)
        scores = self.inner_.score(queries)
        known = np.isfinite(scores)
        count = np.maximum(known.sum(axis=1), 1)
        mean = np.where(known, scores, 0).sum(axis=1, dtype=np.float64) / count
        away = np.where(known, scores - mean[:, None], 0)
        spread = np.sqrt((away * away).sum(axis=1, dtype=np.float64) / count)
        pulled: Float32 = (scores + (strength * spread)[:, None] * self.worth_[None, :]).astype(np.float32)
        return pulled if items is None else pulled[:, items]

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: the model's own."""
        return self.inner_.similar_scores(items)

    def forbidden(self, queries: Queries) -> Bool | None:
        """bool [q, n]: what the model forbids."""
        return self.inner_.forbidden(queries)

    def parts(self, queries: Queries, items: Int32 | None = None) -> dict[str, Float32]:
        """What each part of the model inside adds, where it has parts: an objective is no reason to tell."""
        told = getattr(self.inner_, "parts", None)
        if told is None:
            return {"steered": self.inner_.score(queries, items)}
        found: dict[str, Float32] = told(queries, items)
        return found

    @property
    def sources_(self) -> dict[str, Recipe]:
        """The recipes behind those parts."""
        return dict(getattr(self.inner_, "sources_", {}))

    @property
    def reasons(self) -> dict[str, str]:
        """The words for those parts."""
        return {**getattr(self.inner_, "reasons", {}), "steered": self.inner_.reason}


def normal_scores(values: Float32) -> Float32:
    """float32 [n]: Φ⁻¹((rank - 3/8) / (m + 1/4)) of the m known values, equals sharing their mean rank; 0 for NaN."""
    found = np.zeros(len(values), np.float32)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) and np.ptp(values[known]) > 0:
        _, code, count = np.unique(values[known], return_inverse=True, return_counts=True)
        rank = (np.cumsum(count) - (count - 1) / 2)[code]
        found[known] = ndtri((rank - 0.375) / (len(known) + 0.25))
    return found


def _values(dataset: Dataset, attribute: str) -> Float32:
    table, name = dataset.item_metadata, attribute.lower()
    columns = [] if table is None else [each.lower() for each in table.column_names]
    if table is None or name not in columns:
        raise InputError(
            f"The objective is {attribute}, which the items do not have.",
            fix=f"They have {', '.join(sorted(columns)) or 'no columns'}.",
        )
    column = table[table.column_names[columns.index(name)]]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        raise InputError(f"The objective is {attribute}, which holds {column.type}.", fix="Name a column of numbers.")
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float32)
