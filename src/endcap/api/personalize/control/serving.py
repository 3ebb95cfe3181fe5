"""Campaigns and recommenders: what answers requests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.describing import newest_version
from endcap.api.personalize.control.desk import Absent, Call, active, named
from endcap.api.personalize.control.recipes import find_offer, recipe_of
from endcap.api.personalize.control.tagging import tags_of
from endcap.api.personalize.control.training_config import check_columns
from endcap.api.personalize.control.updates import begin_update, require_still
from endcap.errors import InputError
from endcap.registry.dependencies import InUse
from endcap.registry.quotas import is_unfinished
from endcap.registry.recipe_arns import Offer
from endcap.registry.resources import Resource

LATEST = "$LATEST"
SYNC = "syncWithLatestSolutionVersion"
EXPLORED = {"explorationWeight": 1, "explorationItemAgeCutOff": 36_500}
"""Settings of exploration and the most that each may be; the cut-off is in days."""
LEARNED_FROM = "trainingDataConfig"
EXPLORING = ("USER_PERSONALIZATION", "PERSONALIZED_ACTIONS")


def create_campaign(call: Call) -> Mapping[str, Any]:
    """Serves a solution version, or `SOLUTION/$LATEST`: the newest that is ACTIVE."""
    given = call.given
    arn, config = given["solutionVersionArn"], given.get("campaignConfig", {})
    _require_latest(arn, config)
    version = _version(call, arn, config)
    document = {
        "minProvisionedTPS": 1,
        **named(given, "name", "minProvisionedTPS", "campaignConfig"),
        "solutionVersionArn": arn,
    }
    tags = tags_of(given)
    campaign = Resource(
        call.account, "campaign", given["name"], version.shop, version.parent, "CREATE PENDING", document, tags
    )
    solution = call.desk.resources.get(call.account, "solution", version.parent)
    return {"campaignArn": call.create(campaign, solution, version).arn}


def update_campaign(call: Call) -> Mapping[str, Any]:
    """Another version, capacity or configuration; what serves goes on until the update is ACTIVE."""
    given = call.given
    campaign = active(call.find(given["campaignArn"], "campaign"), also=("CREATE FAILED",))
    members = ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")
    if not any(member in given for member in members):
        raise InputError(f"Nothing to update was given. Give {', '.join(members)}.")
    planned = {**named(campaign.document, *members), **named(given, *members)}
    config, before = planned.get("campaignConfig", {}), campaign.document.get("campaignConfig", {})
    if "solutionVersionArn" in given or not before.get(SYNC):
        _require_latest(planned["solutionVersionArn"], config)
    version = _version(call, planned["solutionVersionArn"], config)
    if version.shop != campaign.shop:
        raise InputError(f"{version.arn} belongs to another dataset group than {campaign.arn}.")
    solution = call.desk.resources.get(call.account, "solution", version.parent)
    begin_update(call, campaign, "latestCampaignUpdate", planned, solution, version)
    return {"campaignArn": campaign.arn}


def create_recommender(call: Call) -> Mapping[str, Any]:
    """A use case of the group's domain, or a recipe of our own: trained and served by itself."""
    given = call.given
    group = call.usable(given["datasetGroupArn"], "dataset-group")
    recipe = find_offer(given["recipeArn"])
    domain = group.document.get("domain")
    if domain is None:
        raise InputError(f"{group.arn} has no domain: recommenders are made in domain dataset groups only.")
    if not (recipe.serves == "recommender" and recipe.domain == domain) and not recipe.fits_any_shop:
        raise InputError(f"{recipe.arn} is no use case of the domain {domain}.", fix="ListRecipes takes a domain.")
    config = given.get("recommenderConfig", {})
    _check_recommender(call, config, recipe, group.id)
    document = {
        **named(given, "name", "recipeArn"),
        "datasetGroupArn": group.arn,
        "recommenderConfig": {"minRecommendationRequestsPerSecond": 1, **config},
    }
    tags = tags_of(given)
    made = Resource(call.account, "recommender", given["name"], group.id, "", "CREATE PENDING", document, tags)
    return {"recommenderArn": call.create(made, group).arn}


def update_recommender(call: Call) -> Mapping[str, Any]:
    """Another configuration; members that are not given stay as they are. Other training data means training anew."""
    given = call.given
    recommender = active(call.find(given["recommenderArn"], "recommender"))
    before = recommender.document.get("recommenderConfig", {})
    config = {**before, **given["recommenderConfig"]}
    _check_recommender(call, config, recipe_of(recommender), recommender.shop)
    verb = "update" if config.get(LEARNED_FROM) == before.get(LEARNED_FROM) else "retrain"
    begin_update(call, recommender, "latestRecommenderUpdate", {"recommenderConfig": config}, verb=verb)
    return {"recommenderArn": recommender.arn}


def start_recommender(call: Call) -> Mapping[str, Any]:
    """INACTIVE → START PENDING."""
    return _turn(call, "INACTIVE", "start")


def stop_recommender(call: Call) -> Mapping[str, Any]:
    """ACTIVE → STOP PENDING; a retraining that runs is stopped too."""
    return _turn(call, "ACTIVE", "stop")


def check_exploration(config: Mapping[str, str] | None, recipe: Offer) -> None:
    """Known settings with numbers in range, of a recipe that explores. Raises `InputError`."""
    if not config:
        return
    if recipe.type not in EXPLORING:
        raise InputError(f"itemExplorationConfig was given, and the recipe {recipe.arn} does not explore.")
    for name, text in config.items():
        if name not in EXPLORED:
            raise InputError(f"itemExplorationConfig has no setting {name!r}. Known: {', '.join(EXPLORED)}.")
        if not 0 <= _number(text) <= EXPLORED[name]:
            raise InputError(f"itemExplorationConfig.{name} is {text!r}, expected a number from 0 to {EXPLORED[name]}.")


def _turn(call: Call, wanted: str, verb: str) -> Mapping[str, Any]:
    recommender = call.find(call.given["recommenderArn"], "recommender")
    if recommender.status != wanted:
        raise InUse(f"{recommender.arn} is {recommender.status}, expected {wanted}.")
    require_still(recommender, "latestRecommenderUpdate")
    call.desk.dependencies.stop(recommender, f"{verb.upper()} PENDING", verb=verb)
    return {"recommenderArn": recommender.arn}


def _version(call: Call, arn: str, config: Mapping[str, Any]) -> Resource:
    """The version that an ARN means now, ACTIVE and of a recipe that answers requests."""
    reference = call.reference(arn, "solution-version")
    identity = reference.id.partition("/")[2]
    if identity == LATEST:
        version = _newest(call, call.find(arn.rpartition("/")[0], "solution"))
    else:
        version = call.usable(arn, "solution-version")
    recipe = recipe_of(version)
    if recipe.serves != "campaign":
        raise InputError(
            f"A version with the recipe {recipe.arn} cannot serve in a campaign: it is for {recipe.serves}."
        )
    check_exploration(config.get("itemExplorationConfig"), recipe)
    return version


def _require_latest(arn: str, config: Mapping[str, Any]) -> None:
    if config.get(SYNC) and not arn.endswith(f"/{LATEST}"):
        raise InputError(f"{SYNC} needs a solutionVersionArn that ends in /{LATEST}.")


def _newest(call: Call, solution: Resource) -> Resource:
    newest = newest_version(call, solution, "ACTIVE")
    if newest is not None:
        return newest
    coming = newest_version(call, solution)
    if coming is not None and is_unfinished(coming.status):
        raise InUse(f"No version of {solution.arn} is ACTIVE yet; {coming.arn} is {coming.status}.")
    fix = "Create a solution version and wait until it is ACTIVE."
    raise Absent("solution-version", f"{solution.arn}/{LATEST}", fix)


def _check_recommender(call: Call, config: Mapping[str, Any], recipe: Offer, group: str) -> None:
    check_exploration(config.get("itemExplorationConfig"), recipe)
    if LEARNED_FROM in config:
        check_columns(config[LEARNED_FROM], call.schemas(group))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
