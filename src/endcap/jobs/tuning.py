"""performHPO, and the searches of `automl`: with Optuna, so that a kill only interrupts.

Every trial is written to a SQLite file of the version before it begins. A trial is judged on shoppers taken from the
training part of the metrics' split, never on those that the metrics are measured with; it is trained on a quarter, a
half and then all of that part, and given up after any of them where others did better there. Trial n samples with a
seed of its own, so a search that was killed goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcap.errors import EndcapError, InputError, ResourceError
from endcap.evaluation.race import Deadline, OutOfTime, shoppers
from endcap.jobs.solution_metrics import held_out, judged
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.registry.recipe_arns import HyperParameter, Offer
from endcap.seams import Progress, no_progress

if TYPE_CHECKING:
    from optuna import Study, Trial

SHARES = (0.25, 0.5, 1.0)
"""Of the shoppers learned from, at the three reports of a trial."""
TRIALS = 16
"""Where the configuration does not say how many."""
MOST_TRIALS = 1000
AS_IT_IS = "as it is"
"""Of a trial: hyper-parameters that it does not choose, because what a search begins from lies outside their range."""
UNPRUNED = 4
"""Trials that are always carried through: what others are compared with."""
OBJECTIVES: Mapping[str, str] = {"USER_SEGMENTATION": "recall_at_1_percent", "PERSONALIZED_ACTIONS": "auc"}
DEFAULT_OBJECTIVE = "normalized_discounted_cumulative_gain_at_25"


@dataclass(frozen=True)
class Search:
    """How to search: how many trials, for which metric, in which ranges (by hyper-parameter; else the recipe's own)."""

    trials: int = TRIALS
    metric: str = DEFAULT_OBJECTIVE
    maximize: bool = True
    ranges: Mapping[str, HyperParameter] = field(default_factory=dict)
    seed: int = 0
    deadline: Deadline | None = None
    """When no further trial begins, and the one that runs is stopped; None: when all trials are done."""

    @classmethod
    def of(cls, offer: Offer, config: Mapping[str, Any], seed: int = 0) -> Search:
        """From `solutionConfig.hpoConfig`, whose numbers are texts. Raises `InputError` for what makes no sense."""
        given = config.get("hpoConfig") or {}
        resources, objective = given.get("hpoResourceConfig") or {}, given.get("hpoObjective") or {}
        trials = _count("maxNumberOfTrainingJobs", resources.get("maxNumberOfTrainingJobs"), TRIALS)
        _count("maxParallelTrainingJobs", resources.get("maxParallelTrainingJobs"), 1)
        kind = str(objective.get("type") or "MAXIMIZE").upper()
        if kind not in ("MAXIMIZE", "MINIMIZE"):
            raise InputError(f"hpoObjective.type is {kind!r}, expected MAXIMIZE or MINIMIZE.")
        metric = str(objective.get("metricName") or OBJECTIVES.get(offer.type, DEFAULT_OBJECTIVE))
        ranges = _ranges(offer, given.get("algorithmHyperParameterRanges") or {})
        return cls(trials, metric, kind == "MAXIMIZE", ranges, seed)


@dataclass(frozen=True)
class Tried:
    """One trial: the values it chose, as texts, and the objective; None where its `state` is PRUNED."""

    number: int
    parameters: Mapping[str, str]
    state: str
    value: float | None


@dataclass(frozen=True)
class Found:
    """What a search ended with: the recipe's hyper-parameters as texts, and the objective on the validation part.

    `value` is NaN where no trial was carried through; the parameters are then those that were given, or the defaults.
    """

    offer: Offer
    parameters: Mapping[str, str]
    value: float
    trials: int
    pruned: int
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True)
class Objective:
    """What a trial is judged by: it learns from a share of `train`, and `value` tells how good what it learned is."""

    train: Dataset
    value: Callable[[Recipe], float]


def tune(
    offer: Offer,
    given: Mapping[str, str],
    dataset: Dataset,
    search: Search,
    storage: Path,
    *,
    name: str = "",
    progress: Progress = no_progress,
) -> Found:
    """The best hyper-parameters of `search.trials` trials; `given` stay where they are not searched.

    `storage` is the SQLite file that finished trials are kept in; trials of an earlier, killed search count. Raises
    `ResourceError` where Optuna is not installed, `InputError` where there is nothing to search or no such metric.
    """
    split = held_out(offer, held_out(offer, dataset, search.seed).train, search.seed + 1)

    def value(recipe: Recipe) -> float:
        measured = judged(offer, recipe, split)
        if search.metric not in measured:
            raise InputError(
                f"The metric {search.metric!r} is not measured for {offer.name}.",
                fix=f"Name one of {', '.join(measured) or 'none: there is too little data'}.",
            )
        return measured[search.metric]

    return search_for(offer, given, Objective(split.train, value), search, storage, name=name, progress=progress)


def search_for(
    offer: Offer,
    given: Mapping[str, str],
    objective: Objective,
    search: Search,
    storage: Path,
    *,
    name: str = "",
    progress: Progress = no_progress,
) -> Found:
    """`tune` by an objective of one's own. The first trial has the values that a search begins from: the defaults, or
    what was given. Raises `ResourceError` where Optuna is not installed."""
    space = {
        parameter: search.ranges.get(parameter, declared)
        for parameter, declared in offer.hyper_parameters.items()
        if (declared.tunable or parameter in search.ranges) and (declared.native or declared.settings)
    }
    wanted = search.trials if space else 1
    study = _study(storage, name or offer.name, search.maximize)
    beginning = {**_defaults(offer), **given}
    if not study.get_trials(deepcopy=False):
        starts = {each: _start(one, beginning[each]) for each, one in space.items()}
        inside = {each: start for each, start in starts.items() if start is not None}
        study.enqueue_trial(inside, user_attrs={AS_IT_IS: [each for each in starts if each not in inside]})
    for trial in study.get_trials(deepcopy=False):
        if trial.state.name == "RUNNING":  # of a search that was killed: its place is taken by one with the same values
            study.tell(trial.number, state=_state("FAIL"))
            study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
    with progress("hyper-parameters", total=wanted, unit="trials") as tick:
        tick(min(_finished(study), wanted))
        while _finished(study) < wanted and (search.deadline is None or search.deadline.left > 0):
            _one_trial(study, offer, given, space, objective, search)
            tick(1)
    return _found(study, offer, beginning)


def _found(study: Study, offer: Offer, beginning: Mapping[str, str]) -> Found:
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in ("COMPLETE", "PRUNED")]
    tried = tuple(
        Tried(number, _texts(trial.params), trial.state.name, trial.value if trial.state.name == "COMPLETE" else None)
        for number, trial in enumerate(ended)
    )
    pruned = sum(each.state == "PRUNED" for each in tried)
    if pruned == len(tried):
        return Found(offer, dict(beginning), float("nan"), len(tried), pruned, tried)
    best = study.best_trial
    assert best.value is not None
    return Found(offer, {**beginning, **_texts(best.params)}, float(best.value), len(tried), pruned, tried)


def _start(parameter: HyperParameter, text: str) -> Any:
    """A value to begin with, typed as the search has it; None where it lies outside what is searched."""
    if words := parameter.tried or parameter.choices:
        return text if text in words else None
    if parameter.search is None or text.lower() == "none":
        return None
    number = int(text) if parameter.kind == "integer" else float(text)
    return number if parameter.search[0] <= number <= parameter.search[1] else None


def _one_trial(
    study: Study,
    offer: Offer,
    given: Mapping[str, str],
    space: Mapping[str, HyperParameter],
    objective: Objective,
    search: Search,
) -> None:
    trial = _asked(study, search.seed)
    kept = trial.user_attrs.get(AS_IT_IS, ())
    chosen = {name: _text(_suggested(trial, name, parameter)) for name, parameter in space.items() if name not in kept}
    settings = offer.native_settings({**given, **chosen})
    progress = search.deadline.watched(no_progress) if search.deadline else no_progress
    value = 0.0
    for step, share in enumerate(SHARES):
        try:
            value = objective.value(
                create(offer.native, settings).fit(shoppers(objective.train, share, search.seed), progress)
            )
        except OutOfTime:
            study.tell(trial, state=_state("FAIL"))
            return
        except EndcapError:
            study.tell(trial, state=_state("FAIL"))
            raise
        trial.report(value, step)
        if step < len(SHARES) - 1 and trial.should_prune():
            study.tell(trial, state=_state("PRUNED"))
            return
    study.tell(trial, value)


def _study(storage: Path, name: str, maximize: bool) -> Study:
    try:
        import optuna  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ResourceError(
            "Searching for hyper-parameters needs Optuna.", fix="Install it: pip install 'endcap[tune]'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage.parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{storage.absolute()}",
        direction="maximize" if maximize else "minimize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
        load_if_exists=True,
    )


def _asked(study: Study, seed: int) -> Trial:
    """The next trial; its sampler's seed comes from how many there were, so that a kill changes nothing."""
    from optuna.samplers import TPESampler  # noqa: PLC0415 - an extra

    study.sampler = TPESampler(seed=seed * 100_003 + _finished(study), n_startup_trials=UNPRUNED)
    return study.ask()


def _state(name: str) -> Any:
    from optuna.trial import TrialState  # noqa: PLC0415 - an extra

    return TrialState[name]


def _finished(study: Study) -> int:
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.get_trials(deepcopy=False))


def _suggested(trial: Trial, name: str, parameter: HyperParameter) -> Any:
    if words := parameter.tried or parameter.choices:
        return trial.suggest_categorical(name, list(words))
    assert parameter.search is not None
    low, high = parameter.search
    log = parameter.log and low > 0
    if parameter.kind == "integer":
        return trial.suggest_int(name, int(low), int(high), log=log)
    return trial.suggest_float(name, float(low), float(high), log=log)


def _ranges(offer: Offer, given: Mapping[str, Any]) -> dict[str, HyperParameter]:
    found = {}
    kinds = (("integerHyperParameterRanges", int), ("continuousHyperParameterRanges", float))
    for member, read in kinds:
        for one in given.get(member) or ():
            declared = _declared(offer, one["name"])
            low, high = read(one["minValue"]), read(one["maxValue"])
            if low > high:
                raise InputError(f"The range of {one['name']} is {low} to {high}, expected the smaller one first.")
            declared.check(one["name"], str(low))
            declared.check(one["name"], str(high))
            found[one["name"]] = replace(declared, search=(low, high))
    for one in given.get("categoricalHyperParameterRanges") or ():
        declared = _declared(offer, one["name"])
        values = tuple(declared.check(one["name"], str(value)) for value in one["values"])
        found[one["name"]] = replace(declared, choices=values, tried=())
    return found


def _declared(offer: Offer, name: str) -> HyperParameter:
    if name not in offer.hyper_parameters:
        raise InputError(
            f"The recipe {offer.arn} has no hyperparameter {name!r}.",
            fix=f"It has {', '.join(sorted(offer.hyper_parameters)) or 'none'}.",
        )
    return offer.hyper_parameters[name]


def _count(name: str, given: Any, default: int) -> int:
    if given in (None, ""):
        return default
    if not str(given).isdecimal() or not 1 <= int(given) <= MOST_TRIALS:
        raise InputError(f"hpoResourceConfig.{name} is {given!r}, expected a whole number of 1 to {MOST_TRIALS}.")
    return int(given)


def _defaults(offer: Offer) -> dict[str, str]:
    return {name: parameter.default for name, parameter in offer.hyper_parameters.items()}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
