"""Many live visits at once, against a server: who arrives, when, and how they are kept going."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from endcap.errors import InputError
from endcap.seams import Clock, Progress, SystemClock, Tick, no_progress
from endcap.simulator.minds import Minds
from endcap.simulator.outcomes import Outcomes
from endcap.simulator.sessions import GAP, draw_goals, next_goals, plan_pages
from endcap.simulator.shop import Shop
from endcap.simulator.streams import CROWD, stream
from endcap.simulator.transport import Transport
from endcap.simulator.visit import Plan, Visit
from endcap.simulator.wire import Storefront, Targets
from endcap.types import Int64, Micros

BATCH = 512
"""Visits that are drawn together."""


@dataclass(frozen=True)
class Pace:
    """How fast: at most `at_once` visits at a time, `rate` arrivals a second (None: the next when one ends),
    and `speed` seconds of the shoppers' time in one second (infinite: nobody ponders)."""

    at_once: int = 32
    rate: float | None = None
    speed: float = float("inf")

    def __post_init__(self) -> None:
        if self.at_once < 1 or self.speed <= 0 or (self.rate is not None and self.rate <= 0):
            raise InputError(f"at_once={self.at_once}, rate={self.rate}, speed={self.speed}: all must be above 0.")


@dataclass(frozen=True)
class PacedTime:
    """A clock, and sleep that passes `speed` times as fast."""

    clock: Clock
    speed: float

    def now(self) -> Micros:
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


@dataclass
class Crowd:
    """A shop's shoppers against a server. They arrive by how active they are; `shoppers`: only
    those.

    `run` may be called again and goes on where it was: minds remember what was shown, owned and restocked.
    """

    shop: Shop
    transport: Transport
    targets: Targets
    seed: int = 0
    minds: Minds | None = None
    pace: Pace = field(default_factory=Pace)
    clock: Clock = field(default_factory=SystemClock)
    shoppers: range | None = None
    _number: int = 0
    _last: dict[int, int] = field(default_factory=dict)

    async def run(
        self,
        visits: int,
        *,
        seconds: float | None = None,
        progress: Progress = no_progress,
        outcomes: Outcomes | None = None,
    ) -> Outcomes:
        """Let `visits` visits happen, or as many of them as begin within `seconds`. Reports what came of them; given
        `outcomes` can be read meanwhile."""
        outcomes = outcomes or Outcomes()
        minds = self.minds = self.minds or Minds.after(self.shop)
        front = Storefront(self.transport, self.targets, outcomes)
        gate = asyncio.Semaphore(self.pace.at_once)
        loop = asyncio.get_running_loop()
        began, due = loop.time(), 0.0
        gaps = stream(self.seed, CROWD, self._number)
        with progress("visits", total=visits, unit="visits") as tick:
            async with asyncio.TaskGroup() as group:
                for plan in self.plans(visits):
                    if self.pace.rate is not None:
                        due += float(gaps.exponential(1 / self.pace.rate))
                        await asyncio.sleep(max(began + due - loop.time(), 0.0))
                    await gate.acquire()
                    if seconds is not None and loop.time() - began >= seconds:
                        break
                    visit = self._visit(plan, minds, front)
                    task = group.create_task(visit.run() if not self._is_bot(plan) else visit.wander())
                    task.add_done_callback(_after(gate, tick))
        return outcomes

    def plans(self, visits: int) -> Iterator[Plan]:
        """The next visits: of whom, and what for."""
        for first in range(0, visits, BATCH):
            count = min(BATCH, visits - first)
            random = stream(self.seed, CROWD, self._number, 1)
            who = self._arriving(count, random)
            now = np.full(count, self.clock.now(), np.int64)
            goal = draw_goals(self.shop, who, now, random)
            then = next_goals(self.shop, who, goal, now, random)
            pages, turn, known = plan_pages(self.shop, count, random)
            columns = zip(*(each.tolist() for each in (who, goal, then, turn, pages, known)), strict=True)
            for row in columns:
                self._number += 1
                yield Plan(self._number, *row)

    def _arriving(self, count: int, random: np.random.Generator) -> Int64:
        """Whoever was here within the last half hour of the clock stays away, unless nobody else is left: a visit that
        follows at once would be the same visit to any server."""
        among = np.asarray(self.shoppers or range(len(self.shop.population)), np.int64)
        now = int(self.clock.now())
        rested = among[[now - self._last.get(int(who), -GAP) >= GAP for who in among]]
        among = rested if len(rested) >= count else among
        weights = self.shop.population.visits[among]
        chosen = random.choice(among, count, replace=len(among) < count, p=weights / weights.sum())
        self._last.update(dict.fromkeys(chosen.tolist(), now))
        return np.asarray(chosen, np.int64)

    def _is_bot(self, plan: Plan) -> bool:
        return bool(self.shop.population.bot[plan.shopper])

    def _visit(self, plan: Plan, minds: Minds, front: Storefront) -> Visit:
        time = PacedTime(self.clock, self.pace.speed)
        random = stream(self.seed, CROWD, plan.number, 2)
        return Visit(self.shop, minds.of(plan.shopper), plan, front, time, random, f"L{self.seed}-")


def _after(gate: asyncio.Semaphore, tick: Tick) -> Callable[[object], None]:
    def ended(_: object) -> None:
        gate.release()
        tick()

    return ended
