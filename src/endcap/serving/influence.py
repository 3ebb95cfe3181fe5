"""`rankingInfluence`: popularity and freshness weighed against what the model says.

With weights a and b (0 … 1, their sum at most 1, else both are shortened) a score s of spread σ becomes
(1 - a - b) · s + σ · (a · p + b · f), where p and f are the standardised logarithm of an item's events and of its age.
So 0 leaves the model alone, 1 orders by popularity or age alone, and probabilities follow as before.
"""

from __future__ import annotations

import numpy as np

from endcap.serving.calibration import spread
from endcap.serving.model import ServedModel
from endcap.serving.shop import ShopState
from endcap.serving.snapshot import Snapshot
from endcap.types import DAY, Float32


def influenced(snapshot: Snapshot, model: ServedModel, scores: Float32, now: int) -> Float32:
    """float32 [n] new scores of a model's rows; -inf stays."""
    config = snapshot.deployment.config
    whole = max(1.0, config.popularity + config.freshness)
    popular, fresh = config.popularity / whole, config.freshness / whole
    key = (model.version, now // DAY)
    pull = snapshot.influences.get(key)
    if pull is None:
        pull = popular * popularity(snapshot.state, model) + fresh * freshness(snapshot.state, model, now)
        snapshot.influences.clear()
        snapshot.influences[key] = pull
    known = np.isfinite(scores)
    changed = (1 - popular - fresh) * np.where(known, scores, 0) + np.float32(spread(scores)) * pull
    return np.where(known, changed, np.float32(-np.inf)).astype(np.float32)


def popularity(state: ShopState, model: ServedModel) -> Float32:
    """float32 [n]: log(1 + weight of the item's events), standardised over the model's rows."""
    return _standardised(np.log1p(state.counts[model.ordinals]))


def freshness(state: ShopState, model: ServedModel, now: int) -> Float32:
    """float32 [n]: minus log(1 + age in days), standardised over the model's rows."""
    return _standardised(-np.log1p(np.maximum(now - state.created[model.ordinals], 0) / DAY))


def _standardised(values: np.ndarray) -> Float32:
    deviation = float(values.std()) if len(values) else 0.0
    return ((values - values.mean()) / deviation if deviation else np.zeros(len(values))).astype(np.float32)
