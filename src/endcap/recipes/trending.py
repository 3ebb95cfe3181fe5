"""Trending: what is taken more often now than it used to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import DAY, MINUTE, Bool, Float32, Float64, Int32


@dataclass
class Trending(Recipe):
    """score(item) = (r − e) / √(e + s) with r events in the last `window_days` and e expected from the time before.

    A Poisson z-score of the recent rate against the item's own past, with `shrinkage` s pseudo-events, so that one
    lucky sale of a rare item does not trend. e is the item's share of the events of the last `baseline_days` before,
    times all events of the window: at noon everything sells better than at night, and nothing trends by that. What
    happened in neither has no score. Where a dataset has no times it falls back to plain counts.

    A question may bring r and the time before as they are now (`Queries.lately`); else they are those of training.
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
    """float32 [n]: as of the last event of training."""
    learned_: Bool = fitted()
    """bool [event types]: those whose events were learned from."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        events = dataset.interactions
        there = np.unique(events.event_type[events.event_type >= 0])
        self.learned_ = np.isin(np.arange(len(dataset.event_types)), there)
        if dataset.time_kind != "micros":
            counts = dataset.popularity()
            self.scores_ = np.where(counts > 0, counts, np.nan).astype(np.float32)
            return
        before, start, end = self.spans(dataset.last_time)
        window = self._count(dataset, start, end)
        self.scores_ = self.trend(window, self._count(dataset, before, start))

    def spans(self, now: int) -> tuple[int, int, int]:
        """When the time before begins, when the window does, and when it ends (microseconds): with the minute of `now`,
        so that what happened need not be counted anew at every question."""
        end = (now // MINUTE + 1) * MINUTE
        start = end - int(self.window_days * DAY)
        return start - int(self.baseline_days * DAY), start, end

    def trend(self, window: Float64, before: Float64) -> Float32:
        """float32 [n] scores of the summed weights of events in the window and in the time before, float64 [n] each.
        NaN for all where nothing happened in the window."""
        if not window.any():
            return np.full(len(window), np.nan, np.float32)
        expected = before * (window.sum() / before.sum()) if before.any() else before
        scores = (window - expected) / np.sqrt(expected + self.shrinkage)
        return np.where(window + before > 0, scores, np.nan).astype(np.float32)

    def _count(self, dataset: Dataset, start: int, end: int) -> Float64:
        events = dataset.interactions
        events = events.take((events.time >= start) & (events.time < end))
        counts: Float64 = np.bincount(events.item, events.weight, dataset.n_items).astype(np.float64)
        return counts

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        row = self.scores_ if queries.lately is None else self.trend(*queries.lately)
        return np.repeat((row if items is None else row[items])[None, :], len(queries), axis=0)
