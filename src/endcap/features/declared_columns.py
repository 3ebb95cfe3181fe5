"""Declared windows as further ranking features: what `ShopFeatures.extras` takes, for training and for serving.

Windows of shoppers, and of a shopper and an item, are read from the history that comes with each question; those of
items and categories from counts in panes that are folded like all other counts, and end at the last whole pane. So a
value depends on nothing but the events, and a training row sees what the answer saw.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from endcap.features.declared import HOT, Declaration
from endcap.features.family import Feature
from endcap.features.kinds import KIND_NAMES
from endcap.lake.event_types import is_left_out
from endcap.stream.histories import Past
from endcap.stream.windows import LATE, Block, Windows
from endcap.stream.windows_past import past_item_values, past_values
from endcap.types import DAY, HOUR, MINUTE, SECOND, Float32, Float64, Int16, Int32, Int64

RANKED = ("count", "sum", "rate", "distinct", "recency")
"""Aggregates that are one number."""
FOR_EVER = 2**61
"""Training asks about any moment of the past."""
CodeOf = Callable[[Int32], Int64]
"""int64 category codes of places, -1 where unknown or for place -1."""


def can_rank(declared: Declaration) -> bool:
    """Whether a window can be a ranking feature: one number, of a user, a pair, or counted of items or categories."""
    if declared.aggregate not in RANKED or declared.key == "session":
        return False
    return declared.key not in HOT or declared.window().panes


class RankingWindows:
    """Those declared windows that can be ranking features. Any thread may ask; whoever folds into `ShopFeatures` folds
    here too: `fold` takes the same columns."""

    def __init__(
        self, declarations: Sequence[Declaration], event_types: Sequence[str], category: CodeOf | None = None
    ) -> None:
        """`event_types` are what codes of events stand for; codes after them are those of `KIND_NAMES`, as
        `ShopFeatures.code` gives them. `category` gives the category of items; without it their windows are NaN."""
        self.declarations = tuple(each for each in declarations if can_rank(each))
        types = (*event_types, *KIND_NAMES)
        self._kinds = [np.append(each.kinds(types), np.int16(-1)) for each in self.declarations]
        self._category = category or _nowhere
        self._counts = {place: _counts(each) for place, each in enumerate(self.declarations) if each.key in HOT}
        self._number = 0

    @property
    def features(self) -> tuple[Feature, ...]:
        """A column for each; those of at most an hour are live."""
        keys = {"user": "user", "pair": "user-item", "item": "item", "category": "category"}
        return tuple(
            Feature(each.name, keys[each.key], _told(each), each.length <= HOUR, _meaning(each), said(each))  # type: ignore[arg-type]
            for each in self.declarations
        )

    def fold(self, item: Int32, time: Int64, event_type: Int16) -> None:
        """Take events: places, microseconds, codes of types. Each once, in any order; place -1 is left out."""
        if not len(item):
            return
        names = np.arange(self._number + 1, self._number + len(item) + 1)
        self._number += len(item)
        nothing = np.zeros(len(item), np.int64)
        for place, windows in self._counts.items():
            of = item.astype(np.int64) if self.declarations[place].key == "item" else self._category(item)
            kinds = self._kind(place, event_type)
            wanted = np.flatnonzero((kinds >= 0) & (item >= 0) & (of >= 0))
            windows.fold(Block(of, time, names, nothing, kinds).rows(wanted))

    def values(self, past: Past, now: Int64, items: Int32, indptr: Int64) -> Float32:
        """float32 [m, len(features)], NaN where unknown; see `features.family.Extra`."""
        told = np.empty((len(items), len(self.declarations)), np.float32)
        lengths = np.diff(indptr)
        for place, declared in enumerate(self.declarations):
            if declared.key in HOT:
                told[:, place] = self._shared(place, declared, np.repeat(now, lengths), items)
                continue
            kinds = self._kind(place, past.event_type)
            window, tables = declared.window(), declared.tables()
            if declared.key == "pair":
                rows = (past.indptr, past.time, past.item, kinds)
                told[:, place] = past_item_values(window, declared.aggregate, tables, rows, now, (items, indptr))
                continue
            other = past.item.astype(np.int64) + 1 if declared.of == "item" else self._category(past.item) + 1
            mine = past_values(window, declared.aggregate, tables, (past.indptr, past.time, other, kinds), now)
            told[:, place] = np.repeat(mine, lengths)
        return told

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, to be saved with what names the declarations: the counts that a later moment may ask about."""
        told = {"windows.number": np.array([self._number], np.int64)}
        for place, windows in self._counts.items():
            short = _counts(self.declarations[place], LATE)
            plan = short.arrays()["plan"]
            kept = short.restore({**windows.arrays(), "plan": plan}).arrays()
            told |= {f"windows.{place}/{name}": kept[name] for name in kept}
        return told

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take what `arrays` gave of the same declarations. Raises `ArtefactError` where it does not fit."""
        for place, windows in self._counts.items():
            under = f"windows.{place}/"
            mine = {name.removeprefix(under): each for name, each in arrays.items() if name.startswith(under)}
            windows.restore({**mine, "plan": windows.arrays()["plan"]})
        self._number = int(arrays["windows.number"][0]) if "windows.number" in arrays else 0

    def _shared(self, place: int, declared: Declaration, now: Int64, items: Int32) -> Float64:
        of = items.astype(np.int64) if declared.key == "item" else self._category(items)
        pane = declared.window().pane
        found = self._counts[place].values(of, now // pane * pane - 1)
        found[of < 0] = np.nan
        return found

    def _kind(self, place: int, event_type: Int16) -> Int16:
        table = self._kinds[place]
        return table[np.where((event_type >= 0) & (event_type < len(table) - 1), event_type, -1)]


def _counts(declared: Declaration, late: int = FOR_EVER) -> Windows:
    above, below, prior = declared.tables()
    window = replace(declared.window(), entries=1 << 20, late=late)
    return Windows(window, declared.aggregate, above, per=below, prior=prior, distinct=True)


def _nowhere(items: Int32) -> Int64:
    return np.full(len(items), -1, np.int64)


def _told(declared: Declaration) -> str:
    return f"{declared.aggregate} over a {declared.kind} window, declared"


def said(declared: Declaration) -> str:
    """What a value above 0 is to the shopper; empty where that is no reason to show an item: one number for all items,
    a rate, a time, or events that may speak against it."""
    speaks_for = min(declared.weights.values(), default=1.0) > 0 and not any(map(is_left_out, declared.weights))
    if not speaks_for or declared.aggregate not in ("count", "sum"):
        return ""
    unit, size = next((name, size) for name, size in _UNITS if declared.length % size == 0 or name == "second")
    many = declared.length // size
    lately = f"in the last {f'{many} {unit}s' if many > 1 else unit}"
    if declared.kind == "session":
        lately = "on this visit"
    words = {"item": "Popular", "category": "From a category that was popular", "pair": "You showed interest"}
    return f"{words[declared.key]} {lately}" if declared.key in words else ""


_UNITS = (("week", 7 * DAY), ("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND))


def _meaning(declared: Declaration) -> str:
    """What two windows of one name differ by, unless they tell the same; the feature group is nothing to a ranker."""
    document = {name: value for name, value in declared.document().items() if name not in ("name", "group")}
    return blake2b(json.dumps(document, sort_keys=True).encode(), digest_size=8).hexdigest()
