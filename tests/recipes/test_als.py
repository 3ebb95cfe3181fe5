"""ALS: the contract, and its kernels against plain linear algebra."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes.als import ALS
from endcap.recipes.als_kernels import FEW, Half, balanced, solve_rows, summed
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import Float32


class TestALS(RecipeContract):
    def make(self) -> Recipe:
        return ALS(factors=4, iterations=10, alpha=5.0)


def exact(vectors: Float32, weights: Float32, rows: np.ndarray, extra: Float32, ridge: float) -> np.ndarray:
    """The normal equations of one row, by LU in double precision."""
    y = vectors.astype(np.float64)
    touched = y[rows]
    left = y.T @ y + touched.T @ (extra[:, None] * touched) + ridge * np.eye(y.shape[1])
    return np.linalg.solve(left, touched.T @ (1.0 + extra))


@pytest.mark.parametrize("factors", [1, 7, 16])
def test_whitened_steps_reach_the_exact_solution(factors: int) -> None:
    rng = np.random.default_rng(factors)
    vectors = rng.standard_normal((50, factors)).astype(np.float32)
    matrix = sparse.random(30, 50, 0.2, "csr", dtype=np.float32, random_state=1)
    matrix.data[:] = rng.uniform(0.0, 9.0, matrix.nnz)
    matrix.data[matrix.indptr[3] : matrix.indptr[4]] = 0
    matrix.eliminate_zeros()
    ridge = rng.uniform(0.5, 2.0, 30).astype(np.float32)
    rows = Half(matrix.indptr, matrix.indices, matrix.data, ridge, 0.7, np.ones((30, factors), np.float32))
    other = Half(np.zeros(51, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), ridge, 1.0, vectors.copy())
    rows.improve(other, 64)
    found = rows.raw()
    for u in range(30):
        part = slice(matrix.indptr[u], matrix.indptr[u + 1])
        expected = exact(vectors, matrix.data, matrix.indices[part], matrix.data[part], float(ridge[u]))
        np.testing.assert_allclose(found[u], expected, rtol=2e-3, atol=2e-4)
    assert not found[3].any()


def test_the_answer_does_not_depend_on_how_rows_are_cut() -> None:
    shop = random_shop(2, users=200, items=50, events=3000)
    matrix, source = shop.matrix(), np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    spectrum, ridge = np.ones(8, np.float32), np.ones(200, np.float32)
    found = []
    for parts in (1, 7, 64):
        target = np.zeros((200, 8), np.float32)
        bounds = balanced(matrix.indptr, parts)
        solve_rows(matrix.indptr, matrix.indices, matrix.data, source, spectrum, ridge, 1.0, target, 2, bounds)
        found.append(target)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_loss_falls_with_every_pass() -> None:
    matrix = random_shop(4, users=60, items=40, events=900).matrix()
    model = ALS(factors=8, iterations=8, alpha=10.0, exponent=0.5, damping=0.0, weighting="linear")
    losses: list[float] = []

    def watch(iteration: int, users: Half, items: Half) -> bool:
        x, y, weights = users.raw(), items.raw(), matrix.toarray() * 10.0
        fit = (1 + weights) * ((weights > 0) - x @ y.T) ** 2
        losses.append(float(fit.sum() + (users.ridge @ (x**2).sum(1)) + (items.ridge @ (y**2).sum(1))))
        return False

    model.factorise(matrix, watch)
    assert all(later <= earlier * 1.0001 for earlier, later in pairwise(losses))


def test_training_users_fold_in_where_training_left_them() -> None:
    shop = random_shop(5, users=80, items=30, events=1500)
    model = ALS(factors=6, iterations=40)
    model.fit(shop)
    users, items = model.factorise(shop.matrix())
    scores = users.raw() @ (items.raw()).T
    folded = model.score(Queries.histories(shop))
    assert np.corrcoef(scores.ravel(), folded.ravel())[0, 1] > 0.999


def test_histories_are_summed_as_a_sparse_matrix_would() -> None:
    queries = Queries.histories(random_shop(6, users=40, items=12, events=900))
    expected = queries.matrix(12)
    ends, items, sums = summed(queries.indptr, queries.item, queries.weight)
    np.testing.assert_array_equal(ends, expected.indptr)
    np.testing.assert_array_equal(items, expected.indices)
    np.testing.assert_allclose(sums, expected.data, rtol=1e-6)
    assert len(items) < len(queries.item)


def test_a_shopper_gets_the_same_vector_alone_as_among_many() -> None:
    shop = random_shop(7, users=3 * FEW, items=30, events=2000)
    model, queries = ALS(factors=8, iterations=2).fit(shop), Queries.histories(shop)
    alone = [model.query_vectors(queries.batch(row, row + 1))[0] for row in range(len(queries))]
    np.testing.assert_allclose(np.stack(alone), model.query_vectors(queries), rtol=1e-5, atol=1e-6)


def test_a_shopper_without_history_gets_no_vector() -> None:
    shop = random_shop(7)
    model = ALS(factors=4, iterations=1).fit(shop)
    assert np.isnan(model.query_vectors(Queries.about(np.full(2, -1, np.int32)))).all()


def test_training_can_be_stopped() -> None:
    passes: list[int] = []

    def watch(iteration: int, users: Half, items: Half) -> bool:
        passes.append(iteration)
        return iteration == 1

    ALS(factors=4).factorise(random_shop(0).matrix(), watch)
    assert passes == [0, 1]


def test_unknown_weighting_is_refused() -> None:
    with pytest.raises(InputError, match="weighting"):
        ALS(weighting="square")


@pytest.mark.parametrize(
    ("times", "like"), [(1, {"alpha": 50.0, "weighting": "log"}), (3, {"alpha": 1.0, "weighting": "linear"})]
)
def test_confidence_is_left_to_whether_things_are_taken_again(times: int, like: dict) -> None:
    shop = random_shop(1)
    events = shop.interactions
    _, first = np.unique(events.user.astype(np.int64) * shop.n_items + events.item, return_index=True)
    taken = shop.with_interactions(events.take(np.repeat(np.sort(first), times)))
    left, said = ALS(factors=4).fit(taken), ALS(factors=4, **like).fit(taken)
    np.testing.assert_array_equal(left.item_vectors_, said.item_vectors_)
