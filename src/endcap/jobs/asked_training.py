"""Training that somebody asked for by recipe and settings: a solution where there is none, a version, and its job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from endcap.errors import InputError, StateError, UnknownName
from endcap.jobs.workspace import Workspace
from endcap.registry.recipe_arns import native_offer
from endcap.registry.resources import NAME, Resource
from endcap.registry.solution_versions import planned_version
from endcap.types import ShopKey


def ask_training(
    workspace: Workspace, shop: ShopKey, recipe: str, settings: Mapping[str, str], solution: str = ""
) -> Resource:
    """The record of the version that will be trained, and its job; the solution is SHOP-RECIPE unless said otherwise.

    Raises `UnknownName` for a recipe, `InputError` for a setting it does not have or that is out of range, or a name
    that another recipe or shop has, `StateError` without interactions.
    """
    offer = native_offer(recipe)
    offer.native_settings(settings)
    if not workspace.lake.exists(shop, "interactions"):
        raise StateError(f"Shop {shop.group} has no interactions to learn from.", fix="Import some first.")
    name = solution or shop.name_of(recipe)
    there = _solution(workspace, shop, name, offer.arn)
    planned = planned_version(there, workspace.versions.unused_id())
    config = {**(there.document.get("solutionConfig") or {}), "algorithmHyperParameters": dict(settings)}
    document = {**planned.document, "recipeArn": offer.arn, "solutionConfig": config}
    return workspace.resources.create(replace(planned, document=document), verb="create")


def _solution(workspace: Workspace, shop: ShopKey, name: str, recipe_arn: str) -> Resource:
    try:
        there = workspace.resources.get(shop.account, "solution", name)
    except UnknownName:
        if not NAME.fullmatch(name):
            raise InputError(f"{name!r} must be 1-63 of [a-zA-Z0-9-_], starting with a letter or digit.") from None
        document = {
            "name": name,
            "datasetGroupArn": shop.arn("dataset-group", shop.group),
            "recipeArn": recipe_arn,
            "performAutoTraining": False,
        }
        return workspace.resources.create(Resource(shop.account, "solution", name, shop.group, document=document))
    if there.shop != shop.group:
        raise InputError(f"The solution {name} belongs to shop {there.shop}.", fix="Take another name.")
    if there.document.get("recipeArn") != recipe_arn:
        raise InputError(f"The solution {name} has another recipe.", fix="Take another name.")
    return there
