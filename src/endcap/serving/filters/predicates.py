"""One condition as a bitmap over all rows, and as a yes or no about one value.

A missing value meets no condition except `!=` and `NOT IN`, which are exactly the opposite of `=` and `IN`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from endcap.errors import InputError
from endcap.lake.schemas import TIMES
from endcap.serving.attributes import SEPARATOR, NumberColumn, TextColumn, TruthColumn, words
from endcap.serving.filters.checking import TAKES, Sort, sort_of
from endcap.serving.filters.overlay import Attributes, Patch
from endcap.serving.filters.tree import Condition, Number, OfCurrentItem, Operator, Texts, Truth
from endcap.stream.records import Value
from endcap.types import SECOND, Bool

Operand = frozenset[str] | int | float | bool | None
"""What values are compared with; None is a missing one, which nothing equals."""
OPPOSITE: Mapping[Operator, Operator] = {"NOT IN": "IN", "!=": "="}
_COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TIMES = frozenset(name.lower() for name in TIMES)
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Predicate:
    """A test of one column: `operator` is never negative, `is_opposite` turns its outcome round."""

    column: str
    sort: Sort
    operator: Operator
    operand: Operand
    is_opposite: bool
    cut: bool
    """Whether texts are cut at `|`."""

    @classmethod
    def of(cls, condition: Condition, attributes: Attributes, current: int | None = None) -> Predicate:
        """A bound condition on these attributes, `current` being the ordinal of the current item, -1 if unknown.

        Raises `InputError` where the value is not of the field's sort.
        """
        held = attributes.table.columns.get(condition.field)
        sort = _sort(condition) if held is None else _sort_of_column(held)
        if condition.operator not in TAKES[sort]:
            raise _misfit(condition, sort, condition.operator)
        operand: Operand
        if isinstance(condition.value, OfCurrentItem):
            operand = _of_item(condition.value, sort, attributes, -1 if current is None else current)
        else:
            operand = _operand(condition, sort)
        positive = OPPOSITE.get(condition.operator)
        cut = condition.field not in attributes.table.whole
        return cls(condition.field, sort, positive or condition.operator, operand, positive is not None, cut)

    def bitmap(self, attributes: Attributes, patch: Patch) -> Bool:
        """bool [patch.size]: which rows meet it; a new array."""
        found = np.zeros(patch.size, np.bool_)
        held = attributes.table.columns.get(self.column)
        if held is not None and self.operand is not None:
            found[: len(held)] = self._matches(held)
        given = [ordinal for ordinal, properties in patch.rows.items() if self.column in properties]
        if given:
            holds = self.test()
            found[given] = [holds(patch.rows[ordinal][self.column]) for ordinal in given]
        return np.logical_not(found, out=found) if self.is_opposite else found

    def meets(self, value: Value) -> bool:
        """Whether one value meets it."""
        return self.test()(value) != self.is_opposite

    def test(self) -> Callable[[Value], bool]:
        """Whether a value passes, before it is turned round."""
        operand = self.operand
        if operand is None:
            return lambda _: False
        if isinstance(operand, frozenset):
            return _text_test(operand, cut=self.cut)
        if self.sort == "boolean":
            return lambda value: isinstance(value, bool) and value == operand
        compare = _COMPARE[self.operator]
        return lambda value: isinstance(value, (int, float)) and value.__class__ is not bool and compare(value, operand)

    def _matches(self, held: TextColumn | NumberColumn | TruthColumn) -> Bool:
        if isinstance(held, TextColumn):
            assert isinstance(self.operand, frozenset)
            return held.has(self.operand)
        if isinstance(held, TruthColumn):
            same: Bool = held.values == self.operand
            return same & held.known
        with np.errstate(over="ignore"):  # a number beyond a column's type is infinite there
            compared: Bool = _COMPARE[self.operator](held.values, self.operand)
        return compared & held.known


def _text_test(wanted: frozenset[str], *, cut: bool) -> Callable[[Value], bool]:
    def test(value: Value) -> bool:
        if isinstance(value, list):
            value = SEPARATOR.join(value)
        if not isinstance(value, str):
            return False
        return value in wanted or (cut and SEPARATOR in value and not wanted.isdisjoint(value.split(SEPARATOR)))

    return test


def _sort_of_column(held: TextColumn | NumberColumn | TruthColumn) -> Sort:
    if isinstance(held, TextColumn):
        return "text"
    return "number" if isinstance(held, NumberColumn) else "boolean"


def _sort(condition: Condition) -> Sort:
    """Of a column that the table lacks: what operator and value suggest."""
    if condition.operator in ("IN", "NOT IN"):
        return "text"
    if condition.operator in ("=", "!=") and isinstance(condition.value, (Texts, Number, Truth)):
        return sort_of(condition.value)
    return "text" if condition.operator in ("=", "!=") else "number"


def _operand(condition: Condition, sort: Sort) -> Operand:
    value = condition.value
    if sort == "text" and isinstance(value, Texts):
        if len(value.values) > 1 and condition.operator in ("=", "!="):
            raise _misfit(condition, sort, f"{len(value.values)} texts with {condition.operator}")
        return frozenset(text for text in value.values if text)
    if sort == "number" and isinstance(value, Number):
        return _micros(value.value) if condition.field in _TIMES else value.value
    if sort == "boolean" and isinstance(value, Truth):
        return value.value
    if sort == "boolean" and isinstance(value, Texts) and value.values[0].lower() in _TRUTHS and len(value.values) == 1:
        return _TRUTHS[value.values[0].lower()]
    raise _misfit(condition, sort, _shown(value))


def _of_item(value: OfCurrentItem, sort: Sort, attributes: Attributes, current: int) -> Operand:
    held = attributes.value(current, value.field)
    if sort == "text":
        cut = value.field not in attributes.table.whole
        return frozenset(words(held, cut=cut)) - {""} if isinstance(held, str) else None
    if isinstance(held, str) or isinstance(held, bool) != (sort == "boolean"):
        return None
    return held


def _micros(seconds: int | float) -> int | float:
    """Times are seconds on the wire, microseconds in tables."""
    if isinstance(seconds, float):
        return round(seconds * SECOND) if math.isfinite(seconds) else seconds
    return seconds * SECOND


_EXPECTED: Mapping[Sort, str] = {
    "text": 'texts, expected IN, NOT IN, = or != and quoted texts such as "a","b" (one for = and !=)',
    "number": "numbers, expected a comparison and a number such as 10",
    "boolean": "booleans, expected = or != and TRUE or FALSE",
}


def _misfit(condition: Condition, sort: Sort, given: str) -> InputError:
    return InputError(f"{condition.shown} holds {_EXPECTED[sort]}; found {given}.")


def _shown(value: object) -> str:
    if isinstance(value, Texts):
        return _listed(value.values)
    return str(value.value).upper() if isinstance(value, (Number, Truth)) else '"*"'


def _listed(values: Iterable[str]) -> str:
    text = ", ".join(f'"{value}"' for value in values)
    return text if len(text) <= 80 else f"{text[:80]}…"
