"""Why each item is there: words for the shopper, and the service's own word where it has one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.serving.histories import past_of
from endcap.serving.retrieval import currents, moments
from endcap.serving.slate import Slate

PROMOTED, EXPLORED, POPULAR = "Promoted item", "Exploration", "Popular item"
"""The service's own words."""


def explain(slate: Slate) -> None:
    """The reason of each item, by the rung that it came from."""
    model, because = slate.model, f" ({slate.cause})" if slate.cause else ""
    words = {
        "personal": model.recipe.reason,
        "similar": "Related to what you are looking at",
        "general": model.recipe.reason,
        "trending": f"Trending now{because}",
        "popular": f"Popular in this shop{because}",
        "new": f"New in this shop{because}",
        "catalogue": f"From the catalogue{because}",
        "explored": "New in this shop",
    }
    slate.reasons = [words[rung] for rung in slate.rungs]
    known = {"explored": EXPLORED, "popular": POPULAR}
    told = [known.get(rung, "") for rung in slate.rungs]
    if slate.promotions:
        told = [PROMOTED if name else word for name, word in zip(slate.promotions, told, strict=True)]
    slate.words = told


def credit(slates: Sequence[Slate]) -> None:
    """Where a model mixes several sources, the reason is the one that speaks loudest for the item."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if "personal" in slate.rungs and hasattr(slate.model.recipe, "parts"):
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        model = group[0].model
        queries = model.queries(past_of(group), moments(group), currents(group))
        own = [np.array([rung == "personal" for rung in slate.rungs]) for slate in group]
        rows = [model.rows[np.array(slate.ordinals, np.int64)[mine]] for slate, mine in zip(group, own, strict=True)]
        asked = np.unique(np.concatenate(rows))
        sources = model.sources(queries, asked)
        names = list(sources)
        # [source, query, item]: all slates of the batch are explained by one pass over the model.
        loudest = np.stack([np.nan_to_num(sources[name], nan=-np.inf) for name in names]).argmax(axis=0)
        for at, slate in enumerate(group):
            spoken = loudest[at][np.searchsorted(asked, rows[at])]
            for place, source in zip(np.flatnonzero(own[at]).tolist(), spoken.tolist(), strict=True):
                slate.reasons[place] = model.reason_of(names[source])
