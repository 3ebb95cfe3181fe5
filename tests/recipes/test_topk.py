"""Top-k against a plain sort, whatever the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.recipes.topk import top_k, top_k_inner
from endcap.types import Bool, Float32, Int32, Int64

VALUES = st.sampled_from([np.nan, -np.inf, -1.5, 0.0, 1e-30, 0.25, 0.5, 1.0, np.inf])


def plain(scores: Float32, k: int, barred: Bool) -> tuple[np.ndarray, np.ndarray]:
    """One row at a time, by a stable sort."""
    items = np.full((len(scores), k), -1, np.int32)
    values = np.full((len(scores), k), np.nan, np.float32)
    for row, line in enumerate(scores):
        fit = np.flatnonzero(~np.isnan(line) & ~barred[row])
        best = fit[np.argsort(-line[fit], kind="stable")][:k]
        items[row, : len(best)], values[row, : len(best)] = best, line[best]
    return items, values


def barred_by(shape: tuple[int, int], allowed: Bool | None, indptr: Int64, items: Int32) -> Bool:
    barred = np.zeros(shape, np.bool_)
    barred[np.repeat(np.arange(shape[0]), np.diff(indptr)), items] = True
    return barred if allowed is None else barred | ~allowed


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_scores(data: st.DataObject) -> None:
    q, n = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 200))
    k = data.draw(st.integers(1, 12) | st.just(n) | st.just(n + 3))
    scores = np.array(data.draw(st.lists(VALUES, min_size=q * n, max_size=q * n)), np.float32).reshape(q, n)
    allowed = data.draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n).map(np.array))
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=q, max_size=q))
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    count = int(indptr[-1])
    excluded = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=count, max_size=count)), np.int32)
    before = scores.copy()
    found = top_k(scores, k, allowed, indptr, excluded)
    expected = plain(scores, k, barred_by((q, n), allowed, indptr, excluded))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize(("q", "n", "d"), [(3, 500, 8), (17, 63, 5), (40, 64, 1), (50, 1000, 16), (33, 3000, 7)])
@pytest.mark.parametrize("k", [1, 20, 100])
def test_products_equal_their_scores(q: int, n: int, d: int, k: int) -> None:
    rng = np.random.default_rng(q * n + k)
    # Small integers make every sum exact, so that ties are real and both ways must agree to the last bit.
    queries = rng.integers(-3, 4, (q, d)).astype(np.float32)
    items = rng.integers(-3, 4, (n, d)).astype(np.float32)
    queries[1] = np.nan
    allowed = rng.random(n) < 0.7
    indptr = np.arange(q + 1, dtype=np.int64) * 9
    excluded = rng.integers(0, n, 9 * q).astype(np.int32)
    for mask in (None, allowed):
        expected = plain(queries @ items.T, k, barred_by((q, n), mask, indptr, excluded))
        found = top_k_inner(queries, items, k, mask, indptr, excluded)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_long_rows_and_many_wanted() -> None:
    scores = np.random.default_rng(0).standard_normal((3, 20_000)).astype(np.float32)
    found = top_k(scores, 700)
    expected = plain(scores, 700, np.zeros(scores.shape, np.bool_))
    np.testing.assert_array_equal(found[0], expected[0])


def test_nothing_to_choose_from() -> None:
    vectors = np.ones((40, 3), np.float32)
    for items, values in (
        top_k(np.zeros((2, 5), np.float32), 3, np.zeros(5, np.bool_)),
        top_k_inner(vectors, vectors, 3, np.zeros(40, np.bool_)),
        top_k_inner(vectors, np.zeros((0, 3), np.float32), 3),
    ):
        assert (items == -1).all() and np.isnan(values).all()


def test_same_answer_for_a_view_and_for_its_copy() -> None:
    scores = np.random.default_rng(0).standard_normal((30, 200)).astype(np.float32)
    view = scores[::2, ::3]
    np.testing.assert_array_equal(top_k(view, 5)[0], top_k(view.copy(), 5)[0])
