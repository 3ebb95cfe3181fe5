"""The second stage: the best candidates of each slate, ordered anew by what the shop's features say of them now.

Candidates of all slates of one model go through the features and the trees in one block. Scores stay probabilities over
the whole catalogue: what retrieval gives the ranked candidates together is shared out among them in proportion to the
ranker's own chances, on top of what the first unranked candidate has. So the answer goes on descending where the ranked
end, and the sum stays what it was.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numba import njit

from endcap.serving.asking import moments
from endcap.serving.aversion import sink
from endcap.serving.histories import past_of
from endcap.serving.slate import Slate
from endcap.serving.snapshot import Columns
from endcap.types import Float32, Float64, Int32

_log = logging.getLogger("endcap.serving")
PERSONAL = ("personal", "general")


def rerank(slates: Sequence[Slate]) -> None:
    """Order anew what personal models in two stages retrieved. Where that fails, the candidates stay as they were
    retrieved: an answer is never lost to its ranking, and its decision counts it as `unranked`."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if slate.model.ranker is not None and _is_rankable(slate):
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        try:
            _rerank(group)
        except Exception:
            _log.exception("Ranking %d answers of version %s failed", len(group), group[0].model.version)
            for slate in group:
                slate.counts["unranked"] = 1


def _is_rankable(slate: Slate) -> bool:
    is_told = slate.retrieved in PERSONAL and not slate.cause
    return is_told and len(slate.candidates) > 0 and slate.snapshot.features is not None


def _rerank(slates: Sequence[Slate]) -> None:
    ranker, snapshot = slates[0].model.ranker, slates[0].snapshot
    features = snapshot.features
    assert ranker is not None and features is not None
    columns = snapshot.columns(ranker.signature, ranker.feature_names)
    if columns is None:
        # It was trained on features that are not there, or mean something else by now.
        for slate in slates:
            slate.counts["unranked"] = 1
        return
    asked = [question for slate in slates for question in _questions(slate, ranker.depth)]
    indptr = np.concatenate(([0], np.cumsum([len(items) for _, items, _ in asked]))).astype(np.int64)
    items = np.concatenate([items for _, items, _ in asked])
    retrieval = np.concatenate([scores for _, _, scores in asked])
    askers = [slate for slate, _, _ in asked]
    contexts = [slate.request.context for slate in askers]
    block = features.values(past_of(askers), moments(askers), items, indptr, retrieval, contexts)
    judged = ranker.rank(chosen(block, columns))
    for place, slate in enumerate(askers):  # what the retrieval sank for their sake is not to be lifted again
        part = slice(int(indptr[place]), int(indptr[place + 1]))
        sink(slate, judged[part], items[part])
    chances = ranker.propensities(judged)
    at = 0
    for slate in slates:
        low, high, is_promoting = int(indptr[at]), int(indptr[at + 1]), bool(len(slate.promotable))
        slate.feature_set = snapshot.feature_set
        slate.seen, slate.block, slate.judged = items[low:high], block[low:high], judged[low:high]
        at += 1 + is_promoting
        if np.isnan(chances[low]):  # it has not learned yet: what it is told is written down for it, and no more
            continue
        if slate.request.candidates is not None:
            _reorder_given(slate, chances[low:high])
        else:
            _reorder(slate, chances[low:high])
        if is_promoting:
            part = slice(high, int(indptr[at]))
            _promote(slate, block[part], judged[part], chances[part])


def chosen(block: Float32, columns: Columns) -> Float32:
    """float32 [m, columns]: these columns of a block; the block itself where they are all of it."""
    return block if isinstance(columns, slice) else np.take(block, columns, axis=1)


def _questions(slate: Slate, depth: int) -> list[tuple[Slate, Int32, Float32]]:
    """(slate, int32 ordinals, float32 retrieval scores) of what is to be ranked: of a list, all that the shop knows;
    else the best candidates, and, as a question of its own, the best that a promotion may place."""
    if slate.request.candidates is not None:
        scores = slate.candidate_scores
        return [(slate, slate.candidates, np.where(np.isfinite(scores), scores, np.float32(np.nan)))]
    found = [(slate, slate.candidates[:depth], slate.candidate_scores[:depth])]
    return [*found, (slate, slate.promotable, slate.promotable_scores)] if len(slate.promotable) else found


def _reorder(slate: Slate, chances: Float32) -> None:
    """Lay out the candidates that were ranked by what the ranker says; the others follow as they were."""
    ranked = len(slate.judged)
    order = np.argsort(-slate.judged, kind="stable")
    before = slate.scores
    slate.reorder([*order.tolist(), *range(ranked, len(slate.ordinals))])
    if before[0] is not None:
        behind = before[ranked] if ranked < len(before) else None
        held = np.array(before[:ranked], np.float64)
        slate.scores[:ranked] = shared_out(held, chances[order], behind or 0.0).tolist()


def _promote(slate: Slate, block: Float32, judged: Float32, chances: Float32) -> None:
    """Lay out what a promotion may place likewise. What is a candidate, too, keeps the probability that it has there,
    so that the probabilities of an answer do not sum to more than 1; the others share theirs."""
    held = dict(zip(slate.ordinals, slate.scores, strict=True))
    is_other = ~np.isin(slate.promotable, slate.seen)
    scores: list[float | None] = [held.get(ordinal) for ordinal in slate.promotable.tolist()]
    before = [slate.promoted[place][1] for place in np.flatnonzero(is_other).tolist()]
    if before and before[0] is not None:
        shares = shared_out(np.array(before, np.float64), chances[is_other], 0.0)
        for place, share in zip(np.flatnonzero(is_other).tolist(), shares.tolist(), strict=True):
            scores[place] = share
    order = np.argsort(-judged, kind="stable").tolist()
    ordinals = slate.promotable.tolist()
    made = [(ordinals[place], scores[place], slate.retrieved) for place in order]
    slate.promoted = made + slate.promoted[len(made) :]
    slate.seen = np.concatenate((slate.seen, slate.promotable[is_other]))
    slate.block = np.concatenate((slate.block, block[is_other]))


def _reorder_given(slate: Slate, chances: Float32) -> None:
    """What was ranked first, then the others as they were; the chances become shares of the list."""
    place_of = {ordinal: place for place, ordinal in enumerate(slate.ordinals)}
    order = np.argsort(-slate.judged, kind="stable")
    first = [place_of[ordinal] for ordinal in slate.seen[order].tolist()]
    ranked = set(first)
    slate.reorder([*first, *(place for place in range(len(slate.ordinals)) if place not in ranked)])
    held = np.array([score or 0.0 for score in slate.scores[: len(first)]], np.float64)
    slate.rungs[: len(first)] = [slate.retrieved] * len(first)
    slate.scores[: len(first)] = shared_out(held, chances[order], 0.0).tolist()


def shared_out(before: Float64, chances: Float32, least: float) -> Float64:
    """float64 [m]: the sum of the probabilities `before`, shared out: `least` to each, the rest by their `chances`.

    `chances` float32 [m], above 0; no probability `before` is below `least`.
    """
    weights = chances.astype(np.float64)
    shares: Float64 = least + max(float(before.sum()) - least * len(before), 0.0) * (weights / weights.sum())
    return shares


def remember(slate: Slate) -> None:
    """Of all that the ranker was told, keep what it was told of the items shown."""
    if len(slate.seen):
        slate.told = _told(slate.seen, slate.block, np.array(slate.ordinals, np.int32))
        slate.block = slate.block[:0]


@njit(cache=True, nogil=True)
def _told(seen: Int32, block: Float32, shown: Int32) -> Float32:
    """float32 [shown, features]: the rows of `block`, which are about `seen`; NaN for what is not among them."""
    out = np.full((len(shown), block.shape[1]), np.float32(np.nan), np.float32)
    for row in range(len(shown)):
        for place in range(len(seen)):
            if seen[place] == shown[row]:
                out[row] = block[place]
                break
    return out
