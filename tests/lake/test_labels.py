"""Labels: what an event says in a number, of what speaks against an item too, and only where it is asked for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import UnknownName
from endcap.lake.assemble import assemble
from endcap.lake.dataset import Dataset
from endcap.lake.labels import labels
from endcap.lake.signals import Signals, Types
from endcap.lake.tables import Lake
from endcap.testing.datasets import START
from endcap.types import AccountKey, ShopKey

NONE = float("nan")
SHOP = ShopKey(AccountKey(), "labels")


def said(label: str, types: list[str], told: Signals | None = None, **columns: list[float]) -> list[float]:
    names = tuple(dict.fromkeys(types))
    codes = np.array([names.index(name) for name in types], np.int32)
    return labels(label, pa.table({"event_type": types, **columns}), Types(names, told or Signals()), codes).tolist()


def test_thumbs_are_told_by_types() -> None:
    found = said("thumbs", ["Like", "Dislike", "thumbs_up", "Thumbs-Down", "NotInterested", "Purchase"])
    np.testing.assert_equal(found, [1, 0, 1, 0, 0, NONE])


def test_stars_are_those_that_were_given() -> None:
    found = said("rating", ["Rating", "Rating", "Review", "Rating", "Purchase"], rating=[1.0, 5.0, 2.0, 7.0, 4.0])
    np.testing.assert_equal(found, [1, 5, 2, NONE, NONE])
    assert said("rating", ["Rating", "Rating"], event_value=[2.0, 4.0]) == [2, 4]
    of_ten = Signals.of({"RATING": {"": "rating:10"}})
    np.testing.assert_allclose(said("rating", [""] * 3, of_ten, rating=[1.0, 7.0, 10.0]), [1, 7, 10])


def test_pieces_are_told_by_purchases_where_they_tell() -> None:
    kinds = ["AddToCart", "Purchase", "Return", "Purchase"]
    np.testing.assert_equal(said("quantity", kinds, quantity=[9.0, 2.0, 3.0, 0.0]), [NONE, 2, NONE, NONE])
    np.testing.assert_equal(said("quantity", kinds, quantity=[9.0, NONE, 3.0, NONE]), [9, NONE, NONE, NONE])


def test_a_label_that_there_is_not_is_named() -> None:
    with pytest.raises(UnknownName, match="quantity, rating, thumbs"):
        said("stars", ["Rating"])


def ratings() -> pa.Table:
    return pa.table(
        {
            "user_id": ["u", "u", "u", "v", "v"],
            "item_id": ["a", "b", "c", "a", "b"],
            "timestamp": pa.array([START + at for at in (1, 2, 3, 1, 2)]),
            "event_type": ["Rating", "Rating", "View", "Rating", "Rating"],
            "rating": [5.0, 1.0, NONE, 3.0, 2.0],
            "quantity": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )


def assembled(label: str = "rating", types: tuple[str, ...] | None = None) -> Dataset:
    return assemble(ratings(), None, None, catalogue=pa.array(["a", "b", "c"]), label=label, event_types=types)


def told(dataset: Dataset) -> tuple[list[float], list[float]]:
    aside = dataset.left_out
    assert dataset.interactions.label is not None and aside is not None and aside.label is not None
    return dataset.interactions.label.tolist(), aside.label.tolist()


def test_low_stars_are_no_interest_and_keep_their_label() -> None:
    np.testing.assert_equal(told(assembled()), ([5, NONE, 3], [1, 2]))
    np.testing.assert_equal(told(assembled(types=("Rating",))), ([5, 3], [1, 2]))


def test_labels_are_there_only_where_they_are_asked_for() -> None:
    dataset = assembled("", ("Rating",))
    assert dataset.interactions.label is None and dataset.left_out is None


def test_labels_of_what_followed_are_hidden_with_it() -> None:
    dataset = assembled()
    first = dataset.with_interactions(dataset.interactions.take(np.array([0, 2])))
    np.testing.assert_equal(told(first), ([5, 3], []))
    np.testing.assert_equal(told(dataset.before(START + 4)), ([5, NONE, 3], [1]))  # v's came after all that is kept
    assert assembled("").before(START + 1).left_out is not None


def test_a_frame_tells_its_labels() -> None:
    dataset = Dataset.from_table(ratings(), label="quantity")
    np.testing.assert_equal(dataset.interactions.label, [1, 2, NONE, 4, 5])  # a view weighs less than a rating
    assert Dataset.from_table(ratings()).interactions.label is None


def test_the_lake_reads_what_the_label_needs(tmp_path: object) -> None:
    lake = Lake(tmp_path)  # type: ignore[arg-type]
    table = ratings().set_column(3, "event_type", pa.array(["Purchase"] * 5))
    lake.commit(SHOP, "interactions", table, schema=table.schema, mode="FULL", job="one")
    found = lake.dataset(SHOP, label="quantity").interactions.label
    assert found is not None and found.tolist() == [1, 2, 3, 4, 5]
    assert lake.dataset(SHOP).interactions.label is None
