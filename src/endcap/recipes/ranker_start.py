"""Where trees start from: what the retrieval said, on the scale on which shoppers took things.

A conditional logit (McFadden 1974) of what was taken given how far behind the best of its question a candidate was, by
score and by rank. Trees then learn what the retrieval did not know, and with few of them its order almost stands.
How far they are believed is another question: `surest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from endcap.recipes.ranker_examples import Examples, Judge
from endcap.types import Float32, Float64, Int64

GAP, RANK = "retrieval_gap", "retrieval_rank"
STEPS = 30
"""Newton steps at most; a handful is usual."""
RIDGE = 1e-3
TRUSTED = (1.0, 0.7, 0.5, 0.35)
"""What trees say may count so much, see `surest`."""
DOUBT = 4.0
"""Standard errors taken off what was gained on what was held back: they tell how shoppers differ, and months differ
more."""


@dataclass(frozen=True)
class Start:
    """margin = gap · retrieval_gap - rank · ln(retrieval_rank): 0 for the best candidate, less for every other.

    Neither slope is negative, so candidates come in the order of the retrieval. A candidate without a score, such as an
    item that came since, starts level with the best: nothing is held against it, its facts decide. Both slopes 0: trees
    start from nothing.
    """

    gap: float = 0.0
    rank: float = 0.0

    @classmethod
    def fit(cls, examples: Examples, names: Sequence[str]) -> Start:
        """By the queries that were answered; nothing where the block lacks one of the two columns."""
        if GAP not in names or RANK not in names or not len(examples.answered):
            return cls()
        lengths = np.diff(examples.indptr)
        chosen = np.zeros(len(examples), np.bool_)
        chosen[examples.answered] = True
        rows, sizes = chosen[examples.owner], lengths[chosen]
        terms = _terms(examples.block[rows][:, [names.index(GAP), names.index(RANK)]])
        known = ~np.isnan(terms).any(axis=1)
        spread = terms[known].std(axis=0) if known.any() else np.zeros(2)
        if not (spread > 0).all():
            return cls()
        terms[~known] = 0
        firsts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
        slopes = _slopes(terms / spread, (examples.gain[rows] > 0) * examples.weight[rows], firsts, sizes) / spread
        return cls(*slopes.astype(np.float32).tolist())

    def parts(self, block: Float32, names: Sequence[str]) -> Float32:
        """float32 [m, 2]: what score and rank add to each row's margin."""
        if not self.gap and not self.rank:
            return np.zeros((len(block), 2), np.float32)
        found = _terms(block[:, [names.index(GAP), names.index(RANK)]]) * np.array([self.gap, self.rank])
        found[np.isnan(found)] = 0
        parts: Float32 = found.astype(np.float32)
        return parts

    def over(self, trust: float) -> Start:
        """So much steeper that trees added to it, as they are, count `trust` times as much."""
        return Start(self.gap / trust, self.rank / trust)

    def margins(self, block: Float32, names: Sequence[str]) -> Float32:
        """float32 [m] of a block float32 [m, f] with these columns."""
        parts = self.parts(block, names)
        total: Float32 = parts[:, 0] + parts[:, 1]
        return total


def surest(judge: Judge, starts: Float32, raised: Float32) -> float:
    """The trust among `TRUSTED` with the most to gain by the order of starts + trust · raised over that of the
    candidates, doubted: mean gain in NDCG@10 less `DOUBT` standard errors, query by query.

    The mean alone is highest where trees are believed to the word, and a month that differs from those learned from
    makes them pay for it; half of what they say has most of the gain and half of the variance.
    """
    plain = judge.ndcg(-np.arange(len(starts), dtype=np.float32))

    def least(trust: float) -> float:
        gained = judge.ndcg((starts + np.float32(trust) * raised).astype(np.float32)) - plain
        gained = gained[~np.isnan(gained)]
        return float(gained.mean() - DOUBT * gained.std() / len(gained) ** 0.5) if len(gained) else 0.0

    return max(TRUSTED, key=least)


def _terms(columns: np.ndarray) -> Float64:
    """float64 [m, 2]: gap and -ln(rank)."""
    return np.stack((columns[:, 0], -np.log(columns[:, 1])), axis=1).astype(np.float64)


def _slopes(terms: Float64, taken: np.ndarray, firsts: Int64, sizes: Int64) -> Float64:
    """float64 [2] ≥ 0 that maximise Σ_queries mean over what was taken of the log softmax of terms · slopes."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    total = np.add.reduceat(taken, firsts)
    target = taken / np.where(total > 0, total, 1.0)[owner]
    slopes = np.array([0.5, 0.0])
    for _ in range(STEPS):
        score = terms @ slopes
        share = np.exp(score - np.maximum.reduceat(score, firsts)[owner])
        share /= np.add.reduceat(share, firsts)[owner]
        mean = np.add.reduceat(share[:, None] * terms, firsts)
        slope = terms.T @ (target - share) - RIDGE * slopes
        curvature = (terms * share[:, None]).T @ terms - mean.T @ mean + RIDGE * np.eye(2)
        moved = np.maximum(slopes + _step(curvature, slope, slopes), 0.0)
        done = np.abs(moved - slopes).max() < 1e-5
        slopes = moved
        if done:
            break
    return slopes


def _step(curvature: Float64, slope: Float64, at: Float64) -> Float64:
    """The Newton step over what may move: a slope that is 0 and would fall stays."""
    free = (at > 0) | (slope > 0)
    step = np.zeros(2)
    if free.any():
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
    return step
