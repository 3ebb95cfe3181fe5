"""Rules of a shop as data: what must hold of an item for a shopper, what is preferred, what is avoided, and why.

A rule file is TOML: `[[question]]` entries say what shoppers are asked and in which field of their profile the answer
is kept, `[[rule]]` entries what follows from it. Nothing in it is ever evaluated as code.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from endcap.errors import InputError
from endcap.recipes.written_numbers import written_number

BANDS = ("low", "middle", "high")
"""Price bands: the thirds of the prices in an item's category."""
SPANS: Mapping[str, tuple[int, int]] = {"month": (1, 12), "weekday": (1, 7), "hour": (0, 23)}
"""Fields of the moment of asking, and the first and last number that each can be."""
_CONDITION = ("is", "not", "min", "max", "band", "contains", "known", "or_unknown")
_RULE = ("name", "when", "must", "prefer", "avoid", "weight", "because", "optional")
_QUESTION = ("name", "ask", "answers", "field", "several")
_FIX = "See docs/guide/knowledge.md for the form of a rule file."


@dataclass(frozen=True)
class Answer:
    """Stands for what the shopper answered: `"$size"` in a rule file is `Answer("size")`."""

    field: str


Operand = str | float | Answer
"""Texts are in lower case without blanks around them."""


@dataclass(frozen=True)
class Condition:
    """What is asked of one value; all that is given must hold. A value that is unknown passes only `unknown_too` or
    `known = False`: who must not eat nuts is not shown what may hold them."""

    one_of: tuple[Operand, ...] = ()
    none_of: tuple[Operand, ...] = ()
    least: Operand | None = None
    most: Operand | None = None
    bands: tuple[Operand, ...] = ()
    words: tuple[str, ...] = ()
    known: bool | None = None
    unknown_too: bool = False

    def contradiction(self) -> str:
        """Why no value at all could pass, or part of it would never be looked at; "" where neither is so."""
        if self.known is False and self != Condition(known=False):
            return "asks for more of a value that is to be unknown"
        if self.known and self.unknown_too:
            return "asks for a value that is known, or not"
        if self.one_of and set(self.one_of) <= set(self.none_of):
            return "asks for what it rules out"
        if isinstance(self.least, float) and isinstance(self.most, float) and self.least > self.most:
            return f"has min {self.least:g} above max {self.most:g}"
        return ""

    def answers(self) -> Iterator[str]:
        """The fields whose answers it needs."""
        for operand in (*self.one_of, *self.none_of, self.least, self.most, *self.bands):
            if isinstance(operand, Answer):
                yield operand.field


Conditions = Mapping[str, Condition]
"""One for each of several columns (or fields); all must pass."""


@dataclass(frozen=True)
class Rule:
    """One rule: for whom (`when`, over fields of profile and context), what `must` hold of an item, what makes it
    e^weight times likelier (`prefer`) or less likely (`avoid`; alternatives in a list), and the words for it.

    An `optional` rule is left out where a shop's items lack a column that it names.
    """

    name: str
    when: Conditions = field(default_factory=dict)
    must: Conditions = field(default_factory=dict)
    prefer: tuple[Conditions, ...] = ()
    avoid: tuple[Conditions, ...] = ()
    weight: float = 1.0
    because: str = ""
    optional: bool = False
    line: int = 0

    def item_conditions(self) -> Iterator[tuple[str, str, Condition]]:
        """(part of the rule, column, condition) of everything asked of items."""
        for part, groups in (("must", (self.must,)), ("prefer", self.prefer), ("avoid", self.avoid)):
            for conditions in groups:
                yield from ((part, column, condition) for column, condition in conditions.items())

    def answers(self) -> frozenset[str]:
        """Fields of the shopper without which the rule says nothing."""
        return frozenset(name for _, _, condition in self.item_conditions() for name in condition.answers())

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{f'line {self.line}, ' if self.line else ''}rule {self.name!r}"


@dataclass(frozen=True)
class Question:
    """What a shopper is asked; the answer (one, or `several` joined by `|`) is kept in `field` of the profile.

    `answers` are those to choose from; empty: any text or number.
    """

    name: str
    ask: str
    answers: tuple[str, ...] = ()
    field: str = ""
    several: bool = False


@dataclass(frozen=True)
class RuleFile:
    """The rules and questions of a file, in their order. `columns` names, for this shop, the item columns behind the
    words that rules use (`category = "department"`)."""

    rules: tuple[Rule, ...]
    questions: tuple[Question, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> frozenset[str]:
        """Every field of profile or context that a rule reads."""
        return frozenset(name for rule in self.rules for name in (*rule.when, *rule.answers()))


def parse(text: str) -> RuleFile:
    """The rules of a TOML text. Raises `InputError` naming line, rule and field, and what was expected there."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"The rule file is no TOML: {error}.", fix=_FIX) from None
    lines = _Lines(text)
    _only(document, ("question", "rule", "columns"), "the rule file", 0)
    questions = tuple(
        _question(entry, lines.of("question", at))
        for at, entry in enumerate(_entries(document, "question", lines.of("question", 0)))
    )
    rules = tuple(
        _rule(entry, at, lines.of("rule", at))
        for at, entry in enumerate(_entries(document, "rule", lines.of("rule", 0)))
    )
    for kind, names in (("rule", [rule.name for rule in rules]), ("question", [each.name for each in questions])):
        if doubled := [name for at, name in enumerate(names) if name in names[:at]]:
            raise InputError(f"Two {kind}s are called {doubled[0]!r}.", fix="Give each a name of its own.")
    for at, question in enumerate(questions):
        _answerable(question, rules, lines.of("question", at))
    return RuleFile(rules, questions, _columns(document.get("columns", {})))


class _Lines:
    """Lines where the entries of a file begin; 0 where a text that looks like a heading makes that uncertain."""

    def __init__(self, text: str) -> None:
        self._found = {kind: _headings(text, kind) for kind in ("rule", "question")}

    def of(self, kind: str, at: int) -> int:
        found = self._found[kind]
        return found[at] if at < len(found) else 0


def _headings(text: str, kind: str) -> list[int]:
    heading = re.compile(rf"\s*\[\[\s*{kind}\s*\]\]\s*(#.*)?")
    found = [number for number, line in enumerate(text.split("\n"), 1) if heading.fullmatch(line.rstrip("\r"))]
    return found if text.count('"""') + text.count("'''") == 0 else []


def _entries(document: Mapping[str, Any], kind: str, line: int) -> list[Any]:
    entries = document.get(kind, [])
    if not isinstance(entries, list):
        _refuse(line, f"[{kind}]", f"was given once as a table, expected [[{kind}]] for each {kind}")
    return entries


def _question(entry: Any, line: int) -> Question:
    place = f"question {entry.get('name', '')!r}" if isinstance(entry, dict) else "question"
    _only(entry, _QUESTION, place, line)
    name, ask = (_text(entry.get(each), f"{place}, {each}", line) for each in ("name", "ask"))
    answers = entry.get("answers", [])
    if not isinstance(answers, list) or not all(isinstance(each, (str, int, float)) for each in answers):
        _refuse(line, f"{place}, answers", f"is {answers!r}, expected a list of texts or numbers")
    several = _flag(entry.get("several", False), f"{place}, several", line)
    field_name = _text(entry.get("field", name), f"{place}, field", line).lower()
    return Question(name, ask, tuple(str(each) for each in answers), field_name, several)


def _answerable(question: Question, rules: Iterable[Rule], line: int) -> None:
    """Refuse a choice that no rule which reads the answer could understand."""
    answer = Answer(question.field)
    for rule in rules:
        for part, column, condition in rule.item_conditions():
            expected = ""
            for given in question.answers:
                if answer in condition.bands and given.strip().lower() not in BANDS:
                    expected = ", ".join(BANDS)
                elif answer in (condition.least, condition.most) and math.isnan(written_number(given)):
                    expected = "a number"
                if expected:
                    place = f"question {question.name!r}, answers"
                    _refuse(line, place, f"has {given!r}, and {part}.{column} of rule {rule.name!r} expects {expected}")


def _rule(entry: Any, at: int, line: int) -> Rule:
    name = entry.get("name") if isinstance(entry, dict) else None
    place = f"rule {name!r}" if isinstance(name, str) else f"rule {at + 1}"
    _only(entry, _RULE, place, line)
    name = _text(name, f"{place}, name", line)
    when, must = (_conditions(entry.get(part, {}), f"{place}, {part}", line) for part in ("when", "must"))
    for column, condition in when.items():
        if condition.bands or any(condition.answers()):
            _refuse(line, f"{place}, when.{column}", "compares an answer with a price band or another answer")
        _in_span(column, condition, f"{place}, when.{column}", line)
    prefer, avoid = (_alternatives(entry.get(part, []), f"{place}, {part}", line) for part in ("prefer", "avoid"))
    if not must and not prefer and not avoid:
        _refuse(line, place, "says nothing of items, expected must, prefer or avoid")
    weight = entry.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight <= 100:
        _refuse(line, f"{place}, weight", f"is {weight!r}, expected a number above 0, at most 100")
    because = _text(entry.get("because", "Recommended for you"), f"{place}, because", line)
    optional = _flag(entry.get("optional", False), f"{place}, optional", line)
    return Rule(name, when, must, prefer, avoid, float(weight), because, optional, line)


def _in_span(name: str, condition: Condition, place: str, line: int) -> None:
    """Refuse a month, weekday or hour that never comes."""
    if name in SPANS:
        first, last = SPANS[name]
        for operand in (*condition.one_of, *condition.none_of, condition.least, condition.most):
            number = written_number(operand) if isinstance(operand, str) else operand
            if isinstance(number, float) and not first <= number <= last:
                _refuse(line, place, f"is {operand!r}, expected numbers {first} to {last}")


def _alternatives(given: Any, place: str, line: int) -> tuple[Conditions, ...]:
    several = given if isinstance(given, list) else [given]
    return tuple(_conditions(each, place, line) for each in several if each != {})


def _conditions(given: Any, place: str, line: int) -> Conditions:
    if not isinstance(given, dict):
        _refuse(line, place, f'is {given!r}, expected a table such as {{ brand = "acme" }}')
    return {column.strip().lower(): _condition(value, f"{place}.{column}", line) for column, value in given.items()}


def _condition(given: Any, place: str, line: int) -> Condition:
    if not isinstance(given, dict):
        return Condition(one_of=_operands(given, place, line))
    _only(given, _CONDITION, place, line)
    if not given.keys() - {"or_unknown"}:
        _refuse(line, place, f"asks nothing, expected one of {', '.join(_CONDITION)}")
    bands = _operands(given["band"], f"{place}.band", line) if "band" in given else ()
    for band in bands:
        if not isinstance(band, Answer) and band not in BANDS:
            _refuse(line, f"{place}.band", f'is {band!r}, expected {", ".join(BANDS)} or an answer such as "$budget"')
    words = _operands(given["contains"], f"{place}.contains", line) if "contains" in given else ()
    if not all(isinstance(word, str) and word for word in words):
        _refuse(line, f"{place}.contains", f"is {given['contains']!r}, expected words")
    condition = Condition(
        _operands(given["is"], f"{place}.is", line) if "is" in given else (),
        _operands(given["not"], f"{place}.not", line) if "not" in given else (),
        _bound(given.get("min"), f"{place}.min", line),
        _bound(given.get("max"), f"{place}.max", line),
        bands,
        tuple(str(word) for word in words),
        _flag(given["known"], f"{place}.known", line) if "known" in given else None,
        _flag(given.get("or_unknown", False), f"{place}.or_unknown", line),
    )
    if why := condition.contradiction():
        _refuse(line, place, why)
    return condition


def _operands(given: Any, place: str, line: int) -> tuple[Operand, ...]:
    several = given if isinstance(given, list) else [given]
    if not several:
        _refuse(line, place, "is an empty list, expected at least one value")
    return tuple(_operand(each, place, line) for each in several)


def _operand(given: Any, place: str, line: int) -> Operand:
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, (int, float)):
        return float(given)
    if not isinstance(given, str):
        _refuse(line, place, f"is {given!r}, expected a text, a number, true, false or a list of them")
    if given.startswith("$"):
        if not given[1:].strip():
            _refuse(line, place, "is '$', expected the field of an answer after it, such as \"$size\"")
        return Answer(given[1:].strip().lower())
    return given.strip().lower()


def _bound(given: Any, place: str, line: int) -> Operand | None:
    if given is None:
        return None
    bound = _operand(given, place, line)
    if isinstance(bound, str):
        _refuse(line, place, f'is {given!r}, expected a number or an answer such as "$budget"')
    return bound


def _columns(given: Any) -> Mapping[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        _refuse(0, "[columns]", 'expected the name of an item column for each word, such as category = "department"')
    return {word.lower(): column.lower() for word, column in given.items()}


def _text(given: Any, place: str, line: int) -> str:
    if not isinstance(given, str) or not given.strip():
        _refuse(line, place, f"is {given!r}, expected a text")
    return given.strip()


def _flag(given: Any, place: str, line: int) -> bool:
    if not isinstance(given, bool):
        _refuse(line, place, f"is {given!r}, expected true or false")
    return given


def _only(given: Any, known: tuple[str, ...], place: str, line: int) -> None:
    if not isinstance(given, dict):
        _refuse(line, place, f"is {given!r}, expected a table")
    if unknown := [name for name in given if name not in known]:
        _refuse(line, place, f"has {unknown[0]!r}, expected {', '.join(known)}")


def _refuse(line: int, place: str, what: str) -> NoReturn:
    where = f"Line {line}, {place}" if line else f"{place[0].upper()}{place[1:]}"
    raise InputError(f"{where} {what}.", fix=_FIX)
