"""Affinity: the contract, and segments that equal sorting every score."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes import affinity
from endcap.recipes.affinity import Affinity, segments
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.testing.datasets import checkerboard, random_shop
from endcap.testing.recipes import RecipeContract


class TestAffinity(RecipeContract):
    def make(self) -> Recipe:
        return Affinity(factors=4, iterations=10, alpha=5.0)


def test_the_users_of_an_item_are_those_of_its_parity() -> None:
    shop = checkerboard()
    model = Affinity(factors=2, iterations=10, alpha=5.0).fit(shop)  # there are two tastes
    users, scores = segments(model, shop.items, shop, [shop.items.rows([f"i{n}"]) for n in range(12)], 6)
    for item in range(12):
        assert {int(name[1:]) % 2 for name in shop.users.names(users[item])} == {item % 2}
        assert (np.diff(scores[item]) <= 0).all()


def test_segments_in_batches_equal_sorting_every_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "USERS_PER_BATCH", 7)
    shop = random_shop(5)
    model = Affinity(factors=8).fit(shop)
    groups = [np.array([0, 3, 5], np.int32), np.array([2], np.int32)]
    users, scores = segments(model, shop.items, shop, groups, 10)
    every = model.score(Queries.histories(shop))
    for row, group in enumerate(groups):
        worth = every[:, group].mean(axis=1, dtype=np.float64).astype(np.float32)
        best = np.argsort(-worth, kind="stable")[:10]
        np.testing.assert_allclose(scores[row], worth[best], rtol=1e-4)
        np.testing.assert_array_equal(users[row], best)


def test_other_item_rows_and_too_few_users() -> None:
    shop = random_shop(6, users=4)
    model = Affinity(factors=8).fit(shop)
    ids = {name: shop.table()[name].cast(pa.string()).to_pylist() for name in ("user_id", "item_id")}
    other = Dataset.from_table(
        pa.table({"user_id": ["x", *ids["user_id"]], "item_id": ["never seen", *ids["item_id"]]})
    )
    users, scores = segments(model, shop.items, other, [np.array([1], np.int32)], 6)
    assert "x" not in other.users.names(users[0, :4])
    assert users[0, 4:].tolist() == [-1, -1] and np.isnan(scores[0, 4:]).all()
