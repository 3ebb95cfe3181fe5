"""Intervals cover what they should, are seeded, and pair two recipes."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.evaluation import compare


def column(seed: int, q: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).random(q)


def test_an_interval_is_as_wide_as_theory_says() -> None:
    values = column(1)
    found = compare.estimates({"x": values}, seed=3)["x"]
    error = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert found.low < found.value < found.high


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        found = compare.estimates({"x": column(seed, 100)}, seed=seed, resamples=300)["x"]
        held += found.low <= 0.5 <= found.high
    assert 180 <= held <= 199


def test_same_seed_same_interval_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.column_stack((column(1), column(2)))
    whole = compare.resampled_means(columns, seed=5)
    monkeypatch.setattr(compare, "_CELLS", 4000)
    np.testing.assert_allclose(compare.resampled_means(columns, seed=5), whole)
    assert not np.array_equal(compare.resampled_means(columns, seed=6), whole)


def test_pairing_sees_what_two_separate_intervals_hide() -> None:
    base = column(4)
    better = base + 0.01
    alone = compare.estimates({"x": base}, seed=1)["x"]
    assert alone.high > better.mean()
    paired = compare.differences({"x": better}, {"x": base}, seed=1)["x"]
    assert paired.low == pytest.approx(0.01) and paired.high == pytest.approx(0.01)


def test_ratio_of_means() -> None:
    found = compare.ratio(np.array([2.0, 4.0]), np.array([1.0, 2.0]), seed=0, minus=1.0)
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))
    assert compare.ratio(np.zeros(2), np.zeros(2), seed=0).value == 0.0


def test_coverage_lies_inside_its_interval() -> None:
    top = np.array([[0, 1], [0, 2], [0, 1], [3, -1]], np.int32)
    found = compare.coverage_estimate(top, 8)
    assert found.value == 0.5 and 0 <= found.low < 0.5 < found.high <= 1
    same = compare.coverage_estimate(np.zeros((5, 1), np.int32), 4)
    assert (same.low, same.value, same.high) == (0.25, 0.25, 0.25)
    without_the_last = compare.coverage_estimate(top[:, :1], 4)
    assert without_the_last.value == 0.5


def test_nothing_to_judge_is_zero() -> None:
    assert compare.estimates({}, seed=0) == {}
    assert compare.estimates({"x": np.zeros(0)}, seed=0)["x"].value == 0.0
