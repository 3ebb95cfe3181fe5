"""Blend passes the recipe contract."""

from endcap.recipes.base import Recipe
from endcap.recipes.blend import Blend
from endcap.testing.recipes import RecipeContract


class TestBlend(RecipeContract):
    def make(self) -> Recipe:
        return Blend()
