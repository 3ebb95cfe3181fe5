"""`properties` of events, items, users and actions: a JSON object in a string, its keys in camel case, as columns."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from endcap.api.wire import Refusal, read_json
from endcap.lake.schemas import Field, Schema
from endcap.stream.records import Value
from endcap.types import SECOND

LATEST = 253_402_300_800
"""Seconds until the year 10000: a larger number is no time in seconds."""
_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WHOLE = (-(2**63), 2**63)


def column(key: str) -> str:
    """`discountCode` and `DISCOUNT_CODE` as the column `discount_code`."""
    return _EDGE.sub("_", key).lower()


def parsed(text: str | None, place: str, faults: list[str]) -> dict[str, Any]:
    """The object in the string; empty, and a fault noted, where there is none."""
    if text is None:
        return {}
    try:
        value = read_json(text.encode("utf-8", "surrogatepass"))
    except Refusal as refusal:
        faults.append(f"Value at '{place}' is no JSON object: {refusal.message}")
        return {}
    if not isinstance(value, dict):
        faults.append(f"Value at '{place}' is no JSON object")
        return {}
    return value


def fitted(given: Mapping[str, Any], schema: Schema, place: str, faults: list[str], *, whole: bool) -> dict[str, Value]:
    """Properties as columns of a schema; what does not fit is noted as a fault.

    With `whole` every field that may not be null must be there, and no other; else unknown ones are left out.
    """
    fields = {_squashed(field.name): field for field in schema.fields if field.name not in schema.keys}
    found: dict[str, Value] = {}
    for key, value in given.items():
        field = fields.get(_squashed(key))
        if field is None:
            if whole:
                faults.append(f"Value at '{place}' has the key {key[:64]!r}, which the schema does not have")
            continue
        fits, made = _fitted(value, field)
        if fits:
            found[field.column] = made
        else:
            expected = "a number of seconds" if field.is_time else f"a {field.type}"
            null = " or null" if field.nullable else ""
            faults.append(
                f"Value at '{place}.{key[:64]}' failed to satisfy constraint: Member must be {expected}{null}"
            )
    if whole:
        lacking = [field.name for field in fields.values() if not field.nullable and field.column not in found]
        named = {_squashed(key) for key in given}
        faults += [
            f"Value at '{place}' lacks the required field {name}" for name in lacking if _squashed(name) not in named
        ]
    return found


def plain(given: Mapping[str, Any]) -> dict[str, Value]:
    """Properties as columns where no schema is known: plain values as they are."""
    return {
        column(key): _joined(value) if isinstance(value, list) else value
        for key, value in given.items()
        if value is None or isinstance(value, str | bool) or is_number(value) or _is_texts(value)
    }


def _squashed(name: str) -> str:
    return name.replace("_", "").lower()


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _joined(values: list[str]) -> str:
    return "|".join(values)


def _fitted(value: Any, field: Field) -> tuple[bool, Value]:
    """(whether it fits, the value in the table's units)."""
    if value is None:
        return field.nullable, None
    if field.type == "string":
        made = _joined(value) if field.categorical and _is_texts(value) else value
        return isinstance(made, str), made
    if field.type == "boolean":
        return isinstance(value, bool), value
    return _number(value, field)


def is_number(value: Any) -> bool:
    """Whether it is a number that a column can hold; Python's whole numbers know no end."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else _WHOLE[0] <= value < _WHOLE[1]


def _number(value: Any, field: Field) -> tuple[bool, Value]:
    if not is_number(value):
        return False, None
    if field.is_time:
        return 0 <= value < LATEST, round(value * SECOND)
    if field.type in ("int", "long"):
        low, high = _WHOLE if field.type == "long" else (-(2**31), 2**31)
        return low <= value < high and value == int(value), int(value)
    return True, float(value)
