"""A race of recipes on validation: rounds on growing shares of the shoppers, losers dropped, popularity always in it.

Successive halving (Jamieson and Talwalkar, 2016) with two changes: who is behind is dropped only where the paired
interval says so, and every runner has its share of the time that is left, so that one slow recipe does not take it
from the others. Everybody is judged on the same shoppers, whatever was learned from: a recipe takes histories, it need
not have seen who asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from endcap.errors import EndcapError, ResourceError
from endcap.evaluation.compare import Estimate, differences, estimates
from endcap.evaluation.metrics import Float64, per_query
from endcap.evaluation.protocols import rank
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split
from endcap.recipes.base import Recipe
from endcap.seams import Progress, Tick, no_progress, rng

SHARES = (0.125, 0.25, 0.5, 1.0)
"""Of the shoppers learned from, in each round."""
BASELINE = "popularity"
JUDGED = 2000
"""At most so many shoppers are asked, a seeded sample."""
LEAST_SECONDS = 1.0
"""What every runner may take in any round."""
Make = Callable[[], Recipe]
Seconds = Callable[[], float]


class OutOfTime(Exception):
    """A deadline has passed; raised where a recipe tells of its progress, so that it stops there."""


@dataclass(frozen=True)
class Deadline:
    """A moment on a clock of seconds."""

    at: float
    clock: Seconds = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Seconds = time.monotonic) -> Deadline:
        """So many seconds from now."""
        return cls(clock() + seconds, clock)

    @property
    def left(self) -> float:
        """Seconds; below 0 when it has passed."""
        return self.at - self.clock()

    def watched(self, progress: Progress) -> Progress:
        """The same progress, whose ticks raise `OutOfTime` once the moment has passed."""

        @contextmanager
        def watched(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
            with progress(label, total, unit) as tick:

                def advance(n: int = 1) -> None:
                    tick(n)
                    if self.left < 0:
                        raise OutOfTime

                yield advance

        return watched


@dataclass(frozen=True)
class Course:
    """Where recipes are judged: `measure` (one of `metrics.PER_QUERY`) at `at` places, of the shoppers of `split`, who
    may be shown what they had unless `new`."""

    split: Split
    at: int = 20
    new: bool = False
    seed: int = 0
    measure: str = "ndcg"

    @classmethod
    def of(
        cls,
        split: Split,
        *,
        at: int = 20,
        new: bool = False,
        seed: int = 0,
        judged: int = JUDGED,
        measure: str = "ndcg",
    ) -> Course:
        """Of a split, with a seeded sample of its shoppers where there are more than `judged`."""
        asked = split.new_items() if new else split
        if len(asked) > judged:
            kept = np.sort(rng(seed).choice(len(asked), judged, replace=False))
            asked = replace(asked, users=asked.users[kept], now=asked.now[kept])
        return cls(asked, at, new, seed, measure)

    @property
    def metric(self) -> str:
        """Its name, as reports have it."""
        return f"{self.measure}@{self.at}"

    def values(self, recipe: Recipe) -> Float64:
        """float64 [q]: the measure of each shopper."""
        top = rank(recipe, self.split, self.at, mask_history=self.new)
        return per_query(top, self.split.targets)[self.measure]

    def part(self, share: float) -> Dataset:
        """What is learned from in a round: a seeded share of the shoppers; the smaller lies in the larger."""
        return shoppers(self.split.train, share, self.seed)

    def estimate(self, values: Float64) -> Estimate:
        """The mean with its 95 % interval."""
        return estimates({self.metric: values}, seed=self.seed)[self.metric]

    def difference(self, first: Float64, second: Float64) -> Estimate:
        """first - second, paired by shopper."""
        return differences({self.metric: first}, {self.metric: second}, seed=self.seed)[self.metric]


@dataclass(frozen=True)
class Lap:
    """One recipe in one round: each shopper's measure (float64 [q]), and the seconds of learning and asking."""

    recipe: str
    share: float
    seconds: float
    values: Float64 = field(repr=False, compare=False)

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(self.values.mean())


@dataclass(frozen=True)
class Race:
    """Every lap in order, and why each of those that did not get to the end left (recipe → words)."""

    laps: tuple[Lap, ...]
    left: Mapping[str, str]

    @property
    def standing(self) -> list[Lap]:
        """The last round's laps, best first. Raises `ResourceError` where not one lap was finished."""
        if not self.laps:
            raise ResourceError("Nothing was finished in the time given.", fix="Give more: --minutes 10.")
        last = max(lap.share for lap in self.laps)
        return sorted((lap for lap in self.laps if lap.share == last), key=lambda lap: -lap.mean)


def race(
    course: Course,
    runners: Mapping[str, Make],
    deadline: Deadline,
    *,
    shares: Sequence[float] = SHARES,
    run_before: Sequence[Lap] = (),
    keep: Callable[[Lap], None] = lambda _: None,
    progress: Progress = no_progress,
) -> Race:
    """Let `runners` learn from growing shares of the course's shoppers, and say who is best.

    After a round those in the lower half whose paired difference to the best lies wholly below 0 leave; `popularity`
    never does. A runner whose lap takes, or by its last lap would take, more than its share of the time left leaves
    too; a recipe is stopped where it tells of its progress. `keep` is told of every finished lap; `run_before` are
    those of an interrupted race on the same course, which are not run again.
    """
    known = {(lap.recipe, lap.share): lap for lap in run_before}
    laps: list[Lap] = []
    left: dict[str, str] = {}
    running = list(runners)
    with progress("racing", len(shares) * len(runners), "laps") as tick:
        for number, share in enumerate(shares):
            part, finished = course.part(share), []
            for place, name in enumerate(running):
                lap = known.get((name, share))
                allowed = max(LEAST_SECONDS, deadline.left / (len(shares) - number) / (len(running) - place))
                if lap is None:
                    reason, lap = _run(course, part, name, runners[name], share, allowed, laps, deadline)
                    if lap is None:
                        left[name] = reason
                        continue
                    keep(lap)
                laps.append(lap)
                finished.append(lap)
                tick(1)
            if not finished:
                break
            running = _still_running(course, finished, left) if share != shares[-1] else running
    return Race(tuple(laps), left)


def shoppers(dataset: Dataset, share: float, seed: int) -> Dataset:
    """A seeded share of the active shoppers, with all their events; the smaller share lies in the larger."""
    if share >= 1:
        return dataset
    order = rng(seed).permutation(dataset.n_users)
    kept = np.zeros(dataset.n_users, np.bool_)
    active = order[np.diff(dataset.indptr)[order] > 0]
    kept[active[: max(1, round(share * len(active)))]] = True
    return dataset.with_interactions(dataset.interactions.take(kept[dataset.interactions.user]))


def _run(
    course: Course,
    part: Dataset,
    name: str,
    make: Make,
    share: float,
    allowed: float,
    laps: Sequence[Lap],
    deadline: Deadline,
) -> tuple[str, Lap | None]:
    """One lap, or the words why there is none."""
    before = next((lap for lap in reversed(laps) if lap.recipe == name), None)
    expected = before.seconds * share / before.share if before else 0.0
    baseline = name == BASELINE
    if expected > allowed and not baseline:
        return f"would take about {expected:.0f} s on {_words(share)}, more than its share of the time", None
    own = Deadline.after(allowed, deadline.clock)
    started = deadline.clock()
    try:
        recipe = make().fit(part, no_progress if baseline else own.watched(no_progress))
        values = course.values(recipe)
    except OutOfTime:
        return f"took longer than its share of the time ({allowed:.0f} s) on {_words(share)}", None
    except EndcapError as error:
        return str(error), None
    return "", Lap(name, share, deadline.clock() - started, values)


def _still_running(course: Course, finished: Sequence[Lap], left: dict[str, str]) -> list[str]:
    """Who runs the next round; the others' reasons go into `left`. The fastest first: who is slow is cut off alone."""
    order = sorted(finished, key=lambda lap: -lap.mean)
    best, kept = order[0], []
    for place, lap in enumerate(order):
        behind = course.difference(lap.values, best.values)
        if lap.recipe != BASELINE and 2 * place >= len(order) and place >= 2 and behind.high < 0:
            left[lap.recipe] = (
                f"behind {best.recipe} by {-behind.value:.4f} ({-behind.high:.4f} … {-behind.low:.4f}) "
                f"on {_words(lap.share)}"
            )
        else:
            kept.append(lap)
    return [lap.recipe for lap in sorted(kept, key=lambda lap: lap.seconds)]


def _words(share: float) -> str:
    return "all shoppers" if share >= 1 else f"{100 * share:g} % of the shoppers"
