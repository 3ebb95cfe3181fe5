"""How much an account, a shop, and a second may hold: every limit as data, far above the service's own defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from endcap.errors import StateError
from endcap.registry.resources import Resource
from endcap.storage.schema import resources
from endcap.types import AccountKey

PER_ACCOUNT: Mapping[str, int] = {"schema": 500, "dataset-group": 100, "dataset": 500}
PER_SHOP: Mapping[str, int] = {
    "solution": 100,
    "campaign": 100,
    "recommender": 100,
    "filter": 100,
    "event-tracker": 1,
    "metric-attribution": 1,
}
WAITING: Mapping[str, int] = {
    "dataset-import-job": 5,
    "dataset-export-job": 5,
    "data-deletion-job": 5,
    "batch-inference-job": 5,
    "batch-segment-job": 5,
    "solution-version": 20,
    "recommender": 20,
    "campaign": 20,
}
"""Resources of a kind that an account may have unfinished at once."""
UPDATES = 20
"""Solutions of an account that may be changing at once."""
REQUESTS_PER_SECOND = 2_000
"""Control-plane requests of an account: what keeps one tenant from taking every thread."""
UNFINISHED = ("PENDING", "IN_PROGRESS", "STOPPING")
"""How the status ends of whatever is still being worked on."""


class QuotaExceeded(StateError):
    """There are as many as there may be."""


def is_unfinished(status: str) -> bool:
    """Whether work on it is asked for or being done."""
    return status.endswith(UNFINISHED)


def is_going(status: str) -> bool:
    """Whether it is being deleted; what could not be deleted may be asked to go again."""
    return status.startswith("DELETE") and is_unfinished(status)


@dataclass(frozen=True)
class Quotas:
    """The limits; what is not named has none."""

    account: Mapping[str, int] = field(default_factory=lambda: PER_ACCOUNT)
    shop: Mapping[str, int] = field(default_factory=lambda: PER_SHOP)
    waiting: Mapping[str, int] = field(default_factory=lambda: WAITING)
    updates: int = UPDATES
    requests_per_second: int = REQUESTS_PER_SECOND

    def check(self, connection: Connection, resource: Resource) -> None:
        """Inside the transaction that inserts the resource. Raises `QuotaExceeded`."""
        kind, words = resource.kind, resource.kind.replace("-", " ")
        mine = (
            resources.c.account == resource.account.account,
            resources.c.region == resource.account.region,
            resources.c.kind == kind,
        )
        most = self.account.get(kind)
        if most is not None and _count(connection, *mine) >= most:
            raise QuotaExceeded(f"The account has {most} {words} resources, the most there may be.")
        most = self.shop.get(kind)
        if most is not None and _count(connection, *mine, resources.c.shop == resource.shop) >= most:
            raise QuotaExceeded(f"Dataset group {resource.shop} has {most} {words} resources, the most there may be.")
        most = self.waiting.get(kind)
        if most is not None:
            unfinished = [resources.c.status.like(f"%{ending}") for ending in UNFINISHED]
            if _count(connection, *mine, unfinished[0] | unfinished[1] | unfinished[2]) >= most:
                raise waiting(most)


def waiting(most: int) -> QuotaExceeded:
    """What is said when too much is unfinished, in the service's words."""
    return QuotaExceeded(f"More than {most} resources with PENDING or IN_PROGRESS status.", fix="Wait for one to end.")


def _count(connection: Connection, *where: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(resources).where(*where)).scalar_one())


class Rate:
    """Counts requests of each account in the running second. Belongs to one thread."""

    def __init__(self, most: int, tick: Callable[[], float]) -> None:
        self._most, self._tick = most, tick
        self._second = -1
        self._seen: dict[AccountKey, int] = {}

    def admits(self, account: AccountKey) -> bool:
        """Whether one more fits into this second."""
        second = int(self._tick())
        if second != self._second:
            self._second, self._seen = second, {}
        count = self._seen.get(account, 0)
        self._seen[account] = count + 1
        return count < self._most
