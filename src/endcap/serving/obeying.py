"""What a model's own rules forbid to a shopper is barred from the whole answer: retrieval, given lists, promotions,
exploration, new items and every rung of the ladder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.serving.asking import asked
from endcap.serving.model import COMPUTE, ServedModel
from endcap.serving.slate import Slate
from endcap.types import Bool


def obey(slates: Sequence[Slate]) -> None:
    """Bar what is forbidden. Where anything is, so is what the model does not know: nobody can say that it passes."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if slate.model.forbids:
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        model, queries = group[0].model, asked(group)
        with COMPUTE:
            forbidden = model.retriever.forbidden(queries)
        if forbidden is None:
            continue
        for slate, mine in zip(group, forbidden, strict=True):
            if mine.any():
                may = _may_show(model, mine, slate.size)
                slate.barred = np.concatenate((slate.barred, np.flatnonzero(~may).astype(np.int32)))
                slate.allowed = may if slate.allowed is None else slate.allowed & may


def _may_show(model: ServedModel, forbidden: Bool, size: int) -> Bool:
    """bool [ordinals]: what the model knows and does not forbid."""
    may = np.zeros(size, np.bool_)
    known = np.flatnonzero(model.rows[:-1] >= 0)
    may[known] = ~forbidden[model.rows[known]]
    return may
