"""A home whose web processes share a Valkey, and shoppers who buy there and look at once whether it was seen."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from live_home import TRACKING, config, furnish
from shop_server import ARN, SHOP, Home, Server

from endcap.recipes import create
from endcap.registry.campaigns import Campaigns
from endcap.registry.keys import Keys
from endcap.registry.versions import Versions
from endcap.storage.db import open_database
from endcap.storage.log import open_log_reader
from endcap.stream.records import Event, decode

NOT_BOUGHT = SHOP.arn("filter", "not-bought")
ITEMS = 24


def shared_home(path: Path, redis: str, name: str, **settings: Any) -> Home:
    """Furnished, with a campaign, for two web processes over the server at this URL."""
    home = Home(path)
    url = f"{redis}?name={name}"
    given = {"workers": 2, "sink_seconds": 1, **settings}
    home.settings = replace(home.settings, log_url=url, state_url=url, **given)
    if home.settings.database_url:
        home.database.close()
        home.database = open_database(home.settings.database_url)
        home.database.migrate()
        home.versions, home.campaigns = Versions(home.database, path / "models"), Campaigns(home.database)
        home.keys = Keys(home.database)
    home.stock()
    furnish(home)
    home.campaigns.deploy(SHOP, "home", home.publish(create("popularity")), config=config())
    return home


def in_log(home: Home) -> Counter[str]:
    """How often each event lies in the shared log."""
    log = open_log_reader(home.settings.log)
    found: Counter[str] = Counter()
    for partition in range(log.partitions):
        for _, record in log.read(partition, 0, 1_000_000):
            if record.kind == "event":
                found[decode(record.payload, Event).event_id] += 1
    log.close()
    return found


class Client:
    """One kept connection, made again when it breaks."""

    def __init__(self, server: Server) -> None:
        self._host, self._headers = server.address.removeprefix("http://"), server.headers
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, path: str, body: Any) -> tuple[int, Any, Any]:
        """(status, headers, body). Raises what a connection that breaks raises."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, timeout=20)
        try:
            self._connection.request("POST", path, json.dumps(body), self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return answer.status, answer.headers, json.loads(content) if content else None

    def buy(self, user: str, item: str, name: str) -> int:
        """The status of a PutEvents."""
        event = {"eventId": name, "eventType": "purchase", "sentAt": time.time(), "itemId": item}
        body = {"trackingId": TRACKING, "userId": user, "sessionId": f"s-{user}", "eventList": [event]}
        return self.ask("/events", body)[0]

    def unbought(self, user: str) -> tuple[int, bool, list[str]]:
        """(status, whether the answer says that it may be stale, what the user has not bought)."""
        body = {"campaignArn": ARN, "userId": user, "numResults": ITEMS, "filterArn": NOT_BOUGHT}
        status, headers, found = self.ask("/recommendations", body)
        items = [each["itemId"] for each in found["itemList"]] if status == 200 else []
        return status, "x-endcap-stale" in headers, items

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Shopper(threading.Thread):
    """New users buy one item each over one connection and look over another one, until told to stop."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(daemon=True)
        self._buys, self._looks = Client(server), Client(server)
        self.number, self.stopped = number, threading.Event()
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.stale: list[float] = []
        """When those questions were asked whose answers said that they may be stale."""
        self.fresh: list[float] = []
        self.missed: list[str] = []
        """What was acknowledged, and not in an answer that did not say that it may be stale."""
        self.broken = 0

    def run(self) -> None:
        for n in range(10**9):
            if self.stopped.is_set():
                return
            name = f"{self.number}-{n}"
            try:
                self._round(name, f"i{n % ITEMS}")
            except (OSError, http.client.HTTPException):
                self.broken += 1

    def _round(self, name: str, item: str) -> None:
        status = self._buys.buy(f"u-{name}", item, f"e-{name}")
        self.statuses[status] += 1
        if status != 200:
            return
        self.acknowledged.append(f"e-{name}")
        asked = time.monotonic()
        status, stale, items = self._looks.unbought(f"u-{name}")
        self.statuses[status] += 1
        (self.stale if stale else self.fresh).append(asked)
        if status == 200 and not stale and item in items:
            self.missed.append(name)


@contextmanager
def shoppers(server: Server, count: int) -> Iterator[list[Shopper]]:
    """So many at once until the block ends."""
    crowd = [Shopper(server, number) for number in range(count)]
    for each in crowd:
        each.start()
    try:
        yield crowd
    finally:
        for each in crowd:
            each.stopped.set()
        for each in crowd:
            each.join(30)


def until(holds: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def statuses(crowd: list[Shopper]) -> Counter[int]:
    return sum((each.statuses for each in crowd), Counter())


def children(server: Server) -> dict[int, str]:
    """Processes of the server, by id: their command lines."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, IndexError):
            continue
        if parent == server.process.pid:
            found[int(place.name)] = line
    return found


def web_processes(server: Server) -> list[int]:
    """Those that answer."""
    return [number for number, line in children(server).items() if "endcap.api.server" in line]
