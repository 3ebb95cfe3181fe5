"""`POST /collect`: events from pages and back ends in the dialects that shops already speak, into the same log.

An answer means what it means for PutEvents: what was accepted survives a power cut and the next request sees it. A bad
event is told, counted and set aside; it holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, TypeVar

import msgspec
from crawleruseragents import is_crawler

from endcap.api.acknowledging import settled
from endcap.api.collect.credentials import Sender, Senders
from endcap.api.door import Exchange, Route
from endcap.api.metrics import Metrics
from endcap.api.wire import JSON_HEADERS, Headers, Refusal, Reply, invalid
from endcap.errors import InputError, UnknownName
from endcap.registry.quotas import Rate
from endcap.registry.resources import Resources
from endcap.seams import Clock
from endcap.storage.log import Log, Offset, Record
from endcap.storage.set_aside import SetAside
from endcap.stream.collect import event_record
from endcap.stream.dialects import dialect, recognise
from endcap.stream.dialects.reading import Read, Rejected, TooMany, read
from endcap.types import ShopKey

LIMIT = 1 << 20
LARGE = 8_192
"""Bodies above this are read in a thread."""
CALLS_PER_SECOND = 2_000
"""Of one account: write keys are public, and anybody may copy one."""
LONGEST = 4 << 20
"""Bytes that a call's events may have in the log: each of the items of one event repeats what the event says."""
TOLD = 100
"""Rejected events that an answer names."""
PLAIN = b"text/plain"
"""What `sendBeacon` says of a text: the one type that a page may send elsewhere without asking first."""
PATHS: dict[str, str] = {
    "/collect": "",
    "/mp/collect": "ga4",
    "/v1/track": "segment",
    "/v1/identify": "segment",
    "/v1/page": "segment",
    "/v1/batch": "segment",
    "/com.snowplowanalytics.snowplow/tp2": "snowplow",
}
"""Where each dialect's own clients send to; at `/collect` the call itself tells."""
AGENT = 512
"""Bytes of a user agent that are looked at, and remembered."""
_DAY = (b"access-control-max-age", b"86400")
_DECODE = msgspec.json.Decoder().decode
_log = logging.getLogger("endcap.api")
T = TypeVar("T")


@dataclass(frozen=True)
class _Taken:
    read: Read
    records: list[Record]
    submitted: Future[tuple[Offset | None, ...]] | None


class Collect:
    """The handlers. `set_aside` keeps what was refused."""

    def __init__(self, resources: Resources, log: Log, metrics: Metrics, clock: Clock, set_aside: SetAside) -> None:
        self._senders, self._rate = Senders(resources), Rate(CALLS_PER_SECOND, time.monotonic)
        self._log, self._metrics, self._clock, self._set_aside = log, metrics, clock, set_aside

    def routes(self) -> tuple[Route, ...]:
        """Their rows of the table."""
        rows = [Route("GET", "/collect.js", self.snippet, public=True)]
        rows.append(Route("GET", "/collect/rejected", self.rejected, access="read"))
        for path, name in PATHS.items():
            handler = self._handler(name)
            rows.append(Route("POST", path, handler, LIMIT, public=True, claims=True, types=(PLAIN,)))
            rows.append(Route("OPTIONS", path, self.preflight, public=True))
        return tuple(rows)

    def _handler(self, name: str) -> Callable[[Exchange], Awaitable[Reply]]:
        async def collect(exchange: Exchange) -> Reply:
            return await self._collect(exchange, name)

        return collect

    async def _collect(self, exchange: Exchange, name: str) -> Reply:
        sender = await self._senders.of(exchange)
        headers = allowed(exchange) if sender.key is not None else JSON_HEADERS
        try:
            if not self._rate.admits(sender.shop.account):
                raise Refusal(429, "ThrottlingException", "Too many calls in this second; try again.")
            made = await aside_if_long(exchange, lambda: self._take(exchange, sender, name))
            if made.submitted is not None:
                await settled(self._log, made.submitted)
        except Refusal as refusal:
            raise Refusal(refusal.status, refusal.kind, refusal.message, (*refusal.headers, *headers[1:])) from None
        except TooMany as error:
            raise Refusal(413, "InvalidInputException", str(error), headers[1:]) from None
        except InputError as error:
            raise Refusal(400, "InvalidInputException", str(error), headers[1:]) from None
        self._metrics.taken("event", len(made.records))
        await self._refuse(sender.shop, made.read.rejected)
        return _told(made, headers)

    def _take(self, exchange: Exchange, sender: Sender, name: str) -> _Taken:
        """Read a call and submit what it says: from wherever that is done, for each thread it passes costs time."""
        call = decoded(exchange.body)
        wanted = name or exchange.values().get("dialect", "")
        try:
            spoken = dialect(wanted) if wanted else recognise(call)
        except UnknownName as error:
            raise invalid(str(error)) from None
        traffic = "internal" if sender.internal else "bot" if _is_bot(exchange.header(b"user-agent")[:AGENT]) else ""
        found = read(spoken, call, self._clock.now(), traffic)
        made = records(sender.shop, found)
        return _Taken(found, made, self._log.submit(made) if made else None)

    async def _refuse(self, shop: ShopKey, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        self._metrics.taken("rejected", len(rejected))
        now = self._clock.now()
        told = ({"time": now, "index": each.index, "reason": each.reason, "event": each.event} for each in rejected)
        await asyncio.to_thread(kept_aside, self._set_aside, shop, told)

    async def preflight(self, exchange: Exchange) -> Reply:
        """Whether a page of this origin may send more than plain text. Browsers ask without the headers that they will
        send, so a page names its key in the query."""
        await self._senders.of(exchange)
        methods = (b"access-control-allow-methods", b"POST")
        names = (b"access-control-allow-headers", b"content-type, authorization, x-endcap-write-key")
        return Reply(204, b"", (*allowed(exchange)[1:], methods, names, _DAY))

    async def snippet(self, exchange: Exchange) -> Reply:
        """The script that a shop's pages load."""
        kind = (b"content-type", b"text/javascript; charset=utf-8")
        return Reply(
            200, script(), (kind, (b"cache-control", b"public, max-age=3600"), (b"access-control-allow-origin", b"*"))
        )

    async def rejected(self, exchange: Exchange) -> Reply:
        """What was set aside of a shop, as JSON lines: `?shop=NAME`."""
        name = exchange.values().get("shop", "")
        try:
            shop = ShopKey(exchange.caller.account, name)
        except ValueError as error:
            raise invalid(f"{error}. Write /collect/rejected?shop=NAME.") from None
        kept = await asyncio.to_thread(self._set_aside.read, shop)
        return Reply(200, kept, ((b"content-type", b"application/x-ndjson"),))


def records(shop: ShopKey, found: Read) -> list[Record]:
    """What was read, for the log. An event whose text cannot be stored is set aside like any other bad one.

    Raises `TooMany` where they have more than `LONGEST` bytes.
    """
    made, size = list[Record](), 0
    for place, event in enumerate(found.events):
        try:
            made.append(event_record(shop, event))
        except (UnicodeError, OverflowError) as error:
            found.rejected.append(Rejected(place, f"The event cannot be stored: {error}.", None))
            continue
        size += len(made[-1].payload)
        if size > LONGEST:
            raise TooMany(f"The call's events have more than {LONGEST:,} bytes together.", fix="Send fewer at once.")
    return made


async def aside_if_long(exchange: Exchange, work: Callable[[], T]) -> T:
    """What is made of a body: in a thread where that takes time, so that other requests go on."""
    return await asyncio.to_thread(work) if len(exchange.body) > LARGE else work()


def kept_aside(set_aside: SetAside, shop: ShopKey, told: Iterable[dict[str, Any]]) -> None:
    """Keep what was refused, if that is possible: what was accepted with it is acknowledged in any case."""
    lines = []
    for each in told:
        try:
            lines.append(msgspec.json.encode(each))
        except RecursionError:
            lines.append(msgspec.json.encode({**each, "event": None}))
    try:
        set_aside.keep(shop, lines)
    except OSError as error:
        _log.warning("Refused events of shop %s cannot be kept: %s", shop.group, error)


def decoded(body: bytes) -> Any:
    """The JSON of a body. Raises `Refusal` (400)."""
    try:
        return _DECODE(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise invalid(f"The body is not JSON: {error}.") from None


def allowed(exchange: Exchange) -> Headers:
    """Headers by which a browser lets the page read the answer."""
    origin = exchange.header(b"origin")
    if not origin:
        return JSON_HEADERS
    return (*JSON_HEADERS, (b"access-control-allow-origin", origin), (b"vary", b"origin"))


@cache
def script() -> bytes:
    """The snippet's text, without its indentation."""
    lines = files(__package__).joinpath("collect.js").read_bytes().splitlines()
    return b"\n".join(line.strip() for line in lines)


def _told(made: _Taken, headers: Headers) -> Reply:
    found = made.read
    body = {
        "accepted": len(made.records),
        "ignored": found.ignored,
        "rejected": [{"index": each.index, "reason": each.reason} for each in found.rejected[:TOLD]],
        "rejectedCount": len(found.rejected),
    }
    return Reply(400 if found.rejected and not made.records else 200, msgspec.json.encode(body), headers)


@lru_cache(4096)
def _is_bot(agent: bytes) -> bool:
    return bool(is_crawler(agent.decode("latin-1")))
