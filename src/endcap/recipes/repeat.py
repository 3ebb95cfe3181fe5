"""Repeat purchases: what this shopper took before, recent and often first."""

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
class Repeat(Recipe):
    """score(item) = Σ over own events of the item of weight · 2^(−age / half_life_days).

    Repeat consumption with exponential forgetting (Anderson et al., "The dynamics of repeat consumption", WWW 2014).
    Scores only what is in the history; needs no training beyond the catalogue.
    """

    title: ClassVar[str] = "Buy again"
    reason: ClassVar[str] = "You bought this before"

    half_life_days: float = param(120.0, "Age at which one's own event counts half.", low=0.1)

    timed_: Int32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int32)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        age = np.repeat(queries.now, np.diff(queries.indptr)) - queries.time
        decay = np.exp2(-np.maximum(age, 0) / (self.half_life_days * DAY)) if self.timed_[0] else 1.0
        counts = queries.matrix(self.n_items, (queries.weight * decay).astype(np.float32))
        dense = np.asarray((counts if items is None else counts[:, items]).toarray(), np.float32)
        return np.where(dense > 0, dense, np.nan).astype(np.float32)
