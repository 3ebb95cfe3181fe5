"""Personalised search: what matches the words, in the order in which this shopper would take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.basket_questions import CANDIDATES, Candidates, climb
from endcap.recipes.item_item import ItemItem
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.recipes.repeat import Repeat
from endcap.recipes.search import Search
from endcap.recipes.search_questions import Searches, searches
from endcap.recipes.search_words import asked_words
from endcap.seams import Progress
from endcap.types import Bool, Float32, Float64, Int32

PRIOR = {"text": (2.0, 2.0), "own": (0.0, 1.0), "near": (0.0, 0.7), "popular": (0.7, 0.3)}
"""The sources, in order, with their weights for a stranger and for a shopper with a history, where there is little to
fit on."""
UNMATCHED = 20.0
"""What a given item that does not match the words is put back by: it follows all that do."""
LEAST_SEARCHES = 30


@dataclass
class SearchPersonalised(Recipe):
    """score(item) = Σ_s w_s · log(1 + x_s / (floor · best x_s)), over what matches the words searched for.

    x are: BM25 relevance (`text`), what the shopper took or looked at (`own`), what goes with it (`near`), what sells
    (`popular`). The weights climb NDCG@10 of finding again what shoppers turned to in the last `holdout_days` by words
    of its own name or category, once for strangers and once for shoppers with a history; so text rules where words tell
    items apart and taste where they do not. A given list is put in order whole: what does not match follows. Where
    nothing is searched for, taste alone answers.
    """

    title: ClassVar[str] = "Personalised search"
    reason: ClassVar[str] = "Matches what you searched for"
    wants_context: ClassVar[bool] = True

    floor: float = param(
        0.1, "Share of the best from which a source's word counts.", low=1e-4, search=(0.01, 1.0), log=True
    )
    name_weight: int = param(3, "A word of the name counts as so many.", low=1, high=10)
    memory_days: float = param(
        120.0, "Half-life of the shopper's own purchases.", low=0.1, search=(30.0, 365.0), log=True
    )
    trend_days: float = param(28.0, "Window of what sells.", low=0.01)
    holdout_days: float = param(28.0, "The weights are fitted on this much of the end of the training data.", low=0.01)
    max_queries: int = param(1500, "At most this many purchases are searched for to fit them.", low=1)
    seed: int = param(0, "Seed of the searches of the hold-out.", low=0)

    text_: Recipe = fitted()
    sources_: dict[str, Recipe] = fitted()
    weights_: Float64 = fitted()
    """float64 [2, s]: of the sources; row 0 for strangers, row 1 for shoppers with a history."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.weights_ = np.array([PRIOR[name] for name in PRIOR]).T.copy()
        asked = searches(dataset, self.holdout_days, self.max_queries, self.seed)
        if asked is not None:
            self._learn(asked.earlier, progress)
            for row, queries in enumerate((asked.strangers(), asked.queries)):
                self._fit_weights(asked, queries, row)
        self._learn(dataset, progress)

    def _learn(self, dataset: Dataset, progress: Progress) -> None:
        self.text_ = Search(name_weight=self.name_weight).fit(dataset, progress)
        sources = {
            "own": Repeat(half_life_days=self.memory_days),
            "near": ItemItem(neighbours=int(np.clip(10_000_000 // dataset.n_items, 100, 1000))),
            "popular": Popularity(window_days=self.trend_days),
        }
        self.sources_ = {name: source.fit(dataset, progress) for name, source in sources.items()}

    def _fit_weights(self, asked: Searches, queries: Queries, row: int) -> None:
        told = np.flatnonzero(_has_history(queries) == bool(row))
        if len(told) < LEAST_SEARCHES:
            return
        rows = Candidates.of(len(told), len(PRIOR))
        for place, at in enumerate(told.tolist()):
            one = queries.batch(at, at + 1)
            parts, matched = self._parts(one)
            total = np.where(matched[0], self._mixed(one, parts)[0], -np.inf)
            best = np.argsort(-total, kind="stable")[: min(CANDIDATES, int(matched.sum()))]
            rows.features[:, place, : len(best)] = np.stack([part[0][best] for part in parts])
            rows.fixed[place, : len(best)] = 0.0
            rows.taken[place, : len(best)] = best == asked.target[at]
        self.weights_[row] = climb(rows, np.ones(len(told), np.int32), self.weights_[row])

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        parts, matched = self._parts(queries)
        total = self._mixed(queries, parts)
        if items is None:
            return np.where(matched, total, np.nan).astype(np.float32)
        searched = np.array([bool(words) for words in asked_words(queries.context, len(queries))])
        total -= np.float32(UNMATCHED) * (searched[:, None] & ~matched)
        tellable = matched | searched[:, None]
        return np.where(tellable, total, np.nan).astype(np.float32)[:, items]

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: what goes with each of `items`."""
        found: Float32 = self.sources_["near"].similar_scores(items)
        return found

    def _mixed(self, queries: Queries, parts: list[Float32]) -> Float32:
        weights = self.weights_[_has_history(queries).astype(np.int64)].astype(np.float32)
        total = np.zeros(parts[0].shape, np.float32)
        for place, part in enumerate(parts):
            total += weights[:, place, None] * part
        return total

    def _parts(self, queries: Queries) -> tuple[list[Float32], Bool]:
        """(float32 [q, n] of each source, in order; bool [q, n]: what matches, by words or, without any, by taste)."""
        text = self.text_.score(queries)
        raw = [text, *(source.score(queries) for source in self.sources_.values())]
        silent = np.array([not words for words in asked_words(queries.context, len(queries))], np.bool_)[:, None]
        by_taste = (raw[1] > 0) | (raw[2] > 0)
        matched = np.where(silent, by_taste, text > 0)
        return [self._logs(each) for each in raw], matched

    def _logs(self, scores: Float32) -> Float32:
        best = np.fmax.reduce(scores, axis=1, initial=1e-12)[:, None]
        share = np.maximum(np.nan_to_num(scores), 0) / (best * np.float32(self.floor))
        return np.asarray(np.log1p(share), np.float32)


def _has_history(queries: Queries) -> Bool:
    return np.asarray(np.diff(queries.with_current().indptr) > 0, np.bool_)
