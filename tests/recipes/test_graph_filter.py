"""The graph filter passes the recipe contract and equals its formula where the rank is full."""

import numpy as np
import pytest

from endcap.recipes.base import Recipe
from endcap.recipes.graph_filter import GraphFilter, top_eigenvectors
from endcap.recipes.queries import Queries
from endcap.seams import no_progress
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract


class TestGraphFilter(RecipeContract):
    def make(self) -> Recipe:
        return GraphFilter(rank=2)


@pytest.mark.parametrize(("sharpening", "lift"), [(0.0, 0.0), (2.5, 0.0), (2.5, 0.4)])
def test_equals_the_dense_formula(sharpening: float, lift: float) -> None:
    shop = random_shop(2)
    taken = (shop.matrix().toarray() > 0).astype(float)
    by_user, by_item = (np.maximum(taken.sum(axis), 1) for axis in (1, 0))
    normal = taken / np.sqrt(by_user)[:, None] / np.sqrt(by_item)
    linear = normal.T @ normal
    values, vectors = np.linalg.eigh(linear)
    top = vectors[:, np.argsort(-values)]
    step = -sharpening * linear
    sharpen = sum(np.linalg.matrix_power(step, j) / [1, 1, 2, 6, 24][j] for j in range(5))
    low_pass = (top / np.sqrt(by_item)[:, None]) @ (top.T * np.sqrt(by_item))
    expected = taken @ (linear + 0.2 * low_pass) @ sharpen * by_item**lift
    model = GraphFilter(rank=shop.n_items, ideal=0.2, sharpening=sharpening, lift=lift).fit(shop)
    np.testing.assert_allclose(model.score(Queries.histories(shop)), expected, atol=2e-4 * by_item.max() ** lift)


def test_eigenvectors_are_those_of_the_dense_matrix() -> None:
    matrix = random_shop(4).matrix() / 8
    with no_progress("") as tick:
        values, vectors = top_eigenvectors(matrix.tocsr(), matrix.T.tocsr(), 5, 0, tick)
    dense = (matrix.T @ matrix).toarray()
    np.testing.assert_allclose(values, np.sort(np.linalg.eigvalsh(dense))[::-1][:5], rtol=1e-3)
    np.testing.assert_allclose(dense @ vectors, vectors * values, atol=0.05 * values[0])
