"""Repeat purchases: what this shopper took before, recent and often first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Int32

YEAR = 365.0
SLACK_DAYS = 14.0
"""Added to intervals before they are compared: a few days matter little."""


@dataclass
class Repeat(Recipe):
    """score(item) = Σ over own events of weight · (2^(-age / half_life_days) + season · [a year ago]) · (1 + due).

    Repeat consumption with exponential forgetting (Anderson et al. 2014, "The dynamics of repeat consumption"). An
    event counts as a year ago from `season_days` before to `season_days` / 5 after this day of last year. An item
    taken at a mean interval m and last taken l days ago is due by `due` · min(r, 1/r), r = (l + 14) / (m + 14) (after
    Bhagat et al. 2018, "Buy it again"). Scores only what is in the history; needs no training.
    """

    title: ClassVar[str] = "Buy again"
    reason: ClassVar[str] = "You bought this before"

    half_life_days: float = param(
        120.0, "Age at which one's own event counts half.", low=0.1, search=(10.0, 365.0), log=True
    )
    season: float = param(
        0.12, "What an event of the same weeks of last year counts besides.", low=0.0, search=(0.0, 1.0)
    )
    season_days: float = param(35.0, "How many days before this day of last year are the same weeks.", low=0.0)
    due: float = param(
        1.0, "How much more an item counts whose usual interval has just passed.", low=0.0, search=(0.0, 3.0)
    )

    timed_: Int32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int32)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        if self.timed_[0]:
            ago = queries.age_days() - YEAR
            season = (ago <= self.season_days) & (ago >= -self.season_days / 5)
            worth = queries.weight * (queries.decay(self.half_life_days) + self.season * season)
            counts = queries.matrix(self.n_items, worth.astype(np.float32))
            counts.data *= 1 + np.float32(self.due) * self._closeness(queries)
        else:
            counts = queries.matrix(self.n_items)
        dense = (counts if items is None else counts[:, items]).toarray()
        return np.where(dense > 0, dense, np.nan).astype(np.float32)

    def _closeness(self, queries: Queries) -> Float32:
        """float32 [p]: for each pair of query and item, in that order, how near it is to its usual interval, 0 … 1."""
        pair = queries.owner().astype(np.int64) * self.n_items + queries.item
        _, starts, times = np.unique(pair, return_index=True, return_counts=True)
        order, age = np.argsort(pair, kind="stable"), queries.age_days()
        ends = np.cumsum(times)
        # A history is in order of time: within a pair, the oldest event comes first.
        oldest, newest = age[starts], age[order[ends - 1]]
        interval = (oldest - newest) / np.maximum(times - 1, 1)
        ratio = (newest + SLACK_DAYS) / (interval + SLACK_DAYS)
        return np.where(times > 1, np.minimum(ratio, 1 / ratio), 0.0).astype(np.float32)
