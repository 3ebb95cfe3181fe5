"""AWS signature version 4, in a header or in the query: read before the body, verified over body and all.

Strict where AWS is: host, date and every `x-amz-…` header must be signed, the body must be hashed, a signature is good
for 15 minutes around its date. Requests may come twice: clients retry with the same signature, so none is remembered.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import unquote_to_bytes

from endcap.api.auth.canonical import canonical_request, grouped
from endcap.api.auth.received import Received, incomplete, mismatch, unknown
from endcap.api.wire import Refusal
from endcap.types import MINUTE, SECOND, Micros

ALGORITHM = b"AWS4-HMAC-SHA256"
TERMINATOR = b"aws4_request"
TOLERANCE = 15 * MINUTE
LONGEST_EXPIRY = 7 * 24 * 3600
"""Seconds that a presigned request may be good for, as in AWS."""
LONGEST_REGION = 32
KEYS_KEPT = 1024
"""Derived keys that are remembered: one for each access key, day, region and service in use."""
_PARAMETERS = (b"Credential", b"SignedHeaders", b"Signature")
_REGION = re.compile(rb"[a-z]{2,}(-[a-z]+)+-\d{1,2}")
_FORM = "%Y%m%dT%H%M%SZ"
_HEXADECIMAL = frozenset(b"0123456789abcdef")
_FIRST_NAME = b"x-amz-"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request's credentials say, nothing of it verified but the form."""

    received: Received
    headers: Mapping[bytes, bytes]
    query: bytes
    key: str
    day: bytes
    region: bytes
    service: bytes
    stamp: bytes
    signed: tuple[bytes, ...]
    signature: bytes
    expires: int
    """Seconds; 0 for a signature in the header."""


def is_signed_query(query: bytes) -> bool:
    """Whether a request carries its signature in its query."""
    return b"X-Amz-Signature=" in query or b"X-Amz-Algorithm=" in query


def read_header(received: Received, authorization: bytes) -> Signature:
    """From `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`. Raises `Refusal`."""
    algorithm, _, rest = authorization.partition(b" ")
    _require_algorithm(algorithm)
    parts = [part.strip().partition(b"=") for part in rest.split(b",")]
    given = {name: value for name, _, value in parts}
    absent = [name.decode() for name in _PARAMETERS if not given.get(name)]
    if absent:
        raise incomplete(" ".join(f"Authorization header requires '{name}' parameter." for name in absent))
    if len(parts) != len(_PARAMETERS):
        raise incomplete(f"Authorization header has {len(parts)} parameters, expected each of 3 once.")
    headers = grouped(received.headers)
    stamp = headers.get(b"x-amz-date") or _stamp_of_date(headers.get(b"date", b""))
    credential, signed, signature = (given[name] for name in _PARAMETERS)
    return _signature(received, headers, (received.query, credential, signed, signature, stamp), 0)


def read_query(received: Received) -> Signature:
    """From the parameters `X-Amz-Algorithm`, `-Credential`, `-Date`, `-Expires`, `-SignedHeaders` and `-Signature`.

    Raises `Refusal`.
    """
    pairs = [pair.partition(b"=") for pair in received.query.split(b"&")]
    given = {name: unquote_to_bytes(value) for name, _, value in pairs if name.startswith(b"X-Amz-")}
    if len(given) != sum(name.startswith(b"X-Amz-") for name, _, _ in pairs):
        raise incomplete("A parameter of the signature occurs twice in the query.")
    _require_algorithm(given.get(b"X-Amz-Algorithm", b""))
    names = (b"X-Amz-Credential", b"X-Amz-SignedHeaders", b"X-Amz-Signature", b"X-Amz-Date", b"X-Amz-Expires")
    absent = [name.decode() for name in names if not given.get(name)]
    if absent:
        raise incomplete(" ".join(f"AWS query-string parameters must include '{name}'." for name in absent))
    if b"X-Amz-Security-Token" in given:
        raise _no_tokens()
    if b"X-Amz-Content-Sha256" in given:
        raise incomplete("X-Amz-Content-Sha256 is no parameter here: the body's hash is signed anyway.")
    expires = given[b"X-Amz-Expires"]
    if not (expires.isdigit() and len(expires) <= 6 and 1 <= int(expires) <= LONGEST_EXPIRY):
        raise incomplete(f"X-Amz-Expires must be 1 to {LONGEST_EXPIRY} seconds.")
    query = b"&".join(name + equals + value for name, equals, value in pairs if name != b"X-Amz-Signature")
    headers = grouped(received.headers)
    credential, signed, signature, stamp = (given[name] for name in names[:4])
    return _signature(received, headers, (query, credential, signed, signature, stamp), int(expires))


class Verifier:
    """Verifies signatures for the services of these signing names, in any region of AWS and in `region`."""

    def __init__(self, services: tuple[bytes, ...] = (b"personalize",), region: str = "us-east-1") -> None:
        self._services, self._region = services, region.encode()
        self._derived: dict[tuple[str, bytes, bytes, bytes], bytes] = {}

    def check(self, signature: Signature, now: Micros) -> None:
        """Everything that can be told without secret and body. Raises `Refusal`."""
        region = signature.region
        if region != self._region and (len(region) > LONGEST_REGION or not _REGION.fullmatch(region)):
            raise mismatch(f"Credential should be scoped to a valid region, not '{_shown(region)}'.")
        if signature.service not in self._services:
            names = "', '".join(name.decode() for name in self._services)
            raise mismatch(f"Credential should be scoped to correct service: '{names}'.")
        if signature.day != signature.stamp[:8]:
            day, stamp = signature.day.decode("ascii", "replace"), signature.stamp.decode("ascii", "replace")
            raise mismatch(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{day}' != '{stamp[:8]}', from '{stamp}'."
            )
        _require_time(signature, now)

    def verify(self, signature: Signature, secret: str, body: bytes) -> None:
        """That the key's owner signed exactly this request. Raises `Refusal`."""
        payload = sha256(body).hexdigest().encode()
        told = signature.headers.get(b"x-amz-content-sha256")
        if told is not None and told != payload:
            raise mismatch(_wrong_hash(told))
        request = canonical_request(signature.received, signature.query, signature.headers, signature.signed, payload)
        digest = sha256(request).hexdigest().encode()
        scope = b"/".join((signature.day, signature.region, signature.service, TERMINATOR))
        place = (signature.key, signature.day, signature.region, signature.service)
        known = self._derived.get(place)
        derived = known or _derive(secret, signature)
        text = b"\n".join((ALGORITHM, signature.stamp, scope, digest))
        if not hmac.compare_digest(hmac.digest(derived, text, "sha256").hex().encode(), signature.signature):
            raise mismatch(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                "Access Key and signing method. Consult the service documentation for details. "
                f"The canonical request of what arrived here has the SHA-256 {digest.decode()}."
            )
        if known is None:
            # Kept only now: nobody without the secret can fill the table.
            if len(self._derived) >= KEYS_KEPT:
                del self._derived[next(iter(self._derived))]
            self._derived[place] = derived


def _signature(
    received: Received, headers: Mapping[bytes, bytes], given: tuple[bytes, bytes, bytes, bytes, bytes], expires: int
) -> Signature:
    query, credential, signed_names, signature, stamp = given
    scope = credential.split(b"/")
    if len(scope) != 5 or not credential.isascii():
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements: KEY/DATE/REGION/SERVICE/aws4_request."
        )
    key, day, region, service, terminator = scope
    if terminator != TERMINATOR:
        raise mismatch(
            f"Credential should be scoped with a valid terminator: 'aws4_request', not '{_shown(terminator)}'."
        )
    if len(signature) != 64 or not _HEXADECIMAL.issuperset(signature):
        raise incomplete("Signature must be 64 lower-case hexadecimal digits.")
    signed = tuple(signed_names.split(b";"))
    _require_signed(headers, signed, by_header=not expires)
    if b"x-amz-security-token" in headers:
        raise _no_tokens()
    return Signature(received, headers, query, key.decode(), day, region, service, stamp, signed, signature, expires)


def _require_algorithm(algorithm: bytes) -> None:
    if algorithm != ALGORITHM:
        raise incomplete(f"Unsupported AWS 'algorithm': '{_shown(algorithm)}'. Sign with {ALGORITHM.decode()}.")


def _require_signed(headers: Mapping[bytes, bytes], signed: tuple[bytes, ...], *, by_header: bool) -> None:
    if list(signed) != sorted(set(signed)):
        raise incomplete("SignedHeaders must be in lower case, sorted, each once.")
    if b"host" not in signed:
        raise mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if by_header and b"x-amz-date" not in headers and b"date" not in signed:
        raise mismatch("'X-Amz-Date' or 'Date' must be a 'SignedHeader' in the AWS Authorization.")
    for name in headers:
        if name.startswith(_FIRST_NAME) and name not in signed:
            raise mismatch(f"'{_shown(name)}' must be a 'SignedHeader' in the AWS Authorization.")
    for name in signed:
        if name not in headers:
            raise mismatch(f"The signed header '{_shown(name)}' did not arrive; a proxy may have taken it away.")


def _stamp_of_date(value: bytes) -> bytes:
    """A `Date` header in the form of `X-Amz-Date`."""
    try:
        moment = parsedate_to_datetime(value.decode("ascii"))
        return moment.astimezone(UTC).strftime(_FORM).encode()
    except (ValueError, TypeError, OverflowError):
        raise incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        ) from None


def _require_time(signature: Signature, now: Micros) -> None:
    stamp = signature.stamp
    moment = _moment(stamp)
    allowed = signature.expires * SECOND or TOLERANCE
    if moment < now - allowed:
        window = f"{signature.expires} sec." if signature.expires else "15 min."
        limit = f"{_text(now - allowed)} ({_text(now)} - {window})"
        raise mismatch(f"Signature expired: {stamp.decode()} is now earlier than {limit}")
    if moment > now + TOLERANCE:
        limit = f"{_text(now + TOLERANCE)} ({_text(now)} + 15 min.)"
        raise mismatch(f"Signature not yet current: {stamp.decode()} is still later than {limit}")


def _moment(stamp: bytes) -> Micros:
    day, clock = stamp[:8], stamp[9:15]
    try:
        if len(stamp) != 16 or stamp[8:9] != b"T" or stamp[15:] != b"Z" or not (day + clock).isdigit():
            raise ValueError
        year, month, date = int(day[:4]), int(day[4:6]), int(day[6:])
        at = datetime(year, month, date, int(clock[:2]), int(clock[2:4]), int(clock[4:]), tzinfo=UTC)
    except ValueError:
        raise incomplete(f"Date must be in ISO-8601 'basic format'. Got '{_shown(stamp)}'.") from None
    return Micros(int(at.timestamp()) * SECOND)


def _derive(secret: str, signature: Signature) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (signature.day, signature.region, signature.service, TERMINATOR):
        key = hmac.digest(key, part, "sha256")
    return key


def _wrong_hash(told: bytes) -> str:
    if told == b"UNSIGNED-PAYLOAD" or told.startswith(b"STREAMING-"):
        return f"x-amz-content-sha256 is {_shown(told)}: bodies must be signed whole here. Send their SHA-256."
    return "The value passed in x-amz-content-sha256 does not match the body's SHA-256."


def _no_tokens() -> Refusal:
    return unknown("It is a session token, and none are issued here: unset AWS_SESSION_TOKEN.")


def _text(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime(_FORM)


def _shown(value: bytes) -> str:
    return value[:64].decode("ascii", "replace")
