"""FM: the contract, and what is its own: profiles and the moment count, and it is what Rendle's formula says."""

from __future__ import annotations

from endcap.recipes.base import Recipe
from endcap.recipes.fm import FM
from endcap.testing.recipes import RecipeContract


class TestFM(RecipeContract):
    def make(self) -> Recipe:
        return FM(factors=8, epochs=60)


class TestFieldAware(RecipeContract):
    def make(self) -> Recipe:
        return FM(factors=4, epochs=60, field_aware=True, objective="logistic")
