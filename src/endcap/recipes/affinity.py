"""Affinity: the shoppers most inclined to an item, or to any of several: segments to write to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from endcap.lake.dataset import Dataset, Vocabulary
from endcap.recipes.als import ALS
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.buy_it_again import BuyItAgain
from endcap.recipes.mixing import HoldOut, hold_out
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.seams import Progress, no_progress, rng
from endcap.types import Float32, Float64, Int32

USERS_PER_BATCH = 4096


PRIOR: dict[str, float] = {
    "always": -6.0,
    "likeness": 4.0,
    "had": 1.0,
    "again": 0.5,
    "events": 0.3,
    "days since": -0.3,
    "sells": 0.3,
}
"""What is known of a shopper and an item, in order, with its weight where there is nothing to fit on."""
STRENGTH = 10.0
"""Squared distance from those weights costs half so much log-likelihood."""
MEMORY_DAYS = 90.0
"""Age at which an event counts half in how active a shopper is."""
NEGATIVES = 20
"""Pairs that came to nothing, drawn for each that did, to learn from."""


@dataclass
class Affinity(Recipe):
    """score(u, i) = P(u takes i within `days`) = σ(w · x), read by column: which u for this i.

    x: the likeness x_u · y_i of alternating least squares (see `als`), whether the shopper had the item and how likely
    they buy it again (see `buy_it_again`), how active they are and how lately, how the item sells. w is a logistic
    regression on the last `days` of training given what came before, on pairs that were taken and a weighted sample of
    those that were not (King and Zeng 2001). All shoppers are on one scale, so that they can be ordered; whoever is
    asked about is told by the history at hand, none is stored. See `segments`.
    """

    title: ClassVar[str] = "Affinity"
    reason: ClassVar[str] = "Recommended for you"

    factors: int = param(64, "Length of the vectors.", low=1, high=2048, search=(16, 256), log=True)
    iterations: int = param(4, "Passes over users and items.", low=1)
    alpha: float = param(1.0, "Extra confidence of one event of weight 1.", low=0.0, search=(0.3, 30.0), log=True)
    regularization: float = param(
        0.002, "Regularisation, before scaling by frequency.", low=1e-6, search=(0.0005, 0.02), log=True
    )
    days: float = param(28.0, "Within how many days an item is to be taken.", low=0.5)
    max_queries: int = param(4000, "At most this many shoppers are learned from.", low=1)
    seed: int = param(0, "Seed of the random start and of samples.", low=0)

    vectors_: Recipe = fitted()
    """The factorisation."""
    again_: Recipe = fitted()
    """Repeat purchases."""
    sells_: Float32 = fitted()
    """float32 [n]: log(1 + weight of the item's events lately)."""
    weights_: Float64 = fitted()
    """float64 [x]: w, in the order of `PRIOR`."""
    timed_: Int32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int32)
        self.weights_ = np.array(list(PRIOR.values()))
        held = hold_out(dataset, self.days, self.max_queries, self.seed)
        if held is not None:
            self._learn(held.earlier, progress)
            told, taken, weight = self._examples(held)
            self.weights_ = _fitted_weights(told, taken, weight, self.weights_)
        self._learn(dataset, progress)

    def _learn(self, dataset: Dataset, progress: Progress) -> None:
        self.popularity_ = dataset.popularity()
        settings = {name: getattr(self, name) for name in ("factors", "iterations", "alpha", "regularization", "seed")}
        self.vectors_ = ALS(damping=0.0, weighting="linear", **settings).fit(dataset, progress)
        self.again_ = BuyItAgain(days=self.days, seed=self.seed).fit(dataset, progress)
        self.sells_ = np.log1p(np.nan_to_num(Popularity().fit(dataset, progress).scores_))

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        likeness, again = self._pairs(queries, items)
        sells = self.sells_ if items is None else self.sells_[items]
        weight = dict(zip(PRIOR, self.weights_.tolist(), strict=True))
        events, days = self._activity(queries)
        logits = weight["likeness"] * np.nan_to_num(likeness)
        logits += (weight["always"] + weight["events"] * events + weight["days since"] * days)[:, None]
        logits += weight["sells"] * sells[None, :]
        had = ~np.isnan(again)
        logits[had] += weight["had"] + weight["again"] * again[had]
        # Who has no history is not told apart by anything.
        logits[np.diff(queries.with_current().indptr) == 0] = np.nan
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: cosine of item vectors."""
        return self.vectors_.similar_scores(items)

    def _pairs(self, queries: Queries, items: Int32 | None) -> tuple[Float32, Float32]:
        """(float32 [q, m] likeness, float32 [q, m] log-odds of buying again, NaN for what was not had)."""
        chance = np.clip(self.again_.score(queries, items), 1e-5, 1 - 1e-5) if self.timed_[0] else None
        likeness = self.vectors_.score(queries, items)
        if chance is None:
            return likeness, np.full(likeness.shape, np.nan, np.float32)
        return likeness, np.asarray(np.log(chance / (1 - chance)), np.float32)

    def _activity(self, queries: Queries) -> tuple[Float64, Float64]:
        """(float64 [q], float64 [q]): log of the recent events of each shopper, of the days since the last."""
        q, owner = len(queries), queries.owner()
        if not self.timed_[0]:
            return np.log1p(np.diff(queries.indptr).astype(np.float64)), np.zeros(q)
        events = np.bincount(owner, weights=queries.decay(MEMORY_DAYS), minlength=q)
        since = np.full(q, 1000.0)
        np.minimum.at(since, owner, queries.age_days())
        return np.log1p(events), np.log1p(since)

    def _examples(self, held: HoldOut) -> tuple[Float64, Float64, Float64]:
        """(float64 [m, x], float64 [m], float64 [m]): pairs, whether they were taken, what each stands for."""
        draw, taken = rng(self.seed), held.taken
        rows, columns = np.nonzero(taken)
        count = min(NEGATIVES * len(rows), taken.size)
        other = draw.integers(0, taken.shape[0], count), draw.integers(0, taken.shape[1], count)
        owned = held.queries.owner(), held.queries.item
        row, column = (np.concatenate(each) for each in ((rows, other[0], owned[0]), (columns, other[1], owned[1])))
        kind = np.concatenate((np.zeros(len(rows)), np.ones(count), np.full(len(owned[0]), 2)))
        had = np.zeros(taken.shape, np.bool_)
        had[owned] = True
        # Taken: each stands for itself. Of what came to nothing, all that was had, once, and a sample of what was not.
        first = np.zeros(len(row), np.bool_)
        first[
            np.unique((row.astype(np.int64) * taken.shape[1] + column) * 3 + kind.astype(np.int64), return_index=True)[
                1
            ]
        ] = True
        kept = (kind == 0) | (~taken[row, column] & ((kind == 2) & first | (kind == 1) & ~had[row, column]))
        row, column, kind = row[kept], column[kept], kind[kept]
        sampled = max(int((kind == 1).sum()), 1)
        weight = np.where(kind == 1, ((~had).sum() - (taken & ~had).sum()) / sampled, 1.0)
        told = np.zeros((len(row), len(PRIOR)))
        events, days = self._activity(held.queries)
        told[:, 0], told[:, 4], told[:, 5], told[:, 6] = 1.0, events[row], days[row], self.sells_[column]
        for start in range(0, len(held.queries), 256):
            stop = min(start + 256, len(held.queries))
            mine = np.flatnonzero((row >= start) & (row < stop))
            likeness, again = self._pairs(held.queries.batch(start, stop), None)
            own = again[row[mine] - start, column[mine]]
            told[mine, 1] = np.nan_to_num(likeness[row[mine] - start, column[mine]])
            told[mine, 2], told[mine, 3] = ~np.isnan(own), np.nan_to_num(own)
        return told, taken[row, column].astype(np.float64), weight


def _fitted_weights(told: Float64, taken: Float64, weight: Float64, prior: Float64) -> Float64:
    """float64 [x]: weighted logistic regression, held near `prior`."""

    def loss(weights: Float64) -> tuple[float, Float64]:
        logits, away = told @ weights, weights - prior
        value = (weight * (np.logaddexp(0, logits) - taken * logits)).sum() + 0.5 * STRENGTH * (away @ away)
        slope = told.T @ (weight * (1 / (1 + np.exp(-logits)) - taken)) + STRENGTH * away
        return float(value) / len(taken), slope / len(taken)

    from scipy import optimize  # noqa: PLC0415 - a quarter of a second, that only training needs

    return np.asarray(optimize.minimize(loss, prior, jac=True, method="L-BFGS-B").x, np.float64)


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
