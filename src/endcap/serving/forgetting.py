"""Shoppers who are being forgotten are left out of this process's answers, whichever process was asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from endcap.registry.erasures import Erasure, at_work, has_failed
from endcap.registry.jobs import Jobs
from endcap.registry.resources import Resources
from endcap.serving.snapshot import Snapshot
from endcap.types import ShopKey

EVERY = 0.5
"""Seconds between two looks into the registry."""


class Forgetting:
    """Call it with what serves now and then; what the registry says holds until the job that removes the rows has."""

    def __init__(self, jobs: Jobs, resources: Resources, tick: Callable[[], float] = time.monotonic) -> None:
        self._jobs, self._resources, self._tick = jobs, resources, tick
        self._looked = -EVERY
        self._known: dict[Erasure, tuple[ShopKey, frozenset[str]]] = {}

    def __call__(self, snapshots: Iterable[Snapshot]) -> None:
        """Raises `EndcapError` where the registry does not answer: then everything stays as it is."""
        if self._tick() - self._looked < EVERY:
            return
        self._looked = self._tick()
        wanted = at_work(self._jobs, self._resources)
        for erasure in self._known.keys() - wanted.keys():
            if has_failed(self._resources, erasure):
                wanted[erasure] = self._known[erasure]
        before, self._known = self._known, wanted
        if not before and not wanted:
            return
        for snapshot in snapshots:
            shop, live = snapshot.deployment.shop, snapshot.live
            if live is None:
                continue
            names = _of(wanted, shop)
            if unheard := names - live.forgotten:
                live.forget(sorted(unheard))
            live.remember(_of(before, shop) - names)


def _of(erasures: dict[Erasure, tuple[ShopKey, frozenset[str]]], shop: ShopKey) -> frozenset[str]:
    return frozenset().union(*(names for owner, names in erasures.values() if owner == shop))
