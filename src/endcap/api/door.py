"""The one door: raw-path table → host → length limit → admission → who calls → quota → handler.

No route exists outside its table, and none without a caller unless its row says so.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from endcap.api.auth.authenticator import Authenticator
from endcap.api.auth.received import Received
from endcap.api.auth.sessions import HARMLESS, WORD
from endcap.api.callers import NOBODY, Access, Caller
from endcap.api.metrics import Metrics
from endcap.api.wire import Refusal, Reply, invalid
from endcap.errors import EndcapError, InputError, UnknownName

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

IN_FLIGHT = 1024
"""Requests inside at once; more are turned away at once, before their bodies are read."""
BODY_SECONDS = 20.0
"""How long a body may take to arrive."""
JSON_TYPES = (b"application/json", b"application/x-amz-json-1.1", b"application/x-amz-json-1.0")
ANY = "{}"
BELOW = b"/*"
BODILESS = ("GET", "OPTIONS", "DELETE")
SCHEMES = (b"bearer", b"aws4-hmac-sha256")
LOOPBACK = (b"127.0.0.1", b"localhost", b"[::1]")

_log = logging.getLogger("endcap.api")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a handler is given: the body, whole, and the request's headers."""

    body: bytes
    headers: Sequence[tuple[bytes, bytes]]
    query: bytes = b""
    """What follows the `?` of the path."""
    caller: Caller = NOBODY
    """Who asks: someone on every row that is not public, `NOBODY` on those that are."""
    local: bool = False
    """Whether the server listens on loopback, so that whoever asks sits at this machine."""
    client: str = ""
    """The address that the connection comes from."""
    part: str = ""
    """What stands in the path where the row's has `{…}`, decoded."""
    chunks: AsyncIterator[bytes] | None = None
    """Of a row that streams: the body as it arrives, in pieces; `body` is empty then. Raises `Refusal`."""

    def values(self) -> dict[str, str]:
        """The query's names and values, the last of each name. Raises `Refusal` (400) for very many."""
        try:
            return dict(parse_qsl(self.query.decode("latin-1"), max_num_fields=32)) if self.query else {}
        except ValueError:
            raise invalid("The query has more than 32 values.") from None

    def header(self, name: bytes) -> bytes:
        """The first value of a header (name in lower case), empty where there is none."""
        return next((value for key, value in self.headers if key == name), b"")


Handler = Callable[[Exchange], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table; `limit` is bytes of body. The last segment of a path, or the one before it, may be
    `{NAME}`, which any one segment fits; a path that ends in `/*` has everything below it that no other row has.

    `public` rows are open to everyone, `local` ones to everyone while the server listens on loopback. `access` is what
    the caller's role must allow; rows without one ask for it in their handlers, or are open to any key.
    `claims` marks public rows that take an access key where one is sent, `types` are further content types of a row.
    `streams` rows get their body piece by piece: a session or a bearer key opens them, a signature over it does not.
    `guarded` rows count against admission; health must answer when everything else is refused.
    """

    method: str
    path: str
    handler: Handler
    limit: int = 0
    public: bool = False
    guarded: bool = True
    access: Access | None = None
    local: bool = False
    claims: bool = False
    types: tuple[bytes, ...] = ()
    streams: bool = False


Quota = Callable[[Caller, Route], None]
"""Asked before each request's handler; raises `Refusal` (429) for a tenant that asks too much."""


class Door:
    """The ASGI application."""

    def __init__(
        self,
        routes: Sequence[Route],
        metrics: Metrics,
        authenticator: Authenticator,
        *,
        loopback: bool = True,
        quota: Quota | None = None,
        access_log: bool = False,
    ) -> None:
        self._table: dict[bytes, dict[str, Route]] = {}
        for route in routes:
            self._table.setdefault(_place(route.path), {})[route.method] = route
        self._below = {place[:-1]: methods for place, methods in self._table.items() if place.endswith(BELOW)}
        self._metrics, self._authenticator, self._access_log = metrics, authenticator, access_log
        self._loopback, self._quota = loopback, quota
        self.in_flight = 0
        self.draining = False

    @property
    def routes(self) -> list[Route]:
        """Every row of the table."""
        return [route for methods in self._table.values() for route in methods.values()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Whatever happens inside, the client gets a reply in the wire's shape."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        name, self.in_flight = "none", self.in_flight + 1
        try:
            route = self._find(scope)
            name = route.path
            reply = await self._enter(route, scope, receive)
        except Refusal as refusal:
            reply = refusal.reply()
        except _GoneError:
            return
        except EndcapError as error:
            reply = _refusal(error).reply()
        except Exception:
            _log.exception("%s %s failed", scope["method"], name)
            reply = Refusal(500, "InternalServerException", "The request failed; the server's log says why.").reply()
        finally:
            self.in_flight -= 1
        seconds = time.perf_counter() - started
        self._metrics.observe(name, reply.status, seconds)
        if self._access_log:
            _log.info('{"path": "%s", "status": %d, "ms": %.3f}', name, reply.status, seconds * 1e3)
        await self._send(reply, send)

    def _find(self, scope: Scope) -> Route:
        path: bytes = scope["raw_path"]
        methods = self._table.get(path) or self._table.get(_without(path, -1)) or self._table.get(_without(path, -2))
        if methods is None and self._below:
            methods = next((found for place, found in self._below.items() if path.startswith(place)), None)
        if methods is None:
            fix = "GET / lists what is served here."
            raise Refusal(404, "UnknownOperationException", f"There is nothing at this path. {fix}")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(methods)
            headers = ((b"allow", allowed.encode()),)
            raise Refusal(405, "UnknownOperationException", f"This path takes {allowed}.", headers)
        return route

    async def _enter(self, route: Route, scope: Scope, receive: Receive) -> Reply:
        kind = self._admit(route, scope["headers"])
        query, claim = scope.get("query_string", b""), None
        if not (route.public or (route.local and self._loopback)) or (route.claims and _is_signed(scope)):
            received = Received(scope["method"], scope["raw_path"], query, scope["headers"])
            claim = await self._authenticator.claim(received)
        if (claim is None or self._authenticator.is_open) and not (route.public or route.method in HARMLESS):
            _require_own_page(scope["headers"])
        body = b""
        if route.method not in BODILESS:
            if kind.partition(b";")[0].strip().lower() not in (*JSON_TYPES, *route.types):
                raise invalid("Only JSON is taken here. Send content-type: application/json.", 415)
            body = b"" if route.streams else await _body(receive, route.limit)
        caller = NOBODY
        if claim is not None:
            caller = claim.prove(body)
            if route.access is not None:
                caller.require(route.access)
            if self._quota is not None:
                self._quota(caller, route)
        client = scope.get("client")
        address = client[0] if client else ""
        part = _part(scope["raw_path"], route.path) if "{" in route.path else ""
        chunks = _chunks(receive, route.limit) if route.streams else None
        return await route.handler(
            Exchange(body, scope["headers"], query, caller, self._loopback, address, part, chunks)
        )

    def _admit(self, route: Route, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Refuse what can be refused by the looks of it; the content type of the rest."""
        length = kind = b""
        for name, value in headers:
            if name == b"content-length":
                length = value
            elif name == b"content-type":
                kind = value
            elif name == b"host" and self._loopback:
                _require_loopback(value)
        if length and int(length) > route.limit and route.method != "GET":
            raise _too_long(route.limit)
        if self.in_flight > IN_FLIGHT and route.guarded:
            after = ((b"retry-after", b"1"),)
            raise Refusal(503, "ServiceUnavailableException", "Too many requests at once; try again.", after)
        return kind

    async def _send(self, reply: Reply, send: Send) -> None:
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


def _place(pattern: str) -> bytes:
    """Where a row is in the table: the name of its variable part does not count."""
    return "/".join(ANY if segment.startswith("{") else segment for segment in pattern.split("/")).encode()


def _without(path: bytes, place: int) -> bytes:
    """A path with a variable part in this place, counted from the end."""
    segments = path.split(b"/")
    if len(segments) > -place:
        segments[place] = ANY.encode()
    return b"/".join(segments)


def _part(path: bytes, pattern: str) -> str:
    """What stands where a row's path has its variable part."""
    place = next(at for at, segment in enumerate(pattern.split("/")) if segment.startswith("{"))
    return unquote(path.split(b"/")[place].decode("latin-1"))


class _GoneError(Exception):
    """The client hung up before its request was whole."""


def _is_signed(scope: Scope) -> bool:
    """Whether a request carries an access key: what other schemes say is for the handler."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    return any(value.partition(b" ")[0].lower() in SCHEMES for value in values)


async def _body(receive: Receive, limit: int) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            body: bytes = message.get("body", b"")
            if len(body) > limit:
                raise _too_long(limit)
            if not message.get("more_body"):
                return body
            parts, size = [body], len(body)
            while message.get("more_body"):
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _GoneError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise _too_long(limit)
            return b"".join(parts)
    except TimeoutError:
        raise invalid(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.", 408) from None


async def _chunks(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The pieces of a body. As many bytes as it likes up to the limit, but never a silence of `BODY_SECONDS`."""
    size, more = 0, True
    while more:
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except TimeoutError:
            raise invalid(f"Nothing of the body arrived for {BODY_SECONDS:.0f} seconds.", 408) from None
        if message["type"] == "http.disconnect":
            raise _GoneError
        piece, more = message.get("body", b""), bool(message.get("more_body"))
        size += len(piece)
        if size > limit:
            raise _too_long(limit)
        if piece:
            yield piece


def _too_long(limit: int) -> Refusal:
    # The rest of the body is not read, so the connection cannot be used again.
    refusal = invalid(f"The body is longer than {limit} bytes.", 413)
    refusal.headers = ((b"connection", b"close"),)
    return refusal


def _require_loopback(host: bytes) -> None:
    """Refuse names that only look local to a browser: a page elsewhere may point its own name at this address."""
    if not _is_loopback(host):
        raise Refusal(421, "InvalidInputException", "This server answers to 127.0.0.1 and localhost only.")


def _require_own_page(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse changes that a page from elsewhere makes a browser send to whoever sits at this machine."""
    told = {name: value for name, value in headers if name in (b"origin", WORD)}
    if WORD not in told and not _is_loopback(told.get(b"origin", b"//localhost").partition(b"//")[2]):
        raise Refusal(403, "AccessDeniedException", "Pages of other sites may not change anything here.")


def _is_loopback(host: bytes) -> bool:
    """Of a host as URLs and headers name it, with or without a port."""
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    return name.lower() in LOOPBACK


def _refusal(error: EndcapError) -> Refusal:
    if isinstance(error, UnknownName):
        return Refusal(404, "ResourceNotFoundException", str(error))
    if isinstance(error, InputError):
        return invalid(str(error))
    return Refusal(503, "ServiceUnavailableException", str(error))
