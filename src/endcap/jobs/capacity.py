"""What one web worker holds: requests a second, how long an answer takes, memory; and how many workers a load needs.

Measured here and now, by asking each campaign through the request path itself, single requests for their times and
batches (as a busy worker makes them) for the rate. HTTP and signatures are not part of it: `benchmarks/serving.py`
measures those; `LOAD` leaves room for them.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from endcap.errors import InputError, StateError
from endcap.jobs.answering import open_snapshot
from endcap.jobs.workspace import Workspace
from endcap.registry.campaigns import Deployment
from endcap.seams import Progress, no_progress, rng
from endcap.serving.recommend import Request, Slate, answer
from endcap.serving.snapshot import Snapshot
from endcap.types import ShopKey

LOAD = 0.5
"""Share of what a worker can do that is planned for: above it waiting grows quickly, and HTTP needs its part."""
TOGETHER = 8
"""Requests that a busy worker answers at once."""
K = 25
STRANGERS = 0.1
"""Share of requests by shoppers that nobody knows."""
WARM = 20
LEAST_SECONDS, MOST_SECONDS = 0.1, 600.0


class CampaignCapacity(msgspec.Struct, frozen=True, rename="camel"):
    """One campaign. Times in milliseconds, `rate` in requests a second of one worker, memory in MiB."""

    name: str
    recipe: str
    items: int
    shoppers: int
    p50: float
    p99: float
    rate: float
    memory: float
    asked: int


class Capacity(msgspec.Struct, frozen=True, rename="camel"):
    """All campaigns of one shop in one worker. `workers` is None where no load was given."""

    shop: str
    campaigns: tuple[CampaignCapacity, ...]
    rate: float
    """Requests a second that one worker answers, the campaigns asked in turn."""
    planned: float
    """Of these, how many to plan for."""
    memory: float
    """MiB of the whole process."""
    wanted: float | None = None
    workers: int | None = None


def measure_capacity(
    workspace: Workspace,
    shop: ShopKey,
    *,
    wanted: float | None = None,
    seconds: float = 4.0,
    progress: Progress = no_progress,
    timer: Callable[[], float] = time.perf_counter,
) -> Capacity:
    """Ask every campaign of a shop for so many seconds in all; `wanted` is a load in requests a second.

    Raises `StateError` where nothing is published, `InputError` for a load or a time that makes no sense.
    """
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise InputError(f"{seconds:g} seconds were given, expected {LEAST_SECONDS:g} to {MOST_SECONDS:g}.")
    if wanted is not None and not (math.isfinite(wanted) and wanted > 0):
        raise InputError(f"A load of {wanted:g} requests a second was given, expected more than 0.")
    deployments = workspace.campaigns.list(shop)
    if not deployments:
        raise StateError(f"Nothing is published for {shop.group} yet.", fix=f"endcap publish --shop {shop.group}")
    found = []
    with progress("asking", total=len(deployments), unit="campaigns") as tick:
        for deployment in deployments:
            found.append(_campaign(workspace, deployment, seconds / len(deployments), timer))
            tick(1)
    rate = len(found) / sum(1 / each.rate for each in found)
    workers = None if wanted is None else workers_for(wanted, rate)
    return Capacity(shop.group, tuple(found), round(rate, 1), round(rate * LOAD, 1), _memory(), wanted, workers)


def workers_for(wanted: float, rate: float) -> int:
    """How many workers answer `wanted` requests a second, each of which could do `rate`."""
    return max(1, math.ceil(wanted / (rate * LOAD)))


def _campaign(
    workspace: Workspace, deployment: Deployment, seconds: float, timer: Callable[[], float]
) -> CampaignCapacity:
    before = _memory()
    snapshot = open_snapshot(workspace, deployment)
    requests = _requests(snapshot)
    for _ in range(WARM):
        _ask(snapshot, [next(requests)])
    times: list[float] = []
    until = timer() + seconds / 2
    while not times or timer() < until:
        started = timer()
        _ask(snapshot, [next(requests)])
        times.append(timer() - started)
    count, started = 0, timer()
    while not count or timer() - started < seconds / 2:
        _ask(snapshot, [next(requests) for _ in range(TOGETHER)])
        count += TOGETHER
    rate = count / max(timer() - started, 1e-9)
    models = snapshot.models.values()
    return CampaignCapacity(
        deployment.campaign,
        ", ".join(sorted({model.recipe_name for model in models})),
        max(len(model.ordinals) for model in models),
        len(snapshot.state.histories),
        round(float(np.quantile(times, 0.5)) * 1000, 3),
        round(float(np.quantile(times, 0.99)) * 1000, 3),
        round(rate, 1),
        round(max(0.0, _memory() - before), 1),
        len(times) + count,
    )


def _requests(snapshot: Snapshot) -> Iterator[Request]:
    """Shoppers of the shop at random, now and then one that nobody knows; the same ones each time."""
    random, users = rng(0), snapshot.state.histories.users
    while True:
        known = len(users) and random.random() >= STRANGERS
        yield Request(k=K, user_id=users.name(int(random.integers(len(users)))) if known else "a stranger")


def _ask(snapshot: Snapshot, requests: Sequence[Request]) -> None:
    answer([Slate(snapshot, request, "0123456789abcdef") for request in requests])


def _memory() -> float:
    """MiB that this process holds now (where that cannot be told, the most it ever held)."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
