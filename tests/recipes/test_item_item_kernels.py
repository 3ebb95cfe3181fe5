"""Neighbours against dense products and against counting by hand."""

from __future__ import annotations

from itertools import pairwise

import numba
import numpy as np
import pytest
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes.item_item_kernels import neighbours, order_matrix, window_neighbours
from endcap.recipes.nearest import MEASURES, nearest
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


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("n", "keep", "support", "itself"), [(40, 5, 1, False), (40, 50, 2, True), (400, 20, 1, True)])
def test_largest_entries_of_a_product(measure: str, n: int, keep: int, support: int, itself: bool) -> None:
    taken, near = shop(n, 60, n, ones=True), shop(n + 1, 60, n, ones=False)
    left, right = (np.asarray(side.sum(0), np.float32).ravel() + 1 for side in (taken, near))
    values = (taken.T @ near).toarray().astype(np.float64)
    outer = np.outer(left, right)
    bottoms = {"count": 1, "cosine": np.sqrt(outer), "jaccard": left[:, None] + right - values, "lift": outer / 60}
    values /= bottoms[measure]
    values[(taken.T @ (near > 0)).toarray() < support] = 0
    if not itself:
        np.fill_diagonal(values, 0)
    done: list[int] = []
    how = {"measure": measure, "supports": (left, right), "min_support": support, "itself": itself}
    found = nearest(taken, near, keep, tick=lambda rows=1: done.append(rows), **how)  # type: ignore[arg-type]
    assert sum(done) == n
    for row, part in zip(values, (found[i] for i in range(n)), strict=True):
        np.testing.assert_allclose(row[part.indices], part.data, rtol=1e-5)
        largest = np.sort(row[row > 0])[::-1][:keep]
        np.testing.assert_allclose(np.sort(part.data)[::-1], largest, rtol=1e-5)


def test_threads_change_nothing_and_weights_too_small_to_add_up_still_count() -> None:
    matrix = shop(3, 80, 500, ones=False)
    faint = matrix * np.float32(1e-36)
    before = numba.get_num_threads()
    found = []
    for threads in (1, before):
        numba.set_num_threads(threads)
        found.append(nearest(matrix, faint, 10))
    numba.set_num_threads(before)
    assert (found[0] != found[1]).nnz == 0 and found[0].nnz > 0
    assert all(len(set(found[0][i].indices.tolist())) == found[0][i].nnz for i in range(500))
