"""Keeps what is served at what the registry says: polls its generations, loads off the request path, swaps whole."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType

from endcap.errors import EndcapError
from endcap.registry.campaigns import Campaigns, Deployment
from endcap.registry.versions import Versions
from endcap.serving.model import ServedModel
from endcap.serving.shop import ShopState, ShopStates
from endcap.serving.snapshot import Snapshot
from endcap.types import ShopKey

POLL_SECONDS = 0.2
RETRY_SECONDS = 5.0
"""A generation that could not be loaded is tried again only after this long, or when a newer one appears."""


@dataclass(frozen=True)
class Failure:
    """Why a campaign's newest generation is not the one that serves."""

    generation: int
    message: str
    at: float


@dataclass(frozen=True)
class Status:
    """What the watcher last saw, for readiness and metrics."""

    polled: bool = False
    """The registry has answered once, and what it named was tried."""
    ready: bool = False
    """Something is served, or there is nothing to serve."""
    error: str = ""
    """Why the registry could not be asked the last time; empty when it could."""
    failures: Mapping[str, Failure] = field(default_factory=dict)
    """By campaign ARN."""
    swaps: int = 0
    failed_swaps: int = 0


def _freeze() -> None:
    """Take what was loaded out of the garbage collector's sight; a pass over it would stop every request."""
    gc.collect()
    gc.freeze()


class Watch:
    """`snapshots` maps campaign ARNs to what serves them; readers take the mapping once and keep it."""

    def __init__(
        self,
        campaigns: Campaigns,
        versions: Versions,
        states: ShopStates,
        *,
        tick: Callable[[], float] = time.monotonic,
        swapped: Callable[[], None] = _freeze,
    ) -> None:
        self._campaigns, self._versions, self._states = campaigns, versions, states
        self._tick, self._swapped = tick, swapped
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.snapshots: Mapping[str, Snapshot] = MappingProxyType({})
        self.status = Status()

    def start(self) -> None:
        """Poll in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what serves stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def poll(self) -> None:
        """Ask once; load and swap what changed. Raises nothing that the registry or a model can cause."""
        try:
            deployments = {each.arn: each for each in self._campaigns.list()}
        except EndcapError as error:
            self._note(error=str(error))
            return
        failures = {arn: failure for arn, failure in self.status.failures.items() if arn in deployments}
        changed = [each for each in deployments.values() if self._is_due(each, failures)]
        gone = self.snapshots.keys() - deployments.keys()
        kept = {arn: held for arn, held in self.snapshots.items() if arn not in gone}
        swaps, failed = self.status.swaps, self.status.failed_swaps
        states: dict[ShopKey, ShopState] = {}
        for deployment in changed:
            try:
                kept[deployment.arn] = self._build(deployment, states)
                failures.pop(deployment.arn, None)
                swaps += 1
            except Exception as error:  # a model's code may raise anything; the old generation serves on
                failures[deployment.arn] = Failure(deployment.generation, _said(error), self._tick())
                failed += 1
                earlier = None if deployment.arn in kept else self._earlier(deployment, states)
                if earlier is not None:
                    kept[deployment.arn] = earlier
        if changed or gone:
            self.snapshots = MappingProxyType(kept)
            self._swapped()
        self.status = Status(True, bool(kept) or not deployments, "", failures, swaps, failed)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.poll()
            self._stop.wait(POLL_SECONDS)

    def _is_due(self, deployment: Deployment, failures: Mapping[str, Failure]) -> bool:
        held, failure = self.snapshots.get(deployment.arn), failures.get(deployment.arn)
        if held is not None and held.generation == deployment.generation:
            return False
        if failure is not None and failure.generation == deployment.generation:
            return self._tick() - failure.at >= RETRY_SECONDS
        return True

    def _build(self, deployment: Deployment, states: dict[ShopKey, ShopState]) -> Snapshot:
        """Models already served on the same state are kept; the others are read, verified and warmed."""
        shop = deployment.shop
        if shop not in states:
            states[shop] = self._state(shop)
        state = states[shop]
        wanted = {variant.version_id for variant in deployment.variants}
        models = {}
        for version in sorted(wanted):
            held = self._served(shop, version)
            same = held is not None and held.state is state
            models[version] = held if held and same else ServedModel.of(self._versions.load(version), state)
        return Snapshot(deployment, state, models)

    def _earlier(self, deployment: Deployment, states: dict[ShopKey, ShopState]) -> Snapshot | None:
        """The newest earlier generation that can be loaded: what served before this process was started."""
        for each in self._campaigns.history(deployment.shop, deployment.campaign):
            with suppress(Exception):
                if each.generation < deployment.generation:
                    return self._build(each, states)
        return None

    def _state(self, shop: ShopKey) -> ShopState:
        """The newest state of a shop, or the very one that serves already where nothing changed."""
        fresh = self._states.load(shop)
        for snapshot in self.snapshots.values():
            if snapshot.deployment.shop == shop and snapshot.state.snapshot == fresh.snapshot:
                return snapshot.state
        return fresh

    def _served(self, shop: ShopKey, version: str) -> ServedModel | None:
        for snapshot in self.snapshots.values():
            if snapshot.deployment.shop == shop and version in snapshot.models:
                return snapshot.models[version]
        return None

    def _note(self, error: str) -> None:
        held = self.status
        self.status = Status(held.polled, held.ready, error, held.failures, held.swaps, held.failed_swaps)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, EndcapError) else f"{type(error).__name__}: {error}"
