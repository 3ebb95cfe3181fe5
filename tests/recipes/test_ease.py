"""EASE passes the recipe contract, equals its formula, and says what it would need before taking it."""

import numpy as np
import pytest

from endcap.errors import ResourceError
from endcap.recipes.base import Recipe
from endcap.recipes.ease import EASE
from endcap.recipes.queries import Queries
from endcap.testing.datasets import checkerboard, random_shop
from endcap.testing.recipes import RecipeContract


class TestEASE(RecipeContract):
    def make(self) -> Recipe:
        return EASE(regularization=1.0)


def test_equals_the_closed_form() -> None:
    shop = random_shop(5)
    taken = (shop.matrix().toarray() > 0).astype(float)
    inverse = np.linalg.inv(taken.T @ taken + 20 * np.eye(shop.n_items))
    expected = np.eye(shop.n_items) - inverse / np.diag(inverse)
    np.testing.assert_allclose(EASE(regularization=20.0).fit(shop).weights_, expected, atol=1e-5)


def test_keeps_the_best_supported_items() -> None:
    shop = random_shop(5)
    model = EASE(max_items=7).fit(shop)
    users = np.diff(shop.matrix().tocsc().indptr)
    kept = users[model.modelled_]
    assert len(kept) == 7 and kept.min() >= np.delete(users, model.modelled_).max()
    scores = model.score(Queries.histories(shop))
    assert np.isnan(np.delete(scores, model.modelled_, axis=1)).all()


def test_refuses_with_an_estimate_and_a_way_out() -> None:
    with pytest.raises(ResourceError, match=r"12,000 items .* 0.5 GB"):
        EASE(max_items=None, max_memory_gb=0.001, regularization=1.0)._refuse_if_too_large(12 * 10**3)
    EASE(max_items=None).fit(checkerboard())
