from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from filter_shop import ITEMS, Put, table
from hypothesis import given
from hypothesis import strategies as st

from endcap.serving.filters import Attributes, GrowingIndex, Overlay
from endcap.serving.filters.overlay import EACH, Bitmaps
from endcap.stream.ids import IdIndex

STAMP = (1, 10)


def test_new_ids_come_after_the_base_in_the_order_of_asking() -> None:
    index = GrowingIndex(IdIndex.of(pa.array(["a", "b"])))
    assert [index.find("a"), index.find("z"), len(index)] == [0, -1, 2]
    assert [index.place(name) for name in ("z", "b", "y", "z")] == [2, 1, 3, 2]
    assert [index.find("y"), len(index)] == [3, 4]


def test_attributes_over_a_growing_index() -> None:
    index = GrowingIndex(IdIndex.of(pa.array(["a", "b"])))
    put = Put()
    held = Attributes(table(ITEMS, [{"brand": "Acme"}, {}]), put.overlay(), index.place, lambda: len(index))
    assert held.value(0, "brand") == "Acme"
    put.put("new", brand="Zeta")
    assert (held.value(2, "brand"), len(held), index.find("new")) == ("Zeta", 3, 2)
    index.place("seen in an event")
    assert held.now().size == 4


def test_ids_without_an_ordinal_are_left_out_until_they_have_one() -> None:
    known: dict[str, int] = {}
    put = Put()
    held = Attributes(table(ITEMS, [{}]), put.overlay(), lambda name: known.get(name, -1), lambda: 1 + len(known))
    put.put("later", brand="Zeta")
    assert held.now().rows == {}
    known["later"] = 1
    assert held.value(1, "brand") == "Zeta"


def test_only_what_changed_is_read_again() -> None:
    put = Put()
    asked: list[str] = []
    given = put.overlay()

    def changed(since: int) -> list[tuple[str, Mapping[str, Any]]]:
        told = list(given.changed(since))
        asked.extend(name for name, _ in told)
        return told

    held = Attributes(table(ITEMS, [{} for _ in range(9)]), Overlay(given.revision, changed), int)
    for name in ("3", "5"):
        put.put(name, brand="Acme")
    before = held.now()
    put.put("5", brand="Zeta")
    assert (held.value(5, "brand"), held.value(3, "brand"), asked) == ("Zeta", "Acme", ["3", "5", "5"])
    assert before.rows[5] == {"brand": "Acme"}, "what a request holds stays as it is"


def test_a_patch_is_read_once_for_each_revision() -> None:
    put = Put()
    held = Attributes(table(ITEMS, [{}]), put.overlay(), int)
    assert held.now() is held.now()
    before = held.now()
    put.put("0", brand="Acme")
    assert held.now() is not before and held.now() is held.now()


def bitmap(size: int = 10) -> np.ndarray:
    return np.ones(size, np.bool_)


def test_the_bitmap_used_longest_ago_leaves_first() -> None:
    held = Bitmaps(limit=3 * (EACH + 10))
    for key in "abc":
        held.put(key, STAMP, bitmap())
    held.get("a", STAMP)
    held.put("d", STAMP, bitmap())
    assert [key for key in "abcd" if held.get(key, STAMP) is not None] == ["a", "c", "d"]


def test_a_bitmap_of_another_stamp_is_none() -> None:
    held = Bitmaps()
    held.put("a", STAMP, bitmap())
    assert held.get("a", (2, 10)) is None
    assert held.get("b", STAMP) is None


def test_one_bitmap_is_kept_however_large() -> None:
    held = Bitmaps(limit=5)
    held.put("a", STAMP, bitmap(100))
    assert held.get("a", STAMP) is not None
    held.put("b", STAMP, bitmap(3))
    assert (held.get("a", STAMP), len(held)) == (None, 1)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 40)), max_size=40))
def test_bytes_are_counted_right(puts: list[tuple[str, int]]) -> None:
    limit = 2 * EACH + 50
    held = Bitmaps(limit)
    for key, size in puts:
        held.put(key, STAMP, bitmap(size))
        kept = [EACH + found.nbytes for name in "abcde" if (found := held.get(name, STAMP)) is not None]
        assert sum(kept) <= limit or len(kept) == 1
