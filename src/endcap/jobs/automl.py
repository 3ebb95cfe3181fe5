"""`endcap tune` and performAutoML: which recipe, with which hyper-parameters, does best on a shop's own later days.

The history is cut twice. Recipes race, and trials are judged, on the days before the last ones (validation): they learn
from what was before those. The last days (test) decide nothing: what won is measured on them once, beside its
defaults, the runner-up and popularity, all learned again from everything before the test.
Laps and trials are kept under the home as they finish, so that the same command goes on where it was interrupted.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from endcap.errors import InputError, ResourceError
from endcap.evaluation.compare import Estimate
from endcap.evaluation.race import BASELINE, SHARES, Course, Deadline, Lap, Race, Seconds, race
from endcap.evaluation.shop import DAYS, last_days
from endcap.jobs.tuning import TRIALS, Found, Objective, Search, search_for
from endcap.jobs.workspace import Workspace
from endcap.lake.dataset import Dataset
from endcap.recipes import create, recipe_class
from endcap.recipes.base import Recipe
from endcap.registry.feature_windows import window_documents
from endcap.registry.recipe_arns import HyperParameter, Offer, native_offer, offers
from endcap.seams import Progress, no_progress
from endcap.types import ShopKey

RACING, SEARCHING = 0.5, 0.85
"""Of the time: when the race is over, and when the search; what is left is for the test."""
SEARCHED = 2
"""So many of the best of a race are searched for better hyper-parameters."""


@dataclass(frozen=True)
class Plan:
    """What to try, and how long. `recipes` empty: all that suit any shop; `days` are of validation, and of test, where
    all are judged by `measure` (one of `metrics.PER_QUERY`) at `at` places."""

    recipes: tuple[str, ...] = ()
    minutes: float = 10.0
    trials: int = TRIALS
    days: float = DAYS
    at: int = 20
    new: bool = False
    """Judge by items new to the shopper."""
    seed: int = 0
    measure: str = "ndcg"

    def __post_init__(self) -> None:
        if not (self.minutes > 0 and self.trials > 0 and self.days > 0):
            raise InputError("Minutes, trials and days must be above 0.")
        for name in self.recipes:
            recipe_class(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Who takes part, popularity first: it is in every race."""
        return tuple(dict.fromkeys((BASELINE, *(self.recipes or suitable()))))

    def key(self, snapshot: str) -> str:
        """Of what was kept of an interrupted run: everything that its numbers depend on."""
        words = json.dumps([snapshot, self.days, self.at, self.new, self.seed, self.measure])
        return hashlib.sha256(words.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Entrant:
    """One that takes part: a recipe as it is offered, the hyper-parameters that are given, as texts, and the ranges
    that are searched in the place of its own."""

    offer: Offer
    given: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, HyperParameter] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called beside others: our recipes by their own names."""
        own = native_offer(self.offer.native).name == self.offer.name
        return self.offer.native if own else self.offer.name

    @property
    def beginning(self) -> dict[str, str]:
        """The hyper-parameters before any search."""
        return {**{name: each.default for name, each in self.offer.hyper_parameters.items()}, **self.given}

    def make(self, settings: Mapping[str, str] | None = None) -> Recipe:
        """The recipe, with other settings where some are told."""
        return create(self.offer.native, self.offer.native_settings({**self.given, **(settings or {})}))


@dataclass(frozen=True)
class Entrants:
    """Who takes part, by name; popularity is always there. With `only`, none but `named` can win."""

    all: Mapping[str, Entrant]
    named: tuple[str, ...] = ()
    only: bool = False

    @classmethod
    def of(cls, plan: Plan) -> Entrants:
        """Those of a plan, any of whom can win."""
        return cls({name: Entrant(native_offer(name)) for name in plan.names}, plan.recipes)

    @classmethod
    def choice(cls, asked: Sequence[Entrant]) -> Entrants:
        """One of these is wanted; popularity is there to be beaten."""
        found = {each.name: each for each in asked}
        return cls({BASELINE: Entrant(native_offer(BASELINE)), **found}, tuple(found), only=True)

    @property
    def is_one(self) -> bool:
        """Whether there is no choice: all the time is for better values."""
        return len(self.named) == 1

    def can_win(self, name: str) -> bool:
        """Whether it is one to choose."""
        return not self.only or name in self.named


@dataclass(frozen=True)
class Contender:
    """A recipe with settings (texts; only those that differ from what it began with), and its mean on validation."""

    recipe: str
    settings: Mapping[str, str]
    value: float

    @property
    def label(self) -> str:
        """As it is named beside others."""
        return f"{self.recipe}, tuned" if self.settings else self.recipe


@dataclass(frozen=True)
class Final:
    """One contender on the test: all items, items new to the shopper, and the winner's lead over it (all items)."""

    contender: Contender
    all_items: Estimate
    new_items: Estimate
    lead: Estimate
    seconds: float

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "recipe": self.contender.recipe,
            "settings": dict(self.contender.settings),
            "all items": self.all_items.json(),
            "items new to the shopper": self.new_items.json(),
            "winner's lead": self.lead.json(),
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True)
class Outcome:
    """All that was tried, who won, and what that is worth. `cuts` (µs): where validation, test, and nothing begin."""

    plan: Plan
    shop: str
    snapshot: str
    cuts: tuple[int, int, int]
    judged: tuple[int, int]
    """Shoppers of validation and of test."""
    race: Race
    values: Mapping[str, Estimate] = field(repr=False)
    """Of the race's last round."""
    leads: Mapping[str, Estimate] = field(repr=False)
    """Of its first over each other, paired."""
    searches: tuple[Found, ...]
    winner: Contender
    finals: tuple[Final, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """What decided."""
        return f"{self.plan.measure}@{self.plan.at}"

    def json(self) -> dict[str, Any]:
        """The document kept beside the page."""
        laps = [
            {"recipe": lap.recipe, "share": lap.share, "value": lap.mean, "seconds": round(lap.seconds, 2)}
            for lap in self.race.laps
        ]
        searches = {
            Entrant(found.offer).name: {
                "best": None if np.isnan(found.value) else found.value,
                "trials": [
                    {"parameters": dict(each.parameters), "state": each.state, "value": each.value}
                    for each in found.tried
                ],
            }
            for found in self.searches
        }
        return {
            "shop": self.shop,
            "snapshot": self.snapshot,
            "metric": self.metric,
            "population": "items new to the shopper" if self.plan.new else "all items",
            "days": self.plan.days,
            "seed": self.plan.seed,
            "winner": {"recipe": self.winner.recipe, "settings": dict(self.winner.settings)},
            "validation": self.winner.value,
            "test": [final.json() for final in self.finals],
            "laps": laps,
            "left": dict(self.race.left),
            "searches": searches,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 1),
        }


def suitable() -> tuple[str, ...]:
    """Recipes that answer a shopper of any shop with items."""
    return tuple(offer.native for offer in offers() if offer.fits_any_shop)


def choose_recipe(
    workspace: Workspace,
    shop: ShopKey,
    plan: Plan,
    *,
    dataset: Dataset | None = None,
    clock: Seconds = time.monotonic,
    progress: Progress = no_progress,
) -> Outcome:
    """Race, search, and measure what won. Raises `DataError` where the history is too short for two periods of
    `plan.days`, `ResourceError` where nothing was finished in time."""
    data = dataset or workspace.lake.dataset(shop)
    data = replace(data, windows=window_documents(workspace.resources, shop))
    kept = Kept.of(workspace, shop, plan.key(data.snapshot))
    return choose_among(Entrants.of(plan), data, plan, kept, shop=shop.group, clock=clock, progress=progress)


def choose_among(
    entrants: Entrants,
    data: Dataset,
    plan: Plan,
    kept: Kept,
    *,
    shop: str,
    clock: Seconds = time.monotonic,
    progress: Progress = no_progress,
) -> Outcome:
    """`choose_recipe` among given entrants, on given data."""
    started = clock()
    test = last_days(data, plan.days)
    split = last_days(test.train, plan.days)
    course = Course.of(split, at=plan.at, new=plan.new, seed=plan.seed, measure=plan.measure)

    def until(part: float) -> Deadline:
        return Deadline(started + 60 * plan.minutes * part, clock)

    ran = race(
        course,
        {name: each.make for name, each in entrants.all.items()},
        until(SEARCHING if entrants.is_one else RACING),
        shares=(1.0,) if entrants.is_one else SHARES,
        run_before=kept.laps(),
        keep=kept.keep,
        progress=progress,
    )
    searches, notes = _searches(course, ran, entrants, plan, kept, until(SEARCHING), progress)
    ranking = _ranking(ran, searches, entrants)
    if ranking[0].value < max(each.value for each in ranking):
        better = max(ranking, key=lambda each: each.value)
        notes.append(f"{better.label} did better ({better.value:.4f}) and was not among those to choose from.")
    finals = _finals(ranking, entrants, data, plan, clock, progress)
    standing = ran.standing
    return Outcome(
        plan=plan,
        shop=shop,
        snapshot=data.snapshot,
        cuts=(int(course.split.now[0]), int(test.now[0]), data.last_time),
        judged=(len(course.split), len(test)),
        race=ran,
        values={lap.recipe: course.estimate(lap.values) for lap in standing},
        leads={lap.recipe: course.difference(standing[0].values, lap.values) for lap in standing[1:]},
        searches=tuple(searches),
        winner=ranking[0],
        finals=tuple(finals),
        seconds=clock() - started,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class Kept:
    """What an interrupted run left: a file of laps, one JSON object a line, and Optuna's file of trials."""

    folder: Path
    key: str

    @classmethod
    def of(cls, workspace: Workspace, shop: ShopKey, key: str) -> Kept:
        """Of one shop's runs that may go on each other's work."""
        folder = workspace.settings.home.joinpath("tuning", *shop.parts())
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, key)

    @property
    def trials(self) -> Path:
        """Optuna's SQLite file."""
        return self.folder / "trials.db"

    def keep(self, lap: Lap) -> None:
        """Add a finished lap."""
        line = {"recipe": lap.recipe, "share": lap.share, "seconds": lap.seconds}
        with open(self.folder / f"laps-{self.key}.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "values": lap.values.tolist()}) + "\n")

    def laps(self) -> list[Lap]:
        """Those that were finished; the last line may have been cut off."""
        path = self.folder / f"laps-{self.key}.jsonl"
        found = []
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            try:
                given = json.loads(line)
            except ValueError:
                continue
            found.append(Lap(**{**given, "values": np.array(given["values"], np.float64)}))
        return found


def _searches(
    course: Course, ran: Race, entrants: Entrants, plan: Plan, kept: Kept, deadline: Deadline, progress: Progress
) -> tuple[list[Found], list[str]]:
    """Searches of the best of the race, each with an equal part of the time left; and why one was not searched."""
    found: list[Found] = []
    standing = [lap.recipe for lap in ran.standing if entrants.can_win(lap.recipe)]
    chosen = [name for name in standing if name != BASELINE or entrants.named == (BASELINE,)][:SEARCHED]
    objective = Objective(course.split.train, lambda recipe: float(course.values(recipe).mean()))
    for place, name in enumerate(chosen):
        own = Deadline.after(deadline.left / (len(chosen) - place), deadline.clock)
        entrant = entrants.all[name]
        search = Search(plan.trials, course.metric, ranges=entrant.ranges, seed=plan.seed, deadline=own)
        key = f"{name} {kept.key}"
        try:
            found.append(
                search_for(entrant.offer, entrant.given, objective, search, kept.trials, name=key, progress=progress)
            )
        except ResourceError as error:
            if entrants.is_one and not entrants.only:
                raise
            return found, [f"Hyper-parameters were not searched: {error}"]
    return found, []


def _ranking(ran: Race, searches: Sequence[Found], entrants: Entrants) -> list[Contender]:
    """The winner, then the others, best first, by the mean on validation: what was searched with its best values, the
    others as they began."""
    best = {lap.recipe: Contender(lap.recipe, {}, lap.mean) for lap in ran.standing}
    full = {lap.recipe for lap in ran.laps if lap.share == 1}
    for found in searches:
        name = Entrant(found.offer).name
        beginning = entrants.all[name].beginning
        changed = {each: value for each, value in found.parameters.items() if value != beginning[each]}
        if changed and found.value > (best[name].value if name in full else -1.0):
            best[name] = Contender(name, changed, found.value)
    ranking = sorted(best.values(), key=lambda each: -each.value)
    winner = next((each for each in ranking if entrants.can_win(each.recipe)), None)
    if winner is None:
        why = "; ".join(f"{name} {ran.left[name]}" for name in entrants.named if name in ran.left)
        raise ResourceError(f"No recipe to choose was done in time: {why}.", fix="Name faster ones, or fewer.")
    return [winner, *(each for each in ranking if each is not winner)]


def _finals(
    ranking: Sequence[Contender], entrants: Entrants, data: Dataset, plan: Plan, clock: Seconds, progress: Progress
) -> list[Final]:
    """The winner, its defaults, the runner-up and popularity on the test, learned from all that was before it."""
    winner = ranking[0]
    asked = [winner, *([Contender(winner.recipe, {}, float("nan"))] if winner.settings else []), *ranking[1:2]]
    if all(each.recipe != BASELINE for each in asked):
        asked.append(next((each for each in ranking if each.recipe == BASELINE), Contender(BASELINE, {}, float("nan"))))
    split = last_days(data, plan.days)
    # Everybody is asked: a sample is for what is repeated often.
    courses = [
        Course.of(split, at=plan.at, new=new, seed=plan.seed, judged=len(split), measure=plan.measure)
        for new in (False, True)
    ]
    measured = []
    with progress("measuring on the test", len(asked), "models") as tick:
        for each in asked:
            started = clock()
            recipe = entrants.all[each.recipe].make(each.settings).fit(split.train)
            measured.append((each, [course.values(recipe) for course in courses], clock() - started))
            tick(1)
    first = measured[0][1][0]
    return [
        Final(
            each,
            courses[0].estimate(values[0]),
            courses[1].estimate(values[1]),
            courses[0].difference(first, values[0]),
            seconds,
        )
        for each, values, seconds in measured
    ]
