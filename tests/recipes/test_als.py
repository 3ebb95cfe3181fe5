"""ALS: the contract, and its kernels against plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes.als import ALS
from endcap.recipes.als_kernels import Half, balanced, solve_rows
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
    matrix[3] = 0
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
