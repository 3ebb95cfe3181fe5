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
    draw = rng(int(slate.token, 16))
    rest = list(zip(slate.ordinals, slate.scores, slate.rungs, strict=True))
    left = dict(zip(pool.tolist(), chances.tolist(), strict=True))
    shown: list[tuple[int, float | None, str]] = []
    propensities: list[float] = []
    while len(shown) < slate.wanted and (rest or left):
        total = sum(left.values())
        share = weight if left else 0.0
        if not rest:
            share = 1.0
        chosen: tuple[int, float | None, str]
        if left and draw.random() < share:
            place = int(draw.choice(len(left), p=np.fromiter(left.values(), np.float64) / total))
            chosen = (list(left)[place], None, "explored")
        else:
            chosen = rest[0]
        ordinal = chosen[0]
        chance = share * left.get(ordinal, 0.0) / total if left else 0.0
        propensities.append(chance + (1 - share) * (bool(rest) and rest[0][0] == ordinal))
        shown.append(chosen)
        left.pop(ordinal, None)
        rest = [each for each in rest if each[0] != ordinal]
    slate.ordinals = [ordinal for ordinal, _, _ in shown]
    slate.scores = [score for _, score, _ in shown]
    slate.rungs = [rung for _, _, rung in shown]
    slate.propensities = propensities
    slate.counts["young"] = len(pool)
    _remember(slate)


def young(slate: Slate) -> tuple[Int32, Float64]:
    """(int32 ordinals, float64 chances) of items that may be shown and are new."""
    snapshot, live, state = slate.snapshot, slate.snapshot.live, slate.snapshot.state
    since = slate.now - int(snapshot.deployment.config.exploration_days * DAY)
    recent = state.listed & (state.created >= since)
    pool = np.flatnonzero(recent).astype(np.int32)
    counts = state.counts[pool].astype(np.float64)
    if live is not None:
        fresh = [place for place in live.new_items(slate.size).tolist() if live.born(place) >= since]
        pool = np.concatenate((pool, np.array(fresh, np.int32)))
        counts = np.concatenate((counts, np.zeros(len(fresh))))
    may = np.isin(pool, slate.barred, invert=True)
    if slate.allowed is not None:
        may &= slate.allowed[pool]
    pool, counts = pool[may], counts[may]
    if live is not None and (live.taken or live.shown):
        names = snapshot.names(pool)
        counts += [live.taken.get(int(at), 0) + live.shown.get(name, 0) for at, name in zip(pool, names, strict=True)]
    chances = 1 / np.sqrt(1 + counts)
    if len(pool) > POOL:
        kept = np.sort(np.argpartition(-chances, POOL)[:POOL])
        pool, chances = pool[kept], chances[kept]
    return pool, chances


def _remember(slate: Slate) -> None:
    live = slate.snapshot.live
    if live is None:
        return
    explored = [ordinal for ordinal, rung in zip(slate.ordinals, slate.rungs, strict=True) if rung == "explored"]
    for name in slate.snapshot.names(explored):
        live.shown[name] = live.shown.get(name, 0) + 1
