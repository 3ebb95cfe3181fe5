"""Words, texts, numbers and signs of the filter language, found by one regular expression, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from endcap.errors import InputError
from endcap.serving.filters.tree import REFUSED

Kind = Literal["word", "text", "number", "parameter", "sign", "end"]

MOST = 2500
"""Characters of an expression."""
_TOKEN = re.compile(
    r"""(?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
      | (?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?![A-Za-z0-9_.]))
      | (?P<parameter>\$[A-Za-z0-9_]{1,50}(?![A-Za-z0-9_]))
      | (?P<sign><=|>=|!=|[=<>().,|])""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"\s*")
_ESCAPED = re.compile(r"\\([\"'\\])")
_LARGEST = 2**63
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the expression as written; `position` counts characters from 1."""

    kind: Kind
    text: str
    position: int

    @property
    def word(self) -> str:
        """Upper-case, for comparison with keywords; empty where it is no word."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(text: str) -> list[Token]:
    """The pieces of an expression and an `end`. Raises `InputError` naming the first character that begins none."""
    if not text.strip():
        raise InputError(f"{REFUSED}The expression is empty.", fix="Begin with INCLUDE or EXCLUDE.")
    if len(text) > MOST:
        raise InputError(f"{REFUSED}The expression has {len(text):,} characters, at most {MOST:,} are allowed.")
    found, place = [], _spaces(text, 0)
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _stray(text, place)
        found.append(Token(match.lastgroup, match[0], place + 1))  # type: ignore[arg-type]  # the groups are the kinds
        place = _spaces(text, match.end())
    return [*found, Token("end", "", len(text) + 1)]


def unquoted(text: str) -> str:
    r"""What a quoted text says: \" \' and \\ stand for themselves, any other backslash is one."""
    return _ESCAPED.sub(r"\1", text[1:-1])


def number(text: str) -> int | float:
    """The number as written: int where it is whole and fits into 64 bits."""
    try:
        whole = int(text)
    except ValueError:
        return float(text)
    return whole if -_LARGEST <= whole < _LARGEST else float(text)


def unexpected(token: Token, expected: str, fix: str = "") -> InputError:
    """The service's words for an expression that goes wrong at a token."""
    symbol = token.text if len(token.text) <= _SHOWN else f"{token.text[:_SHOWN]}…"
    shown = symbol if token.kind != "end" else "end of expression"
    return InputError(
        f"{REFUSED}Invalid input symbol: {shown} at position {token.position}, expected {expected}.", fix=fix
    )


def _spaces(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match is not None
    return match.end()


def _stray(text: str, place: int) -> InputError:
    sign = text[place]
    shown = sign if sign.isprintable() else repr(sign)
    where = f"{REFUSED}Invalid input symbol: {shown} at position {place + 1}, expected "
    if sign in "\"'":
        return InputError(f"{where}a closing quote ({sign}) for the text that begins there.")
    if sign in "“”„‘’":
        return InputError(f'{where}straight quotes (").')
    if sign == "$":
        return InputError(f"{where}$ and a parameter name of 1 to 50 letters, digits and underscores.")
    if sign.isdigit() or sign in "+-":
        return InputError(f"{where}a number such as 10, -3 or 19.99.")
    return InputError(f"{where}a keyword, a field, a value or one of = != < <= > >= ( ) , |.")
