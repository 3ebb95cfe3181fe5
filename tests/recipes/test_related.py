"""Related and content pass the recipe contract, and say what their formulas say."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.content import Content, item_words
from endcap.recipes.queries import Queries
from endcap.recipes.related import Related
from endcap.testing.recipes import RecipeContract


class TestRelated(RecipeContract):
    def make(self) -> Recipe:
        return Related()


class TestContent(RecipeContract):
    def make(self) -> Recipe:
        return Content()


def baskets() -> Dataset:
    taken = {"u1": "ab", "u2": "ab", "u3": "abc", "u4": "ac", "u5": "a"}
    pairs = [(user, item) for user, items in taken.items() for item in items]
    return Dataset.from_table(pa.table({"user_id": [u for u, _ in pairs], "item_id": [i for _, i in pairs]}))


@pytest.mark.parametrize(("discount", "expected"), [(0.0, 3.0), (0.5, 3 / 15**0.5), (1.0, 3 / 15)])
def test_discount_is_the_power_of_the_supports(discount: float, expected: float) -> None:
    model = Related(discount=discount).fit(baskets())
    assert model.similar_scores(np.array([0], np.int32))[0, 1] == pytest.approx(expected)


def test_pairs_of_too_few_shoppers_are_dropped() -> None:
    model = Related(min_support=3).fit(baskets())
    assert np.isnan(model.similar_scores(np.array([0], np.int32))[0]).tolist() == [True, False, True]


def catalogue() -> Dataset:
    shop = baskets()
    fresh = Dataset.from_table(pa.table({"user_id": ["u1"] * 5, "item_id": list("abcde")}))
    texts = ["red wool socks", "blue wool socks", "garden chair", "wool socks, green", "oak garden chair"]
    kinds = ["clothes|winter", "clothes", "garden", "clothes", "garden"]
    words = pa.table({"item_id": list("abcde"), "name": texts, "kind": kinds, "price": [1.0, 2.0, 3.0, 4.0, 5.0]})
    return replace(fresh, item_metadata=words, interactions=fresh.interactions.take(np.arange(3)), users=shop.users)


def test_an_item_that_nobody_took_is_found_by_its_words() -> None:
    shop = catalogue()
    model = Content().fit(shop)
    names = [shop.items.names(row)[0] for row in model.similar(np.array([3, 4], np.int32), 1).items]
    assert names[0] in "ab" and names[1] == "c"
    asked = Queries.about(shop.items.rows(["c"]))
    assert shop.items.names(model.recommend(asked, 1, exclude=asked.with_current().seen()).items[0]) == ["e"]


def test_words_have_length_one_and_numbers_are_no_words() -> None:
    words = item_words(catalogue().item_metadata, 5)
    np.testing.assert_allclose(np.asarray(words.multiply(words).sum(1)).ravel(), 1, rtol=1e-5)
    assert item_words(None, 3).nnz == 0
