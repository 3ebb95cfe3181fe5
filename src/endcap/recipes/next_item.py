"""What comes next: a transformer over the history and what followed its items elsewhere, mixed as validation says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.item_item import ItemItem
from endcap.recipes.queries import Queries
from endcap.recipes.sasrec import SASRec
from endcap.seams import Progress, rng
from endcap.types import Float32, Float64, Int32

WEIGHTS = tuple(round(0.05 * step, 2) for step in range(21))
ROWS = 256


@dataclass
class NextItem(Recipe):
    """p(b) = (1 − w) · p_transformer(b) + w · p_window(b); the score is log p(b).

    p_transformer is the softmax of `sasrec`, p_window the score of `item-item` with a window as a share of the sum over
    the catalogue. w is the multiple of 0.05 that ranks highest the last events of a tenth of the shoppers (at most `asked`),
    held out from both (mean 1 / log2(1 + rank)): a mixture of experts, with one weight for all.
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
    asked: int = param(2000, "At most so many shoppers' last events choose the weight.", low=1)
    seed: int = param(0, "Seed of the hold-out and of the transformer.", low=0)

    sources_: dict[str, Recipe] = fitted()
    weight_: Float64 = fitted()
    """float64 [1]: w."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        transformer = SASRec(factors=self.factors, dropout=self.dropout, epochs=self.epochs, seed=self.seed)
        window = ItemItem(
            window=self.window, step_decay=self.step_decay, directed=self.directed, trend_half_life_days=None
        )
        users, last = self._held_out(dataset)
        keep = np.ones(len(dataset.interactions), np.bool_)
        keep[last] = False
        earlier = dataset.with_interactions(dataset.interactions.take(keep))
        self.weight_ = np.array([0.5])
        self.sources_ = {"transformer": transformer.fit(earlier, progress), "window": window.fit(earlier, progress)}
        if len(users):
            queries = Queries.histories(earlier, users)
            self.weight_[0] = self._best(queries, dataset.interactions.item[last])
            window.fit(dataset, progress)

    def _held_out(self, dataset: Dataset) -> tuple[Int32, np.ndarray]:
        """The users asked, and the row of each one's last event."""
        able = np.flatnonzero(np.diff(dataset.indptr) >= 4)
        count = min(len(able) // 10, self.asked)
        users = np.sort(rng(self.seed).choice(able, count, replace=False)).astype(np.int32)
        return users, dataset.indptr[users + 1] - 1

    def _best(self, queries: Queries, wanted: Int32) -> float:
        """The weight under which the wanted items rank highest."""
        worth = np.zeros(len(WEIGHTS))
        for low in range(0, len(queries), ROWS):
            parts = self._shares(queries.batch(low, min(low + ROWS, len(queries))))
            target = wanted[low : low + ROWS]
            for place, weight in enumerate(WEIGHTS):
                mixed = _mix(parts, weight)
                rank = (mixed > mixed[np.arange(len(target)), target][:, None]).sum(axis=1)
                worth[place] += (1 / np.log2(rank + 2.0)).sum()
        return WEIGHTS[int(np.argmax(worth))]

    def _shares(self, queries: Queries) -> tuple[Float32, Float32]:
        """Each source's distribution over the catalogue, float32 [q, n]; zeros where it cannot tell."""
        logits = np.nan_to_num(self.sources_["transformer"].score(queries), nan=-np.inf)
        top = logits.max(axis=1, keepdims=True)
        likely = np.exp(logits - np.where(np.isfinite(top), top, 0.0))
        counts = np.nan_to_num(self.sources_["window"].score(queries), nan=0.0)
        return tuple(each / np.maximum(each.sum(axis=1, keepdims=True), 1e-30) for each in (likely, counts))

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        mixed = _mix(self._shares(queries), float(self.weight_[0]))
        with np.errstate(divide="ignore"):
            scores = np.where(mixed > 0, np.log(mixed), np.nan).astype(np.float32)
        return scores if items is None else scores[:, items]

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: what goes into one basket with each item."""
        return self.sources_["window"].similar_scores(items)


def _mix(parts: tuple[Float32, Float32], weight: float) -> Float32:
    return np.asarray((1 - weight) * parts[0] + weight * parts[1], np.float32)
