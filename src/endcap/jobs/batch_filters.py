"""Filters of batch jobs: bitmaps over a snapshot's items and users, the user's own part made for each line."""

from __future__ import annotations

from dataclasses import dataclass, field

from endcap.errors import InputError
from endcap.jobs.batch_answers import Asked
from endcap.jobs.workspace import Workspace
from endcap.registry.resources import Resource
from endcap.serving.filters import Attributes, Events, Everyone, Filter, FilterView, evaluate, matching_users, parse
from endcap.serving.shop import ShopState
from endcap.types import Bool

KEPT = 64
"""Bitmaps over all users that are kept, one for each set of values."""


@dataclass(frozen=True)
class ItemSieve:
    """A filter on ItemID."""

    parsed: Filter
    state: ShopState
    items: Attributes
    users: Attributes

    @classmethod
    def of(cls, workspace: Workspace, resource: Resource, state: ShopState) -> ItemSieve | None:
        """The job's filter at a snapshot, None where it has none. Raises `InputError` for one on users or actions."""
        parsed = job_filter(workspace, resource, "item")
        if parsed is None:
            return None
        return cls(parsed, state, Attributes(state.items), Attributes(state.users))

    def __call__(self, asked: Asked) -> Bool:
        """bool [ordinals]. Raises `InputError` where the line's filterValues do not fit."""
        histories = self.state.histories
        row = histories.row(asked.user_id) if asked.user_id else -1
        events = Events(*histories.interacted(row), histories.event_types) if self.parsed.uses_events else Events()
        item = self.state.ordinal(asked.item_id) if asked.item_id else None
        view = FilterView(self.items, self.users, user=row, item=item, events=events)
        return evaluate(self.parsed, view, asked.filter_values or {})


@dataclass(frozen=True)
class UserSieve:
    """A filter on UserID, over rows of the histories."""

    parsed: Filter
    users: Attributes
    everyone: Everyone
    _made: dict[tuple[tuple[str, str], ...], Bool] = field(default_factory=dict)

    @classmethod
    def of(cls, workspace: Workspace, resource: Resource, state: ShopState) -> UserSieve | None:
        """The job's filter at a snapshot, None where it has none. Raises `InputError` for one on items or actions."""
        parsed = job_filter(workspace, resource, "user")
        if parsed is None:
            return None
        histories = state.histories
        everyone = Everyone.of(histories.seen.indptr, histories.seen.event_type, histories.event_types)
        return cls(parsed, Attributes(state.users), everyone)

    def __call__(self, values: dict[str, str] | None) -> Bool:
        """bool [users], the same object for the same values. Raises `InputError` where filterValues do not fit."""
        key = tuple(sorted((values or {}).items()))
        found = self._made.get(key)
        if found is None:
            view = FilterView(users=self.users, everyone=self.everyone)
            found = matching_users(self.parsed, view, values or {})
            if len(self._made) == KEPT:
                self._made.clear()
            self._made[key] = found
        return found


def job_filter(workspace: Workspace, resource: Resource, target: str) -> Filter | None:
    """The filter that a job's record names. Raises `UnknownName` for one that is gone, `InputError` for one that is
    not about its `target` (item, user)."""
    arn = resource.document.get("filterArn")
    if not arn:
        return None
    parsed = parse(str(workspace.resources.find(str(arn)).document["filterExpression"]))
    if parsed.target != target:
        raise InputError(f"The filter is not about {target}s.", fix=f"Write INCLUDE or EXCLUDE {target.title()}ID.")
    return parsed
