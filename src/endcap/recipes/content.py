"""Content: items whose names, descriptions and categories say the same; a new item needs no shoppers for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.recipes.related import taken_together
from endcap.seams import Progress
from endcap.types import ITEM_ID, Float32, Int32

LONGEST_CATEGORY = 60
"""Texts up to this long also count as a whole: as the name of a category, a brand, a genre."""
_WORD = re.compile(r"\w+")


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


def item_words(metadata: pa.Table | None, n_items: int) -> sparse.csr_matrix:
    """float32 [n_items, words]: tf-idf of the words and short texts in all text columns, rows of length 1 (or 0).

    What only one item says is left out: it makes nothing similar. Words are numbered in order of appearance.
    """
    texts = [] if metadata is None else [name for name in metadata.column_names if name != ITEM_ID]
    rows: list[int] = []
    codes: list[int] = []
    numbers: dict[str, int] = {}
    for name in texts:
        assert metadata is not None
        if not pa.types.is_string(metadata[name].type) and not pa.types.is_large_string(metadata[name].type):
            continue
        for row, text in enumerate(metadata[name].to_pylist()):
            for word in _words(name, text):
                rows.append(row)
                codes.append(numbers.setdefault(word, len(numbers)))
    shape = (n_items, max(len(numbers), 1))
    counts = sparse.csr_matrix((np.ones(len(rows)), (rows, codes)), shape=shape)
    counts.sum_duplicates()
    spread = np.bincount(counts.indices, minlength=shape[1])
    counts = counts[:, spread > 1].tocsr()
    if not counts.nnz:
        return sparse.csr_matrix((n_items, 1), dtype=np.float32)
    rarity = np.log(n_items / spread[spread > 1]) + 1e-6
    counts.data = (1 + np.log(counts.data)) * rarity[counts.indices]
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(1)).ravel())
    return (sparse.diags(1 / np.maximum(lengths, 1e-12)) @ counts).tocsr().astype(np.float32)


def _words(column: str, text: str | None) -> list[str]:
    if not text:
        return []
    found = _WORD.findall(text.lower())
    if len(text) <= LONGEST_CATEGORY:
        found += [f"{column}={part.strip().lower()}" for part in text.split("|") if part.strip()]
    return found
