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

import numpy as np
import pyarrow as pa

from endcap.errors import InputError
from endcap.lake import event_types
from endcap.lake.event_types import plain
from endcap.types import DURATION, EVENT_VALUE, RATING, Bool, Float32, Float64, Int32

DWELL, STARS, AMOUNT = "dwell", "rating", "amount"
REFERENCE: Mapping[str, float] = {DWELL: 30.0, STARS: 5.0, AMOUNT: 1.0}
"""By meaning, what a number is seen against: the seconds, or the amount, that count as the type alone does; the most
stars that can be given."""
WATCHED = frozenset({"view", "viewitem", "detailpageview", "productviewed", "pageview", "click", "selectitem", "watch"})
"""Plain types whose DURATION (seconds) is how long the item was looked at."""
RATED = frozenset({"", "rating", "rate", "review", "productreviewed", "productrated"})
"""Plain types whose RATING (1 to 5) is the shopper's own opinion; elsewhere it may be what the page said."""
VALUES: Mapping[str, tuple[str, float]] = dict.fromkeys(("rating", "rate"), (STARS, REFERENCE[STARS]))
"""What EVENT_VALUE means by plain type, as (meaning, reference), where nothing was declared."""
LEAST, MOST = 0.3, 2.0
"""Bounds of what dwell time and amounts make of a type's weight."""
AVERSE = 2.5
"""Of five stars: up to so many speak against the item, 1 as far as can be."""
_GRAIN = 1024.0
"""Weights are multiples of its inverse, so that no machine's logarithm makes another number of them."""
_KEPT = 4096
_NONE = float("nan")
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
        return cls(*(numbers_in(table, name) for name in (EVENT_VALUE, DURATION, RATING)))


@dataclass(frozen=True, eq=False)
class Signals:
    """What numbers beside events mean in a shop. `values`: of EVENT_VALUE, (meaning, reference) by plain event type;
    `dwell`: the seconds of DURATION that count as a view does, 0 where DURATION says nothing; `stars`: the most that
    RATING can be, 0 where it says nothing."""

    values: Mapping[str, tuple[str, float]] = field(default_factory=lambda: VALUES)
    dwell: float = 0.0
    stars: float = 5.0
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
    def of(cls, declared: Mapping[str, Mapping[str, str]]) -> Signals:
        """From what the fields of a schema declare (`Field.signal`), each by event type, meaning[:reference], the empty
        type for all: `{"DURATION": {"": "dwell:30"}, "RATING": {"": "rating:10"}, "EVENT_VALUE": {"Purchase":
        "amount:20"}}`. It is laid over the default; `none` takes a meaning away. Raises `InputError`.
        """
        values, alone = dict(VALUES), {DURATION: (DWELL, 0.0), RATING: (STARS, REFERENCE[STARS])}
        for name, by_type in declared.items():
            for event_type, told in by_type.items():
                meaning, reference = _meaning(f"{name} of {event_type}" if event_type else name, told)
                column = name.lower()
                if column == EVENT_VALUE and event_type:
                    values[plain(event_type)] = meaning, reference
                elif column in alone and not event_type and meaning in ("none", alone[column][0]):
                    alone[column] = alone[column][0], reference
                else:
                    raise InputError(
                        f"{name} declares the signal {told!r}, which it cannot have.",
                        fix="DURATION may be dwell, RATING rating, EVENT_VALUE any by event type; any may be none.",
                    )
        kept = {event_type: held for event_type, held in values.items() if held[0] != "none"}
        return cls(kept, alone[DURATION][1], alone[RATING][1])

    @property
    def text(self) -> str:
        """As JSON, which `parse` reads."""
        values = {name: list(held) for name, held in sorted(self.values.items())}
        return json.dumps({"values": values, "dwell": self.dwell, "stars": self.stars})

    @classmethod
    def parse(cls, text: str) -> Signals:
        """From `text`. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
        told = json.loads(text)
        values = {str(name): (str(meaning), float(number)) for name, (meaning, number) in told["values"].items()}
        return cls(values, float(told["dwell"]), float(told["stars"]))


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
        told = self.signals
        among = {
            EVENT_VALUE: told.values,
            DURATION: WATCHED if told.dwell else frozenset(),
            RATING: RATED if told.stars else frozenset(),
        }
        return {column: np.array([each in held for each in names], np.bool_) for column, held in among.items()}

    @property
    def top(self) -> float:
        """The most stars that can be given, on the scale of the shop's RATING, else of its EVENT_VALUE."""
        others = [reference for meaning, reference in self.signals.values.values() if meaning == STARS]
        return self.signals.stars or max(others, default=REFERENCE[STARS])

    def stars(self, codes: Int32, numbers: Numbers) -> Float32:
        """float32 [n]: the stars that events of these codes gave, 1 to `top`; NaN where none."""
        found = self._measured(codes, numbers)[1]
        return np.asarray(1 + (self.top - 1) * (found - 1) / 4, np.float32)

    @cached_property
    def _reads_any(self) -> bool:
        return any(bool(each.any()) for each in self.reads.values())

    def weights(self, codes: Int32, numbers: Numbers | None) -> Counted:
        """What n events of these codes say."""
        weight = self.base[codes]
        if numbers is None or not self._reads_any:
            return Counted(weight, {})
        factor, stars, refused = self._measured(codes, numbers)
        rated = np.flatnonzero(~np.isnan(stars))
        factor[rated] *= (stars[rated] - 2) / 2
        weight = (weight * (np.rint(factor * _GRAIN) / _GRAIN)).astype(np.float32)
        averse = rated[stars[rated] <= AVERSE]
        weight[averse] = -(np.rint((3 - stars[averse]) / 2 * _GRAIN) / _GRAIN)
        return Counted(weight, {name: count for name, count in refused.items() if count})

    def _measured(self, codes: Int32, numbers: Numbers) -> tuple[Float64, Float64, Counter[str]]:
        """(what was measured makes of each weight, the stars as 1 to 5 and NaN where none, how many were refused)."""
        refused: Counter[str] = Counter()
        weight, factor, stars = self.base[codes], np.ones(len(codes)), np.full(len(codes), np.nan)
        for name in (DURATION, RATING, EVENT_VALUE):  # what has a column of its own is read first
            told: Float32 = getattr(numbers, _MEMBERS[name])
            there = np.flatnonzero(self.reads[name][codes] & ~np.isnan(told) & (weight > 0))
            if not len(there):
                continue
            for meaning, reference, mine in self._meanings(name, codes, there):
                good = _is_good(meaning, told[mine], reference)
                refused[name] += int(len(good) - np.count_nonzero(good))
                rows = mine[good]
                value = told[rows].astype(np.float64)
                if meaning == STARS:
                    unrated = np.isnan(stars[rows])
                    stars[rows[unrated]] = 1 + 4 * (value[unrated] - 1) / (reference - 1)
                else:
                    factor[rows] *= strength(meaning, value, reference)
        return factor, stars, refused

    def _meanings(self, name: str, codes: Int32, rows: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
        if name != EVENT_VALUE:
            alone = (DWELL, self.signals.dwell) if name == DURATION else (STARS, self.signals.stars)
            return [(*alone, rows)]
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
    if told is None:
        return _NONE
    if isinstance(told, str):
        told = _number(told)
    if isinstance(told, bool) or not isinstance(told, int | float):
        return _NONE
    return float("inf") if told > _LARGEST or told < -_LARGEST else float(told)


def _meaning(what: str, told: object) -> tuple[str, float]:
    """(meaning, reference), 0 for none."""
    meaning, _, reference = str(told).partition(":")
    if meaning == "none":
        return meaning, 0.0
    found = _number(reference) if reference else REFERENCE.get(meaning, np.nan)
    if meaning not in REFERENCE or not 0 < found < np.inf or (meaning == STARS and found <= 1):
        raise InputError(
            f"{what} declares the signal {told!r}, expected none, {', '.join(REFERENCE)}.",
            fix="A reference may follow after a colon: dwell:30 (seconds), rating:10 (stars), amount:20.",
        )
    return meaning, found


def _is_good(meaning: str, value: Float32, reference: float) -> Bool:
    least, most = (1.0, reference) if meaning == STARS else (0.0, np.inf)
    good: Bool = (value >= least) & (value <= most) & np.isfinite(value)
    return good & (value > 0) if meaning == AMOUNT else good


def _base(name: str, asked: bool) -> float:
    if event_types.is_left_out(name) and not asked:
        return -event_types.against(name)
    return event_types.weight(name)


def numbers_in(table: pa.Table, name: str) -> Float32:
    """float32 [n]: a column's numbers, also those written as texts; NaN where there are none, or no such column."""
    import pyarrow.compute as pc  # noqa: PLC0415 - loads Arrow's functions, 20 ms, which live traffic need not

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
