"""One request on its way through the steps of an answer, with what each step left behind it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_hex

import numpy as np

from endcap.serving.barring import barriers
from endcap.serving.policy.rules import ruled_out
from endcap.serving.recommend import STEPS
from endcap.serving.slate import NO_BLOCK, Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.serving.supposing import Imagined, Supposing
from endcap.types import Bool, Float32, Int32

ORDERING = ("retrieve", "rank", "rerank", "place", "diversify", "cap", "explore", "promote")
"""Steps after which the order of items is noted."""
BEFORE_CUT = "cap"
"""The last step before the answer is cut to its length."""
AFTER_ORDER = "remember"
"""The last step that has to do with the order; words follow."""
DEEP = 200
"""So far down is looked, where items fall to."""
AT_ONCE = 8
"""Questions put to a model in one pass: answers to shoppers wait for a pass."""


@dataclass
class Trace:
    """What each step left of one slate: `orders` ordinals by step."""

    slate: Slate
    orders: dict[str, list[int]] = field(default_factory=dict)
    scores: dict[str, list[float | None]] = field(default_factory=dict)
    filtered: Bool | None = None
    """What the request's filter lets through; None without one."""
    bars: dict[str, Int32] = field(default_factory=dict)
    """Ordinals of what must not be shown, by why."""
    forbidden: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    """What the model's own rules forbid."""
    block: Float32 = field(default_factory=lambda: NO_BLOCK)
    """What the ranker was told of each that it saw, float32 [seen, features]."""

    def note(self, step: str) -> None:
        """Look at the slate after a step."""
        slate = self.slate
        if step in ORDERING:
            self.orders[step], self.scores[step] = list(slate.ordinals), list(slate.scores)
            self.block = slate.block if len(slate.block) else self.block
        elif step == "allow":
            self.filtered = slate.allowed
        elif step == "rules":
            for why, parts in (*barriers(slate), *ruled_out(slate)):
                told = np.concatenate([np.zeros(0, np.int32), *parts])
                self.bars[why] = np.unique(np.concatenate((self.bars.get(why, told[:0]), told[told >= 0])))
        elif step == "obey":
            known = np.concatenate([np.zeros(0, np.int32), *self.bars.values()])
            self.forbidden = np.setdiff1d(slate.barred, known).astype(np.int32)

    @property
    def shown(self) -> list[int]:
        """Ordinals of the answer, in its order."""
        return self.orders["promote"]

    def place(self, ordinal: int, step: str = "") -> int | None:
        """Place of an item (1 is best) in the answer, or, where it is not in it, in what the answer was cut from; with
        `step`, after that step. None where it is not there."""
        if step:
            return _place(self.orders[step], ordinal)
        found = _place(self.shown, ordinal)
        if found is not None:
            return found
        behind = _place(self.orders[BEFORE_CUT], ordinal)
        return None if behind is None else max(behind, len(self.shown) + 1)

    def score(self, ordinal: int) -> float | None:
        """What was given it as a probability, likewise."""
        for step in ("promote", BEFORE_CUT):
            found = _place(self.orders[step], ordinal)
            if found is not None:
                return self.scores[step][found - 1]
        return None


def _place(order: Sequence[int], ordinal: int) -> int | None:
    try:
        return order.index(ordinal) + 1
    except ValueError:
        return None


class Tracer:
    """Asks one snapshot one thing, again and again, with more or less of the shopper's history.

    `at` (microseconds, 0: now) is the moment of asking: what came later is as if it had not. `without` are places of
    the shopper's events that are left out throughout. `token` (16 hex digits) is that of an answer to be repeated.
    """

    def __init__(
        self, snapshot: Snapshot, request: Request, *, token: str = "", at: int = 0, without: Collection[int] = ()
    ) -> None:
        self.snapshot, self.request, self.at = snapshot, request, at
        self.token = token or token_hex(8)
        self.supposing = Supposing(snapshot, request.user_id)
        events = self.supposing.events
        self.kept: Bool = np.ones(len(events), np.bool_)
        if at:
            self.kept &= events.time < at
        self.kept[[place for place in without if 0 <= place < len(events)]] = False

    def base(self) -> Trace:
        """The answer itself, word for word."""
        return self._run([self.kept], deep=0, words=True)[0]

    def let_past(self, ordinal: int) -> Trace:
        """The order of the answer were this item let past every bar and filter, with what stands behind it."""
        return self._run([self.kept], deep=self.depth(DEEP), words=False, allow=ordinal)[0]

    def deep(self, like: Trace) -> Trace:
        """The order of the answer `like` with what stands behind it."""
        found = self._run([self.kept], deep=self.depth(DEEP), words=False)[0]
        return found if found.shown == like.shown else like

    def without(self, groups: Sequence[Collection[int]], like: Trace) -> list[Trace]:
        """The order of the answer `like` without each of these groups of events, and of what stands behind it."""
        if not groups:
            return []
        masks = [self.kept]
        for group in groups:
            mask = self.kept.copy()
            mask[list(group)] = False
            masks.append(mask)
        for deep in (self.depth(DEEP), 0):
            control, *found = self._run(masks, deep=deep, words=False)
            if control.shown == like.shown:
                break
        return found

    def depth(self, deep: int) -> int:
        """How far down can be looked without changing the answer: a cap on categories looks at all that is found."""
        return 0 if self.snapshot.deployment.config.category_cap else deep

    def _run(self, masks: Sequence[Bool], *, deep: int, words: bool, allow: int = -1) -> list[Trace]:
        snapshot, supposed = self.supposing.suppose(masks, until=self.at or None)
        request = replace(self.request, asked=self.at) if self.at else self.request
        found: list[Trace] = []
        for start in range(0, len(supposed), AT_ONCE):
            slates = [
                Imagined(
                    snapshot, request, self.token, supposed=each, owned_by=self.supposing.owner, at=self.at, deep=deep
                )
                for each in supposed[start : start + AT_ONCE]
            ]
            found += _traced(slates, words=words, allow=allow)
        return found


def _traced(slates: Sequence[Imagined], *, words: bool, allow: int) -> list[Trace]:
    traces = [Trace(slate) for slate in slates]
    for step in STEPS:
        name = step.__name__
        step(slates)
        for trace, slate in zip(traces, slates, strict=True):
            if name == "resolve":
                slate.assume()
            elif name == "obey" and allow >= 0:
                _let_past(slate, allow)
            trace.note(name)
        if name == AFTER_ORDER and not words:
            break
    return traces


def _let_past(slate: Slate, ordinal: int) -> None:
    slate.barred = slate.barred[slate.barred != ordinal]
    if slate.allowed is not None and ordinal < len(slate.allowed):
        slate.allowed = slate.allowed.copy()
        slate.allowed[ordinal] = True
