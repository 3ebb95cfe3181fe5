import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import ArtefactError
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.stream.arrays import map_arrays, pack
from endcap.stream.histories import Histories, is_purchase
from endcap.testing.datasets import random_shop


def shop() -> Dataset:
    table = pa.table(
        {
            "user_id": ["a", "a", "b", "a", "a"],
            "item_id": ["x", "y", "x", "z", "x"],
            "timestamp": [10, 20, 15, 30, 40],
            "event_type": ["Purchase", "View", "View", "Purchase", "Purchase"],
        }
    )
    items = Vocabulary(pa.array(["x", "y", "z"]), np.array([7, 3, 5], np.int32))
    return Dataset.from_table(table, items=items)


def test_the_newest_stay_in_order_and_purchases_all() -> None:
    histories = Histories.of(shop(), cap=2)
    past = histories.past.slice(histories.row("a"))
    assert past.item.tolist() == [5, 7] and past.time.tolist() == [30, 40]
    assert histories.purchases(histories.row("a")).tolist() == [5, 7]
    assert histories.purchases(histories.row("b")).tolist() == []
    assert histories.row("nobody") == -1 and histories.purchases(-1).tolist() == []
    assert histories.last_time == 40 and len(histories) == 2


def test_several_shoppers_at_once_are_their_slices_end_to_end() -> None:
    histories = Histories.of(random_shop(5), cap=7)
    rows = np.array([3, -1, 0, 3], np.int32)
    together = histories.past.take(rows)
    for place, row in enumerate(rows):
        one = together.slice(place)
        expected = histories.past.slice(row).item if row >= 0 else np.zeros(0, np.int32)
        assert one.item.tolist() == expected.tolist() and len(one.item) <= 7
        assert (np.diff(one.time) >= 0).all()


def test_saved_and_mapped(tmp_path) -> None:
    histories = Histories.of(shop())
    (tmp_path / "h").write_bytes(pack(*histories.arrays()))
    again = Histories.from_arrays(*map_arrays(tmp_path / "h"))
    assert again.event_types == histories.event_types and again.last_time == 40
    np.testing.assert_array_equal(again.past.item, histories.past.item)
    np.testing.assert_array_equal(again.bought, histories.bought)
    np.testing.assert_array_equal(again.seen.item, histories.seen.item)
    np.testing.assert_array_equal(again.interacted(0)[0], histories.interacted(0)[0])


@pytest.mark.parametrize("name", ["past.indptr", "past.item", "bought.item", "bought.indptr", "seen.item"])
def test_parts_that_do_not_fit_are_an_error(name: str) -> None:
    arrays, notes = Histories.of(shop()).arrays()
    with pytest.raises(ArtefactError, match="damaged"):
        Histories.from_arrays({**arrays, name: arrays[name][:-1]}, notes)
    with pytest.raises(ArtefactError, match="damaged"):
        Histories.from_arrays({key: value for key, value in arrays.items() if key != name}, notes)


def test_what_counts_as_a_purchase() -> None:
    assert is_purchase(("View", "Purchase", "add_to_cart", "ORDER")).tolist() == [False, True, False, True]
    assert is_purchase(("",)).tolist() == [True]
    assert is_purchase(("View", "Click")).tolist() == [False, False]
