"""Popularity: what most shoppers took lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import DAY, Float32, Int32


@dataclass
class Popularity(Recipe):
    """score(item) = sum of weights of the item's events in the last `window_days`, the same for every shopper.

    The baseline beside every other number. Where a dataset has no times, all of it counts.
    """

    title: ClassVar[str] = "Popular"
    reason: ClassVar[str] = "Popular in this shop"

    window_days: float | None = param(28.0, "Only events this recent count; None for all of history.", low=0.01)

    scores_: Float32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        recent = dataset.interactions
        if self.window_days is not None and dataset.time_kind == "micros":
            recent = recent.take(recent.time > dataset.last_time - int(self.window_days * DAY))
        counts = np.bincount(recent.item, weights=recent.weight, minlength=dataset.n_items)
        self.scores_ = np.where(counts > 0, counts, np.nan).astype(np.float32)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        row = self.scores_ if items is None else self.scores_[items]
        return np.repeat(row[None, :], len(queries), axis=0)
