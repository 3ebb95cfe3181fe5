"""The items of an answer: from its model, then down the ladder until enough are found or none qualifies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from endcap.serving import segment_rung
from endcap.serving.asking import asked
from endcap.serving.aversion import sink
from endcap.serving.calibration import probabilities
from endcap.serving.histories import say_why_not
from endcap.serving.indexed import search
from endcap.serving.influence import influenced
from endcap.serving.kernels import best, log_total, take
from endcap.serving.policy.promotions import share
from endcap.serving.slate import Slate
from endcap.types import Bool, Float32, Int32

NOTED = 50
"""Candidates that are kept for the decision's record, at least."""
CANDIDATES = 500
"""Candidates that are retrieved where a ranker orders the best of them, at least."""


def retrieve(slates: Sequence[Slate]) -> None:
    """The best items of each slate. Slates of one model are asked about together."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if slate.request.candidates is not None:
            continue
        about = slate.request.item_id and (slate.snapshot.is_related or _is_only_about_an_item(slate))
        if about and not _is_for_shopper(slate):
            _similar(slate)
        else:
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        _personal(group)
    for slate in slates:
        if slate.request.candidates is None:
            _complete(slate)


def _is_only_about_an_item(slate: Slate) -> bool:
    return not slate.request.user_id and slate.model.personal


def _is_for_shopper(slate: Slate) -> bool:
    """Whether what goes with an item is told for the shopper who asks: the recipe knows how, and both are known."""
    if not slate.model.retriever.related_to_shopper or slate.current < 0:
        return False
    known = slate.row >= 0 or (slate.fresh is not None and len(slate.fresh.item) > 0)
    return known and int(slate.model.rows_of(np.array([slate.current], np.int32))[0]) >= 0


def _personal(slates: Sequence[Slate]) -> None:
    """Ask one model for several shoppers at once. A shopper without a usable history is left to the ladder."""
    model = slates[0].model
    queries = asked(slates)
    usable = []
    for (at, slate), is_told in zip(enumerate(slates), model.told(queries).tolist(), strict=True):
        if not is_told and model.personal:
            say_why_not(slate)
        if is_told or model.general:
            usable.append((at, "personal" if is_told and model.personal else "general"))
    if not usable:
        return
    if model.index is not None:
        for at, rung in usable:
            slate, single = slates[at], queries.batch(at, at + 1)
            found = search(slate, single, width(slate)) if rung == "personal" else None
            if found is not None:
                _lay_out(slate, found.rows, found.values, rung, found.total)
            else:  # one by one: the scores of many would be many megabytes
                _choose(slate, model.scores(single)[0], rung)
        return
    scores = model.scores(queries)
    for at, rung in usable:
        _choose(slates[at], scores[at], rung)


def _similar(slate: Slate) -> None:
    row = int(slate.model.rows_of(np.array([slate.current], np.int32))[0]) if slate.current >= 0 else -1
    if row < 0:
        if _kin(slate):
            return
        slate.cause = "the item asked about is not known" if slate.current < 0 else "the item asked about is new"
        return
    _choose(slate, slate.model.related(row), "similar")
    if not slate.ordinals:
        slate.cause = "nothing is known to go with this item"


def _kin(slate: Slate) -> bool:
    """Answer a question about a new item with what is most like it; False where nothing is known to be."""
    live = slate.snapshot.live
    if live is None or slate.current < 0:
        return False
    near = live.newcomers.now.near(slate.current)
    found = take(near[near < slate.size], barred_for(slate, slate.allowed, []), slate.reach).tolist()
    slate.ordinals, slate.rungs, slate.scores = found, ["alike"] * len(found), [None] * len(found)
    return bool(found)


def _choose(slate: Slate, scores: Float32, rung: str) -> None:
    """The best that may be shown of float32 [n] `scores`, which are changed."""
    model = slate.model
    scores = weighed(slate, scores)
    sink(slate, scores)
    scored = rung == "personal"
    # What may not be shown still counts in the sum: a filter does not make the rest likelier.
    total = log_total(scores, model.temperature) if scored else 0.0
    if len(slate.barred):
        rows = model.rows_of(slate.barred)
        scores[rows[rows >= 0]] = -np.inf
    promotion = slate.request.promotion
    if promotion is not None:
        _choose_promoted(slate, scores.copy(), rung, total)
    if slate.allowed is not None:
        slate.counts["allowed"] = model.withhold(scores, slate.allowed)
    rows = best(scores, width(slate))
    _lay_out(slate, rows, scores[rows], rung, total)


def weighed(slate: Slate, scores: Float32) -> Float32:
    """float32 [n]: a model's scores, which are changed, without what has left the catalogue and under the campaign's
    influences."""
    model, config = slate.model, slate.snapshot.deployment.config
    if len(model.withheld):
        scores[model.withheld] = -np.inf
    if config.popularity or config.freshness:
        scores = influenced(slate.snapshot, model, scores, slate.now)
    return scores


def width(slate: Slate) -> int:
    """How many candidates are retrieved."""
    return max(slate.reach, CANDIDATES if slate.depth else NOTED) if slate.wanted else 0


def _lay_out(slate: Slate, rows: Int32, values: Float32, rung: str, total: float) -> None:
    """The candidates, and the answer so far, from the model's best rows with their scores."""
    model, scored = slate.model, rung == "personal"
    slate.candidates, slate.candidate_scores, slate.retrieved = model.ordinals[rows], values, rung
    rows, values = rows[: slate.reach], values[: slate.reach]
    slate.ordinals = model.ordinals[rows].tolist()
    slate.rungs = [rung] * len(rows)
    if slate.snapshot.is_about_actions:
        slate.scores = list(values.tolist())
    elif scored:
        slate.scores = list(probabilities(total, values, model.temperature).tolist())
    else:
        slate.scores = [None] * len(rows)


def _choose_promoted(slate: Slate, scores: Float32, rung: str, total: float) -> None:
    """The promotion's own best, in the model's order; the request's filter has no say in them."""
    promotion = slate.request.promotion
    if promotion is None:
        return
    allowed = promotion.restriction.allowed(slate)
    slate.model.withhold(scores, allowed)
    rows = best(scores, max(share(promotion.percent, slate.request.k), slate.depth))
    shares = probabilities(total, scores[rows], slate.model.temperature).tolist() if rung == "personal" else ()
    values: Sequence[float | None] = shares or [None] * len(rows)
    ordinals = slate.model.ordinals[rows].tolist()
    slate.promoted = [(ordinal, value, rung) for ordinal, value in zip(ordinals, values, strict=True)]
    slate.promotable, slate.promotable_scores = slate.model.ordinals[rows], scores[rows]


def _complete(slate: Slate) -> None:
    """Bring a short slate, and a short promotion, to its length."""
    promotion = slate.request.promotion
    if promotion is not None:
        lacking = share(promotion.percent, slate.request.k) - len(slate.promoted)
        if lacking > 0:
            barred = barred_for(slate, promotion.restriction.allowed(slate), [place for place, _, _ in slate.promoted])
            slate.promoted += [(ordinal, None, rung) for ordinal, rung in descend(slate, barred, lacking)]
    lacking = slate.reach - len(slate.ordinals)
    if lacking > 0:
        for ordinal, rung in descend(slate, barred_for(slate, slate.allowed, slate.ordinals), lacking):
            slate.ordinals.append(ordinal)
            slate.rungs.append(rung)
            slate.scores.append(None)


def barred_for(slate: Slate, allowed: Bool | None, taken: Sequence[int]) -> Bool:
    """bool [ordinals] that must not be shown."""
    listed = slate.snapshot.state.listed
    barred = (
        ~listed if slate.size == len(listed) else np.concatenate((~listed, np.zeros(slate.size - len(listed), bool)))
    )
    barred[slate.barred[(slate.barred >= 0) & (slate.barred < len(barred))]] = True
    barred[taken] = True
    if allowed is not None:
        barred |= ~allowed
    return barred


def descend(slate: Slate, barred: Bool, count: int) -> Iterable[tuple[int, str]]:
    """(ordinal, rung) of up to `count` items: what sells in the shopper's segments where nothing else is known of them,
    trending, popular, new, then the catalogue in its own order.

    `barred` bool [ordinals] is marked with what was found.
    """
    state, live = slate.snapshot.state, slate.snapshot.live
    new = live.places.newest(slate.size) if live is not None else state.trending[:0]
    ladder: Iterable[tuple[str, Int32]] = (
        (segment_rung.RUNG, segment_rung.find(slate)),
        ("trending", state.trending),
        ("popular", state.popular),
        ("new", new),
        ("catalogue", np.arange(len(state.listed), dtype=np.int32)),
    )
    for rung, order in ladder:
        found = take(order, barred, count).tolist()
        count -= len(found)
        yield from ((ordinal, rung) for ordinal in found)
        if not count:
            return
