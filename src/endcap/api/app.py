"""The composition root: everything a web process needs, wired; all routes in one list."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.api.auth.authenticator import Authenticator
from endcap.api.batching import Batcher
from endcap.api.door import Door
from endcap.api.front import Front
from endcap.api.health import Health
from endcap.api.metrics import Metrics
from endcap.api.personalize.control import Control
from endcap.api.personalize.events import Events
from endcap.api.personalize.finding import Finder
from endcap.api.personalize.ingest import Places
from endcap.api.personalize.runtime import Answering, Runtime
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.development import is_loopback
from endcap.registry.keys import Keys
from endcap.seams import Clock
from endcap.serving.decisions import Decisions
from endcap.serving.lake_shops import LakeShops
from endcap.serving.lease import Lease
from endcap.serving.live_shops import LiveShops
from endcap.serving.loading import Loader
from endcap.serving.recommend import answer
from endcap.serving.shop import ShopStates
from endcap.serving.shop_schemas import ShopSchemas
from endcap.serving.watch import Watch
from endcap.settings import Settings
from endcap.storage.log import Log, open_log
from endcap.stream.sink import trim_sunk


@dataclass(frozen=True)
class App:
    """The ASGI application `door`, and what lives beside it."""

    door: Door
    watch: Watch
    batcher: Batcher
    log: Log
    decisions: Decisions
    control: Control
    workspace: Workspace

    def close(self) -> None:
        """Stop what runs in threads, write down what was answered, give back connections."""
        self.watch.stop()
        self.batcher.close()
        self.control.close()
        self.decisions.close()
        self.log.close()
        self.workspace.database.close()


def create_app(settings: Settings, *, clock: Clock | None = None, access_log: bool = False) -> App:
    """Wire one web process, the only writer of its event log. Nothing is loaded before `watch.poll()` or
    `watch.start()`.

    Raises `InputError` or `UnavailableError` for a database that cannot be used, `StateError` where another process
    holds the log.
    """
    workspace = open_workspace(settings, clock)
    log = open_log(settings.log)
    watch = _watch(workspace, log)
    metrics = Metrics(watch)
    decisions = Decisions(log)
    metrics.follow(decisions)
    batcher = Batcher(answer, batched=metrics.batched)
    answering = Answering(batcher, metrics, workspace.clock, decisions)
    control = Control(workspace)
    runtime = Runtime(Finder(watch, workspace.resources), answering)
    events = Events(Places(workspace.resources), log, metrics, workspace.clock)
    health = Health(watch, metrics, decisions, draining=lambda: door.draining, owner=settings.account)
    front = Front(watch, workspace.lake)
    door = Door(
        (*runtime.routes(), *events.routes(), *control.routes(), *front.routes(), *health.routes()),
        metrics,
        Authenticator(settings, Keys(workspace.database, clock=clock), clock=clock),
        loopback=is_loopback(settings.host),
        access_log=access_log,
    )
    return App(door, watch, batcher, log, decisions, control, workspace)


def _watch(workspace: Workspace, log: Log) -> Watch:
    root = workspace.settings.home / "state"
    schemas = ShopSchemas(workspace.resources)
    loader = Loader(
        workspace.versions,
        ShopStates(LakeShops(workspace.lake, schemas=schemas), root),
        resources=workspace.resources,
        actions=ShopStates(LakeShops(workspace.lake, "actions", schemas=schemas), root / "actions"),
        live=LiveShops(log, workspace.lake, workspace.clock),
    )
    return Watch(
        workspace.campaigns,
        loader,
        announced=workspace.snapshots,
        lease=Lease(workspace.servers),
        trim=lambda: trim_sunk(log, workspace.lake),
    )
