"""A filter with the values of one request: what it lets through for the shopper who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from endcap.errors import InputError, UnknownName
from endcap.serving.filters import Filter
from endcap.serving.filters.binding import bind
from endcap.serving.filters.checking import check_current_item
from endcap.serving.filters.evaluation import Events, FilterView, evaluate, verdicts
from endcap.serving.filters.tree import Rule
from endcap.types import Bool

if TYPE_CHECKING:
    from endcap.serving.slate import Slate


@dataclass(frozen=True, slots=True)
class Restriction:
    """`arn` names the filter, `values` are the request's `filterValues`."""

    arn: str
    filter: Filter
    values: Mapping[str, str] = field(default_factory=dict)

    def check(self, *, about: str, has_item: bool, recipe_type: str | None = None) -> None:
        """Raise `InputError` where the values do not fit, or it cannot be used in this request.

        `about` is what is asked for, `item` or `action`; `recipe_type` that of a recipe that is held to the service's
        rules.
        """
        if self.filter.target != about:
            raise InputError(f"The filter {self.arn} is about {self.filter.target}s, and {about}s are asked for.")
        if self.filter.uses_current_item:
            check_current_item(recipe_type)
        if self.filter.uses_current_item and not has_item:
            raise InputError(f"The filter {self.arn} compares with CurrentItem, and the request has no itemId.")
        try:
            bind(self.filter, self.values)
        except UnknownName as error:
            raise InputError(str(error)) from None

    def allowed(self, slate: Slate) -> Bool:
        """bool [slate.size]: what is let through."""
        found = evaluate(self.filter, _view(self.filter, slate), self.values)
        if len(found) >= slate.size:
            return found[: slate.size]
        # What came while the filter was being applied is not known to it: it is not shown this time.
        return np.concatenate((found, np.zeros(slate.size - len(found), np.bool_)))

    def verdicts(self, slate: Slate, ordinal: int) -> list[tuple[Rule, bool, bool]]:
        """(rule, whether it applies to who asks, whether this item meets it) for each of the filter's rules."""
        return list(verdicts(self.filter, _view(self.filter, slate), ordinal, self.values))


def _view(parsed: Filter, slate: Slate) -> FilterView:
    snapshot, user = slate.snapshot, slate.request.user_id
    known = snapshot.attributes
    row = known.user_row(user) if user and parsed.uses_current_user else -1
    item = slate.current if slate.request.item_id else None
    events = _events(slate) if parsed.uses_events else Events()
    if snapshot.is_about_actions:
        return FilterView(users=known.users, actions=known.items, user=row, item=item, action_events=events)
    return FilterView(known.items, known.users, user=row, item=item, events=events)


def _events(slate: Slate) -> Events:
    """What the shopper did lately, with what was streamed since."""
    histories, fresh = slate.snapshot.state.histories, slate.fresh
    if slate.row < 0 and fresh is None:
        return Events()
    (ordinals, types), names = histories.interacted(slate.row), list(histories.event_types)
    if fresh is not None:
        codes = {name: code for code, name in enumerate(names)}
        for name in fresh.event_types:
            codes.setdefault(name, len(codes))
        ordinals = np.concatenate((ordinals, fresh.item))
        types = np.concatenate((types, np.array([codes[name] for name in fresh.event_types], np.int16)))
        names = list(codes)
    return Events(ordinals, types, tuple(names))
