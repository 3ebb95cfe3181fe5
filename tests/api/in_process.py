"""The server's app in this process: what it answers, without a socket."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from endcap.api.app import App, create_app
from endcap.settings import Settings


class Answer(NamedTuple):
    status: int
    body: bytes


@contextmanager
def app_over(home: Path, *, auth: bool = False) -> Iterator[App]:
    """Over a home, with what it serves loaded."""
    app = create_app(Settings(home=home, auth=auth))
    app.watch.poll()
    try:
        yield app
    finally:
        app.close()
        gc.unfreeze()  # or extension modules call everything frozen a leak, at length


async def messages(
    app: App, method: str, path: str, parts: Sequence[bytes], headers: Sequence[tuple[bytes, bytes]], query: str = ""
) -> list[dict[str, Any]]:
    """What the app sends to a request whose body comes in these parts, by ASGI; after them the client hangs up."""
    coming = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "raw_path": path.encode(), "headers": list(headers)}
    await app.door({**scope, "query_string": query.encode()}, receive, send)
    return sent


async def answered(
    app: App, method: str, path: str, body: bytes = b"", *, query: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    """What is said to one request."""
    told = {"host": "127.0.0.1", **(headers or {})}
    sent = await messages(
        app, method, path, [body], [(name.encode(), value.encode()) for name, value in told.items()], query
    )
    return Answer(int(sent[0]["status"]), b"".join(each.get("body", b"") for each in sent[1:]))


def ask_app(app: App, method: str, path: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None) -> Answer:
    """The same, where no loop runs."""
    return asyncio.run(answered(app, method, path, body, headers=headers))
