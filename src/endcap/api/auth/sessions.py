"""Sessions of people at a browser: a signed cookie, and a word that each change must repeat.

The cookie says which access key signed in and until when, with an HMAC (SHA-256) by that key's secret: nothing is
stored, every process can check it, and revoking the key ends its sessions. It is HttpOnly and SameSite=Strict, and a
request that changes something must send the session's own word in a header too, which no other site can read.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from secrets import token_hex

from endcap.api.auth.received import Received, unknown
from endcap.api.wire import Refusal
from endcap.registry.keys import AccessKey
from endcap.types import Micros

COOKIE = "endcap_session"
WORD = b"x-endcap-csrf"
"""Header that repeats the session's word."""
LASTS = 12 * 3600
"""Seconds until one must sign in again."""
HARMLESS = ("GET", "HEAD", "OPTIONS")
_PARTS = 4
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's session: the id of the key that signed in, when it ends (seconds), its own random part."""

    key: str
    until: int
    own: str

    def cookie(self, secret: str, *, secure: bool = False) -> str:
        """The value of a `Set-Cookie` header."""
        value = f"{self.key}.{self.until}.{self.own}.{_signed(secret, 'cookie', self)}"
        safe = "; Secure" if secure else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={LASTS}; HttpOnly; SameSite=Strict{safe}"

    def word(self, secret: str) -> str:
        """What every change must repeat in `x-endcap-csrf`."""
        return _signed(secret, "word", self)


def begin(key: AccessKey, now: Micros) -> Session:
    """A new session of a key."""
    return Session(key.id, now // 1_000_000 + LASTS, token_hex(16))


def given(received: Received) -> tuple[Session, str] | None:
    """The session that a request's cookie names, and its signature; None where there is none that can be read."""
    for header in received.all(b"cookie"):
        for each in header.decode("latin-1").split(";"):
            name, _, value = each.strip().partition("=")
            parts = value.split(".")
            if name == COOKIE and len(value) <= _LONGEST and len(parts) == _PARTS and parts[1].isdecimal():
                return Session(parts[0], int(parts[1][:12]), parts[2]), parts[3]
    return None


def prove(received: Received, session: Session, signature: str, key: AccessKey | None, now: Micros) -> AccessKey:
    """The key that signed in. Raises `Refusal` (403) for a session that ended or was forged, or a change without its
    word."""
    if key is None or not _same(signature, _signed(key.secret, "cookie", session)):
        raise unknown()
    if session.until * 1_000_000 <= now:
        raise Refusal(403, "ExpiredTokenException", "The session has ended. Sign in again.")
    said = received.all(WORD)
    if received.method not in HARMLESS and not (
        len(said) == 1 and _same(said[0].decode("latin-1"), session.word(key.secret))
    ):
        raise Refusal(403, "AccessDeniedException", "A change must repeat the session's word in x-endcap-csrf.")
    return key


def _signed(secret: str, purpose: str, session: Session) -> str:
    text = f"endcap-session {purpose} {session.key} {session.until} {session.own}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode())


END = f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
"""The value of a `Set-Cookie` header that signs out."""
