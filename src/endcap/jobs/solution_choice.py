"""performAutoML: the race of `endcap tune` over the recipes of a solution, on the solution's own view of the data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endcap.errors import InputError
from endcap.evaluation.metric_names import measure_of
from endcap.evaluation.shop import DAYS
from endcap.jobs.automl import Entrant, Entrants, Kept, Outcome, Plan, choose_among
from endcap.jobs.automl_page import html
from endcap.jobs.solution_data import Solution
from endcap.jobs.tuning import DEFAULT_OBJECTIVE, Search
from endcap.lake.dataset import Dataset
from endcap.registry.lineage import CHOICE, CHOICE_PAGE
from endcap.registry.recipe_arns import Offer, native_offer, offer, offers
from endcap.seams import Progress
from endcap.types import DAY

AUTOMATIC = "USER_PERSONALIZATION"
"""The type of recipes that are chosen from where no recipe says another."""
MINUTES = 60.0
"""For race, search and test together."""
PERIODS = 6
"""A history is at least so many times as long as the period that is chosen by, and the one that is measured on."""


@dataclass(frozen=True)
class Chosen:
    """The recipe that won, its hyper-parameters as texts, what to note of it, and the files that explain it by name."""

    offer: Offer
    parameters: Mapping[str, str]
    notes: Mapping[str, Any]
    files: Mapping[str, bytes]


def candidates(solution: Solution) -> list[Offer]:
    """The recipes that performAutoML chooses from. Raises `InputError` where those named are of several types."""
    named = (solution.config.get("autoMLConfig") or {}).get("recipeList") or []
    if named:
        found = [offer(arn) for arn in named]
        if len({each.type for each in found}) > 1:
            raise InputError("autoMLConfig.recipeList mixes recipes of several types.", fix="Name those of one type.")
        return found
    wanted = offer(solution.recipe_arn).type if solution.recipe_arn else AUTOMATIC
    custom = [each for each in offers() if each.domain is None and not each.legacy and each.type == wanted]
    return list({each.native: each for each in reversed(custom)}.values())[::-1]


def choose(
    solution: Solution,
    given: Mapping[str, str],
    data: Callable[[Offer], Dataset],
    folder: Path,
    *,
    shop: str,
    seed: int = 0,
    minutes: float = MINUTES,
    progress: Progress,
) -> Chosen:
    """The recipe that does best on the shop's later days. `given` are hyper-parameters of any of them; `data` is what
    a recipe of the solution learns from; `folder` keeps what an interrupted choice had finished.

    Raises `InputError` for a metric that is none, `DataError` where the history is too short, `ResourceError` where no
    recipe was done in time.
    """
    config = solution.config
    metric = (config.get("autoMLConfig") or {}).get("metricName") or DEFAULT_OBJECTIVE
    measure, at = measure_of(str(metric))
    asked = [_entrant(each, given, config, seed) for each in candidates(solution)]
    learned = data(native_offer("popularity"))
    first = int(learned.interactions.time.min())
    days = min(DAYS, (learned.last_time - first) / DAY / PERIODS)
    trials = Search.of(asked[0].offer, _limited(config, asked[0].offer), seed).trials
    plan = Plan(minutes=minutes, trials=trials, days=max(days, 1e-3), at=at, seed=seed, measure=measure)
    folder.mkdir(parents=True, exist_ok=True)
    kept = Kept(folder, plan.key(learned.snapshot))
    outcome = choose_among(Entrants.choice(asked), learned, plan, kept, shop=shop, progress=progress)
    return _chosen(outcome, asked)


def _chosen(outcome: Outcome, asked: Sequence[Entrant]) -> Chosen:
    winner = next(each for each in asked if each.name == outcome.winner.recipe)
    parameters = {**winner.beginning, **outcome.winner.settings}
    told = outcome.json()
    notes = {
        "tuned": parameters,
        "trials": sum(each.trials for each in outcome.searches),
        "pruned": sum(each.pruned for each in outcome.searches),
        "choice": {name: told[name] for name in ("metric", "validation", "test", "left")},
    }
    files = {CHOICE: json.dumps(told, indent=2).encode(), CHOICE_PAGE: html(outcome).encode()}
    return Chosen(winner.offer, parameters, notes, files)


def _entrant(one: Offer, given: Mapping[str, str], config: Mapping[str, Any], seed: int) -> Entrant:
    mine = {name: value for name, value in given.items() if name in one.hyper_parameters}
    return Entrant(one, mine, Search.of(one, _limited(config, one), seed).ranges)


def _limited(config: Mapping[str, Any], one: Offer) -> dict[str, Any]:
    """The configuration with the ranges of one recipe's hyper-parameters only."""
    given = dict(config.get("hpoConfig") or {})
    ranges = given.get("algorithmHyperParameterRanges") or {}
    given["algorithmHyperParameterRanges"] = {
        member: [each for each in listed or () if each["name"] in one.hyper_parameters]
        for member, listed in ranges.items()
    }
    return {**config, "hpoConfig": given}
