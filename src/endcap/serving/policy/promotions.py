"""Promotions: a share of an answer comes from a promotion's own filter, at random places, in the model's order.

The request's filter holds for the other places only, the promotion's only for its share, as with Personalize.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.types import Bool, Float64, Int32, Int64


@dataclass(frozen=True)
class Merged:
    """A slate of n items, best first.

    `ordinals` int32; `promoted` bool; `origin` int32: an item's place in the list that it came from; `propensity`
    float64: the probability, over the random places, that this item is at this place.
    """

    ordinals: Int32
    promoted: Bool
    origin: Int32
    propensity: Float64


def share(percent: int, k: int) -> int:
    """How many of k places a promotion has: rounded to the nearest, halves up, one at least."""
    return min(k, max(1, (percent * k + 50) // 100)) if percent > 0 and k > 0 else 0


def merge(organic: Int32, promotable: Int32, percent: int, k: int, rng: np.random.Generator) -> Merged:
    """A slate of k items (fewer only where both lists together have no more for their places).

    `organic` int32: the best that the request's filter lets through, k of them if there are as many; `promotable`
    int32: the best that the promotion's filter lets through, `share(percent, k)` of them if there are as many. Neither
    holds an item twice; what is in both is shown once, as promoted. Where too few can be promoted, others take their
    places; where there are too few others the slate is shorter, as none but the share may come from the promotion.
    """
    chosen = promotable[: share(percent, k)]
    others = np.flatnonzero(~np.isin(organic, chosen))[: k - len(chosen)]
    n = len(chosen) + len(others)
    promoted = np.zeros(n, np.bool_)
    promoted[rng.choice(n, len(chosen), replace=False)] = True
    ordinals, origin = np.empty(n, np.int32), np.empty(n, np.int32)
    ordinals[promoted], ordinals[~promoted] = chosen, organic[others]
    origin[promoted], origin[~promoted] = np.arange(len(chosen)), others
    propensity = np.empty(n, np.float64)
    for mine in (promoted, ~promoted):
        propensity[mine] = _chances(np.flatnonzero(mine), n)
    return Merged(ordinals, promoted, origin, propensity)


def _chances(places: Int64, n: int) -> Float64:
    """float64 [m]: for each r, the probability that of m of n places drawn at random the r-th smallest is `places[r]`.

    Of all draws, C(place, r) · C(n - 1 - place, m - 1 - r) have it there; taken by logarithms, as n may be 500.
    """
    m, r = len(places), np.arange(len(places))
    ways = _log_choose(places, r, n) + _log_choose(n - 1 - places, m - 1 - r, n)
    chances: Float64 = np.exp(ways - _log_choose(np.array([n]), np.array([m]), n))
    return np.minimum(chances, 1.0)


def _log_choose(of: Int64, chosen: Int64, n: int) -> Float64:
    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    logs: Float64 = factorials[of] - factorials[chosen] - factorials[of - chosen]
    return logs
