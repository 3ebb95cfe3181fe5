"""Shoppers' pasts for a question: what the state holds of them, then what was streamed since."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.serving.live_shop import Fresh
from endcap.serving.slate import Slate
from endcap.stream.histories import CAP, Past
from endcap.types import Int32


def past_of(slates: Sequence[Slate]) -> Past:
    """The events of each slate's shopper that say interest; -1 for types that nobody knows."""
    past = slates[0].snapshot.state.histories.past
    if all(slate.fresh is None for slate in slates):
        if len(slates) == 1 and slates[0].row >= 0:
            return past.slice(slates[0].row)
        return past.take(np.array([slate.row for slate in slates], np.int32))
    nobody = past.take(np.full(1, -1, np.int32))
    return _joined([_whole(past.slice(slate.row) if slate.row >= 0 else nobody, slate) for slate in slates])


def _whole(past: Past, slate: Slate) -> Past:
    fresh = slate.fresh
    if fresh is None or not fresh.interest.any():
        return past
    if (made := fresh.merged.get(slate.row)) is not None:
        return made
    item = fresh.item[fresh.interest]
    joined: list[np.ndarray] = [
        np.concatenate((past.item, item)),
        np.concatenate((past.time, fresh.time[fresh.interest])),
        np.concatenate((past.event_type, fresh.event_type[fresh.interest])),
        np.concatenate((past.weight, fresh.weight[fresh.interest])),
        np.concatenate((past.order, np.full(len(item), -1, np.int64))),
    ]
    if len(past.time) and fresh.time[fresh.interest][0] < past.time[-1]:
        late = np.argsort(joined[1], kind="stable")
        joined = [column[late] for column in joined]
    joined = [column[-CAP:] for column in joined]
    made = fresh.merged[slate.row] = Past(np.array([0, len(joined[0])], np.int64), *joined)
    return made


def _joined(pasts: Sequence[Past]) -> Past:
    if len(pasts) == 1:
        return pasts[0]
    indptr = np.concatenate(([0], np.cumsum([len(past.item) for past in pasts]))).astype(np.int64)
    names = ("item", "time", "event_type", "weight", "order")
    return Past(indptr, *(np.concatenate([getattr(past, name) for past in pasts]) for name in names))


def purchases(slate: Slate) -> list[Int32]:
    """int32 ordinals of all that the slate's shopper bought, in parts."""
    told = [slate.snapshot.state.histories.purchases(slate.row)]
    return told if slate.fresh is None else [*told, slate.fresh.bought]


def hidden(slate: Slate) -> list[Int32]:
    """int32 ordinals of the events whose items the recipe leaves out, in parts."""
    wanted, found = slate.snapshot.hides, []
    if slate.fresh is not None:
        found.append(slate.fresh.of_types(wanted))
    if slate.row >= 0:
        if "purchase" in wanted:
            found.append(slate.snapshot.state.histories.purchases(slate.row))
        past = slate.snapshot.state.histories.past.slice(slate.row)
        found.append(past.item[np.isin(past.event_type, slate.snapshot.hidden_codes)])
    return found


def seen(slate: Slate) -> list[Int32]:
    """int32 ordinals of the items of all recent events, in parts."""
    fresh: Fresh | None = slate.fresh
    found = [] if fresh is None else [fresh.item]
    return found if slate.row < 0 else [*found, slate.snapshot.state.histories.past.slice(slate.row).item]


def say_why_not(slate: Slate) -> None:
    """Note why there is no history to go by."""
    if not slate.request.user_id:
        slate.cause = "no shopper was named"
    elif slate.row < 0 and slate.fresh is None:
        slate.cause = "we do not know this shopper yet"
    else:
        slate.cause = "this shopper's items are new to the model"
