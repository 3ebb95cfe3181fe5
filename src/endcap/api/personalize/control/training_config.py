"""What a solution's configuration must obey beyond its shape: the recipe's ranges, the datasets' columns, schedules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from endcap.api.personalize.control.desk import Call
from endcap.api.personalize.control.recipes import (
    COLD_START,
    TREND,
    algorithm_parameters,
    find_offer,
    transformation_parameters,
)
from endcap.errors import InputError
from endcap.evaluation.metric_names import measure_of
from endcap.jobs.profile_groups import SETTINGS, given_groups, profile_groups
from endcap.lake.schemas import KEYS, RECORDS, DatasetKind, Schema
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.recipe_arns import HyperParameter, Offer

INCREMENTAL = "aws-semantic-similarity"
"""The one recipe of the service that trains incrementally."""
AUTO_TYPE = "USER_PERSONALIZATION"
"""AutoML chooses among recipes of this type."""
MOST_JOBS = {"maxNumberOfTrainingJobs": 100, "maxParallelTrainingJobs": 10}
LONGEST_DAYS = 30
_RATE = re.compile(r"rate\((\d{1,4}) days?\)")
_NUMBERS = ("float", "double", "int", "long")
_SCHEDULE = "schedulingExpression is {!r}, expected rate(N days) with N from 1 to 30."


def check_solution_config(call: Call, config: Mapping[str, Any], recipe: Offer | None, group: str) -> None:
    """Raises `InputError` for the first thing that cannot be; `recipe` is None where AutoML is to choose."""
    if recipe is not None:
        # Either place will do for what some of the service's own examples give as one and some as the other.
        either = {name: each for name, each in recipe.hyper_parameters.items() if name.startswith((COLD_START, TREND))}
        _check_values(config.get("algorithmHyperParameters", {}), algorithm_parameters(recipe) | either, recipe)
        transformed = config.get("featureTransformationParameters", {})
        own = {name: value for name, value in transformed.items() if name not in SETTINGS}
        _check_values(own, transformation_parameters(recipe), recipe)
    native = "" if recipe is None else recipe.native
    profile_groups(FeatureGroups(call.desk.workspace.database), call.account, given_groups(config), native)
    _check_search(config.get("hpoConfig", {}), recipe)
    if (metric := config.get("autoMLConfig", {}).get("metricName")) and recipe is None:
        measure_of(metric)
    for arn in config.get("autoMLConfig", {}).get("recipeList", ()):
        if find_offer(arn).type != AUTO_TYPE:
            raise InputError(f"autoMLConfig.recipeList names {arn}, expected recipes of type {AUTO_TYPE}.")
    threshold = config.get("eventValueThreshold")
    if threshold is not None and not math.isfinite(_number(threshold)):
        raise InputError(f"eventValueThreshold is {threshold!r}, expected a number.")
    check_events(config.get("eventsConfig", {}))
    check_schedule(config.get("autoTrainingConfig", {}))
    wanted = ("trainingDataConfig", "optimizationObjective")
    if any(name in config for name in wanted):
        schemas = call.schemas(group)
        check_columns(config.get("trainingDataConfig", {}), schemas)
        _check_objective(config.get("optimizationObjective", {}), schemas)


def check_events(config: Mapping[str, Any]) -> None:
    """Every entry names its event type, once. Raises `InputError`."""
    types = [entry.get("eventType") for entry in config.get("eventParametersList", ())]
    if None in types or "" in types:
        raise InputError("An entry of eventParametersList has no eventType.")
    if len(set(types)) < len(types):
        raise InputError("eventParametersList names an eventType twice.")


def check_schedule(config: Mapping[str, Any]) -> None:
    """1 to 30 days. Raises `InputError`."""
    text = config.get("schedulingExpression")
    if text is None:
        return
    found = _RATE.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= LONGEST_DAYS:
        raise InputError(_SCHEDULE.format(text))


def check_columns(config: Mapping[str, Any], schemas: Mapping[DatasetKind, Schema]) -> None:
    """Columns to train with, or without: of datasets that are there, and never the keys. Raises `InputError`."""
    both = set(config.get("includedDatasetColumns", {})) & set(config.get("excludedDatasetColumns", {}))
    if both:
        raise InputError(f"Columns of {sorted(both)[0]} are both included and excluded: give one of the two.")
    for member in ("includedDatasetColumns", "excludedDatasetColumns"):
        for dataset, columns in config.get(member, {}).items():
            schema = _schema_of(dataset, schemas, member)
            for column in columns:
                if column not in schema:
                    raise InputError(f"{member} names {dataset}.{column}, which the dataset's schema does not have.")
                if member.startswith("excluded") and column in KEYS[schema.kind]:
                    raise InputError(f"{member} names {dataset}.{column}, which identifies rows and is always needed.")


def _schema_of(dataset: str, schemas: Mapping[DatasetKind, Schema], member: str) -> Schema:
    for kind, schema in schemas.items():
        if dataset.lower() == kind:
            return schema
    there = ", ".join(RECORDS[kind] for kind in schemas) or "none"
    raise InputError(f"{member} names the dataset {dataset!r}; the dataset group has {there}.")


def _check_objective(objective: Mapping[str, Any], schemas: Mapping[DatasetKind, Schema]) -> None:
    column = objective.get("itemAttribute")
    if column is None:
        return
    schema = _schema_of("items", schemas, "optimizationObjective")
    if column not in schema or schema[column].type not in _NUMBERS:
        raise InputError(f"optimizationObjective.itemAttribute is {column!r}, expected a numerical column of Items.")


def _check_values(given: Mapping[str, str], known: Mapping[str, HyperParameter], recipe: Offer) -> None:
    for name, value in given.items():
        _known(name, known, recipe).check(name, value)


def _known(name: str, known: Mapping[str, HyperParameter], recipe: Offer) -> HyperParameter:
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise InputError(f"The recipe {recipe.arn} has no hyperparameter {name!r} here. Known: {listed}.")
    return known[name]


def _check_search(config: Mapping[str, Any], recipe: Offer | None) -> None:
    for name, most in MOST_JOBS.items():
        text = config.get("hpoResourceConfig", {}).get(name)
        if text is not None and not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
            raise InputError(f"hpoResourceConfig.{name} is {text!r}, expected a whole number from 1 to {most}.")
    if recipe is None:
        return
    ranges = config.get("algorithmHyperParameterRanges", {})
    for kind in ("integer", "continuous", "categorical"):
        _check_ranges(ranges.get(f"{kind}HyperParameterRanges", ()), kind, recipe)


def _check_ranges(entries: Sequence[Mapping[str, Any]], kind: str, recipe: Offer) -> None:
    known = algorithm_parameters(recipe)
    for entry in entries:
        name = entry.get("name", "")
        parameter = _known(name, known, recipe)
        if parameter.kind != kind:
            raise InputError(f"Hyperparameter {name} is {parameter.kind}, and was given among {kind} ranges.")
        if not parameter.tunable:
            raise InputError(f"Hyperparameter {name} of {recipe.arn} cannot be tuned.")
        if kind == "categorical":
            _check_choices(name, entry.get("values", ()), parameter)
        else:
            _check_bounds(name, entry, parameter)


def _check_choices(name: str, values: Sequence[str], parameter: HyperParameter) -> None:
    if not values:
        raise InputError(f"The range of hyperparameter {name} has no values.")
    for value in values:
        parameter.check(name, value)


def _check_bounds(name: str, entry: Mapping[str, Any], parameter: HyperParameter) -> None:
    if "minValue" not in entry or "maxValue" not in entry:
        raise InputError(f"The range of hyperparameter {name} needs minValue and maxValue.")
    low, high = entry["minValue"], entry["maxValue"]
    if low > high:
        raise InputError(f"The range of hyperparameter {name} is from {low} to {high}: minValue is the larger.")
    for value in (low, high):
        parameter.check(name, str(value))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
