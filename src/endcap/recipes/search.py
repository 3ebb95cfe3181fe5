"""Search: the items whose names, brands, categories and descriptions say what is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.recipes.search_words import WordIndex, asked_words, documents
from endcap.seams import Progress
from endcap.types import Float32, Int32


@dataclass
class Search(Recipe):
    """score(item) = Σ over the words searched for of idf · tf / (tf + k1 · (1 - b + b · length / mean length)).

    BM25 (Robertson and Zaragoza 2009, "The probabilistic relevance framework") over all texts of an item and its id,
    the words of its name and brand counting several times. The words come as `search` in the context of the question.
    Plurals are taken for singulars; a word that no item has stands for those that begin with it. What nobody said is
    not found; where nothing is searched for nothing is said. Ties go to what sells better.
    """

    title: ClassVar[str] = "Search"
    reason: ClassVar[str] = "Matches what you searched for"
    fits_items_alone: ClassVar[bool] = True
    wants_context: ClassVar[bool] = True

    k1: float = param(1.2, "How soon the same word said again adds nothing.", low=0.0, search=(0.5, 2.0))
    b: float = param(0.5, "How far long texts are discounted.", low=0.0, high=1.0, search=(0.0, 1.0))
    name_weight: int = param(3, "A word of the name counts as so many.", low=1, high=10, search=(1, 6))
    brand_weight: int = param(2, "A word of the brand or the maker counts as so many.", low=1, high=10)

    words_: tuple[str, ...] = fitted()
    """The words, sorted."""
    weights_: sparse.csr_matrix = fitted()
    """float32 [words, n]: what a word adds to an item's score."""
    sells_: Float32 = fitted()
    """float32 [n]: what breaks ties, in [0, 1e-3]."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        with progress("search", total=dataset.n_items, unit="items") as tick:
            lines = documents(dataset.item_metadata, dataset.items.ids, self.name_weight, self.brand_weight)
            index = WordIndex.of(lines, self.k1, self.b)
            tick(dataset.n_items)
        self.words_, self.weights_ = index.names, index.weights
        sold = np.log1p(self.popularity_)
        self.sells_ = (1e-3 * sold / max(float(sold.max()), 1e-9)).astype(np.float32)

    @property
    def index(self) -> WordIndex:
        """The fitted words, made ready once."""
        made: WordIndex | None = self.__dict__.get("_index")
        if made is None or made.weights is not self.weights_:
            made = WordIndex(self.words_, self.weights_)
            self.__dict__["_index"] = made
        return made

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        found = self.index.relevance(asked_words(queries.context, len(queries)))
        scores = (found if items is None else found[:, items]).toarray()
        sells = self.sells_ if items is None else self.sells_[items]
        return np.where(scores > 0, scores + sells, np.nan).astype(np.float32)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: the mean over the words of each of `items`."""
        scores = self.index.of_items(np.asarray(items, np.int32))
        return np.where(scores > 0, scores, np.nan).astype(np.float32)
