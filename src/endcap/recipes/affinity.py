"""Affinity: the shoppers most inclined to an item, or to any of several: segments to write to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset, Vocabulary
from endcap.recipes.als import ALS
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress, no_progress
from endcap.types import Float32, Int32

USERS_PER_BATCH = 4096


@dataclass
class Affinity(Recipe):
    """score(u, i) = x_u · y_i of alternating least squares (see `als`), read by column: which u for this i.

    The score estimates how sure it is that the shopper takes the item, on one scale for all shoppers, so that they can
    be ordered by it. A shopper's vector is solved from the history at hand; none is stored. See `segments`.
    """

    title: ClassVar[str] = "Affinity"
    reason: ClassVar[str] = "Recommended for you"

    factors: int = param(64, "Length of the vectors.", low=1, high=2048)
    iterations: int = param(6, "Passes over users and items.", low=1)
    alpha: float = param(50.0, "Extra confidence of one event of weight 1.", low=0.0)
    regularization: float = param(0.002, "Regularisation, before scaling by frequency.", low=1e-6)
    seed: int = param(0, "Seed of the random start.", low=0)

    vectors_: Recipe = fitted()
    """The factorisation."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        plain = ALS(**self.settings())
        self.vectors_ = plain.fit(dataset, progress)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        return self.vectors_.score(queries, items)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: cosine of item vectors."""
        return self.vectors_.similar_scores(items)


def segments(
    recipe: Recipe,
    items: Vocabulary,
    dataset: Dataset,
    groups: Sequence[Int32],
    k: int,
    *,
    progress: Progress = no_progress,
) -> tuple[Int32, Float32]:
    """(users, scores), int32 and float32 [g, k]: for each group of model rows, the k users who score highest on it.

    A group is one item, or all items of some attributes: then a user's mean over them counts. Users are rows of
    `dataset` (any snapshot of the shop, with whatever item vocabulary), those without a history the model knows are
    left out; past the end of a group stand -1 and NaN. Exact, ties to the lower row; memory does not grow with users.
    """
    held = _in_rows_of(items, dataset)
    users = np.full((len(groups), k), -1, np.int32)
    scores = np.full((len(groups), k), np.nan, np.float32)
    wanted, places = np.unique(np.concatenate([np.asarray(group, np.int32) for group in groups]), return_inverse=True)
    edges = np.cumsum([0, *(len(group) for group in groups)])
    known = np.flatnonzero(np.diff(held.indptr) > 0).astype(np.int32)
    with progress("segments", total=len(known), unit="users") as tick:
        for start in range(0, len(known), USERS_PER_BATCH):
            batch = known[start : start + USERS_PER_BATCH]
            found = recipe.score(Queries.histories(held, batch), wanted.astype(np.int32))
            for place in range(len(groups)):
                own = found[:, places[edges[place] : edges[place + 1]]]
                users[place], scores[place] = _kept(users[place], scores[place], batch, _means(own))
            tick(len(batch))
    return users, scores


def _in_rows_of(items: Vocabulary, dataset: Dataset) -> Dataset:
    """The same events with the model's item rows; events of items it does not know are gone."""
    rows = items.rows(dataset.items.ids)
    events = dataset.interactions
    events = replace(events, item=rows[events.item])
    return replace(dataset, items=items, interactions=events.take(events.item >= 0), item_metadata=None)


def _means(scores: Float32) -> Float32:
    """float32 [q]: mean of what is known of each row, NaN where nothing is."""
    known = ~np.isnan(scores)
    count = known.sum(axis=1)
    total = np.where(known, scores, 0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _kept(users: Int32, scores: Float32, more: Int32, values: Float32) -> tuple[Int32, Float32]:
    """The best of what was kept and of one batch more; batches come in ascending order of users."""
    k = len(users)
    known = ~np.isnan(values)
    every, worth = np.concatenate((users, more[known])), np.concatenate((scores, values[known]))
    order = np.argsort(-worth, kind="stable")[:k]  # NaN sorts last, ties stay in order of users
    return every[order], worth[order]
