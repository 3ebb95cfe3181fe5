"""The blend of transformer and window: the contract, and how its sources are weighed."""

from __future__ import annotations

import numpy as np

from endcap.recipes.base import Recipe
from endcap.recipes.next_item import NextItem
from endcap.recipes.queries import Queries
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract


class TestNextItem(RecipeContract):
    def make(self) -> Recipe:
        return NextItem(factors=16, epochs=6, dropout=0.1)


def test_a_weight_of_zero_leaves_the_transformer() -> None:
    shop = random_shop(2, users=60, items=20, events=900)
    model, queries = NextItem(factors=16, epochs=1, dropout=0.1).fit(shop), Queries.histories(shop)
    assert 0 <= model.weight_[0] <= 3
    model.weight_[0] = 0.0
    alone = model.sources_["transformer"].score(queries)
    np.testing.assert_array_equal(np.argsort(model.score(queries)), np.argsort(alone))
