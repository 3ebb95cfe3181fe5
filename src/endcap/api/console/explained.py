"""Explanations on the wire: what was measured of an answer, and the sentences that say it."""

from __future__ import annotations

import math
from collections.abc import Callable

from endcap.api.console.operation import Shape
from endcap.features.kinds import CART, CLICK, LIKE, PURCHASE, RATING, REFUSE, RETURN, SAVE, VIEW, WISH, kind_of
from endcap.serving.inspecting import Effect, Inspection, LeftOut, Shown

Titles = Callable[[str], str]
"""The name of an item, its id where it has none."""
_DEEDS = {
    VIEW: "view",
    CLICK: "click",
    CART: "adding to the cart",
    WISH: "wish",
    LIKE: "like",
    SAVE: "saving for later",
    PURCHASE: "purchase",
    RATING: "rating",
    RETURN: "return",
    REFUSE: "refusal",
}
_LEAST = 0.02
"""What changes a score by less than this share, and no place, is not told."""
MOST_CAUSES = 6


class ScorePart(Shape, frozen=True):
    """One addend of the score that orders the retrieval: a source of it, or what is added to many alike (`scale`), what
    the campaign's popularity and freshness change (`influence`), what refusals take (`aversion`). `rank`: the item's
    place by this source alone."""

    name: str
    value: float
    rank: int | None = None


class FeatureTold(Shape, frozen=True):
    """What the ranker was told of an item, and what that added to its score."""

    name: str
    value: float | None
    adds: float


class StepPlace(Shape, frozen=True):
    """The item's place after a step of the answer; None where it was not there."""

    step: str
    place: int | None


class StageCount(Shape, frozen=True):
    """How many items were left at a point of the way, or, where it `bars`, were taken away."""

    name: str
    count: int
    bars: bool = False


class SourceCount(Shape, frozen=True):
    """How many of the candidates a source put there."""

    name: str
    count: int


class Cause(Shape, frozen=True):
    """Something the shopper did, and what the answer is without it: measured by answering again. `after` is None for
    further down than was looked."""

    kind: str
    item: str
    title: str
    event_type: str
    time: int
    """Milliseconds."""
    places: tuple[int, ...]
    before: int
    after: int | None
    score_before: float | None
    score_after: float | None
    sentence: str


class WhyItem(Shape, frozen=True):
    """One item explained. `place` is None where it is not in the answer now; `score` a probability, `weight` the score
    of the retrieval (the sum of `parts`), `among` its place by that among all that may be shown, `ranked` the ranker's
    score (the sum of `features` and `ranked_base`)."""

    item: str
    title: str
    place: int | None
    score: float | None = None
    source: str = ""
    reason: str = ""
    word: str = ""
    propensity: float = 1.0
    promotion: str = ""
    path: tuple[StepPlace, ...] = ()
    weight: float | None = None
    among: int | None = None
    parts: tuple[ScorePart, ...] = ()
    ranked: float | None = None
    ranked_base: float = 0.0
    features: tuple[FeatureTold, ...] = ()
    causes: tuple[Cause, ...] = ()


def item_of(inspection: Inspection, shown: Shown, titles: Titles, *, whose: str, most: int = MOST_CAUSES) -> WhyItem:
    """One item of an inspection. `whose` is how sentences call the shopper's: `your` or `this`."""
    at = shown.place - 1
    causes = [
        (strength(group.effects[at]), cause_of(group, group.effects[at], inspection.deep, titles, whose))
        for group in inspection.left_out
    ]
    telling = [each for each in causes if each[1].after != each[1].before or each[0] > _LEAST]
    told = sorted(telling, key=lambda each: -each[0])
    return WhyItem(
        item=shown.item,
        title=titles(shown.item),
        place=shown.place,
        score=shown.score,
        source=shown.source,
        reason=shown.reason,
        word=shown.word,
        propensity=shown.propensity,
        promotion=shown.promotion,
        path=tuple(StepPlace(step=step.name, place=step.place) for step in shown.path),
        weight=shown.weight,
        among=shown.among,
        parts=tuple(ScorePart(name=part.name, value=part.value, rank=part.rank) for part in shown.parts),
        ranked=shown.ranked,
        ranked_base=shown.ranked_base,
        features=tuple(FeatureTold(name=each.name, value=each.value, adds=each.adds) for each in shown.features),
        causes=tuple(cause for _, cause in told[:most]),
    )


def strength(effect: Effect) -> float:
    """How much an item owes to what was left out: the logarithm of how far its score falls, else its place; below 0
    where it would stand higher without."""
    if effect.score_before and effect.score_after:
        return math.log(effect.score_before / effect.score_after)
    if effect.after is None:
        return math.inf
    return math.log(effect.after / effect.before)


def cause_of(group: LeftOut, effect: Effect, deep: int, titles: Titles, whose: str) -> Cause:
    """What leaving out a group did to one item."""
    return Cause(
        kind=group.kind,
        item=group.item,
        title=titles(group.item) if group.item else "",
        event_type=group.event_type,
        time=group.time // 1000,
        places=group.places,
        before=effect.before,
        after=effect.after,
        score_before=effect.score_before,
        score_after=effect.score_after,
        sentence=sentence(group, effect, deep, titles, whose),
    )


def sentence(group: LeftOut, effect: Effect, deep: int, titles: Titles, whose: str) -> str:
    """What was measured, in words: `Without this view of Mug it falls from 2 to 31.`"""
    return f"Without {_deed(group, titles, whose)} it {moved(effect, deep)}."


def moved(effect: Effect, deep: int) -> str:
    """Where an item goes: `falls from 2 to 31`."""
    before, after = effect.before, effect.after
    if after is None:
        return f"falls from {before} to below {deep}"
    if after != before:
        return f"{'falls' if after > before else 'rises'} from {before} to {after}"
    low, high = effect.score_after, effect.score_before
    if low is None or high is None or abs(high - low) <= _LEAST * high:
        return f"stays at {before}"
    return f"stays at {before}, its score goes from {percent(high)} to {percent(low)}"


def percent(share: float) -> str:
    """A probability as people read it."""
    return f"{share:.1%}" if share >= 0.001 else f"{share:.2g}"


def _deed(group: LeftOut, titles: Titles, whose: str) -> str:
    count = len(group.places)
    if group.kind == "visit":
        return f"{'your' if whose == 'your' else 'the'} last visit ({count} events)"
    if count == 1:
        return f"{whose} {_DEEDS.get(kind_of(group.event_type), 'event')} of {titles(group.item)}"
    # Events of one item may be of several types: they are counted together.
    return f"{'your' if whose == 'your' else 'these'} {count} events with {titles(group.item)}"
