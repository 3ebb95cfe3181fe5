"""LibSVM text: what is written is read again; a bad line is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from endcap.errors import DataError, InputError
from endcap.lake.libsvm import read_libsvm, write_libsvm

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(FLOATS, st.dictionaries(st.integers(0, 400), FLOATS.filter(bool), max_size=5)), max_size=6),
    first=st.sampled_from([0, 1]),
)
def test_what_is_written_is_read_again(rows: list[tuple[float, dict[int, float]]], first: int) -> None:
    matrix = sparse.lil_matrix((len(rows), 401), dtype=np.float32)
    for row, (_, values) in enumerate(rows):
        for index, value in values.items():
            matrix[row, index] = value
    labels = np.array([label for label, _ in rows], np.float32)
    lines = list(write_libsvm(sparse.csr_matrix(matrix), labels, first=first))
    again, found = read_libsvm(lines, first=first, width=401)
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_array_equal(again.toarray(), matrix.toarray())
    assert list(write_libsvm(again, found, first=first)) == lines


def test_remarks_and_empty_lines_are_passed_over() -> None:
    rows, labels = read_libsvm(["# head\n", "\n", "+1 1:0.5 3:-2 # why\n", "-1\n"])
    assert labels.tolist() == [1, -1] and rows.toarray().tolist() == [[0.5, 0, -2], [0, 0, 0]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("one 1:1", "Line 2: the label is 'one'"),
        ("1 1:nan", "value of 1 is 'nan'"),
        ("1 1:1e99", "no finite number"),
        ("1 0:1", "the index 0 is not in 1"),
        ("1 9:1", r"the index 9 is not in 1 … 4"),
        ("1 3:1 2:1", "the index 2 comes after 3"),
        ("1 2:1 2:1", "the index 2 comes after 2"),
        ("1 qid:3", "no index:value"),
        ("1 2", "no index:value"),
    ],
)
def test_a_bad_line_is_named(line: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read_libsvm(["1 1:1", line], width=4)
    assert caught.value.row == 2


def test_labels_are_as_many_as_rows() -> None:
    with pytest.raises(InputError, match="1 labels for 2 rows"):
        list(write_libsvm(sparse.csr_matrix((2, 2), dtype=np.float32), np.zeros(1, np.float32)))
