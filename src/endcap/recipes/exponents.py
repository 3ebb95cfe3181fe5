"""Two exponents left to the data: the pair that best foretells what shoppers took at the end of the training data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.base import param
from endcap.recipes.mixing import hold_out, ndcg_by_query
from endcap.recipes.queries import Queries
from endcap.types import Bool, Float32, Float64

DAYS, SHOPPERS = 28.0, 500
"""How much of the end is foretold, and of how many shoppers at most."""
CELLS = 16_000_000
"""At most this many scores (shoppers × items) are held at once."""
AGAIN = 0.1
"""Share of what is taken that was had before, below which what was had is no answer."""
Pair = tuple[float, float]


@dataclass(frozen=True)
class Ending:
    """The end of a dataset, as it was asked for: what came before, who is asked, and what they took."""

    earlier: Dataset
    queries: Queries
    taken: Bool
    """bool [q, n]."""
    barred: Bool | None
    """bool [q, n]: what is no answer; None where everything may be one."""

    @classmethod
    def of(cls, dataset: Dataset, seed: int = 0) -> Self | None:
        """None where nobody with a history takes anything at the end."""
        held = hold_out(dataset, DAYS, min(SHOPPERS, max(CELLS // dataset.n_items, 50)), seed)
        if held is None:
            return None
        had = np.zeros(held.taken.shape, np.bool_)
        had[held.queries.owner(), held.queries.item] = True
        if (held.taken & had).sum() >= AGAIN * held.taken.sum():
            return cls(held.earlier, held.queries, held.taken, None)
        taken = held.taken & ~had
        return cls(held.earlier, held.queries, taken, had) if taken.any() else None

    def values(self, scores: Float32) -> Float64:
        """NDCG@20 of float32 [q, n] scores, float64, one number for each who took something."""
        if self.barred is not None:
            scores = np.where(self.barred, np.float32(-np.inf), scores)
        return ndcg_by_query(scores, self.taken)

    def best(
        self,
        firsts: tuple[float, ...],
        seconds: tuple[float, ...],
        prior: Pair,
        scored: Callable[[float], Callable[[float], Float32]],
    ) -> Pair:
        """Of all pairs within one standard error of the best the nearest to `prior`: small differences are chance
        (Breiman et al. 1984, "Classification and regression trees").

        `scored(first)(second)` is float32 [q, n]: what the first asks for is computed once.
        """
        found: dict[Pair, Float64] = {}
        for first in dict.fromkeys((prior[0], *firsts)):
            rest = scored(first)
            for second in dict.fromkeys((prior[1], *seconds)):
                found[first, second] = self.values(rest(second))
        best = max(found.values(), key=np.mean)
        level = [pair for pair, values in found.items() if _is_level(best - values)]
        return min(level, key=lambda pair: (math.dist(pair, prior), -found[pair].mean()))


def _is_level(lead: Float64) -> bool:
    """Whether a mean lead is no more than its standard error."""
    return bool(lead.mean() <= lead.std() / len(lead) ** 0.5)


def exponent(doc: str, search: tuple[float, float], high: float | None = None) -> Any:
    """A hyper-parameter of 0 or more that is left to the data where it is not given."""
    told = f"{doc}; None: chosen on the end of the training data."
    return param(None, told, low=0.0, high=high, search=search)


def chosen(
    dataset: Dataset,
    given: tuple[float | None, float | None],
    grids: tuple[tuple[float, ...], tuple[float, ...]],
    prior: Pair,
    scored: Callable[[Ending], Callable[[float], Callable[[float], Float32]]],
    seed: int = 0,
) -> Pair:
    """What was given, else the best of the grids (`Ending.best`), or `prior` where there is too little to choose by."""
    first, second = (usual if told is None else told for told, usual in zip(given, prior, strict=True))
    ending = Ending.of(dataset, seed) if None in given else None
    if ending is None:
        return first, second
    firsts, seconds = (grid if told is None else () for told, grid in zip(given, grids, strict=True))
    return ending.best(firsts, seconds, (first, second), scored(ending))
