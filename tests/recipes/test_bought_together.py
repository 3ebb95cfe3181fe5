"""Bought together passes the recipe contract; carts, substitutes and rare items are treated as its formula says."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.basket_counts import Kinds, Orders
from endcap.recipes.basket_questions import Candidates, carts, climb, questions
from endcap.recipes.bought_together import BoughtTogether
from endcap.recipes.queries import Queries
from endcap.testing.datasets import START, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, MINUTE, Query


class TestBoughtTogether(RecipeContract):
    def make(self) -> Recipe:
        return BoughtTogether(max_queries=50)


def shop() -> Dataset:
    """Pasta goes with sauce, tea with milk; two pastas never with each other; an odd pasta was sold once, alone."""
    baskets = [("penne", "sauce"), ("fusilli", "sauce"), ("tea", "milk"), ("tea", "milk", "bread")] * 6 + [("odd",)]
    rows = [(f"u{n % 5}", item, START + n * DAY, f"o{n:02d}") for n, each in enumerate(baskets) for item in each]
    names = ("user_id", "item_id", "timestamp", "order_id")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    made = Dataset.from_table(table)
    kind = {"penne": "pasta", "fusilli": "pasta", "odd": "pasta"}
    ids = made.items.ids.to_pylist()
    return replace(made, item_metadata=pa.table({"item_id": ids, "category_l2": [kind.get(each) for each in ids]}))


@pytest.fixture(scope="module")
def model() -> BoughtTogether:
    return BoughtTogether().fit(shop())


def first(model: BoughtTogether, item: str, count: int = 1) -> list[str]:
    dataset = shop()
    return dataset.items.names(model.similar(dataset.items.rows([item]), count).items[0])


def test_complements_come_first_and_a_rare_item_is_completed_by_its_kind(model: BoughtTogether) -> None:
    assert first(model, "penne") == ["sauce"] and first(model, "tea") == ["milk"]
    assert first(model, "odd") == ["sauce"]


def test_substitutes_are_put_back(model: BoughtTogether) -> None:
    dataset = shop()
    row, other = dataset.items.rows(["penne", "fusilli"])
    hard = replace_settings(model, substitutes=2.0)
    soft = replace_settings(model, substitutes=0.0)
    assert hard.similar_scores(np.array([row]))[0, other] < soft.similar_scores(np.array([row]))[0, other]


def replace_settings(model: BoughtTogether, substitutes: float) -> BoughtTogether:
    made = BoughtTogether(substitutes=substitutes)
    made.__dict__.update({name: value for name, value in model.__dict__.items() if name.endswith("_")})
    return made


def test_all_of_a_cart_asks_together(model: BoughtTogether) -> None:
    dataset, now = shop(), START + 40 * DAY
    one = Query(("bread",), (now - MINUTE,), now=now)
    two = Query(("bread", "penne"), (now - 2 * MINUTE, now - MINUTE), now=now)
    asked = Queries.of([one, two], dataset.items, now=now)
    cart = carts(asked, dataset.n_items, model.carts_, 60.0)
    assert np.diff(cart.indptr).tolist() == [1, 2]
    scores = model.score(asked)
    sauce = dataset.items.rows(["sauce"])[0]
    assert np.isnan(scores[0, sauce]) and scores[1, sauce] > 0


def test_what_lies_longer_back_is_no_cart_but_bought_again(model: BoughtTogether) -> None:
    dataset, now = shop(), START + 40 * DAY
    asked = Queries.of([Query(("bread",), (now - 9 * DAY,), current_item="penne", now=now)], dataset.items, now=now)
    assert carts(asked, dataset.n_items, model.carts_, 60.0).indices.tolist() == dataset.items.rows(["penne"]).tolist()
    assert model.score(asked)[0, dataset.items.rows(["bread"])[0]] > 0


def test_questions_hold_out_orders_and_leave_one_item_in_the_cart() -> None:
    dataset = random_shop(2, users=20, events=300)
    asked = questions(dataset, 20.0, 25, seed=1)
    assert asked is not None and len(asked.queries) <= 25
    assert asked.earlier.last_time < asked.queries.now.min()
    assert (np.diff(asked.wanted.indptr) >= 1).all()
    assert not asked.wanted[np.arange(len(asked.queries)), asked.queries.current].any()


def test_the_climb_finds_the_source_that_knows() -> None:
    draws = np.random.default_rng(0)
    asked = Candidates.of(40, 2)
    asked.fixed[:, :30] = 0.0
    asked.features[:, :, :30] = draws.random((2, 40, 30))
    asked.taken[:, :30] = asked.features[1, :, :30] > 0.9
    wanted = np.maximum(asked.taken.sum(1), 1).astype(np.int32)
    weights = climb(asked, wanted, np.array([1.0, 1.0]))
    assert weights[1] > 4 * weights[0]


def test_meetings_of_a_kind_are_compared_with_chance() -> None:
    dataset = shop()
    orders = Orders.of(dataset, 500)
    kind = np.array(
        [0 if name in ("penne", "fusilli", "odd") else -1 for name in dataset.items.ids.to_pylist()], np.int32
    )
    met, usual = Kinds.of(orders, kind).meetings(orders, orders.worth(1e9, 0.0), kind)
    assert met[0] < 0.5 and usual > 0
