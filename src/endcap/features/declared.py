"""Windows declared as data: which events of which key, how long, what they amount to, and whose feature that is.

    Declaration.parse("activity", key="user", kind="stagger", length="2m", aggregate="sum",
                      weights="like=1,add_to_cart=2", group="clickstream")

Nothing here keeps anything: `features.declared_state` does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np

from endcap.errors import InputError
from endcap.features.kinds import NAMED, plain
from endcap.stream.windows import AGGREGATES, KINDS, Aggregate, Kind, Window
from endcap.types import DAY, HOUR, MINUTE, SECOND, Float64, Int16

Key = Literal["user", "session", "item", "category", "pair"]
DECLARED_KEYS: tuple[Key, ...] = get_args(Key)
"""*pair* is a user and an item; the id of its records is `USER|ITEM`."""
What = Literal["", "item", "category"]
UNITS: Mapping[str, int] = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
NAME = re.compile(r"[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}")
HOT: tuple[Key, ...] = ("item", "category")
"""Keys that all shoppers share: counts of theirs are kept in panes, so that no number of events is too many."""
PANES = 50
"""A sliding window of a hot key that names no step gets so many panes; they divide any number of seconds."""
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_MOST_LAST = 50


@dataclass(frozen=True)
class Declaration:
    """One declared window. `length` (of a session: its gap) and `step` in microseconds.

    `weights` by event type are what a sum adds, a rate counts above the line, and which events the others look at;
    empty is every event, each 1. `per` are those below a rate's line. A rate is (above + prior × strength) / (below +
    strength). `of` is what distinct and last are about, `n` how many last ones. `group` is the feature group that the
    value is a feature of, empty for none. Raises `InputError` saying all that does not fit.
    """

    name: str
    key: Key
    kind: Kind
    length: int
    aggregate: Aggregate
    weights: Mapping[str, float] = field(default_factory=dict)
    per: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    of: What = ""
    n: int = 0
    prior: float = 0.0
    strength: float = 0.0
    group: str = ""

    def __post_init__(self) -> None:
        faults = [told for wrong, told in self._rules() if wrong]
        if faults:
            raise InputError(f"The window {self.name!r} cannot be: {'; '.join(faults)}.", fix=_EXAMPLE)
        self.window()

    def _rules(self) -> Sequence[tuple[bool, str]]:
        rate, listing = self.aggregate == "rate", self.aggregate in ("distinct", "last")
        numbers = (*self.weights.values(), *self.per.values(), self.prior, self.strength)
        return (
            (not NAME.fullmatch(self.name), "a name is 1 to 64 of [a-zA-Z0-9-_], a letter or digit first and last"),
            (bool(self.group) and not NAME.fullmatch(self.group), f"{self.group!r} is no name of a feature group"),
            (self.key not in DECLARED_KEYS, f"key {self.key!r} is none of {', '.join(DECLARED_KEYS)}"),
            (self.kind not in KINDS, f"kind {self.kind!r} is none of {', '.join(KINDS)}"),
            (self.aggregate not in AGGREGATES, f"aggregate {self.aggregate!r} is none of {', '.join(AGGREGATES)}"),
            (not all(map(math.isfinite, numbers)), "a weight is no finite number"),
            (rate and not (self.weights and self.per), "a rate needs weights and per: what is counted, and per what"),
            (not rate and bool(self.per or self.prior or self.strength), "per, prior and strength are a rate's"),
            (rate and self.strength < 0, "the strength of a prior is not negative"),
            (listing != bool(self.of), "distinct and last, and only they, need of: item or category"),
            (self.of not in get_args(What), f"of {self.of!r} is neither item nor category"),
            (self.of == "item" and self.key in ("item", "pair"), f"there is one item to a key of the kind {self.key}"),
            (self.of == "category" and self.key not in _SHOPPERS, "categories are a shopper's"),
            (
                (self.aggregate == "last") != (1 <= self.n <= _MOST_LAST),
                f"last, and only it, needs n, 1 to {_MOST_LAST}",
            ),
        )

    @classmethod
    def parse(cls, name: str, **texts: str) -> Declaration:
        """From texts, as a command line has them: durations as `30s`, `2m`, `1h`, `7d`, `2w`; weights as `like=1,buy=2`
        or `like,buy`. A session's length may be called `gap`. Raises `InputError`."""
        texts = {name: text for name, text in texts.items() if text}
        unknown = sorted(set(texts) - _TEXTS)
        if unknown:
            raise InputError(f"A window has no {unknown[0]!r}; it has {', '.join(sorted(_TEXTS))}.", fix=_EXAMPLE)
        kind, key, aggregate = texts.get("kind", ""), texts.get("key", ""), texts.get("aggregate", "")
        if ("gap" in texts) == ("length" in texts) or ("gap" in texts and kind != "session"):
            raise InputError(f"The window {name!r} needs a length, or a gap if it is a session.", fix=_EXAMPLE)
        length = duration(texts.get("length") or texts["gap"])
        step = duration(texts["step"]) if "step" in texts else 0
        if kind == "sliding" and key in HOT and not step and aggregate in _ADDED:
            step = length // PANES
        return cls(
            name,
            cast("Key", key),
            cast("Kind", kind),
            length,
            cast("Aggregate", aggregate),
            weights(texts.get("weights", "")),
            weights(texts.get("per", "")),
            step,
            cast("What", texts.get("of", "")),
            int(_number(texts.get("n", "0"))),
            _number(texts.get("prior", "0")),
            _number(texts.get("strength", "0")),
            texts.get("group", ""),
        )

    def document(self) -> dict[str, Any]:
        """As JSON; `of_document` reads it."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("weights", "per")}
        return told | {"weights": dict(self.weights), "per": dict(self.per)}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Declaration:
        """From `document`; members that are not ours are passed over. Raises `InputError`."""
        try:
            return cls(**{name: document[name] for name in cls.__dataclass_fields__ if name in document})
        except TypeError as error:
            raise InputError(f"This declares no window: {error}.", fix=_EXAMPLE) from error

    def window(self) -> Window:
        """When its windows open and close. Raises `InputError` for a step that does not divide the length."""
        window = Window(self.kind, self.length, self.step)
        hot = self.key in HOT and self.aggregate in _ADDED and window.pane > 0
        return Window(self.kind, self.length, self.step, panes=True) if hot else window

    @property
    def types(self) -> tuple[str, ...]:
        """Event types that it looks at, in the order of the kernels' kinds; none means all."""
        return tuple(dict.fromkeys((*self.weights, *self.per)))

    def tables(self) -> tuple[Float64, Float64, tuple[float, float]]:
        """(weights, per) float64 [kinds] and the two parts of the prior, as `Windows` takes them."""
        types = self.types
        above = np.array([self.weights.get(name, 0.0) for name in types] or [1.0])
        below = np.array([self.per.get(name, 0.0) for name in types] or [0.0])
        return above, below, (self.prior * self.strength, self.strength)

    def kinds(self, event_types: Sequence[str]) -> Int16:
        """int16 [len(event_types)]: the kind of each event type, -1 for those that it does not look at.

        Types are the same if their names are, without case and punctuation; else if they mean the same
        (`features.kinds`) and no other declared type has that name.
        """
        if not self.types:
            return np.zeros(len(event_types), np.int16)
        by_name = {plain(name): place for place, name in enumerate(self.types)}
        by_meaning: dict[int, int] = {}
        for name, place in by_name.items():
            if name in NAMED:
                by_meaning.setdefault(NAMED[name], place)
        found = [by_name.get(plain(name), by_meaning.get(NAMED.get(plain(name), -1), -1)) for name in event_types]
        return np.array(found, np.int16)


def duration(text: str) -> int:
    """Microseconds. Raises `InputError`."""
    told = _DURATION.fullmatch(text.strip())
    if not told or not int(told[1]):
        raise InputError(f"{text!r} is no duration.", fix="Write 30s, 2m, 1h, 7d or 2w.")
    return int(told[1]) * UNITS[told[2]]


def weights(text: str) -> dict[str, float]:
    """By event type. Raises `InputError`."""
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, weight = part.partition("=")
        if not plain(name) or plain(name) in map(plain, found):
            raise InputError(
                f"{text!r} names {name.strip()!r} {'twice' if plain(name) else 'as an event type'}.", fix=_EXAMPLE
            )
        found[name.strip()] = _number(weight) if weight else 1.0
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{text!r} is no number.", fix=_EXAMPLE) from None


_SHOPPERS: tuple[Key, ...] = ("user", "session")
_ADDED = ("count", "sum", "rate")
_TEXTS = {
    "key",
    "kind",
    "length",
    "gap",
    "step",
    "aggregate",
    "weights",
    "per",
    "of",
    "n",
    "prior",
    "strength",
    "group",
}
_EXAMPLE = (
    "For example: endcap features add activity --set key=user --set kind=stagger --set length=2m --set aggregate=sum "
    "--set weights=like=1,add_to_cart=2 --set group=clickstream"
)
