"""Trending: what is taken more often now than it used to be."""

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
class Trending(Recipe):
    """score(item) = (r − e) / √(e + s) with r events in the last `window_days` and e expected from the time before.

    A Poisson z-score of the recent rate against the item's own past, with `shrinkage` s pseudo-events, so that one
    lucky sale of a rare item does not trend. e is the item's share of the events of the last `baseline_days` before,
    times all events of the window: at noon everything sells better than at night, and nothing trends by that. Where a
    dataset has no times it falls back to plain counts.
    """

    title: ClassVar[str] = "Trending"
    reason: ClassVar[str] = "Trending now"
    fits_items_alone: ClassVar[bool] = True

    window_days: float = param(7.0, "What counts as now.", low=0.01, search=(1.0, 28.0), log=True)
    baseline_days: float = param(56.0, "How far before that the usual rate is measured.", low=0.01)
    shrinkage: float = param(
        10.0, "Pseudo-events added to the expectation's variance.", low=0.1, search=(1.0, 50.0), log=True
    )

    scores_: Float32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        counts = dataset.popularity()
        if dataset.time_kind != "micros":
            self.scores_ = np.where(counts > 0, counts, np.nan).astype(np.float32)
            return
        events = dataset.interactions
        age = (dataset.last_time - events.time) / DAY
        recent = self._count(dataset, age < self.window_days)
        past = (age >= self.window_days) & (age < self.window_days + self.baseline_days)
        before = self._count(dataset, past)
        expected = before * (recent.sum() / before.sum()) if before.any() else before
        scores = (recent - expected) / np.sqrt(expected + self.shrinkage)
        self.scores_ = np.where(counts > 0, scores, np.nan).astype(np.float32)

    def _count(self, dataset: Dataset, keep: np.ndarray) -> np.ndarray:
        events = dataset.interactions.take(keep)
        return np.bincount(events.item, weights=events.weight, minlength=dataset.n_items)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        row = self.scores_ if items is None else self.scores_[items]
        return np.repeat(row[None, :], len(queries), axis=0)
