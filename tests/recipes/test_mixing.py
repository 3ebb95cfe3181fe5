"""Hold-outs leave nothing of the future in the past; the fit finds the weights that made the data."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.mixing import Population, best_of_line, hold_out, mix, ndcg
from endcap.seams import rng
from endcap.testing.datasets import checkerboard, random_shop
from endcap.types import DAY


def test_a_hold_out_in_time_is_later_than_all_it_follows() -> None:
    shop = random_shop(3, events=600)
    held = hold_out(shop, days=10, most=1000, seed=0)
    assert held is not None
    assert held.earlier.last_time < held.queries.now[0] == shop.last_time + 1 - 10 * DAY
    assert (np.diff(held.queries.indptr) > 0).all() and held.taken.any(axis=1).all()


def test_a_hold_out_takes_at_most_a_fifth_of_the_time() -> None:
    shop = random_shop(3)
    span = shop.last_time - shop.interactions.time.min()
    held = hold_out(shop, days=1e6, most=1000, seed=0)
    assert held is not None and shop.last_time - held.earlier.last_time <= span // 5 + span // 50


def test_a_hold_out_without_times_keeps_most_of_each_history() -> None:
    shop = checkerboard(times=False, orders=False)
    held = hold_out(shop, days=28, most=1000, seed=0)
    assert held is not None
    assert 0.6 * len(shop.interactions) < len(held.earlier.interactions) < len(shop.interactions)


def test_only_so_many_are_asked() -> None:
    held = hold_out(random_shop(3), days=20, most=5, seed=0)
    assert held is not None and len(held.queries) == len(held.taken) == 5


def test_nothing_to_hold_out() -> None:
    alone = Dataset.from_table(pa.table({"user_id": ["u"], "item_id": ["i"], "timestamp": [0]}))
    assert hold_out(alone, days=28, most=10, seed=0) is None


def test_log_softmax_sums_to_one_per_query_and_skips_empty_ones() -> None:
    mask = rng(0).random((6, 9)) < 0.5
    mask[2] = False
    population = Population.of(mask)
    values = rng(1).standard_normal(int(mask.sum())).astype(np.float32)
    shares = np.zeros(mask.shape)
    shares[mask] = np.exp(population.log_softmax(values))
    np.testing.assert_allclose(shares.sum(axis=1), mask.any(axis=1), atol=1e-5)


def test_the_fit_recovers_the_weights_that_drew_the_data() -> None:
    draws, true = rng(2), np.array([1.5, 0.0, 0.5])
    population = Population.of(np.ones((400, 30), np.bool_))
    features = [draws.random(400 * 30, dtype=np.float32) * 3 for _ in true]
    taken = np.zeros((400, 30), np.bool_)
    noisy = mix(features, true).reshape(400, 30) + draws.gumbel(size=(400, 30))
    taken[np.arange(400), noisy.argmax(axis=1)] = True
    found = population.fit(features, taken, np.ones(3), strength=0.1)
    np.testing.assert_allclose(found, true, atol=0.25)
    far = population.fit(features, taken, np.ones(3), strength=1e6)
    np.testing.assert_allclose(far, np.ones(3), atol=0.01)


def test_climbing_never_lowers_the_ndcg_and_finds_the_useful_source() -> None:
    draws = rng(4)
    taken = draws.random((60, 50)) < 0.1
    population = Population.of(np.ones(taken.shape, np.bool_))
    useful = (taken + 0.5 * draws.random(taken.shape)).astype(np.float32).ravel()
    features = [useful, draws.random(taken.size, dtype=np.float32)]
    start = np.array([0.2, 1.0])
    found = population.climb(features, taken, start)
    before, after = (ndcg(mix(features, weights).reshape(taken.shape), taken) for weights in (start, found))
    assert after > before and found[0] / max(found[1], 1e-9) > 0.2


def test_ndcg_of_a_perfect_and_of_a_useless_ranking() -> None:
    taken = np.eye(4, 30, dtype=np.bool_)
    assert ndcg(taken.astype(np.float32), taken) == 1
    assert ndcg(-taken.astype(np.float32), taken) == 0


def test_the_best_of_a_line() -> None:
    assert best_of_line(lambda x: -((x - 1.3) ** 2), -4, 4) == pytest.approx(1.3, abs=0.1)
