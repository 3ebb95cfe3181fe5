"""New items get a chance, and so may the others that were ranked.

Each place of an answer goes, with probability w, to an item that is still young: in proportion to
1 / √(1 + times shown here + weight of its events), so that the bonus falls as an item becomes known. Else it goes, with
probability ε, to any of the best hundred that are left, each as likely, or to the very best of them. The propensity of
what stands at a place is the probability that this policy put it there, given the places before; over all items it sums
to 1 at every place. A cap on categories holds for what is drawn, too.
"""

from __future__ import annotations

import numpy as np

from endcap.seams import rng
from endcap.serving.policy.cap import Quota
from endcap.serving.slate import POOL as BEST
from endcap.serving.slate import Slate
from endcap.types import DAY, Float64, Int32

POOL = 200
"""Of more new items than this only the least known take part."""
Ranked = tuple[int, float | None, str]
"""(ordinal, score, rung)."""


def explore(slate: Slate) -> None:
    """Fill some of the places by chance, note every place's propensity, and keep no more items than are wanted."""
    weight, config = slate.snapshot.exploration, slate.snapshot.deployment.config
    if slate.request.candidates is not None:
        slate.propensities = [1.0] * len(slate.rungs)
        return
    pool, chances = young(slate) if weight > 0 and slate.request.k else _NOBODY
    if len(pool) or (config.exploration_ranked and slate.request.k):
        _draw(slate, Lots(slate, pool, chances), weight, config.exploration_ranked)
        if len(pool):
            slate.counts["young"] = len(pool)
        _remember(slate)
    else:
        slate.cut()
        slate.propensities = [1.0] * len(slate.rungs)


_NOBODY = (np.zeros(0, np.int32), np.zeros(0, np.float64))


def _remember(slate: Slate) -> None:
    if slate.snapshot.live is not None:
        for ordinal, rung in zip(slate.ordinals, slate.rungs, strict=True):
            if rung == "explored":
                slate.snapshot.live.shown.add(ordinal)


class Lots:
    """What is left to be shown: the ranked items in their order, and the young ones with their chances."""

    def __init__(self, slate: Slate, pool: Int32, chances: Float64) -> None:
        self.ranked: list[Ranked] = list(zip(slate.ordinals, slate.scores, slate.rungs, strict=True))
        self.pool, self.left = pool, chances.copy()
        self.place_of = {name: place for place, name in enumerate(pool.tolist())}
        self.shown: set[int] = set()
        self._quota = Quota(slate)
        self._quota.learn([*slate.ordinals, *pool.tolist()])
        self._codes = slate.snapshot.kinds(pool)[:, 0]
        self._at = 0

    def best(self) -> Ranked | None:
        """The best that is left and that the quota takes; where it takes none, the best that is left."""
        while self._at < len(self.ranked) and self.ranked[self._at][0] in self.shown:
            self._at += 1
        for place in range(self._at, len(self.ranked)):
            if self.ranked[place][0] not in self.shown and self._quota.takes(self.ranked[place][0]):
                return self.ranked[place]
        return self.ranked[self._at] if self._at < len(self.ranked) else None

    def others(self) -> list[Ranked]:
        """Those of the best hundred that are left and that the quota takes."""
        near = self.ranked[:BEST]
        return [each for each in near if each[0] not in self.shown and self._quota.takes(each[0])]

    def take(self, ordinal: int) -> None:
        """Show one."""
        self.shown.add(ordinal)
        if (gone := self.place_of.get(ordinal)) is not None:
            self.left[gone] = 0.0
        self._quota.take(ordinal)
        if self._quota.full:
            self.left[np.isin(self._codes, self._quota.full)] = 0.0


def _draw(slate: Slate, lots: Lots, weight: float, epsilon: float) -> None:
    """Fill the places: each with one of the young, any of the others, or the best that is left."""
    draw = rng(int(slate.token, 16))
    chosen: list[Ranked] = []
    propensities: list[float] = []
    total = float(lots.left.sum())
    while len(chosen) < slate.wanted:
        best = lots.best()
        if best is None and total <= 0:
            break
        share = 0.0 if total <= 0 else 1.0 if best is None else weight
        others = lots.others() if epsilon and best is not None else []
        spread = epsilon if others else 0.0
        if total > 0 and draw.random() < share:
            place = int(np.searchsorted(np.cumsum(lots.left), draw.random() * total, side="right"))
            if place == len(lots.left):  # the sums differ in their last digits
                place = int(np.flatnonzero(lots.left)[-1])
            taken: Ranked = int(lots.pool[place]), None, "explored"
        elif spread and draw.random() < spread:
            taken = others[int(draw.integers(len(others)))]
        else:
            assert best is not None
            taken = best
        ordinal = taken[0]
        chance = share * lots.left[lots.place_of[ordinal]] / total if ordinal in lots.place_of and total > 0 else 0.0
        if spread:
            chance += (1 - share) * spread * any(each[0] == ordinal for each in others) / len(others)
        propensities.append(float(chance + (1 - share) * (1 - spread) * (best is not None and best[0] == ordinal)))
        chosen.append(taken)
        lots.take(ordinal)
        total = float(lots.left.sum())
    slate.ordinals = [ordinal for ordinal, _, _ in chosen]
    slate.scores = [score for _, score, _ in chosen]
    slate.rungs = [rung for _, _, rung in chosen]
    slate.propensities = propensities


def young(slate: Slate) -> tuple[Int32, Float64]:
    """(int32 ordinals, float64 chances) of items that may be shown and are new."""
    snapshot, live, state = slate.snapshot, slate.snapshot.live, slate.snapshot.state
    since = slate.now - int(snapshot.deployment.config.exploration_days * DAY)
    recent = state.listed & (state.created >= since)
    pool = np.flatnonzero(recent).astype(np.int32)
    counts = state.counts[pool].astype(np.float64)
    if live is not None:
        newest = live.places.newest(slate.size)[: 10 * POOL].tolist()
        fresh = [place for place in newest if live.places.born(place) >= since]
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
