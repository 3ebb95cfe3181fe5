from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError
from endcap.stream.arrays import map_arrays, pack

ARRAYS = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.array([True, False]), "c": np.zeros(0, np.float32)}


def test_read_back_as_a_read_only_map(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pack(ARRAYS, {"note": "ü"}))
    arrays, notes = map_arrays(tmp_path / "x")
    assert notes == {"note": "ü"} and arrays.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], value)
        assert not arrays[name].flags.writeable


def test_a_missing_or_short_file_is_an_error(tmp_path: Path) -> None:
    whole = pack(ARRAYS, {})
    for size in (0, 4, 20, len(whole) - 1):
        (tmp_path / "x").write_bytes(whole[:size])
        with pytest.raises(ArtefactError, match="cannot be read"):
            map_arrays(tmp_path / "x")
    with pytest.raises(ArtefactError, match="cannot be read"):
        map_arrays(tmp_path / "none")


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 255))
def test_no_changed_byte_can_do_more_than_that(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    data = bytearray(pack(ARRAYS, {"note": "x"}))
    data[place % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(data)
    try:
        arrays, _ = map_arrays(path)
    except ArtefactError:
        return
    assert all(value.nbytes <= len(data) for value in arrays.values())
