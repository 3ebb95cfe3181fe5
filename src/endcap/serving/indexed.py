"""The best items of a large catalogue by its index: the same answers as by all scores, but for what the index misses.

Where a filter lets a tenth of the catalogue through, or less, exactly those items are scored. Otherwise a few hundred
of the best are looked up and what may not be shown is struck out; where fewer are left than were asked for, the
question goes back, to be answered from all scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.recipes.base import FEW_ALLOWED, InnerProductRecipe
from endcap.recipes.queries import Queries
from endcap.serving.aversion import aversion
from endcap.serving.kernels import best
from endcap.serving.slate import Slate
from endcap.types import Bool, Float32, Int32

LOOKED_UP, MOST = 512, 4096
"""So many of the best are looked up; more where many are asked for or barred, up to a bound."""


@dataclass(frozen=True)
class Found:
    """Model `rows` int32, best first, with their exact scores `values` float32, and the estimated log of the softmax
    sum over all items."""

    rows: Int32
    values: Float32
    total: float


def search(slate: Slate, query: Queries, width: int) -> Found | None:
    """The `width` best that may be shown; None where all scores are needed to tell."""
    model, config = slate.model, slate.snapshot.deployment.config
    if model.index is None or config.popularity or config.freshness or slate.request.promotion is not None:
        return None
    vector = model.vectors(query)[0]
    if np.isnan(vector[0]) or len(aversion(slate)[0]):
        return None
    found, scores = model.index.search(vector[None, :], min(max(LOOKED_UP, width + len(slate.barred)), MOST))
    rows, values = found[0][found[0] >= 0], scores[0][found[0] >= 0]
    total = model.index.log_total(vector, rows, values, model.temperature)
    is_few = False
    if slate.allowed is not None:
        slate.counts["allowed"] = int(np.count_nonzero(slate.allowed))
        is_few = slate.counts["allowed"] <= FEW_ALLOWED * len(model.index)
        if is_few:
            rows, values = _exact(slate, vector)
    may = _may(slate, rows)
    rows, values = rows[may], values[may]
    if len(rows) < width and not is_few:
        return None
    chosen = best(values, width)
    return Found(rows[chosen], values[chosen], total)


def _exact(slate: Slate, vector: Float32) -> tuple[Int32, Float32]:
    """All rows that the filter lets through, with their scores."""
    recipe = slate.model.retriever
    assert isinstance(recipe, InnerProductRecipe) and slate.allowed is not None
    rows = slate.model.rows_of(np.flatnonzero(slate.allowed).astype(np.int32))
    rows = rows[rows >= 0]
    return rows, recipe.item_vectors[rows] @ vector


def _may(slate: Slate, rows: Int32) -> Bool:
    """bool [m]: rows whose items may be shown."""
    model = slate.model
    ordinals = model.ordinals[rows]
    # A row that has no item stands in the place of item 0, whose row is another.
    may: Bool = slate.snapshot.state.listed[ordinals] & (model.rows_of(ordinals) == rows)
    if slate.allowed is not None:
        may &= slate.allowed[ordinals]
    if len(slate.barred):
        may &= ~np.isin(ordinals, slate.barred)
    return may
