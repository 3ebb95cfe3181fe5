"""Semantic similarity: items whose texts mean the same, in whatever words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.content import AUTO
from endcap.recipes.embeddings import is_bundled, text_model
from endcap.recipes.item_facts import sentences
from endcap.recipes.queries import Queries
from endcap.recipes.words import item_words
from endcap.seams import Progress, rng
from endcap.types import Float32

EXTRA, ROUNDS = 8, 3
"""Directions looked at beside those kept, and rounds of the subspace iteration."""


@dataclass
class Semantic(InnerProductRecipe):
    """sim(a, b) = v_a · v_b, v the embedding of an item's texts, of length 1; a history is its mean, newest first.

    Mean of token vectors with rare tokens weighing more, the common direction taken out (Arora, Liang and Ma 2017). The
    vectors are stored: nothing is embedded while serving. Without the extra `text` and without a given model, words
    stand in: tf-idf compressed to `factors` (latent semantic analysis, Deerwester et al. 1990); where a shop has no
    texts, who took the items, compressed likewise.
    """

    title: ClassVar[str] = "Semantic similarity"
    reason: ClassVar[str] = "Like what you looked at"
    fits_items_alone: ClassVar[bool] = True

    model: str = param("auto", "A model's directory, or auto: the extra text where it is installed, else words.")
    factors: int = param(128, "Length of the vectors where words or shoppers stand in.", low=1, high=2048)
    step_decay: float = param(0.9, "Factor per step back in the history.", low=0.0, high=1.0)
    seed: int = param(0, "Seed of the compression.", low=0)

    source_: str = fitted()
    """What the vectors are made of: model, words or shoppers."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        lines = sentences(dataset.item_metadata)
        path = "" if self.model == AUTO else self.model
        with progress("semantic", total=dataset.n_items, unit="items") as tick:
            if lines and (path or is_bundled()):
                self.source_, vectors = "model", text_model(path).embed(lines)
            elif lines:
                words = item_words(dataset.item_metadata, dataset.n_items)
                self.source_, vectors = "words", compressed(words, self.factors, self.seed)
            else:
                self.source_, vectors = "shoppers", compressed(dataset.matrix().T.tocsr(), self.factors, self.seed)
            tick(dataset.n_items)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-6)
        self.item_vectors_ = np.ascontiguousarray(unit, np.float32)

    def query_vectors(self, queries: Queries) -> Float32:
        """float32 [q, d]; NaN where nothing with a text was looked at."""
        queries = queries.with_current()
        worth = np.power(np.float32(self.step_decay), queries.steps_back().astype(np.float32))
        mean = np.asarray(queries.matrix(self.n_items, worth) @ self.item_vectors_, np.float32)
        lengths = np.linalg.norm(mean, axis=1, keepdims=True)
        return np.where(lengths > 1e-6, mean / np.maximum(lengths, 1e-6), np.float32(np.nan)).astype(np.float32)


def compressed(matrix: sparse.csr_matrix, size: int, seed: int) -> Float32:
    """float32 [n, at most size]: the rows in the directions that keep most of them.

    Randomised subspace iteration (Halko, Martinsson and Tropp 2011), the same for the same seed.
    """
    matrix = matrix.astype(np.float64)
    kept = max(1, min(size, *matrix.shape))
    basis = np.linalg.qr(matrix @ rng(seed).standard_normal((matrix.shape[1], kept + EXTRA)))[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    left, sizes, _ = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return np.asarray((basis @ left * sizes)[:, :kept], np.float32)
