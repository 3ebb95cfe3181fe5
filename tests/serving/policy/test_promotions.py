import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.seams import rng
from endcap.serving.policy.promotions import Merged, merge, share

ids = st.lists(st.integers(0, 60), unique=True, max_size=40).map(lambda given: np.array(given, np.int32))


def merged(organic: list[int], promotable: list[int], percent: int, k: int, seed: int = 0) -> Merged:
    return merge(np.array(organic, np.int32), np.array(promotable, np.int32), percent, k, rng(seed))


@pytest.mark.parametrize(
    ("percent", "k", "expected"),
    [(0, 25, 0), (1, 25, 1), (10, 25, 3), (20, 25, 5), (50, 5, 3), (100, 25, 25), (1, 1, 1), (49, 1, 1), (30, 0, 0)],
)
def test_share_is_rounded_halves_up_and_at_least_one(percent: int, k: int, expected: int) -> None:
    assert share(percent, k) == expected


def test_promoted_items_take_their_share_and_keep_their_order() -> None:
    slate = merged([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [20, 21, 22, 23], 30, 10)
    assert slate.ordinals[slate.promoted].tolist() == [20, 21, 22]
    assert slate.ordinals[~slate.promoted].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_an_item_in_both_lists_is_shown_once_as_promoted() -> None:
    slate = merged([1, 2, 3, 4], [2], 25, 4)
    assert sorted(slate.ordinals.tolist()) == [1, 2, 3, 4]
    assert slate.ordinals[slate.promoted].tolist() == [2]


def test_others_take_the_places_of_promoted_items_that_are_missing() -> None:
    assert sorted(merged([1, 2, 3, 4], [9], 75, 4).ordinals.tolist()) == [1, 2, 3, 9]
    assert merged([1, 2, 3, 4], [], 75, 4).ordinals.tolist() == [1, 2, 3, 4]


def test_places_vary_with_the_stream_and_repeat_with_it() -> None:
    places = {tuple(np.flatnonzero(merged([1, 2, 3, 4], [8, 9], 50, 4, seed).promoted)) for seed in range(64)}
    assert places == set(itertools.combinations(range(4), 2))
    assert merged([1, 2, 3], [9], 25, 3, 5).ordinals.tolist() == merged([1, 2, 3], [9], 25, 3, 5).ordinals.tolist()


@given(organic=ids, promotable=ids, percent=st.integers(0, 100), k=st.integers(0, 30), seed=st.integers(0, 99))
def test_a_slate_keeps_every_promise(
    organic: np.ndarray, promotable: np.ndarray, percent: int, k: int, seed: int
) -> None:
    slate = merge(organic, promotable, percent, k, rng(seed))
    chosen, shown = slate.ordinals[slate.promoted], slate.ordinals.tolist()
    assert len(set(shown)) == len(shown) <= k
    assert chosen.tolist() == promotable[: share(percent, k)].tolist()
    rest = [item for item in organic.tolist() if item not in set(chosen.tolist())]
    assert slate.ordinals[~slate.promoted].tolist() == rest[: k - len(chosen)]
    assert len(shown) == min(k, len(chosen) + len(rest))
    for item, is_promoted, origin in zip(shown, slate.promoted, slate.origin, strict=True):
        assert (promotable if is_promoted else organic)[origin] == item
    assert ((slate.propensity > 0) & (slate.propensity <= 1)).all()


def test_propensities_are_the_shares_of_all_possible_slates() -> None:
    organic, promotable, k = [1, 2, 3, 4, 5], [8, 9], 5
    slates = [[*([0] * k)] for _ in itertools.combinations(range(k), 2)]
    for slate, places in zip(slates, itertools.combinations(range(k), 2), strict=True):
        promoted, others = iter(promotable), iter(organic)
        slate[:] = [next(promoted) if place in places else next(others) for place in range(k)]
    for seed in range(20):
        found = merged(organic, promotable, 40, k, seed)
        for place, item in enumerate(found.ordinals.tolist()):
            share_of = sum(slate[place] == item for slate in slates) / len(slates)
            assert found.propensity[place] == pytest.approx(share_of, abs=1e-12)


def test_propensities_are_finite_for_the_longest_slate() -> None:
    slate = merge(np.arange(500, dtype=np.int32), np.arange(500, 1000, dtype=np.int32), 50, 500, rng(1))
    assert slate.propensity.min() > 0
    assert len(slate.ordinals) == 500
