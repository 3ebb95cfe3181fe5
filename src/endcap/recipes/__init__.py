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
    "also-viewed": "endcap.recipes.also_viewed:AlsoViewed",
    "blend": "endcap.recipes.blend:Blend",
    "bought-together": "endcap.recipes.bought_together:BoughtTogether",
    "buy-it-again": "endcap.recipes.buy_it_again:BuyItAgain",
    "content": "endcap.recipes.content:Content",
    "dcn": "endcap.recipes.dcn:DCN",
    "deepfm": "endcap.recipes.deepfm:DeepFM",
    "ease": "endcap.recipes.ease:EASE",
    "ensemble": "endcap.recipes.ensemble:Ensemble",
    "ffnn": "endcap.recipes.ffnn:FFNN",
    "fm": "endcap.recipes.fm:FM",
    "graph-filter": "endcap.recipes.graph_filter:GraphFilter",
    "hrnn": "endcap.recipes.hrnn:HRNN",
    "hybrid": "endcap.recipes.hybrid:Hybrid",
    "item-item": "endcap.recipes.item_item:ItemItem",
    "knowledge": "endcap.recipes.knowledge:Knowledge",
    "next-item": "endcap.recipes.next_item:NextItem",
    "popularity": "endcap.recipes.popularity:Popularity",
    "ranked": "endcap.recipes.ranked:Ranked",
    "related": "endcap.recipes.related:Related",
    "repeat": "endcap.recipes.repeat:Repeat",
    "rp3beta": "endcap.recipes.rp3beta:RP3Beta",
    "sasrec": "endcap.recipes.sasrec:SASRec",
    "search": "endcap.recipes.search:Search",
    "search-personalised": "endcap.recipes.search_personalised:SearchPersonalised",
    "semantic": "endcap.recipes.semantic:Semantic",
    "session-knn": "endcap.recipes.session_knn:SessionKNN",
    "steered": "endcap.recipes.steered:Steered",
    "svd": "endcap.recipes.svd:SVD",
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
