"""Popularity, trending and repeat pass the recipe contract."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.popularity import Popularity, first_events
from endcap.recipes.queries import Queries
from endcap.recipes.repeat import Repeat
from endcap.recipes.trending import Trending
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY


class TestPopularity(RecipeContract):
    personal = False

    def make(self) -> Recipe:
        return Popularity()


class TestTrending(RecipeContract):
    personal = False

    def make(self) -> Recipe:
        return Trending()


class TestRepeat(RecipeContract):
    discovers = False

    def make(self) -> Recipe:
        return Repeat()


def wide_shop(items: int = 6000) -> Dataset:
    """One shopper who took item 4321 thrice and item 17 once, in a catalogue of thousands."""
    taken = [f"i{n}" for n in range(items)] + ["i17", "i4321", "i4321", "i4321"]
    users = ["everyone"] * items + ["ann"] * 4
    return Dataset.from_table(pa.table({"user_id": users, "item_id": taken}))


def test_few_scores_in_a_wide_catalogue_still_come_first() -> None:
    shop = wide_shop()
    ranking = Repeat().fit(shop).recommend(Queries.histories(shop, shop.users.rows(["ann"])), 20)
    assert shop.items.names(ranking.items[0, :2]) == ["i4321", "i17"]
    assert ranking.scores[0, :2].tolist() == [3, 1] and np.isnan(ranking.scores[0, 2:]).all()


def times_shop(days: list[int], now: int = 400) -> tuple[Dataset, Queries]:
    stamps = np.array([*days, now - 1]) * DAY
    table = pa.table({"user_id": ["u"] * len(stamps), "item_id": ["a"] * len(days) + ["z"], "timestamp": stamps})
    shop = Dataset.from_table(table)
    return shop, Queries.histories(shop, now=now * DAY)


def worth(days: list[int], **settings: float) -> float:
    shop, queries = times_shop(days)
    return float(Repeat(half_life_days=100, **settings).fit(shop).score(queries)[0, 0])


def test_own_purchases_fade() -> None:
    assert worth([300], season=0, due=0) == pytest.approx(0.5)
    assert worth([200, 300], season=0, due=0) == pytest.approx(0.75)


def test_the_same_weeks_of_last_year_count_more() -> None:
    # Day 400 asks: a year ago is day 35, the weeks before it reach back to day 0, those after it to day 42.
    for day, counts in ((5, True), (41, True), (60, False)):
        gain = worth([day], season=0.5, due=0) - worth([day], season=0, due=0)
        assert gain == pytest.approx(0.5 if counts else 0, abs=1e-6)


def test_an_item_is_due_at_its_usual_interval() -> None:
    plain, due, late = (worth(days, season=0, due=1) for days in ([370], [310, 340, 370], [367, 368, 370]))
    assert plain == pytest.approx(2**-0.3)
    assert due == pytest.approx(2 * worth([310, 340, 370], season=0, due=0), rel=1e-3)
    assert late < 2 * worth([367, 368, 370], season=0, due=0)


def test_first_only_counts_a_shopper_once_per_item() -> None:
    columns = {"user_id": ["u", "u", "v"], "item_id": ["a", "a", "b"], "timestamp": np.array([1, 2, 3]) * DAY}
    shop = Dataset.from_table(pa.table(columns))
    assert Popularity(first_only=True).fit(shop).scores_.tolist() == [1, 1]
    assert Popularity().fit(shop).scores_.tolist() == [2, 1]
    assert first_events(shop).tolist() == [True, False, True]
    assert first_events(shop, newest=True).tolist() == [False, True, True]
