"""Which items, users or actions a filter lets through, as a bitmap over their ordinals.

(∪ INCLUDE) − (∪ EXCLUDE); without INCLUDE rules everything is let in. A rule whose IF the current user does not meet,
or an EXCLUDE rule whose values the request lacks, does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from endcap.errors import InputError
from endcap.serving.attributes import AttributeTable
from endcap.serving.filters.binding import bind
from endcap.serving.filters.overlay import Attributes, Patch
from endcap.serving.filters.predicates import OPPOSITE, Predicate
from endcap.serving.filters.tree import Anything, Condition, Filter, Rule, Texts
from endcap.stream.histories import LOOK_BACK
from endcap.types import Bool, Int16, Int32, Int64

_FEW = 2
"""Up to so many event types are looked up one by one."""
NONE = Attributes(AttributeTable(0))


@dataclass(frozen=True, slots=True)
class Events:
    """What one user did, oldest first: `ordinals` of items (or actions; negative ones are left out) and `types`,
    places in `names`."""

    ordinals: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    types: Int16 = field(default_factory=lambda: np.zeros(0, np.int16))
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, ordinals: Iterable[int], types: Iterable[str]) -> Events:
        """From one ordinal and one event type for each event."""
        given = list(types)
        names = {name: code for code, name in enumerate(dict.fromkeys(given))}
        codes = np.array([names[name] for name in given], np.int16)
        return cls(np.array(list(ordinals), np.int32), codes, tuple(names))


@dataclass(frozen=True, slots=True)
class Everyone:
    """What each user did: `users` int32 and `types` int16 [events], places in the users' rows and in `names`."""

    users: Int32
    types: Int16
    names: tuple[str, ...]

    @classmethod
    def of(cls, indptr: Int64, types: Int16, names: tuple[str, ...]) -> Everyone:
        """From histories, of which user u owns `indptr[u]:indptr[u + 1]`."""
        return cls(np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr)), types, names)

    def and_also(self, users: Iterable[int], types: Iterable[str]) -> Everyone:
        """With further events, one user and one event type each."""
        more = Events.of(users, types)
        names = dict.fromkeys((*self.names, *more.names))
        codes = {name: code for code, name in enumerate(names)}
        fresh = np.array([codes[name] for name in more.names], np.int16)[more.types]
        return Everyone(np.concatenate([self.users, more.ordinals]), np.concatenate([self.types, fresh]), tuple(names))


@dataclass(frozen=True, slots=True)
class FilterView:
    """What a filter sees while it answers one request.

    `user` is the row of the current user in `users`, -1 if unknown; `item` the ordinal of the item asked about, -1 if
    unknown, None if the request names none; `everyone` is for filters on UserID only.
    """

    items: Attributes = NONE
    users: Attributes = NONE
    actions: Attributes = NONE
    user: int = -1
    item: int | None = None
    events: Events = field(default_factory=Events)
    action_events: Events = field(default_factory=Events)
    everyone: Everyone | None = None

    def target(self, parsed: Filter) -> Attributes:
        """The attributes of what a filter is about."""
        return {"item": self.items, "user": self.users, "action": self.actions}[parsed.target]


def evaluate(parsed: Filter, view: FilterView, values: Mapping[str, str] | None = None) -> Bool:
    """bool [ordinals]: what the filter lets through, of items, users or actions as its rules say; do not write to it.

    `values` are the request's filterValues. Raises `InputError` where they do not fit, see `bind`, and where the
    filter uses CurrentItem and the request names no item.
    """
    values = values or {}
    attributes = view.target(parsed)
    patch = attributes.now()
    key = (parsed.text, tuple(values.items()))
    lasts = not (parsed.uses_events or parsed.uses_current_user or parsed.uses_current_item)
    if lasts and (found := attributes.bitmaps.get(key, patch.stamp)) is not None:
        return found
    if parsed.uses_current_item and view.item is None:
        raise InputError("The filter compares with CurrentItem, and the request names no item.", fix="Give an itemId.")
    included: list[Bool] = []
    excluded: list[Bool] = []
    for place, rule in bind(parsed, values):
        if _applies(rule, view):
            bitmap = _rule(rule, view, attributes, patch, (*key, place))
            (included if rule.action == "INCLUDE" else excluded).append(bitmap)
    allowed = _less(included, excluded, patch.size)
    return attributes.bitmaps.put(key, patch.stamp, allowed) if lasts else allowed


def matching_users(parsed: Filter, view: FilterView, values: Mapping[str, str] | None = None) -> Bool:
    """bool [users]: whom a filter on UserID lets through. Raises `InputError` for any other filter."""
    if parsed.target != "user":
        raise InputError("The filter is not about users.", fix="Write INCLUDE or EXCLUDE UserID.")
    return evaluate(parsed, view, values)


def verdicts(
    parsed: Filter, view: FilterView, ordinal: int, values: Mapping[str, str] | None = None
) -> Iterator[tuple[Rule, bool, bool]]:
    """(rule, whether it applies to who asks, whether the row of this ordinal meets it), for each bound rule. Raises as
    `evaluate` does."""
    values, attributes = values or {}, view.target(parsed)
    patch = attributes.now()
    for place, rule in bind(parsed, values):
        applies = _applies(rule, view)
        bitmap = _rule(rule, view, attributes, patch, (parsed.text, tuple(values.items()), place))
        yield rule, applies, 0 <= ordinal < len(bitmap) and bool(bitmap[ordinal])


def _less(included: list[Bool], excluded: list[Bool], size: int) -> Bool:
    allowed = included[0].copy() if included else np.ones(size, np.bool_)
    for bitmap in included[1:]:
        np.logical_or(allowed, bitmap, out=allowed)
    for bitmap in excluded:
        np.greater(allowed, bitmap, out=allowed)
    return allowed


def _applies(rule: Rule, view: FilterView) -> bool:
    """Whether the current user meets the IF."""
    return all(Predicate.of(each, view.users).meets(view.users.value(view.user, each.field)) for each in rule.when)


def _rule(rule: Rule, view: FilterView, attributes: Attributes, patch: Patch, key: tuple[object, ...]) -> Bool:
    """bool [size]: what meets the conditions of a rule; kept where they are about attributes."""
    if rule.dataset in LOOK_BACK:
        return _any(rule, lambda each: _events(each, view, patch.size, is_about_users=rule.target == "user"))
    if rule.uses_current_item:
        key = (*key, view.item)
    found = attributes.bitmaps.get(key, patch.stamp)
    if found is None:
        found = _any(rule, lambda each: Predicate.of(each, attributes, view.item).bitmap(attributes, patch))
        attributes.bitmaps.put(key, patch.stamp, found)
    return found


def _any(rule: Rule, bitmap_of: Callable[[Condition], Bool]) -> Bool:
    """OR over the rule's groups of AND over their conditions; a new array."""
    total: Bool | None = None
    for group in rule.any_of:
        met = bitmap_of(group[0])
        for condition in group[1:]:
            np.logical_and(met, bitmap_of(condition), out=met)
        total = met if total is None else np.logical_or(total, met, out=total)
    assert total is not None
    return total


def _events(condition: Condition, view: FilterView, size: int, *, is_about_users: bool) -> Bool:
    """bool [size]: what has an event of the wanted types (of the user, or of its own where users are filtered)."""
    found = np.zeros(size, np.bool_)
    if is_about_users:
        if view.everyone is None:
            raise InputError("The filter looks at what users did, which is not known here.")
        wanted = np.array(_wanted(condition, view.everyone.names), np.int16)
        rows = view.everyone.users[np.isin(view.everyone.types, wanted)]
        found[rows[(rows >= 0) & (rows < size)]] = True
    else:
        events = view.events if condition.dataset == "interactions" else view.action_events
        newest = _newest(events, _wanted(condition, events.names), LOOK_BACK[condition.dataset])
        found[newest[(newest >= 0) & (newest < size)]] = True
    return np.logical_not(found, out=found) if condition.operator in OPPOSITE else found


def _newest(events: Events, wanted: list[int], most: int) -> Int32:
    """int32 ordinals of the newest `most` events of each wanted type."""
    if len(wanted) > _FEW and np.bincount(events.types).max(initial=0) <= most:
        is_wanted = np.zeros(len(events.names), np.bool_)
        is_wanted[wanted] = True
        return events.ordinals[is_wanted[events.types]]
    return np.concatenate([events.ordinals[:0], *(events.ordinals[events.types == code][-most:] for code in wanted)])


def _wanted(condition: Condition, names: tuple[str, ...]) -> list[int]:
    """Codes of the event types that a condition names; only here the service ignores case."""
    if isinstance(condition.value, Anything):
        return list(range(len(names)))
    if not isinstance(condition.value, Texts):
        raise InputError(f'{condition.shown} holds texts, expected quoted event types such as "click","purchase".')
    types = {value.casefold() for value in condition.value.values}
    return [code for code, name in enumerate(names) if name.casefold() in types]
