"""At most so many items of one category in an answer, as long as items of others are to be had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numba import njit

from endcap.serving.retrieval import barred_for, descend
from endcap.serving.slate import Slate
from endcap.types import Int32


class Quota:
    """How many more items of each category an answer takes. Items without a category are always taken."""

    def __init__(self, slate: Slate) -> None:
        self._most = slate.snapshot.deployment.config.category_cap
        self._slate, self._counts = slate, Counter[int]()
        self._known: dict[int, int] = {}

    def learn(self, ordinals: Sequence[int]) -> None:
        """Look up the categories of many items at once."""
        if self._most:
            codes = self._slate.snapshot.kinds(np.array(ordinals, np.int32))[:, 0].tolist()
            self._known.update(zip(ordinals, codes, strict=True))

    def takes(self, ordinal: int) -> bool:
        """Whether there is room for an item, which must have been learned of."""
        if not self._most:
            return True
        code = self._known[ordinal]
        return code < 0 or self._counts[code] < self._most

    @property
    def full(self) -> list[int]:
        """Codes of the categories that there is no room for."""
        return [code for code, count in self._counts.items() if code >= 0 and count >= self._most]

    def take(self, ordinal: int) -> None:
        """One item more."""
        if self._most:
            self._counts[self._known[ordinal]] += 1


def cap(slate: Slate) -> None:
    """Let what would be too many of one category step back behind the others; where those run out, look further down,
    and only then take the best of what stepped back. The answer is never shorter for it."""
    most = slate.snapshot.deployment.config.category_cap
    if not most or slate.request.candidates is not None:
        return
    order, kept = _pass(slate, most)
    if kept < slate.wanted and kept < len(order):
        quota = Quota(slate)
        quota.learn(slate.ordinals)
        for place in order[:kept].tolist():
            quota.take(slate.ordinals[place])
        _look_further(slate, quota, slate.wanted - kept)
        order, _ = _pass(slate, most)
    slate.reorder(order.tolist())


def _pass(slate: Slate, most: int) -> tuple[Int32, int]:
    """(places: those that there is room for, then the others; how many the former are)."""
    codes = slate.snapshot.kinds(np.array(slate.ordinals, np.int32))[:, 0]
    order, kept = _stepped_back(np.ascontiguousarray(codes), most, slate.wanted)
    return order, int(kept)


@njit(cache=True, nogil=True)
def _stepped_back(codes: Int32, most: int, wanted: int) -> tuple[Int32, int]:
    counts = np.zeros(codes.max() + 1 if len(codes) else 0, np.int32)
    order, back = np.empty(len(codes), np.int32), np.empty(len(codes), np.int32)
    kept = left = 0
    for place in range(len(codes)):
        if kept < wanted and (codes[place] < 0 or counts[codes[place]] < most):
            if codes[place] >= 0:
                counts[codes[place]] += 1
            order[kept] = place
            kept += 1
        else:
            back[left] = place
            left += 1
    order[kept:] = back[:left]
    return order, kept


def _look_further(slate: Slate, quota: Quota, lacking: int) -> None:
    """Append items of other categories from further down the ladder."""
    barred = barred_for(slate, slate.allowed, slate.ordinals)
    codes = slate.snapshot.kinds(np.arange(slate.size, dtype=np.int32))[:, 0]
    while lacking:
        barred |= np.isin(codes, quota.full)
        found = list(descend(slate, barred, lacking))
        if not found:
            return
        quota.learn([ordinal for ordinal, _ in found])
        for ordinal, rung in found:
            if quota.takes(ordinal):
                quota.take(ordinal)
                slate.ordinals.append(ordinal)
                slate.rungs.append(rung)
                slate.scores.append(None)
                lacking -= 1
