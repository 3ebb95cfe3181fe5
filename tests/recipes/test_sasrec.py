"""SASRec: the contract."""

from endcap.recipes.base import Recipe
from endcap.recipes.sasrec import SASRec
from endcap.testing.recipes import RecipeContract


class TestSASRec(RecipeContract):
    def make(self) -> Recipe:
        return SASRec(factors=16, blocks=1, length=16, epochs=15, holdout=0.0, dropout=0.1, rate=0.01)
