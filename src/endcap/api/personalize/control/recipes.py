"""Recipes, their algorithms and feature transformations: the table of what can be trained, in the service's shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.desk import PARTITION, Absent, Call
from endcap.api.personalize.control.listing import paged
from endcap.errors import InputError, StateError
from endcap.registry.recipe_arns import HyperParameter, Offer, offer, offers
from endcap.registry.resources import Resource

PERCENTILE, COLD_START, TREND = "_percentile", "cold_start_", "trend_discovery_frequency"
"""How the hyper-parameters end, or begin, that say what is learned from: the service's feature transformation."""
RESOURCES = {"maxNumberOfTrainingJobs": "20", "maxParallelTrainingJobs": "5"}
"""What a search for hyper-parameters may use, where the solution does not say."""


def find_offer(arn: str) -> Offer:
    """The recipe of an ARN. Raises `InputError` for another kind of ARN, `UnknownName`."""
    return _by_arn(arn, "recipe", "arn")


def recipe_of(resource: Resource) -> Offer:
    """The recipe of a solution, version or recommender. Raises `StateError` before AutoML has chosen one."""
    arn = resource.document.get("recipeArn") or (resource.document.get("autoMLResult") or {}).get("bestRecipeArn")
    if not arn:
        raise StateError(f"{resource.arn} has no recipe yet: AutoML chooses it while it trains.")
    return offer(str(arn))


def transformation_parameters(recipe: Offer) -> dict[str, HyperParameter]:
    """The hyper-parameters that belong to the feature transformation."""
    return {name: each for name, each in recipe.hyper_parameters.items() if _transforms(name)}


def algorithm_parameters(recipe: Offer) -> dict[str, HyperParameter]:
    """The hyper-parameters that belong to the algorithm."""
    return {name: each for name, each in recipe.hyper_parameters.items() if not _transforms(name)}


def _transforms(name: str) -> bool:
    return name.endswith(PERCENTILE) or name.startswith((COLD_START, TREND))


def list_recipes(call: Call) -> Mapping[str, Any]:
    """The service's recipes and ours; with `domain`, those that serve it."""
    domain = call.given.get("domain")
    wanted = [each for each in offers() if domain is None or each.domain == domain]
    return paged(call, wanted, "recipes", ("recipe", domain or ""), _summary)  # type: ignore[no-any-return]


def describe_recipe(call: Call) -> Mapping[str, Any]:
    """What it recommends, and which recipe of ours is trained for it."""
    found = find_offer(call.given["recipeArn"])
    return {
        "recipe": {
            **_summary(found),
            "algorithmArn": found.algorithm_arn,
            "featureTransformationArn": found.feature_transformation_arn,
            "description": description(found),
            "recipeType": found.type,
        }
    }


def describe_algorithm(call: Call) -> Mapping[str, Any]:
    """Its hyper-parameters with their defaults and ranges."""
    arn = call.given["algorithmArn"]
    found = _by_arn(arn, "algorithm", "algorithm_arn")
    parameters = algorithm_parameters(found)
    return {
        "algorithm": {
            "name": found.name,
            "algorithmArn": arn,
            "defaultHyperParameters": {name: each.default for name, each in parameters.items()},
            "defaultHyperParameterRanges": _ranges(parameters),
            "defaultResourceConfig": RESOURCES,
            "trainingInputMode": "File",
            "creationDateTime": found.created,
            "lastUpdatedDateTime": found.created,
        }
    }


def describe_feature_transformation(call: Call) -> Mapping[str, Any]:
    """Which histories are learned from."""
    arn = call.given["featureTransformationArn"]
    found = _by_arn(arn, "feature-transformation", "feature_transformation_arn")
    return {
        "featureTransformation": {
            "name": found.name,
            "featureTransformationArn": arn,
            "defaultParameters": {name: each.default for name, each in transformation_parameters(found).items()},
            "creationDateTime": found.created,
            "lastUpdatedDateTime": found.created,
            "status": "ACTIVE",
        }
    }


def description(found: Offer) -> str:
    """In words, with the name of the native recipe and what it stands in for."""
    native = f"Trained here with Endcap's {found.native} recipe."
    return " ".join(part for part in (found.description, native, found.stands_in) if part)


def _summary(found: Offer) -> dict[str, Any]:
    return {
        "name": found.name,
        "recipeArn": found.arn,
        "status": "ACTIVE",
        "creationDateTime": found.created,
        "lastUpdatedDateTime": found.created,
        "domain": found.domain,
    }


def _by_arn(arn: str, kind: str, attribute: str) -> Offer:
    if not arn.startswith(f"{PARTITION}{kind}/"):
        raise InputError(
            f"{arn} is no ARN of a {kind.replace('-', ' ')}.", fix=f"It looks like {PARTITION}{kind}/NAME."
        )
    for each in offers():
        if getattr(each, attribute) == arn:
            return each
    raise Absent(kind, arn, "ListRecipes tells what there is.")


def _ranges(parameters: Mapping[str, HyperParameter]) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, each in parameters.items():
        entry: dict[str, Any] = {"name": name, "isTunable": each.tunable}
        if each.kind == "categorical":
            entry["values"] = list(each.choices)
        else:
            entry |= {"minValue": each.low, "maxValue": each.high}
        found.setdefault(f"{each.kind}HyperParameterRanges", []).append(entry)
    return found
