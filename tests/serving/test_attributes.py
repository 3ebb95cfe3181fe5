from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError
from endcap.lake.schemas import Field, Schema
from endcap.serving.attributes import AttributeTable, NumberColumn, TextColumn
from endcap.stream.arrays import map_arrays, pack

SCHEMA = Schema(
    "items",
    (
        Field("ITEM_ID"),
        Field("NAME", nullable=True, item_name=True),
        Field("GENRES", nullable=True, categorical=True),
        Field("PRICE", "float", nullable=True),
        Field("MARGIN", "double", nullable=True),
        Field("STOCK", "long", nullable=True),
        Field("IS_NEW", "boolean", nullable=True),
        Field("PRODUCT_DESCRIPTION", nullable=True, textual=True),
        Field("LATER", nullable=True),
    ),
)
ITEMS = pa.table(
    {
        "item_id": ["a|1", "b", "c"],
        "name": ["Red | white", None, ""],
        "genres": pa.array(["x|y", "y||y", None]).dictionary_encode(),
        "price": pa.array([19.99, None, float("nan")], pa.float32()),
        "margin": [0.1, None, 0.3],
        "stock": pa.array([2**60 + 1, None, 0], pa.int64()),
        "is_new": [True, False, None],
        "product_description": ["one|two", "", None],
        "made": pa.array([0, None, 20000], pa.date32()),
    }
)
ORDINALS = np.array([3, 0, 2], np.int32)


def table() -> AttributeTable:
    return AttributeTable.of(ITEMS, ORDINALS, size=5, schema=SCHEMA)


def test_rows_are_placed_at_their_ordinals() -> None:
    held = table()
    assert held.size == 5
    assert held.row(3) == {
        "item_id": "a|1",
        "name": "Red | white",
        "genres": "x|y",
        "price": pytest.approx(19.99),
        "margin": 0.1,
        "stock": 2**60 + 1,
        "is_new": True,
        "product_description": "one|two",
        "made": "1970-01-01",
    }
    assert held.row(0) == {"item_id": "b", "genres": "y||y", "is_new": False, "product_description": ""}
    assert held.row(2) == {"item_id": "c", "name": "", "margin": 0.3, "stock": 0, "made": "2024-10-04"}
    assert held.row(1) == held.row(4) == held.row(5) == held.row(-1) == {}
    assert held.value(3, "colour") is None


def test_only_categorical_texts_are_cut_at_bars() -> None:
    held = table()
    assert held.whole == {"item_id", "name", "product_description", "later"}
    columns = {name: column for name, column in held.columns.items() if isinstance(column, TextColumn)}
    assert columns["genres"].has(["y"]).tolist() == [True, False, False, True, False]
    assert columns["genres"].has(["x", "nowhere"]).tolist() == [False, False, False, True, False]
    assert columns["genres"].has(["y", "x"]).tolist() == [True, False, False, True, False]
    assert columns["genres"].has(["x|y", "y|x"]).tolist() == [False, False, False, True, False]
    assert not columns["genres"].has([""]).any() and not columns["genres"].has([]).any()
    assert columns["item_id"].has(["a|1"]).tolist() == [False, False, False, True, False]
    assert not columns["name"].has(["Red "]).any()


def test_without_a_schema_only_ids_are_whole_and_the_size_is_what_the_ordinals_need() -> None:
    held = AttributeTable.of(ITEMS, ORDINALS)
    assert (held.size, held.whole) == (4, {"item_id"})
    assert "later" not in held.columns


def test_fields_that_the_table_lacks_are_missing_everywhere() -> None:
    for held in (table(), AttributeTable.of(None, ORDINALS, schema=SCHEMA)):
        assert len(held.columns["later"]) == held.size
        assert {held.value(row, "later") for row in range(held.size)} == {None}


def test_nothing_is_a_table_too() -> None:
    for empty in (AttributeTable.of(None, ORDINALS[:0]), AttributeTable.of(ITEMS.slice(0, 0), ORDINALS[:0])):
        assert empty.size == 0
        assert AttributeTable.from_arrays(empty.arrays("items"), "items").size == 0


def test_numbers_keep_the_type_of_the_table() -> None:
    columns = table().columns
    kinds = [columns[name].values.dtype for name in ("price", "margin", "stock")]  # type: ignore[union-attr]
    assert kinds == [np.float32, np.float64, np.int64]
    assert isinstance(columns["price"], NumberColumn)
    assert columns["price"].known.tolist() == [False, False, False, True, False]


def test_a_table_comes_back_from_the_state_file(tmp_path: Path) -> None:
    held = table()
    (tmp_path / "state").write_bytes(pack({**held.arrays("items"), **held.arrays("users")}, {}))
    arrays, _ = map_arrays(tmp_path / "state")
    for prefix in ("items", "users"):
        again = AttributeTable.from_arrays(arrays, prefix)
        assert (again.size, again.whole, set(again.columns)) == (held.size, held.whole, set(held.columns))
        assert [again.row(row) for row in range(5)] == [held.row(row) for row in range(5)]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("items.size", np.array([6], np.int64)),
        ("items.size", np.array([], np.int64)),
        ("items/genres/text/codes", np.array([0, 1, 99, 0, 0], np.int32)),
        ("items/genres/text/codes", np.array([0, -1, 1, 0, 0], np.int32)),
        ("items/genres/text/indptr", np.array([0, 9, 2, 2, 5, 5], np.int64)),
        ("items/stock/number/known", np.zeros(4, np.bool_)),
        ("items/stock/number/values", np.zeros(5, np.int32)),
        ("items/is_new/truth/values", np.zeros(5, np.int32)),
        ("items/is_new/riddle/values", np.zeros(5, np.bool_)),
        ("items/odd", np.zeros(5, np.bool_)),
    ],
)
def test_damage_is_found(name: str, array: np.ndarray) -> None:
    arrays = {**table().arrays("items"), name: array}
    with pytest.raises(ArtefactError, match="Delete the directory"):
        AttributeTable.from_arrays(arrays, "items")


@pytest.mark.parametrize("name", ["items.size", "items/genres/text/codes", "items/stock/number/known"])
def test_missing_arrays_are_found(name: str) -> None:
    arrays = table().arrays("items")
    del arrays[name]
    with pytest.raises(ArtefactError):
        AttributeTable.from_arrays(arrays, "items")


texts = st.one_of(st.none(), st.text(alphabet="ab|é", max_size=6))


@given(values=st.lists(texts, max_size=12), wanted=st.lists(st.text(alphabet="ab|é", max_size=3), max_size=3))
@settings(deadline=None)
def test_texts_come_back_as_they_were_and_are_found_by_their_parts(values: list[str | None], wanted: list[str]) -> None:
    column = pa.table({"genres": pa.array(values, pa.string())})
    held = AttributeTable.of(column, np.arange(len(values), dtype=np.int32)).columns["genres"]
    assert isinstance(held, TextColumn)
    assert [held.value(row) for row in range(len(values))] == values
    named = set(wanted) - {""}
    parts = [{*value.split("|"), value} if value is not None else set() for value in values]
    assert held.has(wanted).tolist() == [bool(named & each) for each in parts]
