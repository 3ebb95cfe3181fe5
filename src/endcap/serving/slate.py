"""What is asked of a campaign, and one answer on its way through the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from endcap.registry.variants import Variant
from endcap.serving.live_shop import Fresh
from endcap.serving.model import ServedModel
from endcap.serving.policy.promotions import share
from endcap.serving.restriction import Restriction
from endcap.serving.snapshot import Snapshot
from endcap.types import Bool, Float32, Int32

NOBODY: Int32 = np.zeros(0, np.int32)
NO_SCORES: Float32 = np.zeros(0, np.float32)
NO_BLOCK: Float32 = np.zeros((0, 0), np.float32)
POOL = 100
"""So many of the best take part where a policy chooses among them."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A share of the answer, in per cent, that is kept for the items of a filter."""

    name: str
    percent: int
    restriction: Restriction


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a campaign, in external ids. With `candidates` it asks for their order, else for `k` items.

    `allowed` bool [ordinals] is a bitmap made beforehand, `restriction` a filter that may depend on the shopper, and
    `exclude_purchased` the built-in one. `asked` is the moment of asking in microseconds, 0 for just after the newest
    event.
    """

    k: int = 25
    user_id: str = ""
    item_id: str = ""
    candidates: tuple[str, ...] | None = None
    exclude_purchased: bool = False
    allowed: Bool | None = None
    restriction: Restriction | None = None
    promotion: Promotion | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0


@dataclass(slots=True)
class Slate:
    """One answer on its way: what was asked, what was found out about it, and the items so far.

    `items`, `scores` (None where an item has none), `rungs`, `reasons`, `words` (the service's own, empty where it has
    none), `propensities` and `promotions` (names) are equally long, in the order of the answer.
    """

    snapshot: Snapshot
    request: Request
    token: str
    place: int = 0
    variant: Variant = None  # type: ignore[assignment]  # set by resolve
    model: ServedModel = None  # type: ignore[assignment]  # set by resolve
    row: int = -1
    owner: int = -1
    """The row of who asks in what is known of shoppers, where they have none of their own there."""
    current: int = -1
    now: int = 0
    size: int = 0
    """How many ordinals there were when the answer was begun: bitmaps are as long."""
    fresh: Fresh | None = None
    """What the shopper did since the state was made."""
    barred: Int32 = field(default_factory=lambda: NOBODY)
    allowed: Bool | None = None
    promoted: list[tuple[int, float | None, str]] = field(default_factory=list)
    """(ordinal, score, rung) of what a promotion may place, best first, …"""
    promotable: Int32 = field(default_factory=lambda: NOBODY)
    """… those of the model …"""
    promotable_scores: Float32 = field(default_factory=lambda: NO_SCORES)
    """… and the model's own scores of them."""
    candidates: Int32 = field(default_factory=lambda: NOBODY)
    candidate_scores: Float32 = field(default_factory=lambda: NO_SCORES)
    retrieved: str = ""
    """The rung that the candidates are of."""
    counts: dict[str, int] = field(default_factory=dict)
    ordinals: list[int] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    rungs: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    propensities: list[float] = field(default_factory=list)
    promotions: list[str] = field(default_factory=list)
    segments: tuple[int, ...] = ()
    """The segments (`ShopState.segments`) of who asks, where those were asked for."""
    cause: str = ""
    """Why the answer is not personal, in words; empty where it is."""
    unread: tuple[str, ...] = ()
    """Answers of the shopper that rules which take items away cannot read, in sentences."""
    recommendation_id: str = ""
    stale: str = ""
    """Why the answer may miss what another process acknowledged, in words; empty where it cannot."""
    seen: Int32 = field(default_factory=lambda: NOBODY)
    """Ordinals that the ranker was asked about, …"""
    block: Float32 = field(default_factory=lambda: NO_BLOCK)
    """… what it was told of them, float32 [seen, features], …"""
    judged: Float32 = field(default_factory=lambda: NO_SCORES)
    """… and what it said of each."""
    told: Float32 = field(default_factory=lambda: NO_BLOCK)
    """Of the items shown, in their order, what the ranker was told: float32 [shown, features], NaN rows for those that
    it did not see; empty where nothing was ranked."""
    feature_set: str = ""
    """Signature of those features."""

    @property
    def wanted(self) -> int:
        """How many items are to be found before promotions take their places."""
        promotion, k = self.request.promotion, self.request.k
        return k if promotion is None else k + share(promotion.percent, k)

    @property
    def depth(self) -> int:
        """How many candidates the ranker is asked about; 0 where the model has none."""
        ranker = self.model.ranker
        return ranker.depth if ranker is not None and self.request.k else 0

    @property
    def reach(self) -> int:
        """How many items are to be found before ranking and policy choose among them."""
        config = self.snapshot.deployment.config
        chooses = config.diversity or config.category_cap or config.exploration_ranked
        # One more than is ranked: what comes behind bounds the shares of the ranked.
        return max(self.wanted, POOL if chooses and self.wanted else 0, self.depth + 1 if self.depth else 0)

    def reorder(self, places: Sequence[int]) -> None:
        """Lay the items found so far out in this order of their places."""
        self.ordinals = list(map(self.ordinals.__getitem__, places))
        self.scores = list(map(self.scores.__getitem__, places))
        self.rungs = list(map(self.rungs.__getitem__, places))
        if self.items:
            self.items = list(map(self.items.__getitem__, places))

    def cut(self) -> None:
        """Keep no more items than are wanted."""
        del self.ordinals[self.wanted :], self.scores[self.wanted :], self.rungs[self.wanted :]

    def reset(self) -> None:
        """Back to the question alone."""
        self.row = self.owner = self.current = -1
        self.fresh, self.allowed, self.cause, self.segments, self.unread = None, None, "", (), ()
        self.barred, self.candidates, self.candidate_scores = NOBODY, NOBODY, NO_SCORES
        self.promotable, self.promotable_scores = NOBODY, NO_SCORES
        self.promoted, self.counts = [], {}
        self.ordinals, self.items, self.scores, self.rungs, self.reasons = [], [], [], [], []
        self.words, self.propensities, self.promotions = [], [], []
        self.seen, self.block, self.judged, self.told = NOBODY, NO_BLOCK, NO_SCORES, NO_BLOCK
        self.feature_set = ""
        self.retrieved = self.recommendation_id = ""

    @property
    def rung(self) -> str:
        """The rung that the first item came from."""
        return self.rungs[0] if self.rungs else "catalogue"
