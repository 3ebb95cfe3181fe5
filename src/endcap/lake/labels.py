"""What an event says in a number that a recipe may be asked to learn: how many were bought, the stars, the thumb.

Labels are told of all events that carry one, of those that speak against their item too: who is to learn what is
disliked has to see it. They are read where a recipe asks for them (`Recipe.label`) and lie beside the events in
`Interactions.label`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from endcap.errors import UnknownName
from endcap.lake.event_types import plain
from endcap.lake.signals import Numbers, Types, numbers_in
from endcap.types import QUANTITY, Float32, Int32

STARS, PIECES, THUMBS = "rating", "quantity", "thumbs"


@dataclass(frozen=True)
class Label:
    """`columns` are read beside those that events are weighed by; `fix` says where such a label comes from."""

    columns: tuple[str, ...]
    fix: str


LABELS: Mapping[str, Label] = {
    PIECES: Label((QUANTITY,), "Import QUANTITY, above 0, beside purchases."),
    STARS: Label((), "Import RATING beside events of type Rating or Review, or EVENT_VALUE beside Rating."),
    THUMBS: Label((), "Import events of types such as Like and Dislike."),
}
UP = ("like", "thumbsup", "upvote")
DOWN = ("dislike", "thumbsdown", "downvote", "notinterested")
"""Plain event types that are a thumb."""


def columns_of(label: str) -> tuple[str, ...]:
    """What is to be read for it beside the columns that events are weighed by. Raises `UnknownName`."""
    if not label:
        return ()
    if label not in LABELS:
        raise UnknownName("label", label, LABELS)
    return LABELS[label].columns


def labels(label: str, events: pa.Table, types: Types, codes: Int32) -> Float32:
    """float32 [n] of events whose types have these codes, NaN where they say nothing of it.

    1 or 0 of `thumbs`, stars on the shop's own scale of `rating`, pieces of `quantity`, told by the weightiest type
    that has any: where purchases tell, carts do not. Raises `UnknownName` for another label.
    """
    columns_of(label)
    if label == THUMBS:
        names = [plain(name) for name in types.names]
        says = [1.0 if name in UP else 0.0 if name in DOWN else np.nan for name in names]
        return np.asarray(says, np.float32)[codes]
    if label == STARS:
        return types.stars(codes, Numbers.of(events))
    pieces, weight = numbers_in(events, QUANTITY), types.base[codes]
    there = (pieces > 0) & np.isfinite(pieces) & (weight > 0)
    there &= weight == weight[there].max(initial=0)
    return np.where(there, pieces, np.nan).astype(np.float32)
