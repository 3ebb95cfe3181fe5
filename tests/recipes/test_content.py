"""Content blends texts, letters, prices and behaviour as its formula says."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.content import TERMS, Content, telling
from endcap.recipes.item_facts import leaf_categories, prices, sentences
from endcap.recipes.words import letters_of


def shop(**columns: list[object]) -> Dataset:
    """Items a to e; only a and b were ever taken, together, five times."""
    rows = [(f"u{n}", item) for n in range(5) for item in "ab"]
    pairs = pa.table({"user_id": [user for user, _ in rows], "item_id": [item for _, item in rows]})
    every = Dataset.from_table(pa.table({"user_id": ["u0"] * 5, "item_id": list("abcde")}))
    made = Dataset.from_table(pairs, items=every.items)
    return replace(made, item_metadata=pa.table({"item_id": list("abcde"), **columns}))


def nearest(model: Content, dataset: Dataset, item: str) -> str:
    return dataset.items.names(model.similar(dataset.items.rows([item]), 1).items[0])[0]


NAMES = ["wool sock", "oak chair", "wool socks", "oak table", "wool socke"]


def test_an_item_without_shoppers_is_known_by_its_texts_and_one_with_many_by_both() -> None:
    dataset = shop(name=NAMES)
    model = Content(behaviour=1.0).fit(dataset)
    assert nearest(model, dataset, "d") == "b" and nearest(model, dataset, "a") == "b"
    assert nearest(Content(behaviour=0.0).fit(dataset), dataset, "a") in "ce"


def test_letters_see_through_spelling() -> None:
    dataset = shop(name=["armchair", "chairs", "lamp", "lamps", "armchairs"])
    assert nearest(Content(behaviour=0.0, letters=0.5).fit(dataset), dataset, "e") == "a"
    assert letters_of("name", "Oak-chair") == [" oak", "oak ", "ak c", "k ch", " cha", "chai", "hair", "air "]
    assert letters_of("description", "oak") == []


@pytest.mark.parametrize(("price", "found"), [(0.0, "c"), (2.0, "e")])
def test_a_near_price_brings_items_together(price: float, found: str) -> None:
    dataset = shop(name=["wool sock red", "x", "wool sock red", "y", "wool sock"], price=[2.0, None, 64.0, 0.0, 2.0])
    assert nearest(Content(behaviour=0.0, price=price).fit(dataset), dataset, "a") == found


def test_only_the_most_telling_words_are_kept() -> None:
    draws = np.random.default_rng(0)
    matrix = sparse.csr_matrix(draws.random((3, TERMS + 20)).astype(np.float32))
    kept = telling(matrix)
    assert np.diff(kept.indptr).tolist() == [TERMS] * 3
    np.testing.assert_allclose(np.asarray(kept.multiply(kept).sum(1)).ravel(), 1, rtol=1e-5)


def test_what_columns_say() -> None:
    table = pa.table(
        {
            "item_id": list("abc"),
            "category_l1": ["food", "food", None],
            "category_l3": ["milk", None, None],
            "name": ["whole milk", "cheese", ""],
            "price": pa.array([2, 0, None], pa.int64()),
        }
    )
    kinds = leaf_categories(table, 3)
    assert kinds[2] == -1 and len(set(kinds.tolist())) == 3
    assert prices(table, 3)[0] == 2 and np.isnan(prices(table, 3)[1:]).all() and np.isnan(prices(None, 2)).all()
    assert sentences(table)[0] == "whole milk food milk" and sentences(None) == []
    assert leaf_categories(None, 2).tolist() == [-1, -1]
