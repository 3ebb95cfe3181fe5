"""Why each item is there: words for the shopper, and the service's own word where it has one.

Words that speak of the shopper's past are made of that past: who only looked at an item is not told that they bought
it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from endcap.recipes.content import Content
from endcap.recipes.ease import EASE
from endcap.recipes.item_item import ItemItem
from endcap.recipes.repeat import Repeat
from endcap.serving import segment_rung
from endcap.serving.asking import asked
from endcap.serving.memory import Memory
from endcap.serving.ranked_words import TRIED, Subject, columns_with_words, places_of, spoken
from endcap.serving.reranking import PERSONAL, chosen
from endcap.serving.slate import Slate

PROMOTED, EXPLORED, POPULAR = "Promoted item", "Exploration", "Popular item"
"""The service's own words."""
NEW_ALIKE, LIKE_THIS = "New, like what you looked at", "Similar to what you are looking at"
"""What most resembles others is there: because those would be, and because one of them is new and asked about."""
OWN_ITEM = Repeat.reason
"""A reason that says what the shopper did with the item."""
FRAMES: Mapping[str, str] = {
    ItemItem.reason: "Goes with what you {}",
    EASE.reason: "Goes with what you {}",
    Content.reason: "Similar to what you {}",
    NEW_ALIKE: "New, like what you {}",
}
"""Reasons that say what the shopper did with others."""
PLAIN = "Recommended for you"
_log = logging.getLogger("endcap.serving")


def explain(slate: Slate) -> None:
    """The reason of each item, by the rung that it came from."""
    model, because = slate.model, f" ({slate.cause})" if slate.cause else ""
    words = {
        "personal": model.retriever.reason,
        "similar": "Related to what you are looking at",
        "general": model.retriever.reason,
        "trending": f"Trending now{because}",
        "popular": f"Popular in this shop{because}",
        "new": f"New in this shop{because}",
        "catalogue": f"From the catalogue{because}",
        "explored": "New in this shop",
        "alike": LIKE_THIS if slate.request.item_id and not slate.retrieved else NEW_ALIKE,
        "segment": f"Popular in this shop{because}",
    }
    slate.reasons = [words[rung] for rung in slate.rungs]
    for place in [place for place, rung in enumerate(slate.rungs) if rung == "segment"]:
        slate.reasons[place] = segment_rung.words(slate, slate.ordinals[place]) or words["segment"]
    known = {"explored": EXPLORED, "popular": POPULAR, "segment": POPULAR}
    told = [known.get(rung, "") for rung in slate.rungs]
    if slate.promotions:
        told = [PROMOTED if name else word for name, word in zip(slate.promotions, told, strict=True)]
    slate.words = told


def credit(slates: Sequence[Slate]) -> None:
    """Where a model mixes several sources, the reason is the one that speaks loudest for the item."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if "personal" in slate.rungs and hasattr(slate.model.retriever, "parts"):
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        model = group[0].model
        queries = asked(group)
        own = [np.array([rung == "personal" for rung in slate.rungs]) for slate in group]
        rows = [model.rows_of(np.array(slate.ordinals, np.int32)[mine]) for slate, mine in zip(group, own, strict=True)]
        wanted = np.unique(np.concatenate(rows))
        wanted = wanted[wanted >= 0]
        if not len(wanted):
            continue
        sources = model.sources(queries, wanted)
        names = list(sources)
        # [source, query, item]: all slates of the batch are explained by one pass over the model.
        loudest = np.stack([np.nan_to_num(sources[name], nan=-np.inf) for name in names]).argmax(axis=0)
        for at, slate in enumerate(group):
            spoken_by = loudest[at][np.minimum(np.searchsorted(wanted, rows[at]), len(wanted) - 1)]
            places = np.flatnonzero(own[at]).tolist()
            for place, row, source in zip(places, rows[at].tolist(), spoken_by.tolist(), strict=True):
                if row >= 0:
                    slate.reasons[place] = model.reason_of(names[source])


def account(slates: Sequence[Slate]) -> None:
    """Where a ranker put an item, the reason is what added most to its score, unless that is the retrieval."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if len(slate.told) and slate.model.ranker is not None:
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        try:
            _account(group)
        except Exception:  # words are not worth an answer
            _log.exception("Explaining %d answers of version %s failed", len(group), group[0].model.version)


def _account(slates: Sequence[Slate]) -> None:
    ranker = slates[0].model.ranker
    assert ranker is not None
    names, snapshot = ranker.feature_names, slates[0].snapshot
    columns = snapshot.columns(ranker.signature, names)
    assert snapshot.features is not None and columns is not None  # or nothing were told
    can, column = columns_with_words(names, snapshot.features.extras), places_of(snapshot.features.names)
    adds = ranker.contributions(chosen(np.concatenate([slate.told for slate in slates]), columns))
    # Several columns of one feature are rare: the three strongest of each row are enough to find words.
    strongest = can[np.argsort(-adds[:, can], axis=1, kind="stable")[:, :TRIED]]
    loudest = np.where(np.take_along_axis(adds, strongest, axis=1) > 0, strongest, -1).tolist()
    ordinals = np.array([ordinal for slate in slates for ordinal in slate.ordinals], np.int32)
    subjects = zip(loudest, snapshot.kinds(ordinals).tolist(), strict=True)
    for slate in slates:
        memory = Memory(slate)
        for place, (ordinal, rung) in enumerate(zip(slate.ordinals, slate.rungs, strict=True)):
            tried, codes = next(subjects)
            if rung in PERSONAL:
                words = spoken(Subject(slate, memory, ordinal, slate.told[place], column, codes), names, tried)
                if words:
                    slate.reasons[place] = words


def remind(slate: Slate) -> None:
    """Put what the shopper did into reasons that speak of it: what was only looked at was not bought."""
    memory = None
    for place, reason in enumerate(slate.reasons):
        if reason == OWN_ITEM or reason in FRAMES:
            memory = memory or Memory(slate)
            words = memory.of_item(slate.ordinals[place]) if reason == OWN_ITEM else memory.of_all(FRAMES[reason])
            slate.reasons[place] = words or PLAIN
