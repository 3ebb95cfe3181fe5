"""How sure a number is: bootstrap intervals over users, and paired differences between recipes.

Queries are the unit of resampling (Efron & Tibshirani, 1993). One set of resamples serves every metric and every
recipe, so that differences are paired: both sides are judged on the same resampled users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from endcap.evaluation.metrics import showings
from endcap.seams import rng
from endcap.types import Int32

Float64 = NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 4_000_000  # draws held at once (16 MB)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the bounds of its interval (95 % unless said otherwise)."""

    value: float
    low: float
    high: float

    def json(self) -> dict[str, float]:
        """As a JSON object."""
        return {"value": self.value, "low": self.low, "high": self.high}


def resampled_means(columns: Float64, *, seed: int, resamples: int = RESAMPLES) -> Float64:
    """float64 [resamples, m]: means of float64 [q, m] over q queries drawn with replacement, the same for each column.

    The same seed and q give the same draws, which is what pairs two recipes.
    """
    q, m = columns.shape
    means = np.zeros((resamples, m))
    draws = rng(seed)
    block = max(1, _CELLS // max(q, 1))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        _add(means[start : start + size], draws.integers(0, q, (size, q), np.int32), np.ascontiguousarray(columns))
    return np.asarray(means / max(q, 1), np.float64)


@njit(cache=True, parallel=True, nogil=True)
def _add(sums: Float64, drawn: Int32, columns: Float64) -> None:
    for row in prange(len(drawn)):
        for place in drawn[row]:
            for column in range(columns.shape[1]):
                sums[row, column] += columns[place, column]


def estimates(
    columns: Mapping[str, Float64], *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> dict[str, Estimate]:
    """Mean and percentile interval of each column (float64 [q], all of one length)."""
    if not columns:
        return {}
    stacked = np.column_stack(list(columns.values()))
    if not len(stacked):
        return {name: Estimate(0.0, 0.0, 0.0) for name in columns}
    means = resampled_means(stacked, seed=seed, resamples=resamples)
    low, high = _bounds(means, level)
    values = stacked.mean(axis=0)
    return {
        name: Estimate(float(values[place]), float(low[place]), float(high[place]))
        for place, name in enumerate(columns)
    }


def differences(
    first: Mapping[str, Float64], second: Mapping[str, Float64], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Estimate]:
    """first - second per metric, paired by query. An interval that leaves out 0 is a difference worth believing."""
    shared = {name: first[name] - second[name] for name in first if name in second}
    return estimates(shared, seed=seed, resamples=resamples)


def ratio(
    top: Float64, bottom: Float64, *, seed: int, resamples: int = RESAMPLES, level: float = LEVEL, minus: float = 0.0
) -> Estimate:
    """mean(top) / mean(bottom) - minus, with its interval; 0 where the bottom is."""
    if not len(top) or not bottom.mean() > 0:
        return Estimate(0.0, 0.0, 0.0)
    means = resampled_means(np.column_stack((top, bottom)), seed=seed, resamples=resamples)
    drawn = means[:, 0] / np.maximum(means[:, 1], 1e-12) - minus
    low, high = _bounds(drawn[:, None], level)
    return Estimate(float(top.mean() / bottom.mean() - minus), float(low[0]), float(high[0]))


def coverage_estimate(top: Int32, n_items: int) -> Estimate:
    """Share of the catalogue shown to anybody, with a 95 % jackknife interval.

    Resampled users repeat each other and so cover less than the real ones: a bootstrap of coverage is biased, and its
    interval can lie below its own value. The jackknife over users is the known answer for "how many kinds are there"
    (Heltshe & Forrester, 1983, "Estimating species richness using the jackknife procedure").
    """
    q = len(top)
    if not q or not n_items:
        return Estimate(0.0, 0.0, 0.0)
    shown = showings(top, n_items)
    value = np.count_nonzero(shown) / n_items
    alone = np.append(shown == 1, False)[top].sum(axis=1)  # -1 takes the appended False
    error = np.sqrt((q - 1) / q * np.square(alone - alone.mean()).sum()) / n_items
    return Estimate(float(value), float(max(0.0, value - 1.96 * error)), float(min(1.0, value + 1.96 * error)))


def _bounds(means: Float64, level: float) -> Float64:
    tail = (1 - level) / 2
    return np.asarray(np.quantile(means, [tail, 1 - tail], axis=0), np.float64)
