"""Events of one call mostly have the same keys: which paths can find anything in such an event is found out once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from endcap.stream.dialects.paths import CALL, EVENT, ITEM, Path, first

MOST_KEYS, LONGEST = 32, 1_024
"""Keys of an event, and characters of them all together, above which its shape is not remembered."""
MOST_SHAPES = 256
INNER = "properties"
"""The member whose own members are columns too."""

SIMPLE = frozenset({"event_id", "user_id", "session_id", "time", "item_id", "recommendation_id", "source"})

Found = dict[str, Any]
Keys = Mapping[int, Collection[str]]
"""By root."""


class _Read(NamedTuple):
    """What stands under each name: at one key of the event, or where the first of several paths finds something."""

    direct: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, tuple[Path, ...]], ...]

    @classmethod
    def of(cls, table: Mapping[str, tuple[Path, ...]], keys: Keys) -> _Read:
        """Of a table, without the paths that find nothing."""
        left = {name: _within(paths, keys) for name, paths in table.items()}
        at_once = {name: paths[0].keys[0] for name, paths in left.items() if paths and _is_direct(paths)}
        others = ((name, paths) for name, paths in left.items() if paths and name not in at_once)
        return cls(tuple(at_once.items()), tuple(others))

    def found(self, event: dict[str, Any], call: Any) -> Found:
        """By name what is there and neither null nor empty; as `first` finds it."""
        told = {name: value for name, key in self.direct if (value := event[key]) is not None and value != ""}
        for name, paths in self.others:
            told[name] = first(paths, (None, event, call))
        return told


class Shape(NamedTuple):
    """Of events that have the same keys and list no items. `kept` are (column, key) of keys that are columns as they
    are; `has_inner`: a member may hold further ones. `is_simple`: all there is are the fields of `SIMPLE` and `kept`,
    each at one key."""

    name: tuple[Path, ...]
    is_simple: bool
    fields: _Read
    columns: _Read
    kept: tuple[tuple[str, str], ...]
    has_inner: bool


class Shapes:
    """Those of one dialect. `own` are keys that are no columns; None where other keys are none either."""

    def __init__(
        self,
        items: tuple[Path, ...],
        name: tuple[Path, ...],
        fields: Mapping[str, tuple[Path, ...]],
        columns: Mapping[str, tuple[Path, ...]],
        own: frozenset[str] | None,
    ) -> None:
        self._items, self._name, self._fields, self._columns, self._own = items, name, fields, columns, own
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], Shape | None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, keys: tuple[str, ...], call: tuple[str, ...]) -> Shape | None:
        """Of an event with these keys, in this order, in a call with those; None for one that is to be read path by
        path."""
        both = keys, call
        if both in self._known:
            return self._known[both]
        if len(keys) + len(call) > MOST_KEYS or sum(map(len, keys + call)) > LONGEST:
            return None
        if len(self._known) >= MOST_SHAPES:  # whoever sends ever other keys costs time, not memory
            self._known = {}
        self._known[both] = made = self._made(keys, call)
        return made

    def _made(self, keys: tuple[str, ...], call: tuple[str, ...]) -> Shape | None:
        there = {EVENT: keys, CALL: call}
        if _within(self._items, there):
            return None
        kept = () if self._own is None else tuple((key.lower(), key) for key in keys if key not in self._own)
        has_inner = self._own is not None and INNER in keys
        fields, columns = _Read.of(self._fields, there), _Read.of(self._columns, there)
        told = {name for name, _ in fields.direct}
        is_simple = told <= SIMPLE and not (fields.others or columns.direct or columns.others or has_inner)
        return Shape(_within(self._name, there), is_simple, fields, columns, kept, has_inner)


def _within(paths: tuple[Path, ...], keys: Keys) -> tuple[Path, ...]:
    """Those that may find something in an event without items."""
    return tuple(path for path in paths if path.root != ITEM and (not path.keys or path.keys[0] in keys[path.root]))


def _is_direct(paths: tuple[Path, ...]) -> bool:
    (path, *others) = paths
    return not others and path.root == EVENT and len(path.keys) == 1 and not path.unit
