"""An updated model: the contract; no weight changes; new items are scored by their kin."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from endcap.lake.dataset import Dataset
from endcap.recipes.als import ALS
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.updated import Updated, weights_hash
from endcap.testing.datasets import checkerboard
from endcap.testing.recipes import RecipeContract


class TestUpdated(RecipeContract):
    def make(self) -> Recipe:
        return Updated(base="item-item")


def named(shop: Dataset) -> Dataset:
    """Every item says whether it is even or odd."""
    ids = shop.items.ids.to_pylist()
    kinds = ["even" if int(name[1:]) % 2 == 0 else "odd" for name in ids]
    return replace(shop, item_metadata=pa.table({"item_id": ids, "kind": kinds}))


def later(shop: Dataset) -> Dataset:
    """The same shop with two items more, at the front, which nobody took."""
    old = shop.table()
    ids = {name: old[name].cast(pa.string()).to_pylist() for name in ("user_id", "item_id")}
    times = old["timestamp"].to_pylist()
    table = pa.table(
        {
            "user_id": ["u0", "u0", *ids["user_id"]],
            "item_id": ["i100", "i101", *ids["item_id"]],
            "timestamp": [0, 0, *times],
        }
    )
    made = Dataset.from_table(table)
    return named(made.with_interactions(made.interactions.take(made.interactions.time > 0)))


def test_new_items_are_known_and_no_weight_changes() -> None:
    shop = named(checkerboard())
    model = ALS(factors=4, iterations=10, alpha=5.0).fit(shop)
    newer = later(shop)
    updated = Updated.extend(model, "als", shop.items, newer)
    assert weights_hash(updated) == weights_hash(model)
    queries = Queries.histories(newer, newer.users.rows(["u4", "u5"]))
    scores, before = updated.score(queries), model.score(Queries.histories(shop, shop.users.rows(["u4", "u5"])))
    places = newer.items.rows(shop.items.ids)
    np.testing.assert_allclose(scores[:, places], before, rtol=1e-4, atol=1e-5)
    even, odd = newer.items.rows(["i100", "i101"])
    assert scores[0, even] > scores[0, odd] and scores[1, odd] > scores[1, even]
    assert {int(name[1:]) % 2 for name in newer.items.names(updated.similar(np.array([even]), 4).items[0])} == {0}


def test_an_update_of_an_update_is_one_of_the_model() -> None:
    shop = named(checkerboard())
    model = ALS(factors=4, alpha=5.0).fit(shop)
    newer = later(shop)
    once = Updated.extend(model, "als", shop.items, newer)
    twice = Updated.extend(load(*dump(once)), "als", newer.items, newer)
    assert weights_hash(twice) == weights_hash(model) and twice.base == "als"
    np.testing.assert_array_equal(twice.place_, once.place_)


def test_without_texts_a_new_item_follows_by_popularity() -> None:
    shop = checkerboard()
    newer = replace(later(shop), item_metadata=None)
    updated = Updated.extend(ALS(factors=4).fit(shop), "als", shop.items, newer)
    scores = updated.score(Queries.histories(newer))
    assert np.isnan(scores[:, newer.items.rows(["i100", "i101"])]).all()
    assert len(set(updated.recommend(Queries.histories(newer), 14).items[0].tolist())) == 14
