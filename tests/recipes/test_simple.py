"""Popularity, trending and repeat pass the recipe contract."""

from endcap.recipes.base import Recipe
from endcap.recipes.popularity import Popularity
from endcap.recipes.repeat import Repeat
from endcap.recipes.trending import Trending
from endcap.testing.recipes import RecipeContract


class TestPopularity(RecipeContract):
    personal = False

    def make(self) -> Recipe:
        return Popularity()


class TestTrending(RecipeContract):
    personal = False

    def make(self) -> Recipe:
        return Trending()


class TestRepeat(RecipeContract):
    discovers = False

    def make(self) -> Recipe:
        return Repeat()
