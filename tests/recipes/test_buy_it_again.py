"""Buy it again: the contract, and a shop where things last as long as they should."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.buy_it_again import BuyItAgain
from endcap.recipes.queries import Queries
from endcap.recipes.repurchase import Intervals, Pairs
from endcap.seams import rng
from endcap.testing.datasets import START
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, Query


class TestBuyItAgain(RecipeContract):
    discovers: ClassVar[bool] = False

    def make(self) -> Recipe:
        return BuyItAgain()


LASTS = {"milk": 7.0, "coffee": 30.0, "cream": 120.0}


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """A year of 150 shoppers: milk lasts a week, coffee a month, cream four; a vase is bought once, a book seen."""
    draw, rows = rng(4), []
    for user in range(150):
        for item, days in LASTS.items():
            at = draw.random() * days
            while at < 360:
                rows.append((f"u{user}", item, "Purchase", START + int(at * DAY)))
                at += days * np.exp(draw.normal(0, 0.1))
        rows.append((f"u{user}", "vase", "Purchase", START + int(draw.random() * 360 * DAY)))
        rows.append((f"u{user}", "book", "View", START + int(draw.random() * 360 * DAY)))
    names = ("user_id", "item_id", "event_type", "timestamp")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return Dataset.from_table(pa.table({**columns, "timestamp": pa.array(columns["timestamp"], pa.int64())}))


@pytest.fixture(scope="module")
def model(shop: Dataset) -> BuyItAgain:
    return BuyItAgain(days=7.0).fit(shop)


def test_intervals_are_those_of_the_shop(shop: Dataset, model: BuyItAgain) -> None:
    for item, days in LASTS.items():
        assert np.exp(model.means_[shop.items.rows([item])[0]]) == pytest.approx(days, rel=0.1)
    shares = model.shares_[shop.items.rows(["milk", "vase"])]
    assert shares[0] > 0.9 and shares[1] < 0.1


def test_an_item_is_due_when_it_has_lasted_as_long_as_it_does(shop: Dataset, model: BuyItAgain) -> None:
    now = shop.last_time
    bought = [now - int(days * DAY) for days in (58, 30)]
    asked = [Query(("coffee", "coffee"), (bought[0] + shift * DAY, bought[1] + shift * DAY)) for shift in (27, 15, 3)]
    kinds = tuple(Query(each.items, each.times, ("Purchase",) * 2) for each in asked)
    queries = Queries.of(kinds, shop.items, event_types=shop.event_types, now=now)
    just, half, due = model.score(queries, shop.items.rows(["coffee"]))[:, 0].tolist()
    assert just < half < due and just < 0.1 and due > 0.3


def test_only_what_was_bought_is_offered_and_likely_things_first(shop: Dataset, model: BuyItAgain) -> None:
    queries = Queries.histories(shop)
    scores = model.score(queries)
    assert np.isnan(scores[:, shop.items.rows(["book"])[0]]).all()
    milk, vase = scores[:, shop.items.rows(["milk", "vase"])].T
    assert (milk > vase).all()


def test_a_probability_is_what_it_says(shop: Dataset) -> None:
    cut = shop.last_time - 7 * DAY
    earlier = shop.before(cut)
    scores = BuyItAgain(days=7.0).fit(earlier).score(Queries.histories(earlier, now=cut))
    taken = np.zeros(scores.shape, np.bool_)
    later = shop.interactions.time >= cut
    taken[shop.interactions.user[later], shop.interactions.item[later]] = True
    known = ~np.isnan(scores)
    assert scores[known].sum() == pytest.approx(taken[known].sum(), rel=0.15)


def test_intervals_of_nothing() -> None:
    none = np.zeros(0)
    pairs = Pairs(*(none.astype(np.int64),) * 2, *(none,) * 7)
    found = Intervals.of(pairs, np.array([-1, 0]))
    assert np.isfinite(found.means).all() and np.isfinite(found.due(pairs, 7.0)).all()
