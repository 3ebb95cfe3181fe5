"""Neighbours against dense products and against counting by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes.item_item_kernels import neighbours, order_matrix, window_neighbours
from endcap.types import Float32, Int32


def shop(seed: int, rows: int, n: int, *, ones: bool) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    taken = rng.random((rows, n)) < 1.2 / (1 + np.arange(n)) ** 0.6
    weights = np.ones((rows, n)) if ones else rng.integers(1, 6, (rows, n))
    return sparse.csr_matrix((taken * weights).astype(np.float32))


def check(found: tuple[Int32, Float32], values: np.ndarray, popularity: np.ndarray) -> None:
    """Rows hold the k largest positive values, ties by popularity and then by row."""
    items, scores = found
    np.fill_diagonal(values, 0)
    for i, row in enumerate(values):
        by_rule = np.lexsort((np.arange(len(row)), -popularity, -row.round(5)))
        expected = by_rule[row[by_rule] > 0][: items.shape[1]]
        kept = items[i][items[i] >= 0]
        np.testing.assert_allclose(row[kept], row[expected], rtol=1e-5)
        np.testing.assert_allclose(scores[i][: len(kept)], row[kept], rtol=1e-5)
        assert len(set(kept.tolist())) == len(kept) and np.isnan(scores[i][len(kept) :]).all()
        clear = np.abs(np.diff(row[expected])) > 1e-4
        if len(expected) and clear.all():
            assert kept.tolist() == expected.tolist()


@pytest.mark.parametrize("ones", [True, False])
@pytest.mark.parametrize(("n", "k"), [(5, 10), (60, 3), (300, 20)])
@pytest.mark.parametrize(
    ("similarity", "shrinkage", "support"), [("cosine", 0.0, 1), ("cosine", 9.0, 3), ("count", 0.0, 2)]
)
def test_all_pairs(ones: bool, n: int, k: int, similarity: str, shrinkage: float, support: int) -> None:
    matrix = shop(n + k, 50, n, ones=ones)
    dense = matrix.toarray().astype(np.float64)
    values = dense.T @ dense
    together = (dense > 0).T.astype(float) @ (dense > 0)
    if similarity == "cosine":
        norms = np.sqrt(np.diag(values))
        values = values / np.maximum(np.outer(norms, norms) + shrinkage, 1e-30)
    values[together < support] = 0
    found = neighbours(matrix, k, similarity=similarity, shrinkage=shrinkage, min_support=support)  # type: ignore[arg-type]
    check(found, values, (dense > 0).sum(0))


def test_ties_go_to_the_more_popular_then_to_the_lower_row() -> None:
    matrix = sparse.csr_matrix(np.array([[1, 1, 1, 1], [0, 0, 1, 0]], np.float32))
    items, values = neighbours(matrix, 3, similarity="count")
    assert items.tolist() == [[2, 1, 3], [2, 0, 3], [0, 1, 3], [2, 0, 1]]
    assert (values == 1).all()


def test_a_long_row_is_thinned_to_the_cap() -> None:
    matrix = sparse.csr_matrix(np.ones((1, 100), np.float32))
    items, _ = neighbours(matrix, 100, similarity="count", cap=10)
    assert ((items >= 0).sum(axis=1) == 9).sum() == 10


def test_weights_must_be_positive() -> None:
    with pytest.raises(InputError, match="> 0"):
        neighbours(sparse.csr_matrix(np.array([[1.0, -1.0]], np.float32)), 1)


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize(("window", "decay", "support"), [(1, 1.0, 1), (3, 0.5, 1), (4, 0.9, 2)])
def test_windows(directed: bool, window: int, decay: float, support: int) -> None:
    rng = np.random.default_rng(window)
    lengths = rng.integers(0, 12, 40)
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    items = np.minimum(rng.geometric(0.1, indptr[-1]) - 1, 29).astype(np.int32)
    values, together = np.zeros((30, 30)), np.zeros((30, 30))
    for low, high in pairwise(indptr.tolist()):
        for p in range(low, high):
            for q in range(p + 1, min(high, p + window + 1)):
                pairs = [(items[p], items[q])] if directed else [(items[p], items[q]), (items[q], items[p])]
                for pair in pairs:
                    values[pair] += decay ** (q - p - 1)
                    together[pair] += 1
    counts = np.bincount(items, minlength=30)
    values[together < support] = 0
    values /= np.maximum(np.sqrt(np.outer(counts, counts)), 1e-30)
    found = window_neighbours(indptr, items, 30, 6, window=window, decay=decay, directed=directed, min_support=support)
    check(found, values, counts)


def test_orders_become_rows() -> None:
    order = np.array([7, 7, -1, 3, 7], np.int64)
    item = np.array([0, 2, 1, 1, 2], np.int32)
    assert order_matrix(order, item, 4).toarray().tolist() == [[0, 1, 0, 0], [1, 0, 1, 0]]
