import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from endcap.serving.kernels import FEW, SAMPLED, best, inner_products, log_total, take

scores = hnp.arrays(
    np.float32, st.integers(0, 400), elements=st.sampled_from([-np.inf, np.nan, -2.0, 0.0, 0.5, 1.0, 3.0, 7.25])
)


@settings(deadline=None)
@given(scores, st.sampled_from([0, 1, 5, FEW, FEW + 1, 100, 500]))
def test_best_is_a_stable_sort_of_what_has_a_score(scores: np.ndarray, k: int) -> None:
    known = np.flatnonzero(scores > -np.inf)
    expected = known[np.argsort(-scores[known], kind="stable")][:k]
    assert best(scores, k).tolist() == expected.tolist()


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31 - 1),
    k=st.sampled_from([FEW + 1, 100, 500]),
    levels=st.sampled_from([3, 100, 100_000]),
    known=st.sampled_from([0.0, 0.005, 0.3, 1.0]),
    sampled=st.sampled_from([-5.0, 0.0, 5.0]),
)
def test_best_of_many_is_a_stable_sort_whatever_the_sample_says(
    seed: int, k: int, levels: int, known: float, sampled: float
) -> None:
    draw = np.random.default_rng(seed)
    scores = np.round(draw.normal(size=20_011) * levels).astype(np.float32) / np.float32(levels)
    scores[::SAMPLED] += np.float32(sampled)
    scores[draw.random(len(scores)) > known] = -np.inf
    scores[draw.integers(0, len(scores), 3)] = np.nan
    scores[draw.integers(0, len(scores), 50)] = -0.0
    there = np.flatnonzero(scores > -np.inf)
    expected = there[np.argsort(-scores[there], kind="stable")][:k]
    np.testing.assert_array_equal(best(scores, k), expected)


def test_products_of_a_batch_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    items, queries = rng.standard_normal((9000, 8)).astype(np.float32), rng.standard_normal((5, 8)).astype(np.float32)
    whole = inner_products(queries, items)
    assert whole.flags.c_contiguous
    np.testing.assert_allclose(whole, queries @ items.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(inner_products(queries[2:3], items)[0], whole[2], rtol=1e-4, atol=1e-5)


def test_log_total_neither_overflows_nor_counts_what_has_no_score() -> None:
    values = np.array([1000.0, -np.inf, 999.0], np.float32)
    np.testing.assert_allclose(log_total(values, 0.5), 2000 + np.log(1 + np.exp(-2.0)), rtol=1e-6)
    assert log_total(np.full(3, -np.inf, np.float32), 1.0) == -np.inf
    assert log_total(np.zeros(0, np.float32), 1.0) == -np.inf
    many = np.random.default_rng(1).standard_normal(50_001).astype(np.float32)
    np.testing.assert_allclose(log_total(many, 0.1), np.log(np.exp(many.astype(np.float64) / 0.1).sum()), rtol=1e-6)


def test_take_goes_down_an_order_and_marks() -> None:
    barred = np.array([False, True, False, False])
    assert take(np.array([1, 3, 0, 2], np.int32), barred, 2).tolist() == [3, 0]
    assert barred.tolist() == [True, True, False, True]
