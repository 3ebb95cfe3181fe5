"""New items get a chance: each place of an answer goes, with a fixed probability, to an item that is still young.

Which one is drawn in proportion to 1 / √(1 + times shown here + weight of its events), so that the bonus falls as an
item becomes known. The propensity of what stands at a place is the probability that this policy put it there, given
the places before; over all items it sums to 1 at every place.
"""

from __future__ import annotations

import numpy as np

from endcap.seams import rng
from endcap.serving.slate import Slate
from endcap.types import DAY, Float64, Int32

POOL = 200
"""Of more new items than this only the least known take part."""


def explore(slate: Slate) -> None:
    """Fill some of the places by chance, and note every place's propensity."""
    slate.propensities = [1.0] * len(slate.rungs)
    weight = slate.snapshot.exploration
    if weight <= 0 or slate.request.candidates is not None or slate.request.k == 0:
        return
    pool, chances = young(slate)
    if not len(pool):
        return
    _draw(slate, pool, chances, weight)
    slate.counts["young"] = len(pool)
    if slate.snapshot.live is not None:
        for ordinal, rung in zip(slate.ordinals, slate.rungs, strict=True):
            if rung == "explored":
                slate.snapshot.live.shown.add(ordinal)


def _draw(slate: Slate, pool: Int32, chances: Float64, weight: float) -> None:
    """Fill the places: each with the best that is left, or with probability `weight` with one of the pool."""
    draw = rng(int(slate.token, 16))
    ranked, at = list(zip(slate.ordinals, slate.scores, slate.rungs, strict=True)), 0
    left, total, place_of = chances.copy(), float(chances.sum()), {name: n for n, name in enumerate(pool.tolist())}
    shown: dict[int, tuple[float | None, str]] = {}
    propensities: list[float] = []
    while len(shown) < slate.wanted:
        while at < len(ranked) and ranked[at][0] in shown:
            at += 1
        best = ranked[at] if at < len(ranked) else None
        share = weight if best is not None else 1.0
        if not place_of:
            share = 0.0
        if best is None and not place_of:
            break
        if place_of and draw.random() < share:
            place = int(np.searchsorted(np.cumsum(left), draw.random() * total, side="right"))
            if place == len(left):  # the sums differ in their last digits
                place = int(np.flatnonzero(left)[-1])
            ordinal, score, rung = int(pool[place]), None, "explored"
        else:
            assert best is not None
            ordinal, score, rung = best
        chance = share * left[place_of[ordinal]] / total if ordinal in place_of else 0.0
        propensities.append(float(chance + (1 - share) * (best is not None and best[0] == ordinal)))
        shown[ordinal] = score, rung
        if (gone := place_of.pop(ordinal, None)) is not None:
            left[gone] = 0.0
            total = float(left.sum())
    slate.ordinals = list(shown)
    slate.scores = [score for score, _ in shown.values()]
    slate.rungs = [rung for _, rung in shown.values()]
    slate.propensities = propensities


def young(slate: Slate) -> tuple[Int32, Float64]:
    """(int32 ordinals, float64 chances) of items that may be shown and are new."""
    snapshot, live, state = slate.snapshot, slate.snapshot.live, slate.snapshot.state
    since = slate.now - int(snapshot.deployment.config.exploration_days * DAY)
    recent = state.listed & (state.created >= since)
    pool = np.flatnonzero(recent).astype(np.int32)
    counts = state.counts[pool].astype(np.float64)
    if live is not None:
        newest = live.new_items(slate.size)[: 10 * POOL].tolist()
        fresh = [place for place in newest if live.born(place) >= since]
        pool = np.concatenate((pool, np.array(fresh, np.int32)))
        counts = np.concatenate((counts, np.zeros(len(fresh))))
    may = np.isin(pool, slate.barred, invert=True) if len(slate.barred) else np.ones(len(pool), np.bool_)
    if slate.allowed is not None:
        may &= slate.allowed[pool]
    pool, counts = pool[may], counts[may]
    if live is not None:
        counts = counts + live.taken.of(pool) + live.shown.of(pool)
    chances = 1 / np.sqrt(1 + counts)
    if len(pool) > POOL:
        kept = np.sort(np.argpartition(-chances, POOL)[:POOL])
        pool, chances = pool[kept], chances[kept]
    return pool, chances
