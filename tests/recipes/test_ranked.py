"""Ranked passes the recipe contract."""

from endcap.recipes.base import Recipe
from endcap.recipes.ranked import Ranked
from endcap.testing.recipes import RecipeContract


class TestRanked(RecipeContract):
    def make(self) -> Recipe:
        return Ranked()
