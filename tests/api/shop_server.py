"""A real web process over a real home: lake, registry, models, on 127.0.0.1 and a port that the system gives."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
from botocore.config import Config

from endcap.api.server import PINNED, command
from endcap.lake.dataset import Dataset
from endcap.lake.tables import Lake
from endcap.recipes.base import Recipe
from endcap.registry.campaigns import Campaigns
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

    def stock(self, table: pa.Table | None = None, job: str = "first") -> Dataset:
        """Import, and give what can be learned from."""
        given = events() if table is None else table
        self.lake.commit(SHOP, "interactions", given, schema=COLUMNS, mode="FULL", job=job)
        return self.lake.dataset(SHOP)

    def publish(self, recipe: Recipe) -> Version:
        """Fit to the newest snapshot and publish."""
        shop = self.lake.dataset(SHOP)
        lineage = Lineage(recipe="test", trained_until=shop.last_time, snapshot=shop.snapshot)
        return self.versions.publish(SHOP, "test", recipe.fit(shop), shop, lineage)


@dataclass
class Server:
    """A running web process."""

    process: subprocess.Popen[str]
    address: str

    def client(self, **config: Any) -> Any:
        """boto3's personalize-runtime, pointed here."""
        return boto3.client(
            "personalize-runtime",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(**{"retries": {"total_max_attempts": 1}, "proxies": {}, **config}),
        )

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


@contextmanager
def running(settings: Settings) -> Iterator[Server]:
    """Serve until the block ends."""
    environ = {**os.environ, **PINNED}
    with subprocess.Popen(command(settings), env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            assert line.startswith("Serving on "), f"the server said {line!r}"
            yield Server(process, line.removeprefix("Serving on ").strip())
        finally:
            process.kill()
