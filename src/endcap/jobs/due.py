"""What is due at a moment: a pure function of the clock and of what is there. Whatever was missed is caught up once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from endcap.types import DAY, HOUR, MINUTE, Micros

FIRST_TRAINING = 50 * MINUTE
"""After a solution with automatic training was made, unless a version was trained by hand before: within the hour."""
WEEKLY = 7 * DAY
"""How often a recommender is trained anew."""
UPDATES: Mapping[str, int] = {"aws-user-personalization": 2 * HOUR}
"""Recipes whose newest version takes in new items by itself while a campaign serves it, and how often."""
INCREMENTAL = 30 * MINUTE
"""How often a solution with performIncrementalUpdate does."""
WINDOW = 15 * MINUTE
"""Of metric attribution; windows begin at full quarters of an hour."""

What = Literal["train-solution", "update-solution", "train-recommender", "follow", "write-metrics", "sink"]


@dataclass(frozen=True)
class Trained:
    """One version of a solution: when it was asked for, whether a schedule did, whether it only took in new items."""

    created: Micros
    automatic: bool
    unfinished: bool = False
    update: bool = False


@dataclass(frozen=True)
class Solution:
    """A solution that is active."""

    arn: str
    created: Micros
    automatic: bool
    every: int = WEEKLY
    """Microseconds between two automatic trainings."""
    versions: Sequence[Trained] = ()
    updated_every: int = 0
    """Microseconds after which new items are taken in; 0: never by themselves."""
    news: bool = False
    """Whether the newest version does not know the items there are."""


@dataclass(frozen=True)
class Recommender:
    """A recommender that is active, and when it was last trained, or last tried to."""

    arn: str
    trained: Micros
    busy: bool = False


@dataclass(frozen=True)
class Follower:
    """A campaign that is to serve its solution's newest version: what it serves or failed to, and what there is."""

    arn: str
    has: str
    newest: str
    busy: bool = False


@dataclass(frozen=True)
class Attribution:
    """A metric attribution, and when it last wrote its windows."""

    arn: str
    written: Micros
    busy: bool = False


@dataclass(frozen=True)
class State:
    """Everything that schedules look at."""

    solutions: Sequence[Solution] = ()
    recommenders: Sequence[Recommender] = ()
    followers: Sequence[Follower] = ()
    attributions: Sequence[Attribution] = ()
    sunk: Micros = Micros(0)
    sink_every: int = MINUTE


@dataclass(frozen=True)
class Due:
    """One thing to be done now; `arn` is empty for the sink."""

    what: What
    arn: str = ""


def due(now: Micros, state: State) -> list[Due]:
    """What to begin now, each thing once however long nobody looked."""
    return list(_due(now, state))


def _due(now: Micros, state: State) -> Iterator[Due]:
    if now - state.sunk >= state.sink_every:
        yield Due("sink")
    yield from _due_solutions(now, state.solutions)
    for recommender in state.recommenders:
        if not recommender.busy and now - recommender.trained >= WEEKLY:
            yield Due("train-recommender", recommender.arn)
    for follower in state.followers:
        if not follower.busy and follower.newest and follower.newest != follower.has:
            yield Due("follow", follower.arn)
    for attribution in state.attributions:
        if not attribution.busy and now // WINDOW > attribution.written // WINDOW:
            yield Due("write-metrics", attribution.arn)


def _due_solutions(now: Micros, solutions: Sequence[Solution]) -> Iterator[Due]:
    for solution in solutions:
        if now >= _next_training(solution):
            yield Due("train-solution", solution.arn)
        elif now >= _next_update(solution):
            yield Due("update-solution", solution.arn)


def _next_training(solution: Solution) -> float:
    """Microseconds UTC; infinite where nothing is to be trained."""
    if not solution.automatic or any(version.unfinished for version in solution.versions):
        return float("inf")
    first_due = solution.created + FIRST_TRAINING
    trained = [each for each in solution.versions if not each.update]
    counted = [each.created for each in trained if each.automatic or each.created <= first_due]
    return max(counted) + solution.every if counted else first_due


def _next_update(solution: Solution) -> float:
    """Microseconds UTC; infinite where there is nothing to update, or nothing to take in."""
    if not (solution.updated_every and solution.news) or any(version.unfinished for version in solution.versions):
        return float("inf")
    return max(version.created for version in solution.versions) + solution.updated_every
