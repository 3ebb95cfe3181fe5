"""The one door: raw-path table → host → length limit → admission → handler. No route exists outside its table."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from endcap.api.callers import Caller
from endcap.api.metrics import Metrics
from endcap.api.wire import Refusal, Reply, invalid
from endcap.errors import EndcapError, InputError, UnknownName
from endcap.types import AccountKey

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

IN_FLIGHT = 1024
"""Requests inside at once; more are turned away at once, before their bodies are read."""
BODY_SECONDS = 20.0
"""How long a body may take to arrive."""
JSON_TYPES = (b"application/json", b"application/x-amz-json-1.1", b"application/x-amz-json-1.0")
LOOPBACK = (b"127.0.0.1", b"localhost", b"[::1]")

_log = logging.getLogger("endcap.api")


NOBODY = Caller(AccountKey(), "admin")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a handler is given: the body, whole, and the request's headers."""

    body: bytes
    headers: Sequence[tuple[bytes, bytes]]
    query: bytes = b""
    """What follows the `?` of the path."""
    caller: Caller = NOBODY
    """Who asks; always someone on rows that are not public."""

    def header(self, name: bytes) -> bytes:
        """The first value of a header (name in lower case), empty where there is none."""
        return next((value for key, value in self.headers if key == name), b"")


Handler = Callable[[Exchange], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table. `public` rows will stay open when authentication comes; `limit` is bytes of body.

    `guarded` rows count against admission; health must answer when everything else is refused.
    """

    method: str
    path: str
    handler: Handler
    limit: int = 0
    public: bool = False
    guarded: bool = True


class Door:
    """The ASGI application."""

    def __init__(self, routes: Sequence[Route], metrics: Metrics, *, access_log: bool = False) -> None:
        self._table: dict[bytes, dict[str, Route]] = {}
        for route in routes:
            self._table.setdefault(route.path.encode(), {})[route.method] = route
        self._metrics, self._access_log = metrics, access_log
        self.in_flight = 0
        self.draining = False

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
        methods = self._table.get(scope["raw_path"])
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
        headers = scope["headers"]
        length = kind = b""
        for name, value in headers:
            if name == b"content-length":
                length = value
            elif name == b"content-type":
                kind = value
            elif name == b"host":
                _require_loopback(value)
        if length and int(length) > route.limit and route.method != "GET":
            raise _too_long(route.limit)
        if self.in_flight > IN_FLIGHT and route.guarded:
            after = ((b"retry-after", b"1"),)
            raise Refusal(503, "ServiceUnavailableException", "Too many requests at once; try again.", after)
        body = b""
        if route.method != "GET":
            if kind.partition(b";")[0].strip().lower() not in JSON_TYPES:
                raise invalid("Only JSON is taken here. Send content-type: application/json.", 415)
            body = await _body(receive, route.limit)
        return await route.handler(Exchange(body, headers, scope.get("query_string", b"")))

    async def _send(self, reply: Reply, send: Send) -> None:
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


class _GoneError(Exception):
    """The client hung up before its request was whole."""


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


def _too_long(limit: int) -> Refusal:
    # The rest of the body is not read, so the connection cannot be used again.
    refusal = invalid(f"The body is longer than {limit} bytes.", 413)
    refusal.headers = ((b"connection", b"close"),)
    return refusal


def _require_loopback(host: bytes) -> None:
    """Refuse names that only look local to a browser: a page elsewhere may point its own name at this address."""
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    if name.lower() not in LOOPBACK:
        raise Refusal(421, "InvalidInputException", "This server answers to 127.0.0.1 and localhost only.")


def _refusal(error: EndcapError) -> Refusal:
    if isinstance(error, UnknownName):
        return Refusal(404, "ResourceNotFoundException", str(error))
    if isinstance(error, InputError):
        return invalid(str(error))
    return Refusal(503, "ServiceUnavailableException", str(error))
