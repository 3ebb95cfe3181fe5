"""The catalogue index: ordinals are for ever."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ArtefactError
from endcap.lake.index import MOST_CHUNKS, CatalogueIndex
from endcap.seams import Disk


class Stopped(Exception):
    """A crash, as the caller sees it."""


class StopsAt(Disk):
    """Works until the n-th call, then raises at every one."""

    def __init__(self, n: int) -> None:
        self.left = n

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Stopped

    def write(self, path: Path, data: bytes) -> None:
        self._count()
        super().write(path, data)

    def fsync(self, path: Path) -> None:
        self._count()
        super().fsync(path)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)


ids = st.text(min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(imports=st.lists(st.tuples(st.lists(ids, max_size=8), st.integers(0, 8)), max_size=25))
def test_any_sequence_of_imports_keeps_old_ordinals(
    tmp_path_factory: pytest.TempPathFactory, imports: list[tuple[list[str], int]]
) -> None:
    directory = tmp_path_factory.mktemp("catalogue")
    model: list[str] = []
    for given_ids, calls in imports:
        before = CatalogueIndex(directory).ids().to_pylist()
        try:
            CatalogueIndex(directory, StopsAt(calls)).extend(pa.array(given_ids, pa.string()))
        except Stopped:
            after = CatalogueIndex(directory).ids().to_pylist()
            assert after[: len(before)] == before
            CatalogueIndex(directory).extend(pa.array(given_ids, pa.string()))
        model += [name for name in dict.fromkeys(given_ids) if name not in model]
        index = CatalogueIndex(directory)
        assert index.ids().to_pylist() == model
        assert index.ordinals(pa.array(model, pa.string())).tolist() == list(range(len(model)))
        assert len(index) == len(model)


def test_unknown_ids_have_no_ordinal(tmp_path: Path) -> None:
    index = CatalogueIndex(tmp_path / "catalogue")
    assert index.extend(pa.array(["a", "b", "a", None])) == 2
    assert index.ordinals(pa.array(["b", "z", None])).tolist() == [1, -1, -1]


def test_many_small_imports_are_merged_into_few_chunks(tmp_path: Path) -> None:
    index = CatalogueIndex(tmp_path / "catalogue")
    for number in range(3 * MOST_CHUNKS):
        index.extend(pa.array([f"i{number}"]))
    assert len(list((tmp_path / "catalogue").glob("*.arrow"))) <= MOST_CHUNKS + 1
    assert index.ids().to_pylist() == [f"i{number}" for number in range(3 * MOST_CHUNKS)]


def test_damage_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    index = CatalogueIndex(tmp_path / "catalogue")
    index.extend(pa.array(["a", "b"]))
    index.extend(pa.array(["c"]))
    chunk = tmp_path / "catalogue" / "0000000002-0000000003.arrow"
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(ArtefactError, match="0000000002"):
        index.ids()
    (tmp_path / "catalogue" / "0000000000-0000000002.arrow").unlink()
    with pytest.raises(ArtefactError, match="gap after ordinal 0"):
        len(index)
