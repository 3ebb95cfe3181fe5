"""Position bias: what is shown further down is looked at less often, and what nobody looked at was not refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.types import Bool, Float32, Float64, Int32, Int64

MOST = 50
"""Places told apart; those below are one."""
LEAST = 0.05
"""No place is taken to be looked at less often than this: corrections stay below 20."""
KNOWN_PLACES = 10
"""An item whose place is not known is taken to have stood at one of the first so many."""
PRIOR = 5.0
"""Showings' worth of average actions by which the estimate of a place is held back."""


@dataclass(frozen=True)
class Examination:
    """`seen` float64 [MOST]: how often what stands at place 1 … MOST is looked at, the first place being 1."""

    seen: Float64

    def at(self, position: Int32) -> Float64:
        """float64 [m] of places counted from 1; 0 stands for a place that is not known."""
        known = self.seen[np.clip(position, 1, MOST) - 1]
        return np.where(position > 0, known, self.seen[:KNOWN_PLACES].mean())

    @classmethod
    def estimate(
        cls,
        block: Float32,
        position: Int32,
        acted: Bool,
        query: Int32,
        *,
        rounds: int = 8,
        seed: int = 0,
        threads: int = 1,
    ) -> Examination:
        """From what was shown: rows of features float32 [m, f], place, whether it was acted on, and of which answer.

        The position-based model (Richardson et al. 2007): acted ~ seen(place) · wanted(features). Trees fit `wanted`
        by quasi-likelihood (Poisson, log seen as offset), then each place gets what was done there over what was to
        be expected, in turn until it stands (the regression EM of Wang et al. 2018 has the same model, but creeps: it
        was 0.2 off where this is 0.02). Trees predict answers that they did not learn from, or they would explain the
        places away. Place and features are told apart where the same kind of item stood at different places, which
        exploration sees to. Rows without a place are left out; without any action, every place counts alike.
        """
        known = position > 0
        place, done = np.clip(position[known], 1, MOST) - 1, acted[known].astype(np.float64)
        if not done.any() or place.min() == place.max():
            return cls(np.ones(MOST))
        wanted = _Wanted(block[known], done, query[known], seed, threads)
        mean = float(done.mean())
        actions, shown = _sums(place, done), _sums(place, np.ones(len(done)))
        seen = _relative(actions, shown * mean, mean)
        for _ in range(rounds):
            expected = wanted.expected(seen[place])
            seen = _relative(actions, _sums(place, expected), mean)
        return cls(np.clip(seen, LEAST, 1.0))


class _Wanted:
    """Trees by halves of the answers, each asked about the other half."""

    def __init__(self, block: Float32, done: Float64, query: Int32, seed: int, threads: int) -> None:
        import xgboost  # noqa: PLC0415 - a second to load, and only training needs it

        self._xgboost, self._mean = xgboost, float(done.mean())
        self._rows: list[Int64] = [np.flatnonzero(query % 2 == half) for half in (0, 1)]
        made = {"max_bin": 64, "nthread": threads}
        self._data = [xgboost.QuantileDMatrix(block[rows], label=done[rows], **made) for rows in self._rows]
        self._block = block
        self._settings = {
            **made, "objective": "count:poisson", "max_depth": 4, "eta": 0.2, "min_child_weight": 5,
            "base_score": 1.0, "seed": seed,
        }  # fmt: skip

    def expected(self, seen: Float64) -> Float64:
        """float64 [m]: actions to be expected of each row if every place were looked at, given how often each is."""
        found = np.full(len(seen), self._mean)
        start = np.log(self._mean / seen.mean())
        for data, rows, others in zip(self._data, self._rows, self._rows[::-1], strict=True):
            if not len(rows) or not len(others):
                continue
            data.set_base_margin(np.log(seen[rows]) + start)
            trees = self._xgboost.train(self._settings, data, 30)
            margin = np.full(len(others), start, np.float32)
            found[others] = trees.inplace_predict(self._block[others], base_margin=margin)
        return found


def _sums(place: Int32, values: Float64) -> Float64:
    return np.bincount(place, weights=values, minlength=MOST).astype(np.float64)


def _relative(actions: Float64, expected: Float64, mean: float) -> Float64:
    """float64 [MOST]: actions over what was expected, the first place being 1; 1 where nothing was shown."""
    share = (actions + PRIOR * mean) / (expected + PRIOR * mean)
    return np.asarray(np.maximum(share / share[0], LEAST / 2), np.float64)
