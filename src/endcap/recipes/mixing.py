"""Fitting the mix of `blend`: a hold-out of the training data, and weights that make what it holds likely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from endcap.lake.dataset import Dataset
from endcap.recipes.queries import Queries
from endcap.recipes.topk import top_k
from endcap.seams import rng
from endcap.types import DAY, Bool, Float32, Float64, Int64

CELLS = 8_000_000
"""At most this many scores (queries × items) of each source are held while the mix is fitted."""
CUT = 20
"""The mix is judged by NDCG at this length."""


LEAST_GAIN = 0.008
"""A step of the climb must add this much NDCG over the root of the number of queries: fewer queries, more chance."""


@dataclass(frozen=True)
class HoldOut:
    """What came before (`earlier`), who is asked about it, and what they then took: bool [q, n]."""

    earlier: Dataset
    queries: Queries
    taken: Bool


def hold_out(dataset: Dataset, days: float, most: int, seed: int) -> HoldOut | None:
    """The last `days` of a dataset against what came before (at most a fifth of its time).

    Without times the last fifth of every history is held out, without any order a random fifth. At most `most` users
    are asked. None where no user with a history takes anything.
    """
    events = dataset.interactions
    if not len(events):
        return None
    now = dataset.last_time + 1
    if dataset.time_kind == "micros":
        span = now - int(events.time.min())
        now -= min(int(days * DAY), span // 5)
        later = events.time >= now
    elif dataset.time_kind == "order":
        place = np.arange(len(events)) - dataset.indptr[events.user]
        later = place >= np.maximum(np.ceil(0.8 * np.diff(dataset.indptr)), 1)[events.user]
    else:
        later = rng(seed).random(len(events)) < 0.2
    earlier = dataset.with_interactions(events.take(~later))
    user, item = events.user[later], events.item[later]
    answerable = (np.diff(earlier.indptr)[user] > 0) & (earlier.popularity()[item] > 0)
    user, item = user[answerable], item[answerable]
    users = np.unique(user)
    most = min(most, max(CELLS // dataset.n_items, 100))
    if len(users) > most:
        users = np.sort(rng(seed).choice(users, most, replace=False))
    if not len(users):
        return None
    asked = np.isin(user, users)
    taken = np.zeros((len(users), dataset.n_items), np.bool_)
    taken[np.searchsorted(users, user[asked]), item[asked]] = True
    return HoldOut(earlier, Queries.histories(earlier, users.astype(np.int32), now=now), taken)


@dataclass(frozen=True)
class Population:
    """The items of each query that the shopper already had, or those new to them, as one flat run per query."""

    mask: Bool
    """bool [q, n]."""
    rows: Int64
    """int64 [r]: queries with at least one such item."""
    starts: Int64
    """int64 [r]: where the run of each begins."""
    lengths: Int64

    @classmethod
    def of(cls, mask: Bool) -> Population:
        counts = mask.sum(axis=1)
        rows = np.flatnonzero(counts)
        lengths = counts[rows]
        return cls(mask, rows, np.cumsum(lengths) - lengths, lengths)

    def feature(self, scores: Float32, floor: float) -> Float32:
        """float32 [m] ≥ 0: `add_feature` of weight 1 in these cells."""
        cells = np.zeros(scores.shape, np.float32)
        add_feature(scores, self.mask, True, floor, 1.0, cells)
        return np.asarray(cells[self.mask], np.float32)

    def log_softmax(self, values: Float32) -> Float32:
        """float32 [m]: log of each item's share of its query, exp(value) over their sum."""
        if not len(self.rows):
            return values
        shifted = values - np.repeat(np.maximum.reduceat(values, self.starts), self.lengths)
        total = np.add.reduceat(np.exp(shifted), self.starts)
        return np.asarray(shifted - np.repeat(np.log(total), self.lengths), np.float32)

    def fit(self, features: list[Float32], taken: Bool, prior: Float64, strength: float) -> Float64:
        """Weights ≥ 0, float64 [s], under which softmax(Σ weight · feature) makes the taken items most likely.

        A conditional logit (McFadden 1974); each query counts by the root of how many items it took (at most `CUT`).
        `strength` queries' worth of squared distance holds the weights near `prior` [s].
        """
        hits = taken[self.mask].astype(np.float32)
        if not hits.any():
            return prior
        total = np.add.reduceat(hits, self.starts)
        share = np.sqrt(np.minimum(total, CUT))
        wanted = hits * np.repeat(share / np.maximum(total, 1), self.lengths)
        scale = 1 / (share.sum() + strength)
        pull = np.array([feature @ wanted for feature in features], np.float64)

        def loss(weights: Float64) -> tuple[float, Float64]:
            logs = self.log_softmax(mix(features, weights))
            away = weights - prior
            value = -float(logs @ wanted) + 0.5 * strength * float(away @ away)
            expected = np.exp(logs) * np.repeat(share, self.lengths)
            slope = np.array([feature @ expected for feature in features]) - pull + strength * away
            return scale * value, scale * slope

        bounds = [(0.0, None)] * len(prior)
        from scipy import optimize  # noqa: PLC0415 - a quarter of a second, that only training needs

        return np.asarray(optimize.minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds).x)

    def climb(self, features: list[Float32], taken: Bool, weights: Float64) -> Float64:
        """Weights with a higher NDCG: one at a time made larger, smaller or zero while that helps, then finer."""
        taken = taken & self.mask
        scores = np.full(taken.shape, -np.inf, np.float32)

        def value(tried: Float64) -> float:
            scores[self.mask] = mix(features, tried)
            return ndcg(scores, taken)

        if not taken.any():
            return weights
        return climbed(value, weights, LEAST_GAIN / len(taken) ** 0.5, (1.5, 1.25))


def climbed(value: Callable[[Float64], float], weights: Float64, least: float, steps: tuple[float, ...]) -> Float64:
    """Weights of a higher value: one at a time made larger, smaller or zero where that gains `least`, step by step."""
    best = value(weights)
    for step in steps:
        for place in range(len(weights)):
            now = weights[place]
            for other in (now * step, now / step, 0.0) if now > 0.01 else (0.1, 0.3):
                tried = weights.copy()
                tried[place] = other
                found = value(tried)
                if found > best + least:
                    best, weights = found, tried
    return weights


def add_feature(scores: Float32, mask: Bool, value: bool, floor: float, weight: float, total: Float32) -> None:
    """Add weight · log(1 + x / floor) to `total`, in place, where bool [q, n] `mask` has this value.

    x is the score (float32 [q, n]) as a share of the query's best such item; nothing is added where it is NaN or ≤ 0.
    """
    _add_feature(np.ascontiguousarray(scores), mask, value, np.float32(floor), np.float32(weight), total)


def normalise(total: Float32, mask: Bool, odds: float) -> None:
    """Turn sums of features into log-probabilities among the items of the same mask value, in place; 0 becomes NaN.

    `odds` is added where the mask is true. Every item counts in its population, also those that turn NaN.
    """
    _normalise(total, mask, np.float32(odds))


@njit(cache=True, nogil=True, parallel=True)
def _add_feature(scores, mask, value, floor, weight, total):  # type: ignore[no-untyped-def]
    q, n = scores.shape
    for row in prange(q):
        best = np.float32(0)
        for item in range(n):
            if mask[row, item] == value and scores[row, item] > best:
                best = scores[row, item]
        if best == 0 or not np.isfinite(best):
            continue
        for item in range(n):
            if mask[row, item] == value and scores[row, item] > 0:
                total[row, item] += weight * np.log1p(scores[row, item] / best / floor)


@njit(cache=True, nogil=True, parallel=True)
def _normalise(total, mask, odds):  # type: ignore[no-untyped-def]
    q, n = total.shape
    for row in prange(q):
        largest, sums = np.zeros(2, np.float32), np.zeros(2, np.float64)
        for item in range(n):
            which = np.int64(mask[row, item])
            largest[which] = max(largest[which], total[row, item])
        unscored = np.exp(-largest)
        for item in range(n):
            which = np.int64(mask[row, item])
            value = total[row, item]
            sums[which] += np.exp(value - largest[which]) if value > 0 else unscored[which]
        shift = (largest + np.log(np.maximum(sums, 1e-30))).astype(np.float32)
        shift[1] -= odds
        for item in range(n):
            value = total[row, item]
            total[row, item] = value - shift[np.int64(mask[row, item])] if value > 0 else np.float32(np.nan)


def mix(features: list[Float32], weights: Float64) -> Float32:
    """float32 [m]: Σ weight · feature."""
    total = np.zeros_like(features[0])
    for feature, weight in zip(features, weights, strict=True):
        if weight:
            total += np.float32(weight) * feature
    return total


def ndcg(scores: Float32, taken: Bool) -> float:
    """Mean NDCG at `CUT` of float32 [q, n] scores; rows without taken items do not count."""
    return float(np.mean(ndcg_by_query(scores, taken)))


def ndcg_by_query(scores: Float32, taken: Bool) -> Float64:
    """float64 [rows with taken items]: their NDCG at `CUT`."""
    judged = taken.any(axis=1)
    top, _ = top_k(scores[judged], min(CUT, scores.shape[1]))
    hits = np.take_along_axis(taken[judged], np.maximum(top, 0), 1) & (top >= 0)
    discount = 1 / np.log2(np.arange(2, top.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(taken[judged].sum(axis=1), top.shape[1]) - 1]
    return np.asarray(hits @ discount / ideal, np.float64)


def best_of_line(value: Callable[[float], float], low: float, high: float, rounds: int = 3) -> float:
    """Where a noisy function of one number is largest: a grid of nine, refined around its best."""
    for _ in range(rounds):
        grid = np.linspace(low, high, 9)
        values = [value(float(point)) for point in grid]
        best, step = float(grid[int(np.argmax(values))]), (high - low) / 8
        low, high = best - step, best + step
    return best
