"""Rules that cannot work on a shop's items, and answers that a rule cannot read: said, never passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from endcap.errors import InputError
from endcap.recipes.knowledge_facts import PRICE, QUESTIONNAIRE, ItemFacts, Places, Told, answer_in
from endcap.recipes.knowledge_rules import BANDS, Answer, Condition, Operand, Rule
from endcap.recipes.written_numbers import EXAMPLES, written_number
from endcap.types import USER_ID

NUMBER = f"a number such as {EXAMPLES}"
BAND = f"one of {', '.join(BANDS)}"
_SHOWN = 64
"""Letters of an answer that are said again."""


@dataclass(frozen=True)
class Unread:
    """An answer that is there and that a rule cannot read: what was given in which field, and what was expected.

    `binds` where it decides what the rule's `must` lets through: nothing is taken as let through that way."""

    rule: str
    field: str
    given: str
    expected: str
    binds: bool

    def __str__(self) -> str:
        return f"The rule {self.rule!r} cannot read {self.field} = {self.given!r}: expected {self.expected}."


def unread(rule: Rule, answers: Mapping[str, Told], is_number: Callable[[str], bool]) -> Iterator[Unread]:
    """What of these answers a rule that is for the shopper cannot read; `is_number` tells of a column (in the rule's
    word for it) whether it holds numbers."""
    for field, condition in rule.when.items():
        if beyond(condition, answers.get(field, Told())):
            yield _told(rule, field, answers[field], NUMBER, bool(rule.must))
    for part, column, condition in rule.item_conditions():
        for asked, expected in _asked(condition, is_number(column)):
            told = answers.get(asked, Told())
            if told.texts and not (_is_band(told) if expected == BAND else _is_number(told, condition, asked)):
                yield _told(rule, asked, told, expected, part == "must")


def beyond(condition: Condition, told: Told) -> bool:
    """Whether the condition bounds a number and the value, which is known, is none."""
    return bool(told.texts) and np.isnan(told.number) and not (condition.least is None and condition.most is None)


def fault(rule: Rule, facts: ItemFacts, places: Places) -> str:
    """Why a rule whose columns are there can never hold of these items, or would never be looked at; "" where it can.

    What no item has today (a brand, a word) is no fault: tomorrow one may.
    """
    for part, column, condition in rule.item_conditions():
        if why := _fault(places.of(column), condition, facts, places):
            return f"{part}.{column}: {why}"
    return ""


def check(rules: Iterable[Rule], facts: ItemFacts, places: Places) -> None:
    """Raise `InputError` for the first rule that has a `fault` and is not optional."""
    for rule in rules:
        if not rule.optional and (why := fault(rule, facts, places)):
            raise InputError(
                f"{rule.place[0].upper()}{rule.place[1:]}, {why}.",
                fix="Change the rule, say which column it means under [columns], or make it optional.",
            )


def unread_profiles(rules: Iterable[Rule], facts: ItemFacts, places: Places, users: pa.Table) -> Iterator[Unread]:
    """Each value in the shoppers' columns, and in their `QUESTIONNAIRE`, that a rule reads and cannot, once."""
    columns = {name.lower(): users[name].unique().to_pylist() for name in users.column_names if name != USER_ID}
    texts = columns.get(QUESTIONNAIRE, [])
    for rule in rules:
        for field in sorted({*rule.when, *rule.answers()}):
            values = [*columns.get(field, ()), *(answer_in(text, field) for text in texts)]
            for told in dict.fromkeys(map(Told.of, values)):
                yield from unread(rule, {field: told}, lambda word: places.of(word) in facts.number_names)


def _fault(column: str, condition: Condition, facts: ItemFacts, places: Places) -> str:
    if condition.bands:
        if column != places.of(PRICE):
            return f"bands are of {places.of(PRICE)}, not of {column}"
        if np.isnan(facts.bands).all():
            return "no item has a price in numbers, so none is in a band"
    bounded = condition.least is not None or condition.most is not None
    if column not in facts.number_names:
        told = [Told.of(value) for value in facts.values_of(column)]
        return f"no item's {column} is a number" if bounded and told and _none_is_number(told) else ""
    if condition.words:
        return f"{column} is a column of numbers, which hold no words"
    words = [each for each in (*condition.one_of, *condition.none_of) if isinstance(each, str)]
    unread_words = [word for word in words if np.isnan(written_number(word))]
    return f"{column} is a column of numbers, and {unread_words[0]!r} is none" if unread_words else ""


def _none_is_number(told: Iterable[Told]) -> bool:
    return all(np.isnan(each.number) for each in told)


def _asked(condition: Condition, numeric: bool) -> Iterator[tuple[str, str]]:
    """(field, what its answer must be) of every reference whose answer must be more than any text."""
    numbers: tuple[Operand | None, ...] = (condition.least, condition.most)
    if numeric:
        numbers = (*numbers, *condition.one_of, *condition.none_of)
    yield from ((each.field, NUMBER) for each in numbers if isinstance(each, Answer))
    yield from ((each.field, BAND) for each in condition.bands if isinstance(each, Answer))


def _is_band(told: Told) -> bool:
    return all(text in BANDS for text in told.texts)


def _is_number(told: Told, condition: Condition, field: str) -> bool:
    """One number where it is a bound; else each of several may be one."""
    if Answer(field) in (condition.least, condition.most):
        return not np.isnan(told.number)
    return not any(np.isnan(written_number(text)) for text in told.texts)


def _told(rule: Rule, field: str, told: Told, expected: str, binds: bool) -> Unread:
    return Unread(rule.name, field, "|".join(told.texts)[:_SHOWN], expected, binds)
