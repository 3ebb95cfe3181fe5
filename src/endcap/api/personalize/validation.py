"""Values held against botocore's shapes: what the service checks and its clients do not, in the service's words.

Patterns match whole values, as in the service. Members that a shape does not have are left out, and null is absence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from endcap.api.wire import Refusal, invalid

REPORTED = 10
"""Errors that one message spells out."""
SHOWN = 128
"""Characters of a value that a message repeats."""
_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": "\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{ASCII}": r"[\x00-\x7f]",
}
"""Java's classes that the models use. All that `\\w` has beside letters and numbers is `_`, which they allow too."""
_WHOLE = {"integer": 2**31, "long": 2**63}


def validated(value: Any, shape: StructureShape) -> dict[str, Any]:
    """The members that the shape has, checked. Raises `Refusal` (InvalidInputException) naming every fault."""
    if not isinstance(value, dict):
        raise invalid("The body is no JSON object.")
    reading = _Reading()
    clean: dict[str, Any] = reading.structure(value, shape, "")
    if reading.faults:
        raise refusal(reading.faults)
    return clean


def nonconformities(value: Any, shape: Shape) -> list[str]:
    """What an answer has that its shape does not allow, unknown members included. Used by tests."""
    reading = _Reading(closed=True)
    reading.read(value, shape, "")
    return reading.faults


def refusal(faults: list[str]) -> Refusal:
    """All faults in one message, as the service puts it."""
    word = "error" if len(faults) == 1 else "errors"
    return invalid(f"{len(faults)} validation {word} detected: {'; '.join(faults[:REPORTED])}")


def fault(value: Any, place: str, constraint: str) -> str:
    """One fault in the service's words."""
    return f"Value {_shown(value)} at '{place}' failed to satisfy constraint: {constraint}"


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A model's pattern, in Python's dialect. Raises `re.error` for a class that is not known here."""
    if r"\p" not in text:
        return re.compile(text, re.ASCII)
    for java, python in _CLASSES.items():
        text = text.replace(java, python)
    return re.compile(text)


class _Reading:
    """Walks a value beside its shape, gathering faults."""

    def __init__(self, *, closed: bool = False) -> None:
        self.faults: list[str] = []
        self._closed = closed

    def read(self, value: Any, shape: Shape, place: str) -> Any:
        """The value without what is unknown or null."""
        reader: Callable[[Any, Any, str], Any] = getattr(self, _READERS.get(shape.type_name, shape.type_name))
        return reader(value, shape, place)

    def structure(self, value: Any, shape: StructureShape, place: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(value, place, "Member must be a structure")
        self._limit_names(value, shape, place)
        clean = {}
        for name, member in shape.members.items():
            given = value.get(name)
            if given is not None:
                clean[name] = self.read(given, member, f"{place}.{name}" if place else name)
            elif name in shape.required_members:
                self._wrong(None, f"{place}.{name}" if place else name, "Member must not be null")
        return clean

    def list(self, value: Any, shape: ListShape, place: str) -> Any:
        if not isinstance(value, list):
            return self._wrong(value, place, "Member must be a list")
        if not self._counts(value, shape, place):
            return value
        return [self._present(each, shape.member, f"{place}.{n}.member") for n, each in enumerate(value, 1)]

    def map(self, value: Any, shape: MapShape, place: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(value, place, "Member must be a map")
        if not self._counts(value, shape, place):
            return value
        for name in value:
            self.string(name, shape.key, f"{place}.key")
        return {name: self._present(each, shape.value, f"{place}.{name[:64]}") for name, each in value.items()}

    def string(self, value: Any, shape: StringShape, place: str) -> Any:
        if not isinstance(value, str):
            return self._wrong(value, place, "Member must be a string")
        if "\0" in value:
            return self._wrong(value, place, "Member must not contain the character NUL")
        if shape.enum and value not in shape.enum:
            return self._wrong(value, place, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
        # A pattern is not tried on what is too long: some take time that grows with the square of the length.
        if self._counts(value, shape, place) and "pattern" in shape.metadata:
            wanted = shape.metadata["pattern"]
            if not pattern(wanted).fullmatch(value):
                return self._wrong(value, place, f"Member must satisfy regular expression pattern: {wanted}")
        return value

    def whole(self, value: Any, shape: Shape, place: str) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            return self._wrong(value, place, "Member must be an integer")
        most = _WHOLE[shape.type_name]
        if not -most <= value < most:
            return self._wrong(value, place, f"Member must have value less than or equal to {most - 1}")
        return self._ranged(value, shape, place)

    def number(self, value: Any, shape: Shape, place: str) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return self._wrong(value, place, "Member must be a number")
        if abs(value) > 1e308 or value != value:  # noqa: PLR0124
            return self._wrong(value, place, "Member must be a finite number")
        return self._ranged(float(value), shape, place)

    def boolean(self, value: Any, shape: Shape, place: str) -> Any:
        return value if isinstance(value, bool) else self._wrong(value, place, "Member must be true or false")

    def blob(self, value: Any, shape: Shape, place: str) -> Any:
        """Bytes, in base64; limits count the bytes."""
        if not isinstance(value, str):
            return self._wrong(value, place, "Member must be a text in base64")
        self._counts(value[: 3 * len(value) // 4], shape, place)
        return value

    def _present(self, value: Any, shape: Shape, place: str) -> Any:
        if value is None:
            return self._wrong(None, place, "Member must not be null")
        return self.read(value, shape, place)

    def _counts(self, value: Any, shape: Shape, place: str) -> bool:
        low, high, size = shape.metadata.get("min"), shape.metadata.get("max"), len(value)
        if high is not None and size > high:
            self._wrong(value, place, f"Member must have length less than or equal to {high}")
            return False
        if low is not None and size < low:
            self._wrong(value, place, f"Member must have length greater than or equal to {low}")
            return False
        return True

    def _ranged(self, value: Any, shape: Shape, place: str) -> Any:
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and value < low:
            return self._wrong(value, place, f"Member must have value greater than or equal to {low}")
        if high is not None and value > high:
            return self._wrong(value, place, f"Member must have value less than or equal to {high}")
        return value

    def _limit_names(self, value: Mapping[str, Any], shape: StructureShape, place: str) -> None:
        for name in value if self._closed else ():
            if name not in shape.members:
                self._wrong(value[name], f"{place}.{name}", "The structure has no such member")

    def _wrong(self, value: Any, place: str, constraint: str) -> Any:
        self.faults.append(fault(value, place, constraint))
        return value


_READERS = {
    "integer": "whole",
    "long": "whole",
    "float": "number",
    "double": "number",
    "timestamp": "number",
}


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict | list):  # it may be nested too deeply to be spelled out
        return "'{…}'" if isinstance(value, dict) else "'[…]'"
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    return f"'{text if len(text) <= SHOWN else f'{text[:SHOWN]}…'}'"
