"""Truncated SVD passes the recipe contract and is NumPy's where the rank is full."""

import numpy as np

from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.svd import SVD
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract


class TestSVD(RecipeContract):
    def make(self) -> Recipe:
        return SVD(factors=2)


def test_equals_numpy_on_a_small_shop() -> None:
    shop = random_shop(6)
    taken = (shop.matrix().toarray() > 0).astype(float)
    by_user, by_item = (np.maximum(taken.sum(axis), 1) for axis in (1, 0))
    right = np.linalg.svd(taken / by_user[:, None] ** 0.5 / by_item**0.4)[2][:5]
    expected = ((taken / by_item**0.4) @ right.T) @ (right * by_item**0.4)
    model = SVD(factors=5, scaling=0.4, damping=0.5, lift=0.4).fit(shop)
    np.testing.assert_allclose(model.score(Queries.histories(shop)), expected, atol=2e-2)


def test_plain_exponents_are_pure_svd_and_orders_do_not_matter() -> None:
    shop = random_shop(7)
    taken = (shop.matrix().toarray() > 0).astype(float)
    model = SVD(factors=min(taken.shape), scaling=0, damping=0, lift=0).fit(shop)
    # With every singular vector kept the projection changes nothing.
    np.testing.assert_allclose(model.score(Queries.histories(shop)), taken, atol=2e-3)
