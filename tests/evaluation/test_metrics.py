"""Every metric against a naive reference in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.evaluation import metrics
from endcap.lake.splits import Targets

N = 12
slates = st.lists(st.lists(st.integers(0, N - 1), max_size=5, unique=True), min_size=1, max_size=6)
wanted = st.lists(st.sets(st.integers(0, N + 2), max_size=8), min_size=6, max_size=6)


def packed(lists: list[list[int]], k: int = 5) -> np.ndarray:
    return np.array([row + [-1] * (k - len(row)) for row in lists], np.int32).reshape(len(lists), k)


def targets(sets: list[set[int]]) -> Targets:
    owner = [row for row, each in enumerate(sets) for _ in each]
    items = [item for each in sets for item in each]
    return Targets.of(np.array(owner, np.int32), np.array(items, np.int32), len(sets))


def naive(slate: list[int], right: set[int], k: int) -> dict[str, float]:
    places = [place for place, item in enumerate(slate[:k], 1) if item in right]
    ideal = sum(1 / math.log2(1 + place) for place in range(1, min(k, len(right)) + 1))
    return {
        "recall": len(places) / len(right) if right else 0.0,
        "ndcg": sum(1 / math.log2(1 + place) for place in places) / ideal if right else 0.0,
        "mrr": 1 / places[0] if places else 0.0,
        "hit_rate": 1.0 if places else 0.0,
        "precision": len(places) / k,
    }


@given(slates, wanted, st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_per_query_metrics_equal_the_naive_ones(lists: list[list[int]], sets: list[set[int]], k: int) -> None:
    sets = sets[: len(lists)]
    found = metrics.per_query(packed(lists), targets(sets), k)
    assert tuple(found) == metrics.PER_QUERY
    for row, (slate, right) in enumerate(zip(lists, sets, strict=True)):
        for name, value in naive(slate, right, k).items():
            assert found[name][row] == pytest.approx(value), name


@given(slates)
@settings(max_examples=50, deadline=None)
def test_coverage_novelty_and_popularity_equal_the_naive_ones(lists: list[list[int]]) -> None:
    top, buyers = packed(lists), np.arange(N)
    assert metrics.coverage(top, N) == pytest.approx(len({item for row in lists for item in row}) / N)
    bits = metrics.novelty(top, buyers, 40)
    shown = metrics.shown_popularity(top, buyers)
    for row, slate in enumerate(lists):
        each = [-math.log2(max(item, 1) / 40) for item in slate]
        assert bits[row] == pytest.approx(sum(each) / len(each) if each else 0.0)
        assert shown[row] == pytest.approx(sum(slate) / len(slate) if slate else 0.0)


def test_popularity_lift_is_zero_for_ones_own_taste() -> None:
    taste = np.array([2.0, 4.0])
    assert metrics.popularity_lift(taste, taste) == 0.0
    assert metrics.popularity_lift(2 * taste, taste) == pytest.approx(1.0)
    assert metrics.popularity_lift(taste, np.zeros(2)) == 0.0


def test_personalize_names_and_rounding() -> None:
    top = np.arange(25, dtype=np.int32)[None, :]
    found = metrics.personalize(top, targets([{2, 30}]), 40)
    assert list(found) == [
        "coverage",
        "mean_reciprocal_rank_at_25",
        "normalized_discounted_cumulative_gain_at_5",
        "normalized_discounted_cumulative_gain_at_10",
        "normalized_discounted_cumulative_gain_at_25",
        "precision_at_5",
        "precision_at_10",
        "precision_at_25",
    ]
    assert found["coverage"] == 0.625
    assert found["mean_reciprocal_rank_at_25"] == 0.3333
    assert found["normalized_discounted_cumulative_gain_at_5"] == round(0.5 / (1 + 1 / math.log2(3)), 4)
    assert found["precision_at_10"] == 0.1
