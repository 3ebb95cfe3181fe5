"""RP3beta passes the recipe contract and equals its formula."""

import numpy as np
import pytest

from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.rp3beta import RP3Beta
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract


class TestRP3Beta(RecipeContract):
    def make(self) -> Recipe:
        return RP3Beta()


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.6, 0.3)])
def test_equals_the_dense_formula(alpha: float, beta: float) -> None:
    shop = random_shop(3)
    taken = (shop.matrix().toarray() > 0).astype(float)
    by_user, by_item = (np.maximum(taken.sum(axis), 1) for axis in (1, 0))
    walk = (taken / by_item**alpha).T @ (taken / by_user[:, None] ** alpha) / by_item**beta
    expected = taken @ walk
    found = np.nan_to_num(RP3Beta(alpha=alpha, beta=beta).fit(shop).score(Queries.histories(shop)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_keeps_the_largest_entries_of_each_row() -> None:
    shop = random_shop(4)
    whole, few = (RP3Beta(alpha=0.6, beta=0.3, neighbours=kept).fit(shop).walk_.toarray() for kept in (1000, 3))
    assert ((few > 0).sum(axis=1) <= 3).all()
    for row, kept in zip(whole, few, strict=True):
        assert np.sort(row)[::-1][: (kept > 0).sum()] == pytest.approx(np.sort(kept)[::-1][: (kept > 0).sum()])
