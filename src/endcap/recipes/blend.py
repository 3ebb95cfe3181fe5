"""Blend: several sources in one ranking, weighted by what shoppers of this shop went on to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.als import ALS
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.graph_filter import BESIDE_POPULARITY, GraphFilter
from endcap.recipes.item_item import ItemItem
from endcap.recipes.mixing import HoldOut, Population, add_feature, best_of_line, hold_out, mix, ndcg, normalise
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.recipes.repeat import Repeat
from endcap.seams import Progress
from endcap.types import Bool, Float32, Float64, Int32

PRIOR: dict[str, tuple[float, float]] = {
    "repeat": (0.9, 0.0),
    "together": (0.5, 0.0),
    "popularity": (0.2, 0.0),
    "next": (0.0, 2.5),
    "graph": (0.0, 0.3),
    "arrivals": (0.2, 0.3),
    "taste": (0.1, 0.3),
}
"""The sources, in order, with their weights for items the shopper had and for items new to them where there is
little to fit on: own purchases · what goes with the history lately · what sells · what shoppers with such a history
take up for the first time lately · the graph filter · what anyone takes up for the first time lately · ALS."""
PRIOR_ODDS = 2.5
ENTRIES = 10_000_000
"""About so many neighbours are kept by each source, 100 to 1,000 of an item."""


@dataclass
class Blend(Recipe):
    """score = log softmax over one population of Σ_s w_s · log(1 + x_s / floor), plus log-odds of the population.

    The populations are the items the shopper had and those new to them, each with its own weights; x_s is the score
    of source s as a share of the query's best in the population. The weights are a conditional logit (McFadden 1974)
    of what shoppers took in the last `holdout_days` of the training data given what came before, then climb NDCG@20
    on the same; the odds maximise NDCG@20 of both populations together. Then the sources learn from everything.
    """

    title: ClassVar[str] = "Blend"
    reason: ClassVar[str] = "Recommended for you"

    holdout_days: float = param(28.0, "The mix is fitted on this much of the end of the training data.", low=0.01)
    max_queries: int = param(1500, "At most this many shoppers are asked to fit it.", low=1)
    floor: float = param(0.1, "Share of a query's best score from which a source's word counts.", low=1e-4)
    strength: float = param(20.0, "How many shoppers' evidence the weights of before the fit are worth.", low=0.0)
    memory_days: float = param(
        240.0, "Half-life of the shopper's own purchases.", low=0.1, search=(30.0, 480.0), log=True
    )
    trend_half_life_days: float = param(
        10.0, "Half-life of what goes with what.", low=0.01, search=(3.0, 60.0), log=True
    )
    trend_days: float = param(14.0, "Window of popularity.", low=0.01, search=(3.0, 56.0), log=True)
    rank: int = param(128, "Rank of the graph filter.", low=1)
    seed: int = param(0, "Seed of hold-out and graph filter.", low=0)

    sources_: dict[str, Recipe] = fitted()
    weights_: Float64 = fitted()
    """float64 [2, s]: weight of each source, in that order; row 0 for items had before, row 1 for new ones."""
    odds_: Float64 = fitted()
    """float64 [1]: log-odds of an item had before against a new one."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        held = hold_out(dataset, self.holdout_days, self.max_queries, self.seed)
        self.weights_ = np.array([PRIOR[name] for name in PRIOR]).T.copy()
        self.odds_ = np.array([PRIOR_ODDS])
        if held is not None:
            self.sources_ = self._fitted_sources(held.earlier, progress)
            self._fit_mix(held)
        self.sources_ = self._fitted_sources(dataset, progress)

    def _fitted_sources(self, dataset: Dataset, progress: Progress) -> dict[str, Recipe]:
        trend, days = self.trend_half_life_days, self.trend_days
        kept = int(np.clip(ENTRIES // dataset.n_items, 100, 1000))
        sources = {
            "repeat": Repeat(half_life_days=self.memory_days),
            "together": ItemItem(trend_half_life_days=trend, neighbours=kept),
            "popularity": Popularity(window_days=days),
            "next": ItemItem(
                trend_half_life_days=trend,
                first_only=True,
                shrinkage=5.0,
                window=0,
                half_life_days=365.0,
                neighbours=kept,
            ),
            "graph": GraphFilter(
                rank=self.rank, neighbours=kept, half_life_days=60.0, seed=self.seed, **BESIDE_POPULARITY
            ),
            "arrivals": Popularity(window_days=days, first_only=True),
            # The settings of ALS for shops, where one takes an item again.
            "taste": ALS(factors=64, iterations=4, alpha=1.0, damping=0.0, weighting="linear", seed=self.seed),
        }
        return {name: source.fit(dataset, progress) for name, source in sources.items()}

    def _fit_mix(self, held: HoldOut) -> None:
        had = self._had(held.queries)
        scores = np.full(held.taken.shape, -np.inf, np.float32)
        raw = [source.score(held.queries) for source in self.sources_.values()]
        for row, population in enumerate((Population.of(had), Population.of(~had))):
            features = [population.feature(each, self.floor) for each in raw]
            weights = population.fit(features, held.taken, self.weights_[row], self.strength)
            self.weights_[row] = population.climb(features, held.taken, weights)
            scores[population.mask] = population.log_softmax(mix(features, self.weights_[row]))

        def judged(odds: float) -> float:
            return ndcg(np.asarray(scores + np.float32(odds) * had, np.float32), held.taken)

        if had.any():
            self.odds_ = np.array([best_of_line(judged, -4.0, 4.0)])

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        had = self._had(queries)
        total = np.zeros(had.shape, np.float32)
        for place, source in enumerate(self.sources_.values()):
            self._add(source.score(queries), place, had, total)
        normalise(total, had, self.odds_[0])
        return total if items is None else total[:, items]

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: what goes into one basket with each item."""
        return self.sources_["together"].similar_scores(items)

    def parts(self, queries: Queries, items: Int32 | None = None) -> dict[str, Float32]:
        """What each source adds to a score, float32 [q, m] ≥ 0 by name: the largest is the reason to state."""
        had = self._had(queries)
        found = {}
        for place, (name, source) in enumerate(self.sources_.items()):
            total = np.zeros(had.shape, np.float32)
            self._add(source.score(queries), place, had, total)
            found[name] = total if items is None else total[:, items]
        return found

    def _had(self, queries: Queries) -> Bool:
        """bool [q, n]: the item is in the history."""
        had = np.zeros((len(queries), self.n_items), np.bool_)
        had[queries.owner(), queries.item] = True
        return had

    def _add(self, scores: Float32, place: int, had: Bool, total: Float32) -> None:
        for row, value in enumerate((True, False)):
            if self.weights_[row, place] > 0:
                add_feature(scores, had, value, self.floor, self.weights_[row, place], total)
