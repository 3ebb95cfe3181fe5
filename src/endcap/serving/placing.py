"""New items take a place where their kin are: what no version has learned of is scored by what is most like it.

The score of a new item is the mean of the probabilities that its five neighbours (`content`) have in this answer, each
by its likeness. It stands where that score belongs. At most one place in five goes to such items, so that an import of
many alike does not push the others out; and as they were in no version's sum, all probabilities of the answer are
divided by 1 + theirs.
"""

from __future__ import annotations

import numpy as np

from endcap.serving.slate import Slate
from endcap.types import Float64, Int32

SHARE = 5
"""One place in so many."""
RUNG = "alike"


def place(slate: Slate) -> None:
    """Lay new items among those that a personal model chose."""
    live, request = slate.snapshot.live, slate.request
    if (
        live is None
        or slate.retrieved != "personal"
        or request.candidates is not None
        or slate.snapshot.is_about_actions
    ):
        return
    new = live.newcomers.now.unknown_to(slate.model)
    if not len(new.kin) or not slate.ordinals or slate.scores[0] is None:
        return
    ordinals, scores = new.scores(*chances(slate))
    ordinals, scores = _free(slate, ordinals, scores)
    order = np.argsort(-scores, kind="stable")[: max(1, slate.wanted // SHARE)]
    for at in order.tolist():
        _insert(slate, int(ordinals[at]), float(scores[at]))
    given = sum(score or 0.0 for score, rung in zip(slate.scores, slate.rungs, strict=True) if rung == RUNG)
    if given:
        slate.scores = [None if score is None else score / (1 + given) for score in slate.scores]


def chances(slate: Slate) -> tuple[Int32, Float64]:
    """(int32 ordinals, float64 probabilities) of the candidates, those beyond what the answer was cut to included."""
    held = {
        ordinal: score
        for ordinal, score, rung in zip(slate.ordinals, slate.scores, slate.rungs, strict=True)
        if rung == "personal" and score is not None
    }
    values = slate.candidate_scores.astype(np.float64)
    found = np.array([held.get(ordinal, np.nan) for ordinal in slate.candidates.tolist()])
    known = np.flatnonzero(~np.isnan(found))
    if not len(known):
        return slate.candidates[:0], values[:0]
    # The last that has a probability was not ranked anew: the others follow from their scores.
    last = int(known[-1])
    behind = found[last] * np.exp(np.minimum(values - values[last], 0) / slate.model.temperature)
    return slate.candidates, np.where(np.isnan(found), behind, found)


def _free(slate: Slate, ordinals: Int32, scores: Float64) -> tuple[Int32, Float64]:
    """Those that may be shown."""
    may = (ordinals < slate.size) & (scores > 0)
    if len(slate.barred):
        may &= ~np.isin(ordinals, slate.barred)
    if slate.allowed is not None:
        may[may] = slate.allowed[ordinals[may]]
    listed = slate.snapshot.state.listed
    known = np.flatnonzero(may & (ordinals < len(listed)))
    may[known] = listed[ordinals[known]]
    return ordinals[may], scores[may]


def _insert(slate: Slate, ordinal: int, score: float) -> None:
    at = next((at for at, each in enumerate(slate.scores) if each is None or each < score), len(slate.scores))
    if ordinal in slate.ordinals:  # the ladder has it, at the end
        before = slate.ordinals.index(ordinal)
        slate.reorder([each for each in range(len(slate.ordinals)) if each != before])
    slate.ordinals.insert(at, ordinal)
    slate.scores.insert(at, score)
    slate.rungs.insert(at, RUNG)
