"""Popularity: what most shoppers took lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import DAY, Bool, Float32, Int32


@dataclass
class Popularity(Recipe):
    """score(item) = sum of weights of the item's events in the last `window_days`, the same for every shopper.

    The baseline beside every other number. Where a dataset has no times, all of it counts. With `first_only`, a
    shopper's later purchases of the same item do not count: what those who did not know it yet take.
    """

    title: ClassVar[str] = "Popular"
    reason: ClassVar[str] = "Popular in this shop"
    fits_items_alone: ClassVar[bool] = True

    window_days: float | None = param(
        28.0, "Only events this recent count; None for all of history.", low=0.01, search=(1.0, 90.0), log=True
    )
    first_only: bool = param(False, "Count only each shopper's first event of an item.")

    scores_: Float32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        events = dataset.interactions
        counted = first_events(dataset) if self.first_only else np.ones(len(events), np.bool_)
        if self.window_days is not None and dataset.time_kind == "micros":
            counted &= events.time > dataset.last_time - int(self.window_days * DAY)
        recent = events.take(counted)
        counts = np.bincount(recent.item, weights=recent.weight, minlength=dataset.n_items)
        self.scores_ = np.where(counts > 0, counts, np.nan).astype(np.float32)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        row = self.scores_ if items is None else self.scores_[items]
        return np.repeat(row[None, :], len(queries), axis=0)


def first_events(dataset: Dataset, newest: bool = False) -> Bool:
    """bool [m]: the event is its user's first (with `newest`, last) of that item."""
    events = dataset.interactions
    pair = events.user.astype(np.int64) * dataset.n_items + events.item
    # Events of one user are in order of time, so a stable sort keeps each pair's oldest event in front.
    order = np.argsort(pair, kind="stable")
    edge = np.diff(pair[order], append=-1) != 0 if newest else np.diff(pair[order], prepend=-1) != 0
    found = np.zeros(len(events), np.bool_)
    found[order[edge]] = True
    return found
