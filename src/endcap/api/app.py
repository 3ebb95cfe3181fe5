"""The composition root: everything a web process needs, wired; all routes in one list."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.api.batching import Batcher
from endcap.api.door import Door
from endcap.api.front import Front
from endcap.api.health import Health
from endcap.api.metrics import Metrics
from endcap.api.personalize.runtime import Runtime
from endcap.lake.tables import Lake
from endcap.registry.campaigns import Campaigns
from endcap.registry.versions import Versions
from endcap.seams import Clock, Disk, SystemClock
from endcap.serving.lake_shops import LakeShops
from endcap.serving.recommend import answer
from endcap.serving.shop import Shops, ShopStates
from endcap.serving.watch import Watch
from endcap.settings import Settings
from endcap.storage.db import Database, open_database


@dataclass(frozen=True)
class App:
    """The ASGI application `door`, and what lives beside it."""

    door: Door
    watch: Watch
    batcher: Batcher
    database: Database

    def close(self) -> None:
        """Stop what runs in threads and give back connections."""
        self.watch.stop()
        self.batcher.close()
        self.database.close()


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    disk: Disk | None = None,
    shops: Shops | None = None,
    access_log: bool = False,
) -> App:
    """Wire one web process. Nothing is loaded and no thread runs before `watch.poll()` or `watch.start()`.

    `shops` stands in for the lake. Raises `InputError` or `UnavailableError` for a database that cannot be used.
    """
    disk = disk or Disk()
    database = open_database(settings.database)
    database.migrate()
    versions = Versions(database, settings.home / "models", disk=disk, clock=clock or SystemClock())
    lake = Lake(settings.home / "lake", disk)
    states = ShopStates(shops or LakeShops(lake), settings.home / "state", disk)
    watch = Watch(Campaigns(database, clock=clock or SystemClock()), versions, states)
    metrics = Metrics(watch)
    batcher = Batcher(answer, batched=metrics.batched)
    runtime = Runtime(watch, batcher, metrics)
    health = Health(watch, metrics, lambda: door.draining)
    door = Door((*runtime.routes(), *Front(watch, lake).routes(), *health.routes()), metrics, access_log=access_log)
    return App(door, watch, batcher, database)
