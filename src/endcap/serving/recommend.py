"""The request path: an ordered tuple of plain functions over slates.

resolve → allow → rules → obey → retrieve → rank → rerank → place → diversify → cap → explore → promote → remember →
explain → credit → remind → account → seal. Each takes the slates of one batch, requests that arrived together; obey,
retrieve, rerank, credit and account make use of that, by asking a model about all of them in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from secrets import token_hex

import numpy as np

from endcap.serving import recommendation_id
from endcap.serving.barring import barriers
from endcap.serving.explaining import account, credit, explain, remind
from endcap.serving.exploration import explore
from endcap.serving.obeying import obey
from endcap.serving.placing import place
from endcap.serving.policy.cap import cap
from endcap.serving.policy.diversity import diversify
from endcap.serving.policy.rules import rules
from endcap.serving.promoting import promote
from endcap.serving.ranking import rank
from endcap.serving.reranking import remember, rerank
from endcap.serving.retrieval import retrieve
from endcap.serving.slate import Promotion, Request, Slate
from endcap.serving.snapshot import Snapshot

__all__ = ["STEPS", "Promotion", "Request", "Slate", "answer", "recommend"]

Step = Callable[[Sequence[Slate]], None]


def each(step: Callable[[Slate], None]) -> Step:
    """A step over one slate as a step over a batch."""

    @wraps(step)
    def steps(slates: Sequence[Slate]) -> None:
        for slate in slates:
            step(slate)

    return steps


def recommend(snapshot: Snapshot, request: Request, token: str | None = None) -> Slate:
    """The answer to one request. `token` is 16 random hex digits for the recommendation id."""
    return answer([Slate(snapshot, request, token or token_hex(8))])[0]


def answer(slates: Sequence[Slate]) -> Sequence[Slate]:
    """Take slates, of any campaigns, through all steps together."""
    for step in STEPS:
        step(slates)
    return slates


def resolve(slate: Slate) -> None:
    """Which variant answers, whose history counts, which item is being looked at, and what is now."""
    request, snapshot = slate.request, slate.snapshot
    if snapshot.live is not None and request.user_id in snapshot.live.forgotten:
        request = slate.request = replace(request, user_id="")
    slate.place, slate.variant, slate.model = snapshot.variant_for(request.user_id or slate.token)
    slate.size, slate.now = snapshot.size, snapshot.moment(request.asked)
    if request.user_id:
        live = snapshot.live
        slate.row = (live or snapshot.state.histories).row(request.user_id)
        slate.fresh = live.fresh(request.user_id, slate.row) if live is not None else None
        slate.owner = slate.row
    if request.item_id:
        slate.current = snapshot.ordinal(request.item_id)


def allow(slate: Slate) -> None:
    """Which items this shopper must not be shown, and the bitmap of those that the filter lets through."""
    request, barred = slate.request, [part for _, parts in barriers(slate) for part in parts]
    if barred:
        slate.barred = np.concatenate(barred)
    if request.restriction is not None:
        slate.allowed = request.restriction.allowed(slate)
    elif request.allowed is not None:
        slate.allowed = np.zeros(slate.size, np.bool_)
        slate.allowed[: len(request.allowed)] = request.allowed[: slate.size]


def seal(slate: Slate) -> None:
    """External ids, and the id under which this answer can be traced."""
    if slate.request.candidates is None:
        slate.items = slate.snapshot.names(slate.ordinals)
    slate.recommendation_id = recommendation_id.make(
        slate.model.version, slate.snapshot.generation, slate.place, slate.rung, slate.token
    )


STEPS: tuple[Step, ...] = (
    each(resolve),
    each(allow),
    each(rules),
    obey,
    retrieve,
    each(rank),
    rerank,
    each(place),
    each(diversify),
    each(cap),
    each(explore),
    each(promote),
    each(remember),
    each(explain),
    credit,
    each(remind),
    account,
    each(seal),
)
