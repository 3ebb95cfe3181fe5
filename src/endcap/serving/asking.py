"""Requests as a question to their model: what shoppers did and look at, and, where the model wants to be told, what is
known of them, of the moment and of what happened in the shop lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from endcap.recipes.queries import Queries
from endcap.serving.attributes import Plain
from endcap.serving.histories import past_of
from endcap.serving.profiles import table_of
from endcap.serving.slate import Slate
from endcap.types import USER_ID, Int32, Int64


def asked(slates: Sequence[Slate]) -> Queries:
    """The questions of slates that share one model."""
    model = slates[0].model
    queries = model.queries(past_of(slates), moments(slates), currents(slates))
    if model.wants_profiles:
        queries = replace(queries, profiles=table_of([_known_of(slate) for slate in slates]))
    if model.wants_context and any(slate.request.context for slate in slates):
        queries = replace(queries, context=tuple(slate.request.context for slate in slates))
    if model.lately is not None:
        live = slates[0].snapshot.live
        sums = model.lately.sums(max(map(_moment, slates)), live.events if live is not None else None)
        queries = replace(queries, lately=sums)
    return queries


def currents(slates: Sequence[Slate]) -> Int32:
    """int32 [q] model rows of the items being looked at, -1 where there is none."""
    if all(slate.current < 0 for slate in slates):
        return np.full(len(slates), -1, np.int32)
    return slates[0].model.rows_of(np.array([slate.current for slate in slates], np.int32))


def moments(slates: Sequence[Slate]) -> Int64:
    """int64 [q] moments of asking."""
    return np.array([slate.now for slate in slates], np.int64)


def _moment(slate: Slate) -> int:
    """When a slate was asked for, or just after the newest event where all is old: an event whose time is ahead makes
    nothing else old."""
    return min(slate.now, slate.request.asked or slate.now)


def _known_of(slate: Slate) -> dict[str, Plain]:
    """What is known of who asks, by lower-case column: the shop's users, what was put of them since
    laid over, and over both what feature groups say that the model was trained with."""
    found: dict[str, Plain] = {}
    user = slate.request.user_id
    if not user:
        return found
    attributes = slate.snapshot.attributes
    attributes.users.now()  # who was put just now has a row after this
    row = attributes.user_row(user)
    if row < 0:
        row = slate.owner
    if row >= 0:
        found = attributes.users.row(row)
    snapshot = slate.snapshot
    groups = snapshot.groups.get(slate.model.version)
    if groups and snapshot.records is not None:
        found = {**found, **snapshot.records.of(groups, user)}
    found[USER_ID] = user
    return found
