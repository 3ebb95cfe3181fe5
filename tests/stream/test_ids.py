import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError
from endcap.stream.ids import IdIndex

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None)
@given(st.lists(texts, max_size=60), st.lists(texts, max_size=20))
def test_finds_what_is_there_and_nothing_else(ids: list[str], others: list[str]) -> None:
    index = IdIndex.of(pa.array(ids, pa.string()))
    expected = [ids.index(name) if name in ids else -1 for name in ids + others]
    assert [index.find(name) for name in ids + others] == expected
    assert index.find_all(ids + others).tolist() == expected
    assert index.names(np.arange(len(ids))) == ids and len(index) == len(ids)


def test_slices_chunks_and_saved_arrays_are_the_same_index() -> None:
    ids = pa.array(["x", "a,b", "🙂", "", "long" * 100])
    index = IdIndex.of(pa.chunked_array([ids[1:3], ids[3:]]))
    again = IdIndex.from_arrays(index.arrays("i"), "i")
    assert again.names(np.arange(4)) == ["a,b", "🙂", "", "long" * 100] and again.find("🙂") == 1
    assert index.find("x") == -1 and index.find("\ud800") == -1 and again.name(0) == "a,b"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("offsets", np.array([0, 5, 2], np.int64)),
        ("offsets", np.array([0, 1, 99], np.int64)),
        ("slots", np.full(8, 7, np.int32)),
        ("slots", np.zeros(8, np.int32)),
        ("slots", np.full(6, -1, np.int32)),
        ("data", np.zeros(2, np.int64)),
    ],
)
def test_damage_is_found_before_it_can_be_followed(part: str, value: np.ndarray) -> None:
    arrays = IdIndex.of(pa.array(["a", "b"])).arrays("i")
    with pytest.raises(ArtefactError, match="damaged"):
        IdIndex.from_arrays({**arrays, f"i.{part}": value}, "i")
