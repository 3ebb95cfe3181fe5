"""The rules of a filter, written out again."""

from __future__ import annotations

from endcap.serving.filters.tree import Anything, Condition, Number, OfCurrentItem, Parameter, Rule, Texts, Truth

_TARGETS = {"item": "ItemID", "user": "UserID", "action": "ActionID"}


def written(rule: Rule) -> str:
    """One rule in the language of filters, with the values that it was bound to."""
    groups = [" AND ".join(map(_condition, group)) for group in rule.any_of]
    when = f" IF {' AND '.join(map(_condition, rule.when))}" if rule.when else ""
    return f"{rule.action} {_TARGETS[rule.target]} WHERE {' OR '.join(groups)}{when}"


def _condition(condition: Condition) -> str:
    shown = condition.shown.partition(" (")[0]
    return f"{shown} {condition.operator} {_value(condition)}"


def _value(condition: Condition) -> str:
    value = condition.value
    if isinstance(value, Texts):
        texts = ", ".join(f'"{each}"' for each in value.values)
        return f"({texts})" if condition.operator in ("IN", "NOT IN") else texts
    if isinstance(value, Number):
        return str(value.value)
    if isinstance(value, Truth):
        return str(value.value).upper()
    if isinstance(value, Parameter):
        return f"${value.name}"
    if isinstance(value, OfCurrentItem):
        return f"CurrentItem.{value.field.upper()}"
    assert isinstance(value, Anything)
    return '("*")'
