"""A real web process over a real home: lake, registry, models, on 127.0.0.1 and a port that the system gives."""

from __future__ import annotations

import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
from botocore.config import Config

from endcap.api.server import COMMAND, environment
from endcap.lake.dataset import Dataset
from endcap.lake.tables import Lake
from endcap.recipes.base import Recipe
from endcap.registry.campaigns import Campaigns
from endcap.registry.development import development_key
from endcap.registry.keys import AccessKey, Keys
from endcap.registry.lineage import Lineage
from endcap.registry.versions import Version, Versions
from endcap.settings import Settings
from endcap.storage.db import open_database
from endcap.testing.datasets import START
from endcap.types import DAY, AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")
ARN = SHOP.arn("campaign", "home")
COLUMNS = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.int64()), ("event_type", pa.string())]
)


def events(users: int = 24, items: int = 24) -> pa.Table:
    """Users take half the items of their own parity, and look at the others."""
    rows = []
    for user in range(users):
        for step in range(0, items, 2):
            kind = "purchase" if step < items // 2 else "view"
            at = START + user * 1000 + step * DAY // 2
            rows.append((f"u{user}", f"i{(user + step) % items}", at, kind))
    return pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=COLUMNS)


@dataclass
class Home:
    """Everything under one ENDCAP_HOME."""

    path: Path

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.path, port=0)
        self.lake = Lake(self.path / "lake")
        self.database = open_database(self.settings.database)
        self.database.migrate()
        self.versions = Versions(self.database, self.path / "models")
        self.campaigns = Campaigns(self.database)
        self.keys = Keys(self.database)

    def stock(self, table: pa.Table | None = None, job: str = "first") -> Dataset:
        """Import, and give what can be learned from."""
        given = events() if table is None else table
        self.lake.commit(SHOP, "interactions", given, schema=given.schema, mode="FULL", job=job)
        return self.lake.dataset(SHOP)

    def publish(self, recipe: Recipe) -> Version:
        """Fit to the newest snapshot and publish."""
        shop = self.lake.dataset(SHOP, label=recipe.label)
        lineage = Lineage(recipe="test", trained_until=shop.last_time, snapshot=shop.snapshot)
        return self.versions.publish(SHOP, "test", recipe.fit(shop), shop, lineage)


@dataclass
class Server:
    """A running web process, and the key that its clients sign with."""

    process: subprocess.Popen[str]
    address: str
    key: AccessKey

    def client(self, service: str = "personalize-runtime", *, key: AccessKey | None = None, **config: Any) -> Any:
        """boto3's client of a service, pointed here."""
        signing = key or self.key
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id=signing.id,
            aws_secret_access_key=signing.secret,
            config=Config(**{"retries": {"total_max_attempts": 1}, "proxies": {}, **config}),
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """What a plain HTTP request with a JSON body needs."""
        return {"content-type": "application/json", "authorization": bearer(self.key)}

    def get(self, path: str, **headers: str) -> bytes:
        """The body at a path, asked for with the key."""
        request = urllib.request.Request(self.address + path, headers={**self.headers, **headers})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


def bearer(key: AccessKey) -> str:
    """The value of an `authorization` header."""
    return f"Bearer {key.id}:{key.secret}"


@contextmanager
def running(settings: Settings) -> Iterator[Server]:
    """Serve until the block ends."""
    database = open_database(settings.database)
    database.migrate()
    key = development_key(settings, Keys(database))
    database.close()
    with subprocess.Popen(COMMAND, env=environment(settings), stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert line.startswith("Serving on "), f"the server said {line!r}"
            yield Server(process, line.removeprefix("Serving on ").strip(), key)
        finally:
            process.kill()
