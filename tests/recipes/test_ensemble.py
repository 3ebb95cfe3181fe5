"""The ensemble passes the recipe contract and is what its parts say."""

import numpy as np

from endcap.recipes.base import Recipe
from endcap.recipes.ensemble import Ensemble
from endcap.recipes.queries import Queries
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract


class TestEnsemble(RecipeContract):
    def make(self) -> Recipe:
        return Ensemble(factors=4, rank=2)


def test_a_score_is_the_sum_of_shares_of_the_best() -> None:
    shop = random_shop(5)
    model = Ensemble(factors=4, rank=4, weight=0.5).fit(shop)
    queries = Queries.histories(shop)
    expected = np.zeros((len(queries), shop.n_items))
    for name, weight in (("graph", 1.0), ("als", 0.5)):
        scores = np.maximum(np.nan_to_num(model.parts_[name].score(queries)), 0)
        expected += weight * scores / np.maximum(scores.max(axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(np.nan_to_num(model.score(queries)), expected, rtol=1e-5, atol=1e-6)
