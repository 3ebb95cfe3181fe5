"""One call of our own JSON API: declared once, from which its route, its checks and its description come."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np

from endcap.api.callers import NOBODY, Access
from endcap.api.door import Exchange, Route
from endcap.api.wire import Refusal, Reply, invalid, read_json
from endcap.errors import StateError
from endcap.types import AccountKey

T = TypeVar("T")
LIMIT = 1 << 20
"""Bytes of a body, where an operation does not say otherwise."""
CONSOLE = "/console/"
_CONSOLE = ThreadPoolExecutor(8, thread_name_prefix="console")
"""For what operators ask, which may take seconds: shoppers' requests and the access keys are read in other threads."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is answered: one JSON object, its names in camelCase."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is asked: a query's values (GET) or a body; a name that is not declared is refused."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls an operation, and what came beside what it asks."""

    account: AccountKey
    exchange: Exchange

    @property
    def part(self) -> str:
        """What stands in the path where the operation's has `{…}`, decoded."""
        return self.exchange.part


Handler = Callable[[Call, Any], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """`handler(call, asked)` answers an `answers`; it runs in a thread unless it is a coroutine function.

    `asks` is None for operations without values. `local` ones are open to whoever sits at this machine while the server
    listens on loopback, `public` ones to everyone; every other needs a session or an access key whose role allows
    `access`. Names are unique and become those of the client's functions. `types` are further content types, whose
    body the handler reads itself (`call.exchange.body`), with what it asks in the query. With `streams` that body comes
    in pieces (`call.exchange.chunks`), never whole. A `StateError` of the handler is answered with 409.
    """

    name: str
    method: str
    path: str
    summary: str
    handler: Handler
    asks: type[Ask] | None
    answers: type[Shape]
    access: Access = "read"
    local: bool = False
    public: bool = False
    limit: int = LIMIT
    types: tuple[bytes, ...] = ()
    streams: bool = False

    def route(self, account: AccountKey) -> Route:
        """Its row of the door's table; whoever sits at this machine acts for `account`."""

        async def answered(exchange: Exchange) -> Reply:
            caller = exchange.caller
            call = Call(account if caller is NOBODY else caller.account, exchange)
            asked = None if self.asks is None else self._read(exchange)
            try:
                found = await self._handled(call, asked)
            except StateError as error:
                raise Refusal(409, "ResourceInUseException", str(error)) from None
            return found if isinstance(found, Reply) else Reply(200, msgspec.json.encode(found, enc_hook=_plain))

        limit = 0 if self.method in ("GET", "DELETE") else self.limit
        return Route(
            self.method,
            self.path,
            answered,
            limit=limit,
            local=self.local,
            claims=self.local,  # whoever sends a key acts for its account, also where none is asked for
            public=self.public,
            access=None if self.public else self.access,
            types=self.types,
            streams=self.streams,
        )

    async def _handled(self, call: Call, asked: Ask | None) -> Any:
        if inspect.iscoroutinefunction(self.handler):
            return await self.handler(call, asked)
        run = aside if self.path.startswith(CONSOLE) else asyncio.to_thread
        return await run(self.handler, call, asked)

    def _read(self, exchange: Exchange) -> Ask:
        assert self.asks is not None
        is_query = self.method in ("GET", "DELETE") or self.types
        given = exchange.values() if is_query else read_json(exchange.body)
        try:
            return msgspec.convert(given, self.asks, strict=not is_query)
        except msgspec.ValidationError as error:
            raise invalid(f"{self.name}: {error}.") from None


async def aside(work: Callable[..., T], *given: Any) -> T:
    """What `work(*given)` gives, in one of the console's threads."""
    return await asyncio.get_running_loop().run_in_executor(_CONSOLE, work, *given)


def _plain(value: Any) -> Any:
    """What a NumPy scalar holds. Raises `TypeError` for anything else."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def routes(operations: Sequence[Operation], account: AccountKey) -> tuple[Route, ...]:
    """Rows of the door's table. Raises `ValueError` for a name that two operations have."""
    names = [each.name for each in operations]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Two operations are called {', '.join(twice)}.")
    return tuple(each.route(account) for each in operations)
