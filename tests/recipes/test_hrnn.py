"""HRNN: the contract."""

from endcap.recipes.base import Recipe
from endcap.recipes.hrnn import HRNN
from endcap.testing.recipes import RecipeContract


class TestHRNN(RecipeContract):
    def make(self) -> Recipe:
        return HRNN(hidden_dimension=32, epochs=20, holdout=0.0, dropout=0.3, rate=0.02)
