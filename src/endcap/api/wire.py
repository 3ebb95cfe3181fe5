"""What goes through the door: exchanges, replies, refusals, and JSON read strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

Headers = tuple[tuple[bytes, bytes], ...]
JSON_HEADERS: Headers = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: status, body, headers without the length."""

    status: int
    body: bytes
    headers: Headers = JSON_HEADERS


class Refusal(Exception):
    """A request that is answered with an error: HTTP status, Personalize's name for it, and what to do about it."""

    def __init__(self, status: int, kind: str, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.headers = status, kind, message, headers

    def reply(self) -> Reply:
        """In the shape by which AWS clients find the exception's class."""
        body = msgspec.json.encode({"__type": self.kind, "message": self.message})
        return Reply(self.status, body, (*JSON_HEADERS, (b"x-amzn-errortype", self.kind.encode()), *self.headers))


def invalid(message: str, status: int = 400) -> Refusal:
    """The caller's mistake."""
    return Refusal(status, "InvalidInputException", message)


def read_json(body: bytes) -> Any:
    """The value in a body of strict JSON. Raises `Refusal` (400).

    Stricter than the standard library: UTF-8 only, no NaN or infinities, no key twice, no half surrogates, and no
    nesting deeper than the interpreter's stack.
    """
    try:
        text = body.decode("utf-8")
        value = _STRICT.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise invalid("The body is nested too deeply.") from None
    except UnicodeError:
        raise invalid("The body is not UTF-8, or holds half a surrogate pair.") from None
    except ValueError as error:
        raise invalid(f"The body is not JSON: {error}.") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:64]!r} occurs twice")
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:32]} is too large")
    return value


_STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
