"""HTTP to the server: a pool of kept-open connections over asyncio streams, JSON in, JSON out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from endcap.errors import InputError, UnavailableError

MOST = 64 << 20
"""Bytes of an answer at most."""


@dataclass(frozen=True)
class Answer:
    """One answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What the crowd speaks through. Raises `UnavailableError` where nobody answers."""

    async def post(self, path: str, body: bytes) -> Answer: ...


@dataclass
class HttpTransport:
    """HTTP/1.1 to `url` (http://host:port) with a bearer token. Raises `InputError` for another kind of URL."""

    url: str
    token: str
    timeout: float = 30.0
    """Seconds until an answer is given up."""
    _free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "http" or not parts.hostname:
            raise InputError(f"The server's address is {self.url!r}, expected http://host:port.")
        self._host, self._port = parts.hostname, parts.port or 80

    async def get(self, path: str) -> Answer:
        """Ask without a body, as `post`."""
        return await self._sent("GET", path, b"")

    async def post(self, path: str, body: bytes) -> Answer:
        """Send a JSON body. A connection that the server has closed meanwhile is replaced once."""
        return await self._sent("POST", path, body)

    async def _sent(self, method: str, path: str, body: bytes) -> Answer:
        for attempt in (1, 2):
            kept = bool(self._free) and attempt == 1
            try:
                async with asyncio.timeout(self.timeout):
                    reader, writer = self._free.pop() if kept else await self._connect()
                    return await self._ask(reader, writer, f"{method} {path}", body)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
                if not kept:
                    raise UnavailableError(f"{self.url} does not answer: {error!r}.", fix="Is it running?") from None
        raise AssertionError("the second attempt returns or raises")

    async def close(self) -> None:
        """Close all connections."""
        for _, writer in self._free:
            writer.close()
        self._free.clear()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str, body: bytes) -> Answer:
        head = (
            f"{line} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {self.token}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            writer.write(head.encode("latin-1") + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
            length = int(headers.get("content-length", 0))
            if length > MOST:
                raise ValueError(f"an answer of {length:,} bytes")
            answered = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._free.append((reader, writer))
        return Answer(int(lines[0].split(" ", 2)[1]), headers, answered)
