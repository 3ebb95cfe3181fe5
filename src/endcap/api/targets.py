"""JSON services that share `POST /`: told apart by the prefix of the header `X-Amz-Target: Prefix.Operation`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from endcap.api.door import Exchange, Route
from endcap.api.wire import Refusal, Reply

BODY_LIMIT = 1 << 20
JSON_1_1 = (b"content-type", b"application/x-amz-json-1.1")
Answer = Callable[[str, Exchange], Awaitable[Reply]]
"""Takes an operation's name and the exchange; raises `Refusal`."""


class Targets:
    """The row `POST /`, and behind it one answerer for each prefix."""

    def __init__(self, services: Mapping[str, Answer], *, ids: Callable[[], str] = lambda: str(uuid4())) -> None:
        self._services, self._ids = dict(services), ids

    def routes(self) -> tuple[Route, ...]:
        """Its row of the table."""
        return (Route("POST", "/", self.answer, BODY_LIMIT),)

    async def answer(self, exchange: Exchange) -> Reply:
        """Hand over to the service that the header names. Whatever comes back is JSON 1.1 with a request id."""
        try:
            prefix, operation = self._target(exchange.header(b"x-amz-target"))
            reply = await self._services[prefix](operation, exchange)
        except Refusal as refusal:
            reply = refusal.reply()
        headers = [header for header in reply.headers if header[0] != b"content-type"]
        return Reply(reply.status, reply.body, (JSON_1_1, (b"x-amzn-requestid", self._ids().encode()), *headers))

    def _target(self, header: bytes) -> tuple[str, str]:
        known = ", ".join(sorted(self._services))
        if not header:
            raise unknown_operation(f"The header X-Amz-Target is missing. Send PREFIX.Operation; prefixes are {known}.")
        prefix, _, operation = header.decode("ascii", "replace").rpartition(".")
        if prefix not in self._services:
            raise unknown_operation(f"There is no service {prefix[:64]!r} here. Prefixes of X-Amz-Target are {known}.")
        return prefix, operation


def unknown_operation(message: str) -> Refusal:
    """What JSON 1.1 services say to a target that they do not have."""
    return Refusal(400, "UnknownOperationException", message)
