"""What the operations of our own API work with: the parts of one web process, wired once by the composition root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from endcap.api.batching import Batcher
from endcap.api.console.operation import Operation
from endcap.api.metrics import Metrics
from endcap.jobs.workspace import Workspace
from endcap.seams import Clock
from endcap.serving.decisions import Decisions
from endcap.serving.snapshot import Snapshot
from endcap.serving.watch import Watch
from endcap.storage.log import Log
from endcap.storage.set_aside import SetAside
from endcap.types import ShopKey


@dataclass(frozen=True)
class Backstage:
    """One web process, seen from its own API."""

    workspace: Workspace
    watch: Watch
    log: Log
    batcher: Batcher
    decisions: Decisions
    metrics: Metrics
    set_aside: SetAside
    clock: Clock

    @property
    def home(self) -> Path:
        """The folder that holds everything."""
        return self.workspace.settings.home

    def served(self, shop: ShopKey) -> list[Snapshot]:
        """What is served of a shop now, by campaign."""
        found = [each for each in self.watch.snapshots.values() if each.deployment.shop == shop]
        return sorted(found, key=lambda each: each.deployment.campaign)

    def serving(self, shop: ShopKey, purpose: str) -> Snapshot | None:
        """The shop's campaign for a purpose (`for-you`, `similar`, `trending`, …) by its default name."""
        name = shop.name_of(purpose)
        return next((each for each in self.served(shop) if each.deployment.campaign == name), None)


class Group(Protocol):
    """Operations that belong together. Made with a `Backstage`, which it only keeps until it is asked."""

    def operations(self) -> Sequence[Operation]:
        """Each of them."""
