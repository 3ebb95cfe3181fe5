"""The order of given items."""

from __future__ import annotations

import numpy as np

from endcap.serving.asking import asked
from endcap.serving.aversion import sink
from endcap.serving.calibration import probabilities
from endcap.serving.histories import say_why_not
from endcap.serving.influence import influenced
from endcap.serving.kernels import log_total
from endcap.serving.slate import Slate
from endcap.types import Float32, Int32


def rank(slate: Slate) -> None:
    """Those the model scores, then the shop's popular ones, then what nobody knows."""
    if slate.request.candidates is None:
        return
    names = list(dict.fromkeys(slate.request.candidates))
    ordinals = slate.snapshot.ordinals(names)
    may = _may_show(slate, ordinals)
    names, ordinals = [name for name, kept in zip(names, may.tolist(), strict=True) if kept], ordinals[may]
    scores = _scores(slate, ordinals)
    scored = np.isfinite(scores)
    temperature = slate.model.temperature
    shares = (
        probabilities(log_total(scores, temperature), scores, temperature) if scored.any() else np.zeros(len(names))
    )
    popular = slate.snapshot.state.popular
    place_of = {} if scored.all() else {int(ordinal): place for place, ordinal in enumerate(popular.tolist())}
    last, told = len(place_of), ordinals.tolist()
    values, kinds = scores.tolist(), scored.tolist()
    order = sorted(range(len(names)), key=lambda at: (-values[at], told[at] < 0, place_of.get(told[at], last), at))
    slate.items = [names[at] for at in order]
    slate.ordinals = [told[at] for at in order]
    slate.scores = [float(shares[at]) if kinds[at] else None for at in order]
    rung = "personal" if slate.model.personal else "general"
    slate.rungs = [rung if kinds[at] else "popular" if told[at] in place_of else "catalogue" for at in order]
    slate.counts["allowed"] = len(names)
    # A ranker can tell of what the model has not learned, too.
    kept = (ordinals >= 0) & (scored | (slate.model.ranker is not None))
    slate.candidates, slate.candidate_scores, slate.retrieved = ordinals[kept], scores[kept], rung


def _scores(slate: Slate, ordinals: Int32) -> Float32:
    """float32 [m]: what the model says of these ordinals, -inf where nothing."""
    model, config = slate.model, slate.snapshot.deployment.config
    rows = np.where(ordinals >= 0, model.rows_of(ordinals), -1)
    scores = np.full(len(ordinals), -np.inf, np.float32)
    known = np.flatnonzero(rows >= 0)
    queries = asked([slate])
    told = not model.personal or bool(model.told(queries)[0])
    if not told:
        say_why_not(slate)
    elif len(known) and (config.popularity or config.freshness):
        scores[known] = influenced(slate.snapshot, model, model.scores(queries)[0], slate.now)[rows[known]]
    elif len(known):
        scores[known] = model.scores_of(queries, rows[known].astype(np.int32))[0]
    sink(slate, scores, ordinals)
    return scores


def _may_show(slate: Slate, ordinals: Int32) -> np.ndarray:
    """bool [m]: what the filters let through; of items that nobody knows a filter can say nothing good."""
    # What came since the answer was begun is not in its bitmaps.
    known = (ordinals >= 0) & (ordinals < slate.size)
    may = known.copy() if slate.allowed is not None else np.ones(len(ordinals), np.bool_)
    if slate.allowed is not None:
        may[known] = slate.allowed[ordinals[known]]
    if len(slate.barred):
        may &= ~np.isin(ordinals, slate.barred)
    return may
