"""The server's app in this process: what it answers, without a socket."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping
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


async def answered(
    app: App, method: str, path: str, body: bytes = b"", *, query: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    """What is said to one request."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.encode(), value.encode()) for name, value in {"host": "127.0.0.1", **(headers or {})}.items()
        ],
    }
    await app.door(scope, receive, send)
    return Answer(int(sent[0]["status"]), b"".join(each.get("body", b"") for each in sent[1:]))


def ask_app(app: App, method: str, path: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None) -> Answer:
    """The same, where no loop runs."""
    return asyncio.run(answered(app, method, path, body, headers=headers))
