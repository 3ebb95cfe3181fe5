"""What is known of items, from tables as shops have them and from live puts."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import ArtefactError
from endcap.features.facts import (
    BRAND,
    CATEGORY,
    MARGIN,
    POLARITY,
    PRICE,
    RATING,
    RELATIVE_PRICE,
    STOCK,
    SUBCATEGORY,
    UNKNOWN_TIME,
    ItemFacts,
)
from endcap.stream.arrays import map_arrays, pack


def facts() -> ItemFacts:
    table = pa.table(
        {
            "item_id": ["a", "b", "c", "d"],
            "price": pa.array([10.0, 20.0, None, 40.0]),
            "category_l1": pa.array(["x|y", "x", None, ""]).dictionary_encode(),
            "category_l2": ["s", "t", "s", None],
            "manufacturer": ["m", None, "n", "m"],
            "average_rating": [4.5, None, 3.0, 1.0],
            "positive_review_count": [9, 0, None, 1],
            "negative_review_count": [0, 3, None, None],
            "stock": [1, 2, 3, 4],
            "margin": [0.5, None, None, 0.1],
            "creation_timestamp": pa.array([1, None, 3, 4], pa.timestamp("us")),
        }
    )
    return ItemFacts.of(table, 6, np.array([5, 4, 3, 0], np.int32))


def test_columns_go_to_their_places():
    told = facts()
    rows = told.numbers[[5, 4, 3, 0]]
    np.testing.assert_array_equal(rows[:, PRICE], np.array([10, 20, np.nan, 40], np.float32))
    np.testing.assert_array_equal(rows[:, STOCK], [1, 2, 3, 4])
    np.testing.assert_array_equal(rows[:, RATING], np.array([4.5, np.nan, 3, 1], np.float32))
    np.testing.assert_allclose(rows[:, MARGIN], [0.5, np.nan, np.nan, 0.1])
    np.testing.assert_allclose(rows[:, POLARITY], [0.9, -0.75, np.nan, 0.5])
    names = [[*column] for column in told.names]
    assert names == [["x"], ["s", "t"], ["m", "n"]]
    np.testing.assert_array_equal(told.codes[[5, 4, 3, 0]][:, CATEGORY], [0, 0, -1, -1])
    np.testing.assert_array_equal(told.codes[[5, 4, 3, 0]][:, SUBCATEGORY], [0, 1, 0, -1])
    np.testing.assert_array_equal(told.codes[[5, 4, 3, 0]][:, BRAND], [0, -1, 1, 0])
    np.testing.assert_array_equal(told.created[[5, 4, 3, 0]], [1, UNKNOWN_TIME, 3, 4])
    assert np.isnan(told.numbers[1]).all() and told.created[1] == UNKNOWN_TIME
    # The category's median price is 10 (the lower of two), the shop's is 20.
    np.testing.assert_allclose(rows[:, RELATIVE_PRICE], [1, 2, np.nan, 2])


def test_puts_lie_over_what_was_known_and_new_items_come():
    told = facts()
    told.put(5, {"PRICE": 30, "category_l1": "z|x", "negative_review_count": 9, "positive_review_count": 0})
    assert told.numbers[5, PRICE] == 30 and told.codes[5, CATEGORY] == 1 and told.categories == 2
    assert told.numbers[5, RELATIVE_PRICE] == 1.5  # a category without a price of its own: the shop's
    np.testing.assert_allclose(told.numbers[5, POLARITY], -0.9)
    told.put(5, {"price": None, "category_l1": None, "stock": True, "brand": ["q", "r"]})
    assert np.isnan(told.numbers[5, [PRICE, RELATIVE_PRICE, STOCK]]).all()
    assert told.codes[5, CATEGORY] == -1 and told.codes[5, BRAND] == 2
    told.put(40, {"price": 10.0, "category_l1": "x", "creation_timestamp": 77})
    assert len(told) > 40 and told.created[40] == 77 and told.numbers[40, RELATIVE_PRICE] == 1
    assert told.numbers[4, PRICE] == 20 and told.codes[40, CATEGORY] == 0


def test_a_catalogue_that_says_nothing_of_use():
    table = pa.table({"item_id": ["a"], "price": ["cheap"], "category_l1": pa.array([None], pa.string())})
    for told in (ItemFacts.of(None, 2), ItemFacts.of(table, 2), ItemFacts.of(table.slice(0, 0), 2)):
        assert np.isnan(told.numbers).all() and (told.codes == -1).all() and told.categories == 0


def test_saved_and_loaded_is_the_same(tmp_path):
    told = facts()
    (tmp_path / "facts").write_bytes(pack(told.arrays(), {}))
    arrays, _ = map_arrays(tmp_path / "facts")
    loaded = ItemFacts.from_arrays(arrays)
    loaded.put(3, {"brand": "n", "price": 1.0})  # what is mapped is copied
    assert loaded.codes[3, BRAND] == told.codes[3, BRAND] and loaded.numbers[3, PRICE] == 1
    arrays["facts.codes"] = arrays["facts.codes"] + 5
    with pytest.raises(ArtefactError):
        ItemFacts.from_arrays(arrays)
    del arrays["facts.created"]
    with pytest.raises(ArtefactError):
        ItemFacts.from_arrays(arrays)
