"""Dataset: columns sorted by user and time, as frame, matrix and sequences."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import DataError, SchemaError
from endcap.lake.dataset import Dataset
from endcap.testing.datasets import checkerboard, random_shop

ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=60)


def dataset(rows: list[tuple[int, int, int]]) -> Dataset:
    users, items, times = zip(*rows, strict=True)
    columns = {"user_id": [f"u{u}" for u in users], "item_id": [f"i{i}" for i in items], "timestamp": list(times)}
    return Dataset.from_table(pa.table(columns))


@given(ROWS)
def test_every_users_events_are_a_slice_in_order_of_time_and_arrival(rows: list[tuple[int, int, int]]) -> None:
    found = dataset(rows)
    indptr, items = found.sequences()
    for user in range(found.n_users):
        name = found.users.names(np.array([user], np.int32))[0]
        expected = [f"i{i}" for u, i, _ in sorted((r for r in rows if f"u{r[0]}" == name), key=lambda row: row[2])]
        assert found.items.names(items[indptr[user] : indptr[user + 1]]) == expected


@given(ROWS)
def test_the_matrix_counts_every_pair(rows: list[tuple[int, int, int]]) -> None:
    found = dataset(rows)
    matrix = found.matrix().toarray()
    for user, item, _ in set(rows):
        row, column = found.users.rows([f"u{user}"])[0], found.items.rows([f"i{item}"])[0]
        assert matrix[row, column] == sum(1 for u, i, _ in rows if (u, i) == (user, item))
    assert matrix.sum() == len(rows)


@pytest.mark.parametrize("shop", [checkerboard(), checkerboard(times=False, orders=False), random_shop(2)])
def test_the_frame_makes_the_same_dataset_again(shop: Dataset) -> None:
    again = Dataset.from_table(shop.table(), users=shop.users, items=shop.items)
    assert again.time_kind == shop.time_kind
    for name in ("user", "item", "time", "weight"):
        np.testing.assert_array_equal(getattr(again.interactions, name), getattr(shop.interactions, name))
    orders = [np.unique(each.interactions.order, return_inverse=True)[1] for each in (again, shop)]
    assert len(set(zip(*map(np.ndarray.tolist, orders), strict=True))) == len(set(orders[1].tolist()))


def test_a_missing_column_and_an_empty_id_are_named() -> None:
    with pytest.raises(SchemaError, match="item_id"):
        Dataset.from_table(pa.table({"user_id": ["a"]}))
    with pytest.raises(DataError, match="row 2") as error:
        Dataset.from_table(pa.table({"user_id": ["a", None], "item_id": ["x", "y"]}))
    assert error.value.row == 2 and error.value.column == "user_id"


def test_rows_outside_given_vocabularies_are_dropped() -> None:
    small = Dataset.from_table(pa.table({"user_id": ["a"], "item_id": ["x"]}))
    more = pa.table({"user_id": ["a", "b", "a"], "item_id": ["x", "x", "new"]})
    assert len(Dataset.from_table(more, users=small.users, items=small.items).interactions) == 1


@pytest.mark.parametrize("views", [False, True])
def test_metadata_are_plain_columns_however_a_frame_held_them(views: bool) -> None:
    kind = pa.string_view() if views else pa.string()
    some = pa.array(["red", None, "blue"], kind)
    coded = pa.DictionaryArray.from_arrays(pa.array([2, 1, 0, None], pa.int8()), some)
    halves = pa.chunked_array([coded[:2], coded[2:]])
    sizes = pa.array([3, 3, None, 5]).dictionary_encode()
    held = pa.table({"item_id": list("abcd"), "colour": halves, "size": sizes, "price": [1.0, 2.0, 3.0, 4.0]})
    shop = replace(dataset([(0, 0, 0)]), item_metadata=held, user_metadata=held)
    for table in (shop.item_metadata, shop.user_metadata):
        assert table is not None
        assert table.schema.types == [pa.string(), pa.string(), pa.int64(), pa.float64()]
        assert table["colour"].to_pylist() == ["blue", None, "red", None]
        assert table["size"].to_pylist() == [3, 3, None, 5]
    assert replace(shop).item_metadata is shop.item_metadata
