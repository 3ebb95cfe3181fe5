"""From a machine's scores to the chance that an item is in a shopper's next basket."""

from __future__ import annotations

import numpy as np

from endcap.recipes.fm_groups import Groups
from endcap.seams import rng
from endcap.types import Bool, Float32, Float64, Int32

ASKED = 500
"""Of the newest baskets at most so many are asked, …"""
DRAWN = 5
"""… each item of theirs beside so many that were drawn."""
STEPS = 50
_RIDGE = 1e-3


def candidates(groups: Groups, seed: int) -> tuple[Int32, Int32, Bool]:
    """(which group, which item, whether it was taken) of the newest groups' items and of some that were drawn."""
    some = np.arange(max(0, len(groups) - ASKED), len(groups), dtype=np.int32)
    lengths = np.diff(groups.indptr)[some]
    who = np.repeat(some, lengths)
    what = groups.taken[groups.indptr[some[0]] :]
    others = np.repeat(who, DRAWN)
    drawn = groups.drawable[rng(seed).integers(0, len(groups.drawable), len(others))]
    n = np.int64(groups.items.shape[0])
    free = ~np.isin(others * n + drawn, who * n + what)
    taken = np.concatenate((np.ones(len(who), np.bool_), np.zeros(int(free.sum()), np.bool_)))
    return np.concatenate((who, others[free])), np.concatenate((what, drawn[free])), taken


def odds(scores: Float32, taken: Bool, groups: Groups) -> Float32:
    """float32 [2]: (slope, start) by which scores become log-odds of being in a basket (Platt 1999), the start set
    right for how many items were drawn of how many there are (Elkan 2001, "The foundations of cost-sensitive
    learning")."""
    slope, start = _logistic(scores.astype(np.float64), taken)
    each = len(groups.taken) / max(len(groups), 1)
    rest = max(len(groups.drawable) - each, 1.0)
    drawn = max(int((~taken).sum()), 1) / max(int(taken.sum()), 1)
    return np.array([slope, start + np.log(drawn * each / rest)], np.float32)


def _logistic(scores: Float64, taken: Bool) -> tuple[float, float]:
    """Maximum likelihood by Newton's method; the slope is held a little towards 1."""
    beta = np.array([1.0, 0.0])
    design = np.column_stack((scores, np.ones(len(scores))))
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (chance - taken) + _RIDGE * (beta - [1.0, 0.0])
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta -= step / max(1.0, float(np.abs(step).max()))
        if float(np.abs(step).max()) < 1e-6:
            break
    return float(beta[0]), float(beta[1])
