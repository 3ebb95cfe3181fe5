"""Keeps what is served at what the registry says: polls its generations, loads off the request path, swaps whole."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType

from endcap.errors import EndcapError
from endcap.registry.campaigns import Campaigns, Deployment
from endcap.registry.snapshots import Snapshots
from endcap.serving.lease import Lease
from endcap.serving.loading import Base, Loader
from endcap.serving.snapshot import Snapshot
from endcap.types import ShopKey

POLL_SECONDS = 0.2
RETRY_SECONDS = 5.0
"""A generation that could not be loaded is tried again only after this long, or when a newer one appears."""
TRIM_SECONDS = 10.0
"""How often the log is trimmed of what the lake holds."""
REST = 10.0
"""A state stays for so many times the seconds that making it took, or a large shop would do nothing else."""

_log = logging.getLogger("endcap.serving")


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
    """`snapshots` maps ARNs to what serves them; readers take the mapping once and keep it."""

    def __init__(
        self,
        campaigns: Campaigns,
        loader: Loader,
        *,
        announced: Snapshots | None = None,
        lease: Lease | None = None,
        trim: Callable[[], object] | None = None,
        heed: Callable[[Iterable[Snapshot]], object] | None = None,
        tick: Callable[[], float] = time.monotonic,
        swapped: Callable[[], None] = _freeze,
    ) -> None:
        """`announced` says which snapshot of the lake each shop is to be served from; without it the newest is.

        `trim` is called now and then while no state is being built, which might miss what is trimmed from the log,
        `heed` at each look with what serves.
        """
        self._campaigns, self._loader, self._announced, self._lease = campaigns, loader, announced, lease
        self._trim, self._heed, self._tick, self._swapped = trim, heed, tick, swapped
        self._trimmed = tick()
        self._stop, self._wake = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._bases: dict[ShopKey, Base] = {}
        self._rested: dict[ShopKey, float] = {}
        self._begun: dict[ShopKey, tuple[float, str]] = {}
        self._followed: dict[str, int] = {}
        self.snapshots: Mapping[str, Snapshot] = MappingProxyType({})
        self.status = Status()

    def start(self) -> None:
        """Poll in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()
        if self._lease is not None:
            self._lease.start(self._generations)

    def stop(self) -> None:
        """End the threads; what serves stays."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._lease is not None and self._thread is not None:
            self._lease.stop()
        self._loader.close()

    def nudge(self) -> None:
        """Look at once: someone asks for what is not loaded yet."""
        self._wake.set()

    def trial(self, deployment: Deployment) -> Snapshot:
        """What would answer for a deployment that is not made, on what the shop is served from: to look at, for nobody
        else. Reads and warms the models that are not served; raises what cannot be read."""
        return self._loader.trial(deployment, self._bases.get(deployment.shop), self.snapshots.values())

    def poll(self, *, wait: bool = True) -> None:
        """Ask once; load and swap what changed. Raises nothing that the registry or a model can cause.

        With `wait` states are waited for; else what lacks one is left to a later call.
        """
        try:
            deployments = {each.arn: each for each in self._campaigns.list()}
            announced = self._announced.newest() if self._announced is not None else {}
        except EndcapError as error:
            self._note(error=str(error))
            return
        texts = {shop: text for shop, (_, text) in announced.items()}
        self._hurry(texts)
        failures = {arn: failure for arn, failure in self.status.failures.items() if arn in deployments}
        due = [each for each in deployments.values() if self._is_due(each, texts.get(each.shop, ""), failures)]
        gone = self.snapshots.keys() - deployments.keys()
        kept = {arn: held for arn, held in self.snapshots.items() if arn not in gone}
        pending = self._load(due, texts, kept, failures, wait=wait)
        swaps = sum(1 for arn, held in kept.items() if self.snapshots.get(arn) is not held)
        failed = sum(1 for arn, each in failures.items() if self.status.failures.get(arn) is not each)
        if swaps or gone:
            self.snapshots = MappingProxyType(kept)
            self._settle()
        self._follow(announced)
        if self._heed is not None:
            with suppress(EndcapError):
                self._heed(kept.values())
        if not pending:
            self._tidy()
        polled = self.status.polled or not pending
        ready = bool(kept) or not deployments
        self.status = Status(polled, ready, "", failures, self.status.swaps + swaps, self.status.failed_swaps + failed)

    def _load(
        self,
        due: Sequence[Deployment],
        texts: Mapping[ShopKey, str],
        kept: dict[str, Snapshot],
        failures: dict[str, Failure],
        *,
        wait: bool,
    ) -> bool:
        """Put what could be built into `kept`, what could not into `failures`; whether something is still built."""
        pending, bases = False, dict[ShopKey, Base | None]()
        for deployment in due:
            arn, shop = deployment.arn, deployment.shop
            try:
                if shop not in bases:
                    bases[shop] = self._base(shop, texts.get(shop, ""), wait=wait)
                base = bases[shop]
                if base is None:
                    pending = True
                    # What is deployed now need not wait for the next state where one serves.
                    base = self._bases.get(shop)
                    if base is None or _generation(kept.get(arn)) == deployment.generation:
                        continue
                kept[arn] = self._loader.snapshot(deployment, base, self.snapshots.values())
                failures.pop(arn, None)
            except Exception as error:  # a model's code may raise anything; the old generation serves on
                failures[arn] = Failure(deployment.generation, _said(error), self._tick())
                earlier = None if arn in kept else self._earlier(deployment, bases.get(shop))
                if earlier is not None:
                    kept[arn] = earlier
        return pending

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.poll(wait=False)
            except Exception as error:  # nothing may end the only thread that follows the registry
                _log.exception("Looking for what changed failed")
                self._note(error=_said(error))
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    def _is_due(self, deployment: Deployment, text: str, failures: Mapping[str, Failure]) -> bool:
        held, failure = self.snapshots.get(deployment.arn), failures.get(deployment.arn)
        if failure is not None and failure.generation == deployment.generation:
            return self._tick() - failure.at >= RETRY_SECONDS
        if held is None or held.generation != deployment.generation:
            return True
        base = self._bases.get(deployment.shop)
        is_old = base is not None and self._loader.is_old(base, text)
        lags = base is not None and held.state is not base.state and held.state is not base.actions
        return lags or (is_old and self._tick() >= self._rested.get(deployment.shop, 0.0))

    def _base(self, shop: ShopKey, text: str, *, wait: bool) -> Base | None:
        """The state to serve from. One that took another's place stays for ten times as long as making it took."""
        before, now = self._bases.get(shop), self._tick()
        if before is not None and now < self._rested.get(shop, 0.0):
            text = before.state.snapshot
        # What is being built is finished, whatever is announced meanwhile, or it never would be.
        begun, text = self._begun.pop(shop, (now, text))
        base = self._loader.base(shop, text, before, wait=wait)
        if base is None:
            self._begun[shop] = begun, text
        else:
            if before is not None and base is not before:
                self._rested[shop] = self._tick() + REST * (self._tick() - begun)
            self._bases[shop] = base
        return base

    def _earlier(self, deployment: Deployment, base: Base | None) -> Snapshot | None:
        """The newest earlier generation that can be loaded: what served before this process was started."""
        if base is None:
            return None
        for each in self._campaigns.history(deployment.shop, deployment.campaign, kind=deployment.kind):
            with suppress(Exception):
                if each.generation < deployment.generation:
                    return self._loader.snapshot(each, base, self.snapshots.values())
        return None

    def _hurry(self, texts: Mapping[ShopKey, str]) -> None:
        """What was deleted is not served a moment longer, however short the state has been there."""
        for shop, until in list(self._rested.items()):
            base, text = self._bases.get(shop), texts.get(shop, "")
            if base is None or until <= self._tick() or not text or base.state.snapshot == text:
                continue
            with suppress(EndcapError, OSError):
                if self._loader.takes_away(shop, base.state.snapshot, text):
                    del self._rested[shop]

    def _follow(self, announced: Mapping[ShopKey, tuple[int, str]]) -> None:
        """Tell which announced data each shop is served from, once every campaign of the shop is."""
        # What is begun may be older than what is announced by the time it serves.
        followed = {shop.arn("dataset-group", shop.group): 0 for shop in self._begun}
        for shop, base in self._bases.items():
            generation, text = announced.get(shop, (0, ""))
            mine = [held for held in self.snapshots.values() if held.deployment.shop == shop]
            on_it = all(held.state is base.state or held.state is base.actions for held in mine)
            name = shop.arn("dataset-group", shop.group)
            before = self._followed.get(name, 0)
            followed[name] = generation if on_it and base.state.snapshot == text else before
        if followed != self._followed:
            self._followed = followed
            if self._lease is not None:
                self._lease.renew(self._generations())

    def _settle(self) -> None:
        """After a swap: feed only what serves, tell the registry, and keep the collector away."""
        served = {held.deployment.shop for held in self.snapshots.values()}
        self._bases = {shop: base for shop, base in self._bases.items() if shop in served}
        self._loader.keep(self._bases.values())
        if self._lease is not None:
            self._lease.renew(self._generations())
        self._swapped()

    def _tidy(self) -> None:
        if self._trim is not None and self._tick() - self._trimmed >= TRIM_SECONDS:
            self._trimmed = self._tick()
            with suppress(EndcapError, OSError):
                self._trim()

    def _generations(self) -> dict[str, int]:
        return {arn: held.generation for arn, held in self.snapshots.items()} | self._followed

    def _note(self, error: str) -> None:
        held = self.status
        self.status = Status(held.polled, held.ready, error, held.failures, held.swaps, held.failed_swaps)


def _generation(held: Snapshot | None) -> int:
    return held.generation if held is not None else 0


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, EndcapError) else f"{type(error).__name__}: {error}"
