"""One dial between the best items and the least alike ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.seams import rng
from endcap.serving.policy.diversity import lay_out

NOTHING = np.zeros((6, 0), np.float32)
ONE_KIND = np.array([[0, -1, -1], [0, -1, -1], [0, -1, -1], [0, -1, -1], [1, -1, -1], [2, -1, -1]], np.int32)


def test_the_ends_of_the_dial() -> None:
    assert lay_out(NOTHING, ONE_KIND, 0.0, 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert lay_out(NOTHING, ONE_KIND, 1.0, 6).tolist()[:3] == [0, 4, 5], "one of each category first"
    assert lay_out(NOTHING, ONE_KIND, 0.5, 3).tolist() == [0, 4, 5, 1, 2, 3], "what is not chosen follows as it was"


def test_vectors_say_what_is_alike_where_nothing_else_does() -> None:
    vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0, 1]], np.float32)
    unknown = np.full((4, 3), -1, np.int32)
    assert lay_out(vectors, unknown, 0.9, 4).tolist() == [0, 3, 2, 1]
    nowhere = np.zeros((4, 2), np.float32)
    assert lay_out(nowhere, unknown, 0.9, 4).tolist() == [0, 1, 2, 3], "nothing known, nothing alike"


def test_brand_and_sub_category_count_too() -> None:
    kinds = np.array([[0, 0, 0], [0, 0, 0], [0, 1, 1], [1, 2, 0]], np.int32)
    first = lay_out(NOTHING[:4], kinds, 1.0, 2).tolist()[:2]
    assert first == [0, 2], "a third in common each, and the better one comes first"


@given(seed=st.integers(0, 10_000), m=st.integers(1, 60), dial=st.floats(0, 1), count=st.integers(0, 60))
def test_an_order_of_all_that_repeats(seed: int, m: int, dial: float, count: int) -> None:
    draw = rng(seed)
    vectors = draw.normal(size=(m, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kinds = draw.integers(-1, 4, (m, 3)).astype(np.int32)
    order = lay_out(vectors, kinds, dial, count)
    assert sorted(order.tolist()) == list(range(m))
    assert order.tolist() == lay_out(vectors, kinds, dial, count).tolist()
    assert count == 0 or order[0] == 0, "the best stays first"
    rest = order[min(count, m) :].tolist()
    assert rest == sorted(rest)


@pytest.mark.parametrize("dials", [(0.0, 0.3), (0.3, 0.9)])
def test_more_of_the_dial_is_less_alike(dials: tuple[float, float]) -> None:
    draw = rng(5)
    kinds = draw.integers(0, 5, (100, 1)).astype(np.int32)
    kinds = kinds[np.argsort(kinds[:, 0], kind="stable")]
    alike = []
    for dial in dials:
        first = kinds[lay_out(np.zeros((100, 0), np.float32), kinds, dial, 10)[:10], 0]
        alike.append(np.mean(first[:, None] == first[None, :]))
    assert alike[1] < alike[0]
