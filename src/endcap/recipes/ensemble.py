"""Ensemble: the graph filter and ALS in one score, each where it is surest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.als import ALS
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.graph_filter import GraphFilter
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import Float32, Int32


@dataclass
class Ensemble(Recipe):
    """score = max(g, 0) / max g + weight · max(x, 0) / max x,  g of `graph-filter`, x of `als`

    The two err differently: the filter follows what was taken together however rarely, ALS what tastes have in common.
    Sums of scores on a common scale are CombSUM of Fox and Shaw 1994, "Combination of multiple searches". Each part is
    a share of its own best score over the whole catalogue; nothing is fitted but the parts.
    """

    title: ClassVar[str] = "Ensemble"
    reason: ClassVar[str] = "Shoppers like you chose this"

    weight: float = param(0.5, "Weight of ALS beside the graph filter.", low=0.0, search=(0.2, 1.0))
    factors: int = param(512, "Length of the vectors of ALS.", low=1, high=2048)
    iterations: int = param(5, "Passes of ALS.", low=1)
    regularization: float = param(0.003, "Regularisation of ALS.", low=1e-6, search=(0.0005, 0.02), log=True)
    rank: int = param(448, "Rank of the graph filter.", low=1)
    half_life_days: float | None = param(
        None, "Age at which an event of the history counts half to the filter; None: never.", low=1
    )
    seed: int = param(0, "Seed of both.", low=0)

    parts_: dict[str, Recipe] = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        made = {
            "graph": GraphFilter(rank=self.rank, half_life_days=self.half_life_days, seed=self.seed),
            "als": ALS(
                factors=self.factors,
                iterations=self.iterations,
                regularization=self.regularization,
                seed=self.seed,
            ),
        }
        self.parts_ = {name: part.fit(dataset, progress) for name, part in made.items()}

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        queries = queries.with_current()
        scores = _share(self.parts_["als"].score(queries))
        scores *= np.float32(self.weight)
        scores += _share(self.parts_["graph"].score(queries))
        scores[scores <= 0] = np.nan
        return scores if items is None else scores[:, items]

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: the mean of both parts' likeness, each as a share of its best."""
        shares = [_share(part.similar_scores(items)) for part in self.parts_.values()]
        return np.asarray(np.mean(shares, axis=0), np.float32)


def _share(scores: Float32) -> Float32:
    """float32 [q, n]: what is positive as a share of the row's largest, 0 elsewhere; in place."""
    np.nan_to_num(scores, copy=False, nan=0.0)
    np.maximum(scores, 0.0, out=scores)
    best = scores.max(axis=1, keepdims=True)
    scores /= np.where(best > 0, best, 1).astype(np.float32)
    return scores
