"""Steered: the contract at every strength, more worth for more strength, and off is the model itself."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import InputError, UnknownName
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.steered import STRENGTHS, Steered, normal_scores
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract


def priced(shop: Dataset) -> Dataset:
    prices = [None if at % 9 == 4 else float(1 + at * 7 % 13) for at in range(shop.n_items)]
    return replace(shop, item_metadata=pa.table({"item_id": shop.items.ids, "price": pa.array(prices, pa.float64())}))


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return priced(random_shop(8, users=60, items=40, events=900))


class TestSteered(RecipeContract):
    def make(self) -> Recipe:
        return steered("item-item", "LOW")

    def told(self, shop: Dataset) -> Dataset:
        return priced(shop)


def steered(base: str, sensitivity: str) -> Steered:
    return Steered(base=base, attribute="PRICE", sensitivity=sensitivity)


def test_off_is_bit_identical_to_the_model(shop: Dataset) -> None:
    queries, off = Queries.histories(shop), steered("item-item", "OFF").fit(shop)
    plain = create("item-item").fit(shop)
    np.testing.assert_array_equal(off.score(queries), plain.score(queries))
    np.testing.assert_array_equal(off.recommend(queries, 9).items, plain.recommend(queries, 9).items)


def test_the_more_sensitive_the_dearer_and_a_live_history_still_counts(shop: Dataset) -> None:
    prices = np.nan_to_num(np.array(shop.item_metadata["price"].to_pylist(), np.float64))
    queries = Queries.histories(shop)
    models = [steered("item-item", each).fit(shop) for each in STRENGTHS]
    shown = [prices[model.recommend(queries, 5).items].mean() for model in models]
    assert (np.diff(shown) > 0).all()
    top = models[-1].recommend(queries, 3).items
    assert len({tuple(row) for row in top.tolist()}) > 10


def test_a_column_that_is_not_there_or_holds_no_numbers(shop: Dataset) -> None:
    with pytest.raises(InputError, match="objective is margin, which the items do not have"):
        Steered(base="popularity", attribute="margin").fit(shop)
    with pytest.raises(InputError, match="item_id, which holds string"):
        Steered(base="popularity", attribute="item_id").fit(shop)


def test_the_models_own_hyper_parameters_are_read_from_json(shop: Dataset) -> None:
    written = create("steered", {"base": "popularity", "base_settings": '{"window_days": 5}', "attribute": "price"})
    assert written == Steered(base="popularity", base_settings={"window_days": 5}, attribute="price")
    assert written.fit(shop).inner_.settings()["window_days"] == 5
    with pytest.raises(UnknownName, match="Popularity 'factors'"):
        create("steered", {"base": "popularity", "base_settings": '{"factors": 5}', "attribute": "price"}).fit(shop)


@pytest.mark.parametrize("text", ["window_days=5", "[5]", '{"window_days": 5', "", "none", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"base_settings was given .* expected a JSON object"):
        create("steered", {"base_settings": text})


def test_worth_is_by_rank() -> None:
    worth = normal_scores(np.array([1, 5, np.nan, 5, 1e6], np.float32))
    assert worth[2] == 0 and worth[1] == worth[3] and worth[4] > worth[1] > worth[0]
    assert abs(worth[[0, 1, 3, 4]].mean()) < 1e-6 and not normal_scores(np.ones(4, np.float32)).any()
