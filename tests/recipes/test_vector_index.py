"""An index finds what exact search finds, says how well, and what it does not look at is estimated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.recipes.vector_index import ENOUGH, K, VectorIndex
from endcap.seams import rng
from endcap.types import Float32

SIZE, LENGTH = 6_000, 16


def vectors(seed: int = 0, size: int = SIZE) -> tuple[Float32, Float32]:
    """(items, queries) in forty clusters, items of different lengths."""
    draw = rng(seed)
    centres = draw.standard_normal((40, LENGTH), dtype=np.float32)
    items = centres[draw.integers(0, 40, size)] + 0.5 * draw.standard_normal((size, LENGTH), dtype=np.float32)
    items *= draw.lognormal(0, 0.3, size).astype(np.float32)[:, None]
    queries = centres[draw.integers(0, 40, 80)] + 0.5 * draw.standard_normal((80, LENGTH), dtype=np.float32)
    return np.ascontiguousarray(items, np.float32), np.ascontiguousarray(queries, np.float32)


@pytest.fixture(scope="module")
def built() -> tuple[VectorIndex, Float32, Float32]:
    items, queries = vectors()
    index = VectorIndex.build(items, queries[:40])
    assert index is not None
    return index, items, queries[40:]


def test_it_finds_nearly_all_of_the_best(built: tuple[VectorIndex, Float32, Float32]) -> None:
    index, items, queries = built
    rows, values = index.search(queries, K)
    exact = np.argsort(-(queries @ items.T), axis=1)[:, :K]
    recall = np.mean([np.isin(one, other).mean() for one, other in zip(exact, rows, strict=True)])
    assert index.recall >= ENOUGH and recall > ENOUGH - 0.05
    assert index.index.nprobe < index.index.nlist / 2 and len(index) == SIZE
    found = np.take_along_axis(queries @ items.T, rows.astype(np.int64), axis=1)
    np.testing.assert_allclose(values, found, rtol=1e-4, atol=1e-4)
    assert bool((np.diff(values, axis=1) <= 0).all())


def test_the_same_seed_gives_the_same_index(built: tuple[VectorIndex, Float32, Float32]) -> None:
    index, items, queries = built
    again = VectorIndex.build(items, vectors()[1][:40])
    assert again is not None and again.recall == index.recall
    np.testing.assert_array_equal(again.search(queries, 20)[0], index.search(queries, 20)[0])
    np.testing.assert_array_equal(again.sample, index.sample)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_the_sum_over_all_is_estimated(built: tuple[VectorIndex, Float32, Float32], temperature: float) -> None:
    index, items, queries = built
    rows, values = index.search(queries, 256)
    for query, row, value in zip(queries, rows, values, strict=True):
        exact = np.log(np.exp((items @ query).astype(np.float64) / temperature).sum())
        assert index.log_total(query, row, value, temperature) == pytest.approx(exact, abs=0.03)


def test_what_cannot_be_measured_or_found_has_no_index() -> None:
    items, _ = vectors()
    assert VectorIndex.build(items, np.full((4, LENGTH), np.nan, np.float32)) is None
    assert VectorIndex.build(items, np.zeros((0, LENGTH), np.float32)) is None
    draw = rng(1)
    noise = draw.standard_normal((3_000, 48), dtype=np.float32)
    assert VectorIndex.build(noise, draw.standard_normal((20, 48), dtype=np.float32)) is None, "no lists to speak of"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 500), st.integers(0, 79))
def test_rows_are_distinct_and_there(built: tuple[VectorIndex, Float32, Float32], k: int, at: int) -> None:
    index, _, _ = built
    rows, values = index.search(vectors()[1][at : at + 1], k)
    known = rows[0][rows[0] >= 0]
    assert len(np.unique(known)) == len(known) <= k and int(known.max(initial=0)) < SIZE
    assert bool((np.isnan(values[0]) == (rows[0] < 0)).all())
