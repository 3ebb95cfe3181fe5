"""Files of numbered features: told apart by their endings, read alike, bad ones named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from endcap.errors import DataError, InputError
from endcap.lake.recordio import Records, write_records
from endcap.lake.row_files import is_row_file, read_row_file, read_row_files

ROWS = sparse.csr_matrix(np.array([[0, 0.5, 2], [1, 0, 0]], np.float32))
LABELS = np.array([1, 0], np.float32)


def recordio(path: Path, rows: sparse.csr_matrix = ROWS, labels: np.ndarray | None = LABELS) -> Path:
    path.write_bytes(write_records(Records(rows, labels)))
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content, "utf-8")
    return path


def test_features_have_the_numbers_that_are_written(tmp_path: Path) -> None:
    found = read_row_file(recordio(tmp_path / "x.PB"), "training")
    np.testing.assert_array_equal(found.rows.toarray(), ROWS.toarray())
    assert found.labels is not None and found.labels.tolist() == [1, 0] and found.numbering == "recordio"
    found = read_row_file(text(tmp_path / "x.svm", "1 1:0.5 2:2\n0 0:1\n"), "training")
    np.testing.assert_array_equal(found.rows.toarray(), ROWS.toarray())
    assert found.rows.dtype == np.float32 and found.numbering == "libsvm"
    unlabelled = read_row_file(recordio(tmp_path / "y.protobuf", labels=None), "row")
    assert unlabelled.labels is None and len(unlabelled) == 2
    assert [is_row_file(each) for each in ("a.libsvm", Path("b.Recordio"), "c.csv", 7)] == [True, True, False, False]


def test_text_is_as_wide_as_the_widest_file(tmp_path: Path) -> None:
    paths = {"training": text(tmp_path / "a.svm", "1 1:1\n"), "test": text(tmp_path / "b.svm", "0 7:1\n")}
    assert {what: each.rows.shape for what, each in read_row_files(paths).items()} == {
        "training": (1, 8),
        "test": (1, 8),
    }


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("a.libsvm", b"1 1:1\n1 x\n", DataError, "training file .*a.libsvm: Line 2"),
        ("a.libsvm", b"\n# nothing\n", DataError, "no rows"),
        ("a.libsvm", b"1 1:1 \xff\n", DataError, "cannot be read"),
        ("a.recordio", b"not at all", DataError, "Record 1 is damaged"),
        ("a.recordio", b"", DataError, "no rows"),
        ("a.txt", b"1 1:1\n", InputError, "no numbered features"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes, error: type[InputError], said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        read_row_file(tmp_path / name, "training")


def test_what_is_no_number_is_named_by_its_row(tmp_path: Path) -> None:
    odd = ROWS.copy()
    odd.data[2] = np.inf
    with pytest.raises(DataError, match="row 2 holds") as caught:
        read_row_file(recordio(tmp_path / "x.pb", odd), "test")
    assert caught.value.row == 2
    with pytest.raises(DataError, match="row 1 holds"):
        read_row_file(recordio(tmp_path / "x.pb", labels=np.array([np.nan, 1], np.float32)), "test")
    with pytest.raises(InputError, match="does not exist"):
        read_row_file(tmp_path / "none.pb", "test")


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    train, wide = recordio(tmp_path / "a.pb"), recordio(tmp_path / "b.pb", sparse.csr_matrix(np.eye(2, 5), dtype="f4"))
    with pytest.raises(DataError, match="training file has 3 features, the test file 5"):
        read_row_files({"training": train, "test": wide})
    with pytest.raises(InputError, match="training file is recordio, the test file libsvm"):
        read_row_files({"training": train, "test": text(tmp_path / "c.svm", "1 1:1\n")})
    with pytest.raises(DataError, match=r"test file .* has no labels"):
        read_row_files({"training": train, "test": recordio(tmp_path / "d.pb", labels=None)})
