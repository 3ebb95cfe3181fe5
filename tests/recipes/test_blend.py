"""Blend passes the recipe contract, learns the habits of its shop, and says what each source contributes."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.blend import PRIOR, Blend
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.testing.datasets import START, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, Query


class TestBlend(RecipeContract):
    def make(self) -> Recipe:
        return Blend()


def habits(repeat: float) -> Dataset:
    """60 shoppers, 90 days: each day one item, with this probability one of three favourites, else one never had."""
    draws = rng(7)
    users, items, times = [], [], []
    for user in range(60):
        unseen = draws.permutation(200).tolist()
        favourites = [unseen.pop() for _ in range(3)]
        for day in range(90):
            again = draws.random() < repeat
            users.append(f"u{user}")
            items.append(f"i{draws.choice(favourites) if again else unseen.pop()}")
            times.append(START + day * DAY + user)
    return Dataset.from_table(pa.table({"user_id": users, "item_id": items, "timestamp": times}))


def test_repeat_purchases_come_first_where_shoppers_repeat() -> None:
    loyal, curious = (Blend().fit(habits(repeat)) for repeat in (0.9, 0.02))
    assert loyal.odds_[0] > curious.odds_[0]
    shop = habits(0.9)
    queries = Queries.histories(shop)
    had = queries.matrix(shop.n_items).toarray() > 0
    top = loyal.recommend(queries, 3).items
    assert np.take_along_axis(had, top, 1).mean() > 0.95


@pytest.fixture(scope="module")
def model() -> Blend:
    return Blend().fit(random_shop(3, events=900))


def test_parts_add_up_to_the_ranking_within_a_population(model: Blend) -> None:
    queries = Queries.histories(random_shop(3, events=900))
    parts, scores = model.parts(queries), model.score(queries)
    assert set(parts) == set(PRIOR) and all((part >= 0).all() for part in parts.values())
    total, had = np.sum(list(parts.values()), axis=0), queries.matrix(model.n_items).toarray() > 0
    for row in range(0, len(queries), 5):
        for mask in (had[row], ~had[row]):
            known = mask & ~np.isnan(scores[row])
            # A log-softmax takes the same from every item of the population.
            assert not known.any() or np.ptp(scores[row, known] - total[row, known]) < 1e-3
    some = np.array([4, 1], np.int32)
    np.testing.assert_array_equal(model.parts(queries, some)["repeat"], parts["repeat"][:, some])


def test_own_purchases_are_the_reason_for_a_repeat(model: Blend) -> None:
    shop = random_shop(3, events=900)
    now = shop.last_time + 1
    query = Queries.of([Query(("i5",) * 6, tuple(now - day * DAY for day in range(6, 0, -1)))], shop.items, now=now)
    parts = {name: part[0, shop.items.rows(["i5"])[0]] for name, part in model.parts(query).items()}
    assert parts["repeat"] == max(parts.values()) and parts["next"] == 0
