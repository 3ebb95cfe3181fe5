"""What a shopper did, in words: with an item, with a category, and at all; read from the history that was asked."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from endcap.features.history import SESSION_GAP
from endcap.features.kinds import CART, CLICK, LIKE, NO_INTEREST, OTHER, PURCHASE, RATING, SAVE, SEARCH, VIEW, WISH
from endcap.serving.histories import past_of
from endcap.serving.slate import Slate
from endcap.stream.histories import Past
from endcap.types import Int32

COMMITMENT = (PURCHASE, CART, WISH, SAVE, LIKE, RATING, VIEW, CLICK, OTHER)
"""Kinds of events, what says most first: that is what is told of several."""
_THIS = {
    PURCHASE: "You bought this before",
    CART: "You put this in your cart",
    WISH: "You put this on your wish list",
    SAVE: "You saved this for later",
    LIKE: "You liked this",
    RATING: "You rated this",
    VIEW: "You looked at this",
    CLICK: "You looked at this",
}
_SOME = "You took an interest in this"
_DID = {
    PURCHASE: "bought {}",
    CART: "put {} in your cart",
    WISH: "put {} on your wish list",
    SAVE: "saved {} for later",
    LIKE: "liked {}",
    RATING: "rated {}",
    VIEW: "looked at {}",
    CLICK: "looked at {}",
}
_MET = "took an interest in {}"


class Memory:
    """Of the shopper of one slate."""

    def __init__(self, slate: Slate) -> None:
        self._slate = slate

    def of_item(self, ordinal: int) -> str:
        """What they did with an item; empty where nothing."""
        kinds = self._kinds[self._past.item == ordinal]
        found = _most(kinds)
        return "" if found is None else _THIS.get(found, _SOME)

    def just_of_item(self, ordinal: int) -> str:
        """What they did with it in this session."""
        mine = (self._past.item == ordinal) & self._just
        found = _most(self._kinds[mine])
        if found is None:
            return ""
        return "You bought this just now" if found == PURCHASE else f"{_THIS.get(found, _SOME)} just now"

    def of_category(self, code: int) -> str:
        """What they did last in this session with a category, as "Because you just looked at coffee"; empty where
        nothing."""
        mine = np.flatnonzero((self._categories == code) & self._just)
        name = self._slate.snapshot.category(code)
        if not len(mine) or not name:
            return ""
        return f"Because you just {_DID.get(int(self._kinds[mine[-1]]), _MET).format(name)}"

    def of_all(self, frame: str) -> str:
        """All that they ever did, put into a frame: "Goes with what you {}"; empty where nothing."""
        there = set(self._kinds.tolist())
        said = list(
            dict.fromkeys(
                _DID.get(kind, _MET).format("").replace("  ", " ").strip() for kind in COMMITMENT if kind in there
            )
        )
        if not said:
            return ""
        return frame.format(" or ".join(said) if len(said) < 3 else "took an interest in")

    @cached_property
    def _past(self) -> Past:
        past = past_of([self._slate])
        kept = ~np.isin(self._slate.snapshot.event_kinds[past.event_type], _SILENT)
        ends = np.array([0, int(kept.sum())], np.int64)
        codes, weights = past.event_type[kept], past.weight[kept]
        return Past(ends, past.item[kept], past.time[kept], codes, weights, past.order[kept])

    @cached_property
    def _kinds(self) -> np.ndarray:
        return self._slate.snapshot.event_kinds[self._past.event_type]

    @cached_property
    def _categories(self) -> Int32:
        found: Int32 = self._slate.snapshot.kinds(self._past.item)[:, 0]
        return found

    @cached_property
    def _just(self) -> np.ndarray:
        """bool: the events of this session."""
        time = self._past.time
        start, last = len(time), self._slate.now
        while start and last - time[start - 1] < SESSION_GAP:
            start -= 1
            last = time[start]
        return np.arange(len(time)) >= start


_SILENT = np.array([*NO_INTEREST, SEARCH], np.int8)


def _most(kinds: np.ndarray) -> int | None:
    there = set(kinds.tolist())
    return next((kind for kind in COMMITMENT if kind in there), None)
