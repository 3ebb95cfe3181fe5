"""Who a request comes from: told from its head before its body is read, proven once the body is there."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Protocol

from endcap.api.auth import sessions, sigv4
from endcap.api.auth.received import Received, incomplete, missing, unknown
from endcap.api.auth.ring import KeyRing
from endcap.api.callers import Caller
from endcap.registry.keys import AccessKey, Keys
from endcap.seams import Clock, SystemClock
from endcap.settings import Settings
from endcap.types import AccountKey

SERVICES = (b"personalize", b"sagemaker", b"kinesis")
"""What signatures may be scoped to: the signing names of the services that are answered here."""
LONGEST = 8192
"""Bytes of an `Authorization` header or a signed query."""
REGION = b"x-endcap-region"
"""Header by which a bearer names another region than the settings'."""
_REGION = re.compile(r"[a-z0-9-]{1,32}")


class Claim(Protocol):
    """Credentials that look right."""

    def prove(self, body: bytes) -> Caller:
        """The caller, once the body is known. Raises `Refusal`."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Nothing in the body matters any more."""

    caller: Caller

    def prove(self, body: bytes) -> Caller:
        del body
        return self.caller


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that covers the body."""

    verifier: sigv4.Verifier
    signature: sigv4.Signature
    key: AccessKey

    def prove(self, body: bytes) -> Caller:
        self.verifier.verify(self.signature, self.key.secret, body)
        return Caller(AccountKey(self.key.account, self.signature.region.decode()), self.key.role, self.key.id)


class Authenticator:
    """Finds out who calls. With `settings.auth` off, everyone is the account's admin."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        *,
        clock: Clock | None = None,
        services: tuple[bytes, ...] = SERVICES,
    ) -> None:
        self._ring, self._clock, self._region = KeyRing(keys), clock or SystemClock(), settings.region
        self._verifier = sigv4.Verifier(services, settings.region)
        self._open = None if settings.auth else Proven(Caller(settings.account_key, "admin"))

    @property
    def is_open(self) -> bool:
        """Whether everyone is let in."""
        return self._open is not None

    async def claim(self, received: Received) -> Claim:
        """What a request's head says about its sender; cheap, so that bodies of strangers are never read.

        Raises `Refusal` (403) for credentials that are missing, malformed, out of date or of no known key.
        """
        if self._open is not None:
            return self._open
        values = received.all(b"authorization")
        in_query = sigv4.is_signed_query(received.query)
        if not values and not in_query:
            return await self._session(received)
        if len(values) + in_query > 1:
            raise incomplete("Several credentials were sent. Send one Authorization header, or a signed query.")
        if len(received.query if in_query else values[0]) > LONGEST:
            raise incomplete(f"The credentials are longer than {LONGEST} bytes.")
        if in_query:
            return await self._signed(sigv4.read_query(received))
        scheme, _, rest = values[0].partition(b" ")
        if scheme.lower() == b"bearer":
            return await self._bearer(received, rest.strip())
        return await self._signed(sigv4.read_header(received, values[0]))

    async def _signed(self, signature: sigv4.Signature) -> Claim:
        self._verifier.check(signature, self._clock.now())
        key = await self._ring.find(signature.key)
        if key is None:
            raise unknown()
        return Signed(self._verifier, signature, key)

    async def _session(self, received: Received) -> Claim:
        found = sessions.given(received)
        if found is None:
            raise missing()
        session, signature = found
        key = await self._ring.find(session.key)
        key = sessions.prove(received, session, signature, key, self._clock.now())
        return Proven(Caller(AccountKey(key.account, self._region), key.role, key.id))

    async def _bearer(self, received: Received, token: bytes) -> Claim:
        identity, colon, secret = token.partition(b":")
        if not colon or not secret or not token.isascii():
            raise incomplete("A bearer token is ID:SECRET of an access key.")
        given = received.all(REGION)
        region = given[0].decode("ascii", "replace") if given else self._region
        if len(given) > 1 or not _REGION.fullmatch(region):
            raise incomplete("x-endcap-region is no region's name.")
        key = await self._ring.find(identity.decode())
        if key is None or not hmac.compare_digest(key.secret.encode(), secret):
            raise unknown()
        return Proven(Caller(AccountKey(key.account, region), key.role, key.id))
