from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from endcap.api.personalize.properties import column, fitted, parsed, plain
from endcap.lake.schemas import Field, Schema

SCHEMA = Schema(
    "items",
    (
        *(Field("ITEM_ID"), Field("CATEGORY_L1", categorical=True), Field("PRICE", "float", nullable=True)),
        *(Field("STOCK", "int", nullable=True), Field("SOLD_OUT", "boolean", nullable=True)),
        *(Field("CREATION_TIMESTAMP", "long", nullable=True), Field("NAME", nullable=True)),
    ),
)


def fit(given: dict[str, Any], *, whole: bool = True) -> tuple[dict[str, Any], list[str]]:
    faults: list[str] = []
    return fitted(given, SCHEMA, "p", faults, whole=whole), faults


def test_keys_in_either_spelling_become_columns() -> None:
    given = {"categoryL1": "a", "PRICE": 3, "stock": 4.0, "soldOut": True, "creationTimestamp": 1.5, "Name": None}
    made, faults = fit(given)
    assert not faults
    assert made == {
        "category_l1": "a",
        "price": 3.0,
        "stock": 4,
        "sold_out": True,
        "creation_timestamp": 1_500_000,
        "name": None,
    }
    assert [column(key) for key in ("discountCode", "DISCOUNT_CODE", "categoryL1")] == [
        "discount_code",
        "discount_code",
        "category_l1",
    ]
    assert fit({"CATEGORY_L1": ["a", "b"]})[0] == {"category_l1": "a|b"}


def test_every_fault_is_named() -> None:
    given = {"price": "3", "stock": 2.5, "soldOut": 1, "creationTimestamp": 10**15, "other": 1, "name": ["a"]}
    made, faults = fit(given)
    assert made == {} and len(faults) == 7
    for word in ("price", "stock", "soldOut", "creationTimestamp", "other", "name", "CATEGORY_L1"):
        assert any(word in fault for fault in faults), word
    assert fit({"other": 1}, whole=False) == ({}, [])


def test_properties_that_are_no_object_are_faults() -> None:
    for text in ("[]", "3", "{", '{"a": NaN}', '{"a": 1, "a": 2}', '"\\ud800"'):
        faults: list[str] = []
        assert parsed(text, "at", faults) == {} and len(faults) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["price", "categoryL1", "STOCK", "soldOut", "creationTimestamp", "x"]), values))
def test_whatever_comes_is_fitted_or_a_fault(given: dict[str, Any]) -> None:
    made, faults = fit(given)
    for name, value in made.items():
        assert value is None or isinstance(value, str | int | float | bool), name
    assert faults or "categoryL1" in given
    assert all(isinstance(value, str | int | float | bool | None) for value in plain(given).values())
    json.dumps(plain(json.loads(json.dumps(given))))
