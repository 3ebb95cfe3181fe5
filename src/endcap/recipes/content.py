"""Content: items whose texts, kinds and prices are like the ones looked at; a new item has neighbours at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.embeddings import is_bundled, text_model
from endcap.recipes.item_facts import prices, sentences
from endcap.recipes.queries import Queries
from endcap.recipes.related import taken_together
from endcap.recipes.words import Words, item_words, letters_of
from endcap.seams import Progress
from endcap.types import Float32, Int32

AUTO, NONE = "auto", "none"
ENOUGH = 5.0
"""Shoppers of an item with which behaviour counts half of what it counts at most."""
TERMS = 64
"""Most words kept of an item, and as many runs of letters, the most telling ones: what bounds memory and time."""


@dataclass
class Content(Recipe):
    """sim(a, b) = (1 - s_a) · text(a, b) / (1 + price · |log2 p_a / p_b|) + s_a · cosine of their shoppers.

    text is the mean, by `letters` and `meaning`, of three cosines: of words and categories weighted by tf-idf (Salton
    and Buckley 1988, "Term-weighting approaches in automatic text retrieval"; values joined by `|` count one by one),
    of runs of four letters of the name likewise, and of text embeddings (`embeddings`). s_a = behaviour · n_a / (n_a +
    5) with n_a shoppers of a: an item that nobody took yet is known by its texts alone. Where a shop has no texts,
    behaviour alone decides. score: mean over the history, prices by their mean.
    """

    title: ClassVar[str] = "Content"
    reason: ClassVar[str] = "Similar to what you looked at"
    fits_items_alone: ClassVar[bool] = True

    behaviour: float = param(
        0.2, "Share of what shoppers took together beside what texts say.", low=0.0, high=1.0, search=(0.0, 1.0)
    )
    letters: float = param(0.2, "Share of runs of letters in texts.", low=0.0, high=1.0, search=(0.0, 0.5))
    meaning: float = param(0.3, "Share of embeddings in texts, where there are any.", low=0.0, high=1.0)
    price: float = param(1.0, "How far another price parts two items; 0: not at all.", low=0.0, search=(0.0, 2.0))
    embeddings: str = param("none", "none, auto (the extra text, where installed), or a model's directory.")
    neighbours: int = param(200, "Neighbours by behaviour kept of each item.", low=1)

    words_: sparse.csr_matrix = fitted()
    """float32 [n, words + runs]: rows of length √(1 - meaning), or less where parts are missing."""
    vectors_: Float32 = fitted()
    """float32 [n, d]: embeddings, rows of length √meaning; d = 0 without."""
    prices_: Float32 = fitted()
    """float32 [n]: log2 of the price, NaN where unknown."""
    shares_: Float32 = fitted()
    """float32 [n]: s."""
    together_: sparse.csr_matrix = fitted()
    """float32 [n, n]: the cosine by behaviour."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        n, metadata = dataset.n_items, dataset.item_metadata
        with progress("content", total=n, unit="items") as tick:
            self.vectors_ = self._embedded(dataset)
            meaning = self.meaning if self.vectors_.size else 0.0
            self.vectors_ *= np.float32(np.sqrt(meaning))
            words, runs = telling(item_words(metadata, n)), telling(Words.of(metadata, n, letters_of).matrix)
            letters = (1 - meaning) * (self.letters if runs.nnz else 0.0)
            parts = (words * np.sqrt(1 - meaning - letters), runs * np.sqrt(letters))
            self.words_ = sparse.hstack(parts, format="csr", dtype=np.float32)
            self.prices_ = np.log2(prices(metadata, n))
            self.together_ = taken_together(dataset, self.neighbours, tick=tick)
        said = bool(self.words_.nnz or self.vectors_.size)
        takers = np.bincount(np.unique(_pairs(dataset)) % n, minlength=n)
        self.shares_ = np.where(said, self.behaviour * takers / (takers + ENOUGH), 1.0).astype(np.float32)

    def _embedded(self, dataset: Dataset) -> Float32:
        """float32 [n, d], rows of length 1, or 0 without texts."""
        path = "" if self.embeddings == AUTO else self.embeddings
        lines = sentences(dataset.item_metadata)
        if not lines or self.embeddings == NONE or (not path and not is_bundled()):
            return np.zeros((dataset.n_items, 0), np.float32)
        return text_model(path).embed(lines)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        history = queries.with_current().had(self.n_items)
        lengths = np.maximum(np.diff(history.indptr), 1)
        return self._similar((sparse.diags(1.0 / lengths) @ history).tocsr().astype(np.float32), items)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: similarity, NaN where it is 0."""
        ones = (np.ones(len(items), np.float32), np.asarray(items, np.int32), np.arange(len(items) + 1))
        return self._similar(sparse.csr_matrix(ones, shape=(len(items), self.n_items)), None)

    def _similar(self, asked: sparse.csr_matrix, items: Int32 | None) -> Float32:
        """float32 [q, m]: similarity to weighted items, csr [q, n]."""
        by_shoppers, by_texts = asked.copy(), asked.copy()
        by_shoppers.data = asked.data * self.shares_[asked.indices]
        by_texts.data = asked.data * (1 - self.shares_[asked.indices])
        rows = slice(None) if items is None else items
        scores = ((by_texts @ self.words_) @ self.words_[rows].T).toarray()
        if self.vectors_.size:
            scores += np.maximum((by_texts @ self.vectors_) @ self.vectors_[rows].T, 0)
        scores *= self._closeness(asked, self.prices_[rows])
        scores += (by_shoppers @ self.together_)[:, rows].toarray()
        return np.where(scores > 0, scores, np.nan).astype(np.float32)

    def _closeness(self, asked: sparse.csr_matrix, others: Float32) -> Float32:
        """float32 [q, m] in (0, 1]: 1 where a price is unknown."""
        known = np.isfinite(self.prices_[asked.indices])
        logs = asked.copy()
        logs.data = np.where(known, asked.data * np.nan_to_num(self.prices_[asked.indices]), 0)
        weight = asked.copy()
        weight.data = asked.data * known
        total = np.asarray(weight.sum(1)).ravel()
        own = np.where(total > 0, np.asarray(logs.sum(1)).ravel() / np.maximum(total, 1e-12), np.nan)
        apart = np.nan_to_num(np.abs(own[:, None] - others[None, :]))
        return np.asarray(1 / (1 + self.price * apart), np.float32)


def telling(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix with the `TERMS` largest entries of each row, rows of length 1 again."""
    lengths = np.diff(matrix.indptr)
    kept = matrix.copy()
    if lengths.max(initial=0) > TERMS:
        row = np.repeat(np.arange(len(lengths)), lengths)
        order = np.lexsort((-matrix.data, row))
        place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], lengths)
        kept.data[order[place >= TERMS]] = 0
        kept.eliminate_zeros()
    norms = np.sqrt(np.asarray(kept.multiply(kept).sum(1)).ravel())
    return (sparse.diags(1 / np.maximum(norms, 1e-12)) @ kept).tocsr().astype(np.float32)


def _pairs(dataset: Dataset) -> np.ndarray:
    """int64: a number for each pair of user and item there is."""
    events = dataset.interactions
    return events.user.astype(np.int64) * dataset.n_items + events.item
