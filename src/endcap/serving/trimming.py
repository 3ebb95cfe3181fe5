"""Trims a log that several servers follow: what all of them have from the lake, and nobody may ask for again.

A server that builds a state replays the log from that state's snapshot on, so what is trimmed must be in the snapshot
of every state there is and every state that is being built. Two facts together say so. Each server's lease tells which
announced snapshot it serves every shop from, and nothing while it builds one: all of them must be as far as the
snapshots that hold what is to be trimmed. And some minutes must lie between: a server that has read which snapshot is
the newest, and has not told yet that it builds from it, tells long before.
"""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass

from endcap.lake.tables import Lake
from endcap.registry.servers import Servers
from endcap.registry.snapshots import Snapshots
from endcap.seams import Clock
from endcap.storage.log import Log
from endcap.types import SECOND, Micros

GRACE_SECONDS = 300


@dataclass(frozen=True)
class _Plan:
    at: Micros
    upto: Mapping[int, int]
    announced: Mapping[str, int]


class Trimming:
    """Call it now and then in every server; one of them at a time does something. Raises `EndcapError` where the
    registry or the log does not answer: then nothing is trimmed."""

    def __init__(self, log: Log, lake: Lake, snapshots: Snapshots, servers: Servers, clock: Clock) -> None:
        self._log, self._lake, self._clock = log, lake, clock
        self._snapshots, self._servers = snapshots, servers
        self._plan: _Plan | None = None

    def __call__(self) -> None:
        """Trim what was planned some minutes ago, where every server is past it by now; then plan the next."""
        if not self._lake.root.is_dir():  # nothing was ever sunk
            return
        with open(self._lake.root / ".trim.lock", "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            plan = self._plan
            if plan is not None:
                if self._clock.now() - plan.at < GRACE_SECONDS * SECOND or not self._all_are_past(plan):
                    return
                for partition, upto in plan.upto.items():
                    self._log.trim(partition, upto)
            self._plan = self._next()

    def _next(self) -> _Plan | None:
        upto = self._lake.places.sunk(self._log.identity)
        # Read after it: the sink announces what it has sunk before it notes how far that is.
        announced = {
            shop.arn("dataset-group", shop.group): generation
            for shop, (generation, _) in self._snapshots.newest().items()
        }
        return _Plan(self._clock.now(), upto, announced) if upto else None

    def _all_are_past(self, plan: _Plan) -> bool:
        return all(self._servers.have_left(name, generation) for name, generation in plan.announced.items())
