"""The table of recipes: one line each; a module is imported when its recipe is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from endcap.errors import UnknownName

if TYPE_CHECKING:
    from endcap.recipes.base import Recipe

RECIPES: dict[str, str] = {
    "action-rate": "endcap.recipes.action_rate:ActionRate",
    "affinity": "endcap.recipes.affinity:Affinity",
    "als": "endcap.recipes.als:ALS",
    "blend": "endcap.recipes.blend:Blend",
    "content": "endcap.recipes.content:Content",
    "ease": "endcap.recipes.ease:EASE",
    "graph-filter": "endcap.recipes.graph_filter:GraphFilter",
    "item-item": "endcap.recipes.item_item:ItemItem",
    "popularity": "endcap.recipes.popularity:Popularity",
    "ranked": "endcap.recipes.ranked:Ranked",
    "related": "endcap.recipes.related:Related",
    "repeat": "endcap.recipes.repeat:Repeat",
    "trending": "endcap.recipes.trending:Trending",
    "updated": "endcap.recipes.updated:Updated",
}


def recipe_class(name: str) -> type[Recipe]:
    """The class behind a recipe's name. Raises `UnknownName`, listing those that exist."""
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    module, _, attribute = RECIPES[name].partition(":")
    return getattr(import_module(module), attribute)  # type: ignore[no-any-return]


def create(name: str, settings: Mapping[str, Any] | None = None) -> Recipe:
    """An unfitted recipe with these hyper-parameters (strings are converted)."""
    return recipe_class(name).from_settings(settings or {})


def recipe_name(recipe: Recipe) -> str:
    """The name in the table of a recipe's class."""
    target = f"{type(recipe).__module__}:{type(recipe).__qualname__}"
    for name, place in RECIPES.items():
        if place == target:
            return name
    raise UnknownName("recipe class", target, RECIPES.values())
