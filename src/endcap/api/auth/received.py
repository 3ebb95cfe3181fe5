"""A request as it arrived, before its body was read; and what is said to those whose credentials do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from endcap.api.wire import Refusal


@dataclass(frozen=True, slots=True)
class Received:
    """The exact bytes of a request's head: the path without its query, the query without its `?`.

    `headers` have their names in lower case and their order as sent.
    """

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]


def missing() -> Refusal:
    """No credentials at all."""
    fix = 'Sign the request, or send Authorization: Bearer ID:SECRET; eval "$(endcap env)" sets both up.'
    return Refusal(403, "MissingAuthenticationTokenException", f"Missing Authentication Token. {fix}")


def incomplete(message: str) -> Refusal:
    """Credentials that cannot be read."""
    return Refusal(403, "IncompleteSignatureException", message)


def unknown(why: str = "") -> Refusal:
    """A key that does not exist, was revoked, or whose bearer secret is wrong: which of them is not told."""
    said = "The security token included in the request is invalid."
    return Refusal(403, "UnrecognizedClientException", f"{said} {why}".strip())


def mismatch(message: str) -> Refusal:
    """A signature that does not fit what arrived."""
    return Refusal(403, "InvalidSignatureException", message)
