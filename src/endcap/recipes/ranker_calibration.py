"""Scores as probabilities: isotonic regression, kept as a few knots."""

from __future__ import annotations

import numpy as np
from numba import njit

from endcap.types import Bool, Float32, Float64

KNOTS = 64
LEAST = 1e-6
"""No probability is nearer to 0 or 1."""


def calibrate(scores: Float32, taken: Bool, weight: Float32) -> Float32:
    """float32 [2, k ≤ 64]: scores and the share taken there, both ascending; see `probabilities`.

    Isotonic regression by pooling adjacent violators (Barlow et al. 1972; for scores of rankers Zadrozny and Elkan
    2002), on rows held back from training. Without any row it says nothing: no knots.
    """
    if not len(scores):
        return np.zeros((2, 0), np.float32)
    order = np.argsort(scores, kind="stable")
    levels = _pooled(taken[order].astype(np.float64), weight[order].astype(np.float64))
    ordered = scores[order].astype(np.float64)
    edges = np.flatnonzero(np.diff(levels, prepend=levels[0] - 1))
    middles = np.add.reduceat(ordered, edges) / np.diff(np.append(edges, len(ordered)))
    kept = np.unique(np.linspace(0, len(edges) - 1, KNOTS).round().astype(np.int64))
    return np.stack((middles[kept], np.clip(levels[edges][kept], LEAST, 1 - LEAST))).astype(np.float32)


def probabilities(knots: Float32, scores: Float32) -> Float32:
    """float32 [m] between 0 and 1: straight lines between the knots, level outside; NaN without knots."""
    if not knots.shape[1]:
        return np.full(len(scores), np.nan, np.float32)
    found: Float32 = np.interp(scores, knots[0], knots[1]).astype(np.float32)
    return found


@njit(cache=True, nogil=True)
def _pooled(values: Float64, weights: Float64) -> Float64:
    """float64 [m]: the nearest non-decreasing sequence."""
    m = len(values)
    level, mass, size = np.empty(m), np.empty(m), np.empty(m, np.int64)
    blocks = 0
    for place in range(m):
        level[blocks], mass[blocks], size[blocks] = values[place], max(weights[place], 1e-12), 1
        blocks += 1
        while blocks > 1 and level[blocks - 2] >= level[blocks - 1]:
            total = mass[blocks - 2] + mass[blocks - 1]
            level[blocks - 2] = (level[blocks - 2] * mass[blocks - 2] + level[blocks - 1] * mass[blocks - 1]) / total
            mass[blocks - 2] = total
            size[blocks - 2] += size[blocks - 1]
            blocks -= 1
    out = np.empty(m)
    start = 0
    for block in range(blocks):
        out[start : start + size[block]] = level[block]
        start += size[block]
    return out
