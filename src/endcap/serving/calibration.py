"""Scores of any recipe as probabilities: a softmax whose temperature fits what shoppers took next.

Temperature scaling (Guo et al., "On calibration of modern neural networks", ICML 2017): one number, found by maximum
likelihood, that leaves every order as it is. Without it a recipe that counts would put all probability on one item,
and one whose scores lie in 0 … 1 would call all items equally likely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from endcap.recipes.queries import Queries
from endcap.serving.kernels import log_total
from endcap.types import Float32, Float64

GRID = 61
"""Temperatures tried, evenly spaced in their logarithm over six decades around the spread of the scores."""
SMOOTHING = 0.02
"""Share of likelihood given to any item at random (label smoothing, Szegedy et al. 2016): the version has seen these
events in training, and would otherwise be surer than it has reason to be."""
LEAST = 3
"""Events a history needs, so that its last can be asked for."""


def temperature_of(score: Callable[[Queries], Float32], queries: Queries) -> float:
    """The temperature under which each history's last item is likeliest given those before it.

    The standard deviation of the scores where no history is long enough or none of those items gets a score.
    """
    widest, cases = 0.0, []
    for row in range(len(queries)):
        single = queries.batch(row, row + 1)
        if len(single.item) < LEAST:
            continue
        scores = score(_without_last(single))[0]
        widest = max(widest, spread(scores))
        if np.isfinite(scores[single.item[-1]]):
            known = scores[np.isfinite(scores)]
            smoothed = (1 - SMOOTHING) * float(scores[single.item[-1]]) + SMOOTHING * float(known.mean())
            cases.append((known, smoothed))
    if not cases or widest <= 0:
        return widest or 1.0
    grid = widest * np.logspace(-4, 2, GRID)
    losses = [np.mean([log_total(known, each) - target / each for known, target in cases]) for each in grid]
    return float(grid[int(np.argmin(losses))])


def spread(scores: Float32) -> float:
    """Standard deviation of what is scored; 1 where that is nothing or all the same."""
    known = scores[np.isfinite(scores)]
    return (float(known.std()) if len(known) else 0.0) or 1.0


def _without_last(single: Queries) -> Queries:
    ends = np.array([0, len(single.item) - 1], np.int64)
    return replace(
        single,
        indptr=ends,
        item=single.item[:-1],
        time=single.time[:-1],
        event_type=single.event_type[:-1],
        weight=single.weight[:-1],
        order=single.order[:-1],
        now=single.time[-1:],
    )


def probabilities(total: float, chosen: Float32, temperature: float) -> Float64:
    """float64 [k]: softmax probabilities of the `chosen` scores among all those whose `log_total` is `total`."""
    return np.minimum(np.exp(chosen.astype(np.float64) / temperature - total), 1.0)
