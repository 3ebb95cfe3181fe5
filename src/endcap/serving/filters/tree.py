"""The typed tree of a filter. The language has no parentheses: a rule is an OR of ANDs, the tree of fixed depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from endcap.lake.schemas import DatasetKind, Schema

Action = Literal["INCLUDE", "EXCLUDE"]
Target = Literal["item", "user", "action"]
Operator = Literal["IN", "NOT IN", "=", "!=", "<", "<=", ">", ">="]

REFUSED = "Could not create filter. "
"""How the service begins the message when an expression cannot become a filter."""


@dataclass(frozen=True, slots=True)
class Texts:
    """One or more texts, compared exactly."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written: seconds where the field is a time."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Truth:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$NAME`: the request brings the value."""

    name: str


@dataclass(frozen=True, slots=True)
class OfCurrentItem:
    """The value of a field of the item that the request asks about; the field in lower case."""

    field: str


@dataclass(frozen=True, slots=True)
class Anything:
    """`"*"`: any event type."""


Value = Texts | Number | Truth | Parameter | OfCurrentItem | Anything


@dataclass(frozen=True, slots=True)
class Condition:
    """`DATASET.FIELD operator value`. `field` is the column's name, in lower case; `position` counts from 1."""

    dataset: DatasetKind
    field: str
    operator: Operator
    value: Value
    position: int
    shown: str
    """Dataset and field as written, for messages."""


@dataclass(frozen=True, slots=True)
class Rule:
    """INCLUDE or EXCLUDE what meets all conditions of any of `any_of`, if the current user meets all of `when`."""

    action: Action
    target: Target
    dataset: DatasetKind
    any_of: tuple[tuple[Condition, ...], ...]
    when: tuple[Condition, ...] = ()

    def conditions(self) -> Iterator[Condition]:
        """All conditions, those of the IF last."""
        for group in self.any_of:
            yield from group
        yield from self.when

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its parameters, in order, each once."""
        found = [each.value.name for each in self.conditions() if isinstance(each.value, Parameter)]
        return tuple(dict.fromkeys(found))

    @property
    def uses_current_item(self) -> bool:
        return any(isinstance(each.value, OfCurrentItem) for each in self.conditions())


@dataclass(frozen=True)
class Filter:
    """A filter that obeys the grammar; made by `parse`. Two are equal when their texts are."""

    text: str
    rules: tuple[Rule, ...] = field(compare=False)

    @property
    def target(self) -> Target:
        """What is filtered."""
        return self.rules[0].target

    @cached_property
    def parameters(self) -> Mapping[str, bool]:
        """Names of its parameters, and whether a request must give them: those of INCLUDE rules are mandatory."""
        found: dict[str, bool] = {}
        for rule in self.rules:
            for name in rule.parameters:
                found[name] = found.get(name, False) or rule.action == "INCLUDE"
        return found

    @cached_property
    def fields(self) -> frozenset[tuple[DatasetKind, str]]:
        """Distinct (dataset, column), those of CurrentUser and CurrentItem among Users and Items."""
        found: set[tuple[DatasetKind, str]] = set()
        for rule in self.rules:
            for each in rule.conditions():
                found.add((each.dataset, each.field))
                if isinstance(each.value, OfCurrentItem):
                    found.add(("items", each.value.field))
        return frozenset(found)

    @cached_property
    def uses_current_item(self) -> bool:
        """Whether a request must name an item."""
        return any(rule.uses_current_item for rule in self.rules)

    @cached_property
    def uses_current_user(self) -> bool:
        """Whether the answer depends on attributes of the user."""
        return any(rule.when for rule in self.rules)

    @cached_property
    def uses_events(self) -> bool:
        """Whether the answer depends on what the user did."""
        return any(rule.dataset in ("interactions", "action_interactions") for rule in self.rules)

    def check(self, schemas: Mapping[DatasetKind, Schema], recipe_type: str | None = None) -> None:
        """Whether its fields exist and take these operators and values; see `filters.checking.check`."""
        from endcap.serving.filters.checking import check  # noqa: PLC0415 - the tree itself needs no schemas

        check(self, schemas, recipe_type)
