"""Full-ranking metrics: the whole catalogue is ranked, never a sample of negatives.

Input is the top-k of each query (int32 [q, k] item rows, -1 past the end) and its targets (`lake.splits.Targets`).
What is a mean over queries is given per query, so that it can be resampled.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from endcap.lake.splits import Targets
from endcap.types import Bool, Float32, Int32, Int64

Float64 = NDArray[np.float64]

PER_QUERY = ("recall", "ndcg", "mrr", "hit_rate", "precision")
"""Metrics that are a mean over queries, in the order they are shown."""


def hits(top: Int32, targets: Targets) -> Bool:
    """bool [q, k]: which places hold a target. Binary relevance; an item counts once however often it was taken."""
    found: Bool = _hits(np.ascontiguousarray(top), targets.indptr, targets.items)
    return found


def per_query(top: Int32, targets: Targets, k: int | None = None) -> dict[str, Float64]:
    """Every metric of `PER_QUERY` at k (all columns when None), float64 [q] each.

    recall = hits / targets · precision = hits / k · hit_rate = any hit · mrr = 1 / place of the first hit ·
    ndcg = Σ over hits of 1/log2(1 + place), divided by its value for min(k, targets) hits at the top
    (Järvelin & Kekäläinen, 2002). A query without targets scores 0.
    """
    k = top.shape[1] if k is None else k
    found = hits(top[:, :k], targets)
    count = found.sum(axis=1).astype(np.float64)
    wanted = targets.counts
    gains = discounts(k)
    ideal = np.concatenate(([0.0], np.cumsum(gains)))[np.minimum(wanted, k)]
    any_hit = count > 0
    first = np.where(any_hit, found.argmax(axis=1) + 1, 1) if found.shape[1] else np.ones(len(found))
    return {
        "recall": count / np.maximum(wanted, 1),
        "ndcg": (found @ gains[: found.shape[1]]) / np.where(ideal > 0, ideal, 1.0),
        "mrr": any_hit / first,
        "hit_rate": any_hit.astype(np.float64),
        "precision": count / k,
    }


def discounts(k: int) -> Float64:
    """float64 [k]: 1/log2(1 + place) for places 1 … k. (Any base gives the same NDCG.)"""
    return 1.0 / np.log2(np.arange(2, k + 2))


def coverage(top: Int32, n_items: int) -> float:
    """Share of the catalogue that is shown to anybody."""
    return np.count_nonzero(showings(top, n_items)) / n_items if n_items else 0.0


def showings(top: Int32, n_items: int) -> Int64:
    """int64 [n_items]: how many queries are shown each item."""
    return np.bincount(top[top >= 0], minlength=n_items).astype(np.int64)


def novelty(top: Int32, buyers: Int64 | Float32, users: int) -> Float64:
    """float64 [q]: mean self-information -log2(buyers of the item / users), in bits (Zhou et al., PNAS 2010).

    `buyers` [n] counts the distinct training users of each item; an item nobody took counts as if one had.
    """
    share = np.maximum(np.asarray(buyers, np.float64), 1.0) / max(users, 1)
    return _mean_over(top, -np.log2(np.minimum(share, 1.0)))


def shown_popularity(top: Int32, popularity: Float32 | Int64) -> Float64:
    """float64 [q]: mean training popularity of what each query is shown."""
    return _mean_over(top, np.asarray(popularity, np.float64))


def popularity_lift(shown: Float64, taken: Float64) -> float:
    """(popularity shown - popularity of the histories) / popularity of the histories, each a mean over users.

    0: as mainstream as the shoppers themselves, 1: twice as popular (Abdollahpouri et al., 2019, "The unfairness of
    popularity bias in recommendation").
    """
    base = float(taken.mean()) if len(taken) else 0.0
    return float(shown.mean()) / base - 1.0 if base > 0 else 0.0


def personalize(top: Int32, targets: Targets, n_items: int) -> dict[str, float]:
    """The keys, definitions and 4-decimal rounding of Amazon Personalize's GetSolutionMetrics.

    `top` needs 25 columns. The ideal list of NDCG is cut at min(k, targets) here as well.
    """
    at = {k: {name: float(values.mean()) for name, values in per_query(top, targets, k).items()} for k in (5, 10, 25)}
    named = {"coverage": coverage(top[:, :25], n_items), "mean_reciprocal_rank_at_25": at[25]["mrr"]}
    for k, values in at.items():
        named[f"normalized_discounted_cumulative_gain_at_{k}"] = values["ndcg"]
    for k, values in at.items():
        named[f"precision_at_{k}"] = values["precision"]
    return rounded(named)


def rounded(metrics: Mapping[str, float], decimals: int = 4) -> dict[str, float]:
    """The same numbers as Personalize rounds them."""
    return {name: round(value, decimals) for name, value in metrics.items()}


def _mean_over(top: Int32, values: Float64) -> Float64:
    shown = top >= 0
    total = np.where(shown, np.append(values, 0.0)[top], 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(shown.sum(axis=1), 1), np.float64)


@njit(cache=True, nogil=True)
def _hits(top: Int32, indptr: Int64, items: Int32) -> Bool:
    q, k = top.shape
    found = np.zeros((q, k), np.bool_)
    for row in range(q):
        own = items[indptr[row] : indptr[row + 1]]
        for place in range(k):
            item = top[row, place]
            if item < 0:
                break
            at = np.searchsorted(own, item)
            found[row, place] = at < len(own) and own[at] == item
    return found
