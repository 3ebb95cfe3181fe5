"""Solutions and their versions: what is to be trained, and training it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.desk import COMING, Call, active, named
from endcap.api.personalize.control.recipes import find_offer, recipe_of
from endcap.api.personalize.control.tagging import tags_of
from endcap.api.personalize.control.training_config import (
    INCREMENTAL,
    check_events,
    check_schedule,
    check_solution_config,
)
from endcap.api.personalize.control.updates import begin_update, is_updating
from endcap.errors import InputError
from endcap.registry.dependencies import InUse
from endcap.registry.quotas import waiting
from endcap.registry.recipe_arns import Offer
from endcap.registry.resources import Exists, Resource
from endcap.registry.solution_versions import planned_version

DEFAULTS = {
    "performHPO": False,
    "performAutoML": False,
    "performAutoTraining": True,
    "performIncrementalUpdate": False,
}
UPDATABLE = ("aws-user-personalization", "aws-hrnn-coldstart", INCREMENTAL)
"""Recipes of the service that take in new items without a full training; ours all can."""
OWN = "endcap-"
STOPPABLE = ("CREATE PENDING", "CREATE IN_PROGRESS")
LATEST_UPDATE = "latestSolutionUpdate"


def create_solution(call: Call) -> Mapping[str, Any]:
    """A configuration: a recipe with its hyper-parameters, or AutoML. It trains itself every seven days by default."""
    given = call.given
    group = call.usable(given["datasetGroupArn"], "dataset-group")
    recipe = _recipe(given)
    config = given.get("solutionConfig", {})
    check_solution_config(call, config, recipe, group.id)
    if "eventType" in given and "eventsConfig" in config:
        raise InputError("eventType and solutionConfig.eventsConfig were both given: give one of the two.")
    _require_incremental(given, recipe)
    flags = named(given, *DEFAULTS)
    document = {**DEFAULTS, **flags, **named(given, "name", "recipeArn", "eventType", "solutionConfig")}
    document["datasetGroupArn"] = group.arn
    tags = tags_of(given)
    solution = Resource(call.account, "solution", given["name"], group.id, "", "CREATE PENDING", document, tags)
    return {"solutionArn": call.create(solution, group).arn}


def update_solution(call: Call) -> Mapping[str, Any]:
    """Another schedule, other event weights: for versions trained from then on."""
    given = call.given
    solution = active(call.find(given["solutionArn"], "solution"))
    config = given.get("solutionUpdateConfig", {})
    if not config and not any(name in given for name in DEFAULTS):
        raise InputError("Nothing to update was given.", fix="Give performAutoTraining or solutionUpdateConfig.")
    check_schedule(config.get("autoTrainingConfig", {}))
    check_events(config.get("eventsConfig", {}))
    if "eventsConfig" in config and "eventType" in solution.document:
        raise InputError("The solution has an eventType: eventsConfig cannot be used with it.")
    if given.get("performIncrementalUpdate"):
        _require_incremental(given, recipe_of(solution))
    _require_few_updates(call)
    planned = named(given, "performAutoTraining", "performIncrementalUpdate", "solutionUpdateConfig")
    begin_update(call, solution, LATEST_UPDATE, planned)
    return {"solutionArn": solution.arn}


def create_solution_version(call: Call) -> Mapping[str, Any]:
    """Training, with the solution's configuration of this moment."""
    given = call.given
    solution = active(call.find(given["solutionArn"], "solution"), also=COMING)
    mode, name = given.get("trainingMode", "FULL"), given.get("name", "")
    versions = call.desk.resources.list(call.account, "solution-version", parent=solution.id)
    _require_mode(mode, solution, versions)
    if name and any(version.document.get("name") == name for version in versions):
        raise Exists(f"Another version of {solution.arn} is named {name!r} already.", fix="Take another name.")
    identity = call.desk.workspace.versions.unused_id(call.desk.draw)
    group = call.desk.resources.get(call.account, "dataset-group", solution.shop)
    planned = planned_version(solution, identity, mode=mode, name=name, tags=tags_of(given))
    return {"solutionVersionArn": call.create(planned, solution, group).arn}


def stop_solution_version_creation(call: Call) -> Mapping[str, Any]:
    """Stops training; what was learned so far is lost."""
    version = call.find(call.given["solutionVersionArn"], "solution-version")
    if version.status not in STOPPABLE:
        raise InUse(f"{version.arn} is {version.status}: only a version being created can be stopped.")
    call.desk.dependencies.stop(version, "CREATE STOPPING")
    return {}


def get_solution_metrics(call: Call) -> Mapping[str, Any]:
    """What was measured after training, on events that training did not see."""
    version = active(call.find(call.given["solutionVersionArn"], "solution-version"))
    return {"solutionVersionArn": version.arn, "metrics": version.document.get("_metrics", {})}


def _recipe(given: Mapping[str, Any]) -> Offer | None:
    """The recipe to train; None where AutoML is to choose it."""
    automatic = given.get("performAutoML", False)
    if automatic and "recipeArn" in given:
        raise InputError("recipeArn must not be given when performAutoML is true.")
    if automatic:
        return None
    if "recipeArn" not in given:
        raise InputError("recipeArn is required when performAutoML is false.", fix="ListRecipes tells what there is.")
    recipe = find_offer(given["recipeArn"])
    if recipe.serves == "recommender":
        raise InputError(f"{recipe.arn} is a use case of domain {recipe.domain}: create a recommender with it.")
    return recipe


def _require_incremental(given: Mapping[str, Any], recipe: Offer | None) -> None:
    if given.get("performIncrementalUpdate") and (recipe is None or recipe.name != INCREMENTAL):
        raise InputError(f"performIncrementalUpdate is supported with the recipe {INCREMENTAL} only.")


def _require_mode(mode: str, solution: Resource, versions: list[Resource]) -> None:
    if mode == "AUTOTRAIN":
        raise InputError("trainingMode AUTOTRAIN is that of automatic training: give FULL or UPDATE.")
    if mode == "FULL":
        return
    recipe = recipe_of(solution)
    if recipe.name not in UPDATABLE and not recipe.name.startswith(OWN):
        raise InputError(f"trainingMode UPDATE is not supported with the recipe {recipe.arn}.")
    if not any(version.status == "ACTIVE" for version in versions):
        raise InputError("trainingMode UPDATE needs a version of the solution that is ACTIVE.", fix="Train with FULL.")


def _require_few_updates(call: Call) -> None:
    solutions = call.desk.resources.list(call.account, "solution")
    most = call.desk.dependencies.quotas.updates
    if sum(is_updating(solution, LATEST_UPDATE) for solution in solutions) >= most:
        raise waiting(most)
