"""The `nextToken` of lists: where a page ended, and of which list. Opaque to clients, checked when it comes back.

It is no secret and no permission: whatever it says, only the caller's own records are read. The digest tells a token
that was cut, changed, or taken from another list or account.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from typing import TypeVar

import msgspec

from endcap.api.wire import Refusal

T = TypeVar("T")
_DIGEST = 12


def write_token(place: object, *purpose: str) -> str:
    """A token for this place in the list that `purpose` names."""
    text = msgspec.json.encode(place)
    return base64.urlsafe_b64encode(_digest(text, purpose) + text).decode().rstrip("=")


def read_token(token: str, kind: type[T], *purpose: str) -> T:
    """The place. Raises `Refusal` (InvalidNextTokenException) for a token that this list never gave."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if raw[:_DIGEST] != _digest(raw[_DIGEST:], purpose):
            raise ValueError
        return msgspec.json.decode(raw[_DIGEST:], type=kind)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        message = "The nextToken is not valid for this list. Begin again without one."
        raise Refusal(400, "InvalidNextTokenException", message) from None


def _digest(text: bytes, purpose: tuple[str, ...]) -> bytes:
    return blake2b(
        text, digest_size=_DIGEST, key=blake2b("\0".join(purpose).encode(), digest_size=32).digest()
    ).digest()
