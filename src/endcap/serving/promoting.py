"""Promotions take their places."""

from __future__ import annotations

import numpy as np

from endcap.seams import rng
from endcap.serving.policy.promotions import merge
from endcap.serving.slate import Slate

_STREAM = 1
"""Exploration draws from the token's own stream, this from another."""


def promote(slate: Slate) -> None:
    """Lay the promotion's items among the others at random places, and cut the answer to its length."""
    promotion, k = slate.request.promotion, slate.request.k
    if promotion is None or slate.request.candidates is not None:
        return
    organic, promotable = slate.ordinals, [ordinal for ordinal, _, _ in slate.promoted]
    draw = rng(int(slate.token, 16) ^ _STREAM)
    made = merge(np.array(organic, np.int32), np.array(promotable, np.int32), promotion.percent, k, draw)
    places = list(zip(made.promoted.tolist(), made.origin.tolist(), made.propensity.tolist(), strict=True))
    scores, rungs, chances = slate.scores, slate.rungs, slate.propensities
    slate.ordinals = made.ordinals.tolist()
    slate.scores = [slate.promoted[at][1] if is_promoted else scores[at] for is_promoted, at, _ in places]
    slate.rungs = [slate.promoted[at][2] if is_promoted else rungs[at] for is_promoted, at, _ in places]
    slate.propensities = [chance if is_promoted else chance * chances[at] for is_promoted, at, chance in places]
    slate.promotions = [promotion.name if is_promoted else "" for is_promoted, _, _ in places]
