"""Paths into calls: `item.price`, `event.params.items[]`, `call.user_id`, with the unit of a time after `@`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from endcap.errors import InputError
from endcap.types import MINUTE, SECOND

Root = Literal["item", "event", "call"]
LATEST = 253_402_300_800
"""Seconds until the year 10000."""
UNITS = {"s": SECOND, "ms": 1_000, "us": 1}


class Path(NamedTuple):
    """`keys` below a root; no keys is the root itself. `unit` is empty, `s`, `ms`, `us` or `iso`."""

    root: int
    keys: tuple[str, ...]
    unit: str = ""


ROOTS: tuple[Root, ...] = ("item", "event", "call")
ITEM, EVENT, CALL = range(3)


def parse_path(text: str) -> Path:
    """From how the table writes it. Raises `InputError`."""
    where, _, unit = text.partition("@")
    root, _, keys = where.partition(".")
    if root not in ROOTS:
        raise InputError(f"The path {text!r} starts with {root!r}, expected one of {', '.join(ROOTS)}.")
    return Path(ROOTS.index(root), tuple(key for key in keys.removesuffix("[]").split(".") if key), unit)


def first(paths: tuple[Path, ...], roots: tuple[Any, Any, Any]) -> Any:
    """What the first path finds that finds anything but null and empty text; None where none does."""
    for root, keys, unit in paths:
        value = roots[root]
        for key in keys:
            if type(value) is not dict:
                value = None
                break
            value = value.get(key)
        if value is None or value == "" or (not keys and type(value) in (dict, list)):
            continue
        return (value, unit) if unit else value
    return None


def lists(call: Any, keys: tuple[str, ...]) -> list[Any] | None:
    """The list at `a.b[]`, or the call itself as the only event; None where it is not there."""
    if keys == ("",):
        return call if isinstance(call, list) else [call]
    value = call
    for key in keys:
        value = value.get(key.removesuffix("[]")) if isinstance(value, dict) else None
    return value if isinstance(value, list) else None


def moment(given: Any, unit: str, now: int) -> int:
    """A time in microseconds. Without a unit a number's size tells: seconds, milliseconds or microseconds.

    More than 15 minutes ahead is a wrong clock's and becomes `now`. Raises `InputError`.
    """
    number: float | None = given if type(given) is int else _number(given)
    if number is None:
        number, unit = _iso(given), "s"
    elif not unit or unit == "iso":
        unit = "s" if number < 1e11 else "ms" if number < 1e14 else "us"
    exact = number * UNITS[unit]
    if not 0 <= exact < LATEST * SECOND:  # nor is any that is no number, or no finite one
        raise InputError(f"The time is {shown(given)}, expected a moment since 1970.")
    found = round(exact)
    return found if found <= now + 15 * MINUTE else now


def shown(given: Any) -> str:
    """What a message repeats of a value: little, and of lists and objects only what they are."""
    return repr(str(given)[:40]) if isinstance(given, str | int | float) else f"of the type {type(given).__name__}"


def _number(given: Any) -> float | None:
    if isinstance(given, bool):
        raise InputError(f"The time is {shown(given)}, expected a number or a time in ISO 8601.")
    if isinstance(given, int | float):
        return float(given)
    try:
        return float(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _iso(given: Any) -> float:
    try:
        told = datetime.fromisoformat(given)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"The time is {shown(given)}, expected a number or a time in ISO 8601.") from None
