"""A served home whose jobs run, with one shop imported from files; asked as the console asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from shop_server import Server, running

from endcap.jobs.intake import bring_in
from endcap.jobs.workspace import open_workspace
from endcap.settings import Settings

SHOP = "corner"
DAY = 86_400
NOW = 1_760_000_000


def orders(users: int = 60, each: int = 24, header: str = "user_id,item_id,timestamp,event_type,order_id,price") -> str:
    """Shoppers of two tastes over ten weeks, two items an order; 1,440 rows."""
    lines = [header]
    for user in range(users):
        for step in range(each):
            item = (step * 7 + user * 3) % 20 * 2 + user % 2
            at = NOW - (each - step) // 2 * 2 * (70 * DAY // each) + user * 61
            kind = "Purchase" if step % 3 else "View"
            lines.append(f"u{user},i{item},{at},{kind},o{user}-{step // 2},{item + 0.5}")
    return "\n".join(lines) + "\n"


def items(count: int = 40) -> str:
    """A catalogue with words and two categories."""
    rows = [
        f"i{n},{'Green' if n % 2 else 'Black'} tea {n},{'Tea' if n < 20 else 'Cups'},{n + 1}.5" for n in range(count)
    ]
    return "\n".join(["item_id,name,category_l1,price", *rows]) + "\n"


class Console:
    """The console's API as a client sees it, with the development key."""

    def __init__(self, server: Server, settings: Settings) -> None:
        self.server, self.settings = server, settings
        self.http = httpx.Client(base_url=server.address, headers=dict(server.headers), timeout=30, trust_env=False)

    def get(self, path: str, **values: Any) -> Any:
        """The answer of a GET that must succeed; `shop` is this one unless said otherwise."""
        found = self.http.get(f"/console/api/{path}", params={"shop": SHOP, **values})
        assert found.status_code == 200, found.text
        return found.json()

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        """The answer of a POST."""
        found = self.http.post(f"/console/api/{path}", json={"shop": SHOP, **body})
        assert found.status_code == status, found.text
        return found.json()

    def send(self, name: str, content: bytes | Iterator[bytes], shop: str = SHOP) -> httpx.Response:
        """A file, whole or in pieces."""
        headers = {"content-type": "application/octet-stream"}
        return self.http.post(
            "/console/api/uploads", params={"shop": shop, "name": name}, content=content, headers=headers
        )

    def ended(self, path: str, identity: str, seconds: float = 60, **values: Any) -> Any:
        """What a job's record says once it has ended."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.get(f"{path}/{identity}", **values)
            if found["status"] in ("done", "failed", "stopped"):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)


@contextmanager
def console_of(home: Path) -> Iterator[Console]:
    """A console over a home with one shop."""
    settings = Settings(home=home / "home", port=0, threads=1)
    (home / "orders.csv").write_text(orders())
    (home / "items.csv").write_text(items())
    workspace = open_workspace(settings)
    bring_in(workspace, workspace.new_shop(SHOP), [home / "orders.csv", home / "items.csv"])
    workspace.database.close()
    with running(settings) as server:
        console = Console(server, settings)
        yield console
        console.http.close()
