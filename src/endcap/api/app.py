"""The composition root: everything a web process needs, wired; all routes in one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from endcap.api.auth.authenticator import Authenticator
from endcap.api.batching import Batcher
from endcap.api.collect import Collect
from endcap.api.collect.kinesis import PREFIX as KINESIS
from endcap.api.collect.kinesis import Kinesis
from endcap.api.console.backstage import Backstage
from endcap.api.console.operation import routes
from endcap.api.console.pages import Pages
from endcap.api.console.tables import operations
from endcap.api.door import Door
from endcap.api.featurestore.control import PREFIX as FEATURES
from endcap.api.featurestore.store import FeatureStore
from endcap.api.front import Front
from endcap.api.health import Health
from endcap.api.inference.runtime import Inference
from endcap.api.metrics import Metrics, gathered
from endcap.api.personalize.control import PREFIX as CONTROL
from endcap.api.personalize.control import Control
from endcap.api.personalize.events import Events
from endcap.api.personalize.finding import Finder
from endcap.api.personalize.ingest import Places
from endcap.api.personalize.runtime import Answering, Runtime
from endcap.api.tail import Tail
from endcap.api.targets import Targets
from endcap.api.workers import Slot
from endcap.jobs.following import Notes, named
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.development import is_loopback
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.feature_windows import ShopWindows
from endcap.registry.keys import Keys
from endcap.seams import Clock
from endcap.serving.decisions import Decisions
from endcap.serving.forgetting import Forgetting
from endcap.serving.lake_shops import LakeShops
from endcap.serving.lease import Lease
from endcap.serving.live_shops import LiveShops
from endcap.serving.loading import Loader
from endcap.serving.recommend import answer
from endcap.serving.records import Records
from endcap.serving.shop import ShopStates
from endcap.serving.shop_schemas import ShopSchemas
from endcap.serving.trimming import Trimming
from endcap.serving.watch import Watch
from endcap.settings import Settings
from endcap.storage.log import Log, SpooledLog, open_log
from endcap.storage.set_aside import refused_events
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
    tail: Tail
    features: FeatureStore
    start: Callable[[], None]
    """Load what is to be served, and go on following it, in threads."""

    def close(self) -> None:
        """Stop what runs in threads, write down what was answered, give back connections."""
        self.tail.close()
        self.watch.stop()
        self.batcher.close()
        self.control.close()
        self.features.close()
        self.decisions.close()
        self.log.close()
        self.workspace.database.close()


def create_app(
    settings: Settings, *, clock: Clock | None = None, access_log: bool = False, slot: Slot | None = None
) -> App:
    """Wire one web process, the only writer of its event log unless that is a shared one; `slot` is its place among
    several. Nothing is loaded before `watch.poll()` or `start()`.

    Raises `InputError` or `UnavailableError` for a database that cannot be used, `StateError` where another process
    holds the log.
    """
    workspace = open_workspace(settings, clock)
    log = open_log(settings.log)
    spool = None if settings.log.startswith("sqlite:") else SpooledLog(log, settings.home / "spool")
    log = spool or log
    live = LiveShops(log, workspace.lake, workspace.clock)
    # Nothing is asked of the groups before their store, which counts with the watch's own metrics, is there.
    records = Records(FeatureGroups(workspace.database, clock=workspace.clock), lambda: features.online)
    watch = _watch(workspace, log, live, records, slot)
    metrics = Metrics(watch)
    decisions = Decisions(log)
    metrics.follow(decisions)
    tail = Tail(log, workspace.lake, spool=spool, poisoned=lambda: live.poisoned)
    batcher = Batcher(answer, batched=metrics.batched, shared=tail if spool else None)
    metrics.follow_log(tail, lambda: batcher.stale)
    metrics.follow_live(lambda: live.refused)
    notes, name = Notes(settings.home), named(slot.number if slot is not None else 0)

    def gather(own: bytes) -> bytes:
        if slot is None:
            return own
        notes.leave(tail.note(name, workspace.clock), own)  # so that no other tells an older count after this
        return gathered({name: own, **notes.metrics(workspace.clock.now(), besides=name)})

    features = FeatureStore.open(workspace, log, metrics)

    def start() -> None:
        watch.start()
        features.start()
        if spool is not None:
            tail.start(notes, name, workspace.clock, metrics.text)

    answering = Answering(batcher, metrics, workspace.clock, decisions)
    control = Control(workspace)
    runtime = Runtime(Finder(watch, workspace.resources), answering)
    inference = Inference(Finder(watch, workspace.resources), metrics, workspace.clock)
    events = Events(Places(workspace.resources), log, metrics, workspace.clock)
    set_aside = refused_events(settings.home)
    collect = Collect(workspace.resources, log, metrics, workspace.clock, set_aside)
    kinesis = Kinesis(workspace.resources, log, metrics, workspace.clock, set_aside)
    targets = Targets({CONTROL: control.answer, KINESIS: kinesis.answer, FEATURES: features.answer})
    health = Health(
        watch, metrics, decisions, tail, draining=lambda: door.draining, owner=settings.account, gather=gather
    )
    front = Front(watch)
    backstage = Backstage(workspace, watch, log, batcher, decisions, metrics, set_aside, workspace.clock)
    own = routes(operations(backstage), settings.account_key)
    door = Door(
        (
            *(*runtime.routes(), *events.routes(), *collect.routes(), *features.routes()),
            *(*targets.routes(), *inference.routes(), *front.routes(), *health.routes()),
            *(*own, *Pages(settings.web).routes()),
        ),
        metrics,
        Authenticator(settings, Keys(workspace.database, clock=clock), clock=clock),
        loopback=is_loopback(settings.host),
        access_log=access_log,
    )
    return App(door, watch, batcher, log, decisions, control, workspace, tail, features, start)


def _watch(workspace: Workspace, log: Log, live: LiveShops, records: Records, slot: Slot | None) -> Watch:
    root = workspace.settings.home / "state"
    schemas = ShopSchemas(workspace.resources)
    loader = Loader(
        workspace.versions,
        ShopStates(LakeShops(workspace.lake, schemas=schemas, windows=ShopWindows(workspace.resources)), root),
        resources=workspace.resources,
        actions=ShopStates(LakeShops(workspace.lake, "actions", schemas=schemas), root / "actions"),
        live=live,
        records=records,
    )
    together = Trimming(log, workspace.lake, workspace.snapshots, workspace.servers, workspace.clock)
    is_shared = isinstance(log, SpooledLog)
    return Watch(
        workspace.campaigns,
        loader,
        announced=workspace.snapshots,
        lease=Lease(workspace.servers, identity=slot.identity if slot is not None else ""),
        heed=Forgetting(workspace.jobs, workspace.resources),
        trim=together if is_shared else lambda: trim_sunk(log, workspace.lake),
    )
