"""The shuffled-history control: whose history it is must matter.

Each shopper is shown what was made for another one, with that other's history, profile and moment, and judged by what
they took themselves. A recipe that personalises falls towards popularity; one that keeps its lead never was about the
shopper, or was told the answer. Lists depend on the asker alone, so nothing need be asked again: rows of the ranking
change hands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from endcap.evaluation.compare import Estimate, differences, estimates, ratio
from endcap.evaluation.metrics import Float64, per_query
from endcap.lake.splits import Targets
from endcap.seams import rng
from endcap.types import Int32


@dataclass(frozen=True)
class Control:
    """NDCG with the histories of others, what one's own history adds to that (paired), and how much of the lead over
    popularity is lost by the exchange: 1 is all of it. `lost` is None for popularity, and where there is no lead."""

    shuffled: Estimate
    own_adds: Estimate
    lost: Estimate | None

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "shuffled": self.shuffled.json(),
            "own_adds": self.own_adds.json(),
            "lost": None if self.lost is None else self.lost.json(),
        }


def others(count: int, seed: int) -> Int32:
    """int32 [count]: for each shopper another one, never themselves (where there are two or more), each once."""
    order = rng(seed).permutation(count).astype(np.int32)
    given = np.empty(count, np.int32)
    given[order] = np.roll(order, 1)
    return given


def shuffled(top: Int32, targets: Targets, seed: int) -> dict[str, Float64]:
    """`per_query` of int32 [q, k] with every row given to another shopper."""
    return per_query(top[others(len(top), seed)], targets)


def control(
    top: Int32, targets: Targets, popular: Mapping[str, Float64] | None, *, metric: str = "ndcg", seed: int = 0
) -> Control:
    """Of one ranking; `popular` are popularity's values of the same shoppers, None where it is popularity itself."""
    own, exchanged = per_query(top, targets)[metric], shuffled(top, targets, seed)[metric]
    lost = None
    if popular is not None and (own - popular[metric]).mean() > 0:
        lost = ratio(own - exchanged, own - popular[metric], seed=seed)
    return Control(
        estimates({metric: exchanged}, seed=seed)[metric],
        differences({metric: own}, {metric: exchanged}, seed=seed)[metric],
        lost,
    )
