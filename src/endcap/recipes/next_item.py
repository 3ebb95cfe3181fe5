"""What comes next: a transformer over the history and what followed its items elsewhere, mixed as validation says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.item_item import ItemItem
from endcap.recipes.neural.sequences import held_out
from endcap.recipes.queries import Queries
from endcap.recipes.sasrec import SASRec
from endcap.seams import Progress
from endcap.types import Float32, Float64, Int32

WEIGHTS = tuple(round(0.1 * step, 1) for step in range(31))
FLOOR = 0.1
"""Share of the best score of a window from which its word counts."""
HOLDOUT = 0.1
"""Share of shoppers whose last event chooses the weight."""
ROWS = 256


@dataclass
class NextItem(Recipe):
    """score(b) = log p(b) + w · log(1 + s(b) / (0.1 · max s)).

    p is the softmax of `sasrec`, s the score of `item-item` with a window: what came shortly before or after the items
    of the history elsewhere. w is the one of 0, 0.1 … 3 that ranks highest (mean 1 / log2(1 + rank)) the events that
    the transformer validates on: the last ones of a tenth of the shoppers, at most 1000, held out from both sources.
    A logarithmic opinion pool (Genest and Zidek 1986) of two sources that fail on different shoppers.
    """

    title = "Next item"
    reason = "Follows from what you looked at"

    window: int = param(5, "Steps of a history that `item-item` joins.", low=1, search=(2, 10))
    step_decay: float = param(
        0.8, "What a step apart costs there, and a step back.", low=0.0, high=1.0, search=(0.5, 0.95)
    )
    directed: bool = param(False, "Join an item only to those that came after it.")
    factors: int | None = param(None, "Length of the transformer's vectors; None: by the size of the data.", low=8)
    dropout: float | None = param(None, "Dropout of the transformer; None: by history length.", low=0.0, high=0.9)
    epochs: int = param(100, "Passes of the transformer over the data at most.", low=1)
    seed: int = param(0, "Seed of the transformer and of what validates.", low=0)

    sources_: dict[str, Recipe] = fitted()
    weight_: Float64 = fitted()
    """float64 [1]: w."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        transformer = SASRec(
            factors=self.factors, dropout=self.dropout, epochs=self.epochs, holdout=HOLDOUT, seed=self.seed
        )
        window = ItemItem(
            window=self.window, step_decay=self.step_decay, directed=self.directed, trend_half_life_days=None
        )
        self.sources_ = {"transformer": transformer.fit(dataset, progress), "window": window}
        self.weight_ = np.array([0.5])
        users = held_out(dataset.indptr, HOLDOUT, self.seed).astype(np.int32)
        if len(users):
            last = dataset.indptr[users + 1] - 1
            earlier = dataset.with_interactions(
                dataset.interactions.take(np.delete(np.arange(len(dataset.interactions)), last))
            )
            window.fit(earlier, progress)
            self.weight_[0] = self._best(Queries.histories(earlier, users), dataset.interactions.item[last])
        window.fit(dataset, progress)

    def _best(self, queries: Queries, wanted: Int32) -> float:
        """The weight under which the wanted items rank highest; items had before compete only with one another."""
        worth = np.zeros(len(WEIGHTS))
        for low in range(0, len(queries), ROWS):
            part = queries.batch(low, min(low + ROWS, len(queries)))
            target = wanted[low : low + ROWS]
            had = part.matrix(self.n_items).toarray() > 0
            rivals = had == had[np.arange(len(target)), target][:, None]
            likely, near = self._parts(part)
            for place, weight in enumerate(WEIGHTS):
                mixed = likely + np.float32(weight) * near
                above = (mixed > mixed[np.arange(len(target)), target][:, None]) & rivals
                worth[place] += (1 / np.log2(above.sum(axis=1) + 2.0)).sum()
        return WEIGHTS[int(np.argmax(worth))]

    def _parts(self, queries: Queries) -> tuple[Float32, Float32]:
        """log p and log(1 + s / (0.1 · max s)), float32 [q, n] each; zeros where a source cannot tell."""
        logits = self.sources_["transformer"].score(queries)
        logits = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
        likely = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        near = np.nan_to_num(self.sources_["window"].score(queries), nan=0.0)
        near = np.log1p(near / np.maximum(FLOOR * near.max(axis=1, keepdims=True), 1e-30))
        return np.nan_to_num(likely, nan=0.0).astype(np.float32), near.astype(np.float32)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        likely, near = self._parts(queries)
        scores = likely + np.float32(self.weight_[0]) * near
        scores[~(likely.any(axis=1) | near.any(axis=1))] = np.nan
        return scores if items is None else scores[:, items]

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: what goes into one basket with each item."""
        return self.sources_["window"].similar_scores(items)
