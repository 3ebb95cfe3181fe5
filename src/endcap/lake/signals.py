"""What one event says of its item: one number from its type and from what was measured beside it.

Training, the state that is served and live traffic all ask here. Above 0 the number is how much the event counts, as
`event_types` has it, times what was measured says; below 0 how far it speaks against the item; 0 says neither.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.errors import InputError
from endcap.lake import event_types
from endcap.lake.event_types import plain
from endcap.types import DURATION, EVENT_VALUE, RATING, Bool, Float32, Float64, Int32

DWELL, STARS, AMOUNT = "dwell", "rating", "amount"
REFERENCE: Mapping[str, float] = {DWELL: 30.0, STARS: 5.0, AMOUNT: 1.0}
"""By meaning, what a number is seen against: the seconds, or the amount, that count as the type alone does; the most
stars that can be given."""
WATCHED = frozenset({"view", "viewitem", "detailpageview", "productviewed", "pageview", "click", "selectitem", "watch"})
"""Plain types whose DURATION (seconds) says how long the item was looked at."""
RATED = frozenset({"", "rating", "rate", "review", "productreviewed", "productrated"})
"""Plain types whose RATING (1 to 5) is the shopper's own opinion; elsewhere it may be what the page said."""
VALUES: Mapping[str, tuple[str, float]] = {name: (STARS, REFERENCE[STARS]) for name in ("rating", "rate")}
"""What EVENT_VALUE means by plain type, as (meaning, reference), where nothing was declared."""
LEAST, MOST = 0.3, 2.0
"""Bounds of what dwell time and amounts make of a type's weight."""
AVERSE = 2.5
"""Of five stars: up to so many speak against the item, 1 as far as can be."""
_GRAIN = 1024.0
"""Weights are multiples of its inverse, so that no machine's logarithm makes another number of them."""
_KEPT = 4096
_LARGEST = 3.4e38


@dataclass(frozen=True)
class Numbers:
    """What was measured beside n events, float32 [n] each, NaN where nothing was: the value as sent, seconds, stars."""

    value: Float32
    duration: Float32
    rating: Float32

    @classmethod
    def of(cls, table: pa.Table) -> Numbers:
        """From the columns of interactions that hold them; NaN where there is none."""
        return cls(*(_column(table, name) for name in (EVENT_VALUE, DURATION, RATING)))


@dataclass(frozen=True, eq=False)
class Signals:
    """What EVENT_VALUE means in a shop: (meaning, reference) by plain event type."""

    values: Mapping[str, tuple[str, float]] = field(default_factory=lambda: VALUES)
    _known: dict[tuple[str, ...], Types] = field(default_factory=dict, repr=False)

    def types(self, names: tuple[str, ...]) -> Types:
        """The table of these event types; kept, for the same few are asked for all the time."""
        found = self._known.get(names)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[names] = Types(names, self)
        return found

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Signals:
        """From a declaration as data: `{"Watch": "dwell", "Purchase": "amount:20", "Score": "rating:10"}`, event type →
        meaning[:reference]; what is declared is laid over `VALUES`, and `none` takes a meaning away.

        Raises `InputError`.
        """
        found = dict(VALUES)
        for name, told in declared.items():
            meaning, _, reference = str(told).partition(":")
            if meaning == "none":
                found.pop(plain(name), None)
                continue
            number = _number(reference) if reference else REFERENCE.get(meaning, np.nan)
            if meaning not in REFERENCE or not 0 < number < np.inf or (meaning == STARS and number <= 1):
                raise InputError(
                    f"EVENT_VALUE of {name} is declared as {told!r}, expected none, {', '.join(REFERENCE)}.",
                    fix="A reference may follow after a colon: dwell:30 (seconds), rating:10 (stars), amount:20.",
                )
            found[plain(name)] = meaning, number
        return cls(found)

    @property
    def text(self) -> str:
        """As JSON, which `parse` reads."""
        return json.dumps({name: list(held) for name, held in sorted(self.values.items())})

    @classmethod
    def parse(cls, text: str) -> Signals:
        """From `text`. Raises `ValueError` or `TypeError` for anything else."""
        return cls({str(name): (str(meaning), float(number)) for name, (meaning, number) in json.loads(text).items()})


@dataclass(frozen=True)
class Counted:
    """What events say, float32 [n], and how many numbers were refused, by column: they count as if nothing was told."""

    weight: Float32
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Types:
    """Event types by code, with what each says by itself. `asked` bool [types]: asked for by name, so that also what is
    left out by default says interest."""

    names: Sequence[str]
    signals: Signals = field(default_factory=Signals)
    asked: Bool | None = None

    @cached_property
    def base(self) -> Float32:
        """float32 [types]: what an event without numbers says."""
        asked = [False] * len(self.names) if self.asked is None else self.asked.tolist()
        return np.array([_base(name, wanted) for name, wanted in zip(self.names, asked, strict=True)], np.float32)

    @cached_property
    def reads(self) -> dict[str, Bool]:
        """By column bool [types]: whether it says anything of events of the type."""
        names = [plain(each) or each for each in self.names]
        among = {EVENT_VALUE: self.signals.values, DURATION: WATCHED, RATING: RATED}
        return {column: np.array([each in held for each in names], np.bool_) for column, held in among.items()}

    def weights(self, codes: Int32, numbers: Numbers | None) -> Counted:
        """What n events of these codes say."""
        weight = self.base[codes]
        if numbers is None:
            return Counted(weight, {})
        refused: Counter[str] = Counter()
        factor, stars = np.ones(len(codes)), np.full(len(codes), np.nan)
        for name in (DURATION, RATING, EVENT_VALUE):  # what has a column of its own is read first
            told: Float32 = getattr(numbers, _MEMBERS[name])
            there = np.flatnonzero(self.reads[name][codes] & ~np.isnan(told) & (weight > 0))
            if not len(there):
                continue
            for meaning, reference, rows in self._meanings(name, codes, there):
                value = told[rows].astype(np.float64)
                good = _is_good(meaning, value, reference)
                refused[name] += int(len(good) - np.count_nonzero(good))
                rows, value = rows[good], value[good]
                if meaning == STARS:
                    unrated = np.isnan(stars[rows])
                    stars[rows[unrated]] = 1 + 4 * (value[unrated] - 1) / (reference - 1)
                else:
                    factor[rows] *= strength(meaning, value, reference)
        rated = np.flatnonzero(~np.isnan(stars))
        factor[rated] *= (stars[rated] - 2) / 2
        weight = (weight * (np.rint(factor * _GRAIN) / _GRAIN)).astype(np.float32)
        averse = rated[stars[rated] <= AVERSE]
        weight[averse] = -(np.rint((3 - stars[averse]) / 2 * _GRAIN) / _GRAIN)
        return Counted(weight, {name: count for name, count in refused.items() if count})

    def _meanings(self, name: str, codes: Int32, rows: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
        if name != EVENT_VALUE:
            meaning = DWELL if name == DURATION else STARS
            return [(meaning, REFERENCE[meaning], rows)]
        held = [self.signals.values.get(plain(each)) for each in self.names]
        found = []
        for meaning, reference in {each for each in held if each is not None}:
            of = np.array([each == (meaning, reference) for each in held], np.bool_)
            found.append((meaning, reference, rows[of[codes[rows]]]))
        return found


def strength(meaning: str, value: Float64, reference: float) -> Float64:
    """float64 [n]: what good seconds or amounts make of the type's weight; 1 at the reference, growing as their
    logarithm does, bounded by `LEAST` and `MOST`."""
    ends = 1.0 if meaning == DWELL else reference
    grown: Float64 = np.log1p(value / ends) / np.log1p(reference / ends)
    return np.clip(grown, LEAST, MOST)


def number(told: object) -> float:
    """A number as it was sent, NaN for what is none; infinite where float32 cannot hold it."""
    if isinstance(told, str):
        told = _number(told)
    if isinstance(told, bool) or not isinstance(told, int | float):
        return float("nan")
    return float(told) if -_LARGEST <= told <= _LARGEST or told != told else float("inf")


def _is_good(meaning: str, value: Float64, reference: float) -> Bool:
    least, most = (1.0, reference) if meaning == STARS else (0.0, np.inf)
    good: Bool = (value >= least) & (value <= most) & np.isfinite(value)
    return good & (value > 0) if meaning == AMOUNT else good


def _base(name: str, asked: bool) -> float:
    if event_types.is_left_out(name) and not asked:
        return -event_types.against(name)
    return event_types.weight(name)


def _column(table: pa.Table, name: str) -> Float32:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan, np.float32)
    column = table[name]
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        encoded = pc.fill_null(column.cast(pa.string()), "").dictionary_encode().unify_dictionaries().combine_chunks()
        told = np.array([number(each) for each in encoded.dictionary.to_pylist()] or [np.nan], np.float32)
        found: Float32 = told[np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)]
        return found
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.full(table.num_rows, np.nan, np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(), np.float64).astype(np.float32)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


_MEMBERS = {EVENT_VALUE: "value", DURATION: "duration", RATING: "rating"}
