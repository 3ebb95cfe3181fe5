"""From a filter and the values of a request to rules without parameters.

A value travels as a string: texts quoted and separated by commas (`"a","b"`), a number as it is (`10`), true or false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from endcap.errors import InputError, UnknownName
from endcap.serving.filters.tokens import number, unquoted
from endcap.serving.filters.tree import Anything, Condition, Filter, Number, Parameter, Rule, Texts, Truth
from endcap.serving.filters.tree import Value as Written

MOST_VALUES = 25
MOST_CHARACTERS = 1000
_REMEMBERED = 1024
_TEXT = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*""", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_TRUTHS = {"true": True, "false": False}

Bound = tuple[tuple[int, Rule], ...]
"""Rules that apply, each with its place in the filter; no value of theirs is a `Parameter`."""


def bind(parsed: Filter, values: Mapping[str, str]) -> Bound:
    """The rules with the values of a request.

    An EXCLUDE rule without all of its values drops out. Raises `UnknownName` for a value that no parameter asks for,
    `InputError` for a missing value of an INCLUDE rule, for too many or too long ones, and for one that cannot be read.
    """
    return _bind(parsed, tuple(values.items()))


@lru_cache(_REMEMBERED)
def _bind(parsed: Filter, items: tuple[tuple[str, str], ...]) -> Bound:
    values = dict(items)
    _check(parsed, values)
    read = {name: _read(name, text) for name, text in values.items()}
    found = []
    for place, rule in enumerate(parsed.rules):
        if all(name in read for name in rule.parameters):
            found.append((place, _filled(rule, read)))
    return tuple(found)


def _check(parsed: Filter, values: Mapping[str, str]) -> None:
    for name, text in values.items():
        if name not in parsed.parameters:
            raise UnknownName("filter parameter", name, parsed.parameters, fix="Names are case-sensitive.")
        if len(text) > MOST_CHARACTERS:
            raise InputError(f"The filter value of {name} has {len(text):,} characters, at most 1,000 are allowed.")
    if len(values) > MOST_VALUES:
        raise InputError(f"There are {len(values)} filter values, at most {MOST_VALUES} are allowed.")
    missing = [name for name, is_mandatory in parsed.parameters.items() if is_mandatory and name not in values]
    if missing:
        raise InputError(
            f"The filter needs a value for {', '.join(missing)}.",
            fix='Give it in filterValues: "\\"a\\",\\"b\\"" for texts, "10" for a number.',
        )


def _read(name: str, text: str) -> Texts | Number | Truth:
    plain = text.strip()
    if _NUMBER.fullmatch(plain):
        return Number(number(plain))
    if plain.lower() in _TRUTHS:
        return Truth(_TRUTHS[plain.lower()])
    found, place = [], 0
    while match := _TEXT.match(text, place):
        found.append(unquoted(match[1]))
        place = match.end()
        if place == len(text):
            return Texts(tuple(dict.fromkeys(found)))
        if text[place] != ",":
            break
        place += 1
    raise InputError(
        f"The filter value of {name} cannot be read at character {place + 1}: {text[:80]!r}.",
        fix='Quote texts and separate them by commas, as in "a","b"; write a number as it is.',
    )


def _filled(rule: Rule, read: Mapping[str, Texts | Number | Truth]) -> Rule:
    groups = tuple(tuple(_condition(each, read) for each in group) for group in rule.any_of)
    return replace(rule, any_of=groups, when=tuple(_condition(each, read) for each in rule.when))


def _condition(condition: Condition, read: Mapping[str, Texts | Number | Truth]) -> Condition:
    if not isinstance(condition.value, Parameter):
        return condition
    name = condition.value.name
    value: Written = read[name]
    if (
        condition.dataset in ("interactions", "action_interactions")
        and isinstance(value, Texts)
        and "*" in value.values
    ):
        value = Anything()
    return replace(condition, value=value, shown=f"{condition.shown} ({name} in filterValues)")
