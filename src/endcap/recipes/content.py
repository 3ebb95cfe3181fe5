"""Content: items whose names, descriptions and categories say the same; a new item needs no shoppers for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.recipes.related import taken_together
from endcap.recipes.words import item_words
from endcap.seams import Progress
from endcap.types import Float32, Int32


@dataclass
class Content(Recipe):
    """sim(a, b) = (1 - behaviour) · w_a · w_b + behaviour · cosine of their shoppers; score: mean over history.

    w are the words and categories of an item's text columns, weighted by tf-idf (Salton and Buckley 1988,
    "Term-weighting approaches in automatic text retrieval"), of length 1. Values joined by `|` count one by one. Where
    a shop has no texts, behaviour alone decides.
    """

    title: ClassVar[str] = "Content"
    reason: ClassVar[str] = "Similar to what you looked at"

    behaviour: float = param(0.2, "Share of what shoppers took together beside what texts say.", low=0.0, high=1.0)
    neighbours: int = param(200, "Neighbours by behaviour kept of each item.", low=1)

    words_: sparse.csr_matrix = fitted()
    """float32 [n, words]: w, rows of length 1 (or 0 without texts)."""
    together_: sparse.csr_matrix = fitted()
    """float32 [n, n]: the cosine by behaviour."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        with progress("content", total=dataset.n_items, unit="items") as tick:
            self.words_ = item_words(dataset.item_metadata, dataset.n_items)
            self.together_ = taken_together(dataset, self.neighbours, tick=tick)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        history = queries.with_current().matrix(self.n_items)
        history.data[:] = 1.0
        lengths = np.maximum(np.diff(history.indptr), 1)
        return self._similar((sparse.diags(1.0 / lengths) @ history).tocsr().astype(np.float32), items)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: similarity, NaN where it is 0."""
        ones = (np.ones(len(items), np.float32), np.asarray(items, np.int32), np.arange(len(items) + 1))
        return self._similar(sparse.csr_matrix(ones, shape=(len(items), self.n_items)), None)

    def _similar(self, asked: sparse.csr_matrix, items: Int32 | None) -> Float32:
        """float32 [q, m]: similarity to weighted items, csr [q, n]."""
        share = self.behaviour if self.words_.nnz else 1.0
        words, together = self.words_, self.together_
        if items is not None:
            words, together = words[items], together[:, items]
        scores = (asked @ together).toarray() * np.float32(share)
        scores += ((asked @ self.words_) @ words.T).toarray() * np.float32(1 - share)
        return np.where(scores > 0, scores, np.nan).astype(np.float32)
