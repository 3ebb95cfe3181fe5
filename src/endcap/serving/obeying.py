"""What a model's own rules forbid to a shopper is barred from the whole answer: retrieval, given lists, promotions,
exploration, new items and every rung of the ladder.

An answer that such a rule cannot read lets nothing through. Where the request itself brought it, the request is
refused; where it is known of the shopper, the answer is made, says so, and holds what passes all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from endcap.errors import InputError
from endcap.recipes.base import Recipe
from endcap.recipes.knowledge_faults import Unread
from endcap.serving.asking import asked
from endcap.serving.model import COMPUTE, ServedModel
from endcap.serving.slate import Slate
from endcap.types import Bool, Int32


@dataclass(frozen=True)
class Put:
    """A model's rules over the items `ordinals` int32, as they were put up to `stamp`."""

    stamp: tuple[int, int]
    ordinals: Int32
    rules: Recipe


def obey(slates: Sequence[Slate]) -> None:
    """Bar what is forbidden. Where anything is, so is what nobody can judge; items that were put since are judged by
    what was put. Raises `InputError` for a context with an answer that a rule cannot read."""
    groups: dict[int, list[Slate]] = {}
    for slate in slates:
        if slate.model.forbids:
            groups.setdefault(id(slate.model), []).append(slate)
    for group in groups.values():
        _obey(group)


def _obey(slates: Sequence[Slate]) -> None:
    model, queries = slates[0].model, asked(slates)
    put = _put(slates[0])
    with COMPUTE:
        forbidden = model.retriever.forbidden(queries)
        newly = None if put is None else put.rules.forbidden(queries)
    if forbidden is None and newly is None:
        return
    for slate, unread in zip(slates, model.unread(queries), strict=True):
        slate.unread = _said(slate, [each for each in unread if each.binds])
    for at, slate in enumerate(slates):
        mine = np.zeros(len(model.ordinals), np.bool_) if forbidden is None else forbidden[at]
        barred = None if newly is None else newly[at]
        if mine.any() or (barred is not None and barred.any()):
            may = _may_show(model, mine, slate.size)
            if put is not None:
                known = put.ordinals < slate.size
                may[put.ordinals[known]] = True if barred is None else ~barred[known]
            slate.barred = np.concatenate((slate.barred, np.flatnonzero(~may).astype(np.int32)))
            slate.allowed = may if slate.allowed is None else slate.allowed & may


def _said(slate: Slate, unread: Sequence[Unread]) -> tuple[str, ...]:
    live = {name.lower() for name in slate.request.context}
    for each in unread:
        if each.field in live:
            raise InputError(f"context: {each}", fix="Without the field the rule asks nothing.")
    return tuple(map(str, unread))


def _put(slate: Slate) -> Put | None:
    """The rules over the items that were put since the state was made; made again when more are put."""
    items, model = slate.snapshot.attributes.items, slate.model
    patch, over = items.now(), getattr(model.retriever, "over", None)
    if over is None or not patch.rows:
        return None
    held: Put | None = model.put_items.get("now")
    if held is None or held.stamp != patch.stamp:
        ordinals = np.array(sorted(patch.rows), np.int32)
        rules = over([items.row(ordinal) for ordinal in ordinals.tolist()], model.rows_of(ordinals))
        held = model.put_items["now"] = Put(patch.stamp, ordinals, rules)
    return held


def _may_show(model: ServedModel, forbidden: Bool, size: int) -> Bool:
    """bool [ordinals]: what the model knows and does not forbid."""
    may = np.zeros(size, np.bool_)
    known = np.flatnonzero(model.rows[:-1] >= 0)
    may[known] = ~forbidden[model.rows[known]]
    return may
