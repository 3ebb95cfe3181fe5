"""Knowledge: the contract, musts that nothing breaks, tastes, words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.knowledge import Knowledge, default_rules
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.testing.datasets import checkerboard, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import Query

RULES = """
[[question]]
name = "diet"
ask = "What do you eat?"
answers = ["anything", "vegan"]

[[rule]]
name = "vegan"
when = { diet = "vegan" }
must = { diet = "vegan" }
because = "Vegan, as you asked"

[[rule]]
name = "budget"
must = { price = { max = "$budget" } }
because = "Within your budget"

[[rule]]
name = "favourite"
prefer = [{ brand = "$brand" }, { category = ["tea", "coffee"], price = { band = "low" } }]
weight = 50.0
because = "Your brand"

[[rule]]
name = "winter"
when = { month = [12, 1, 2], occasion = { known = true } }
avoid = { name = { contains = "summer" } }
weight = 90.0
because = "Not in winter"
"""


class TestKnowledge(RecipeContract):
    def make(self) -> Recipe:
        return Knowledge()

    @pytest.fixture(scope="class")
    @classmethod
    def shop(cls) -> Dataset:
        board = checkerboard()
        kinds = ["even" if int(name[1:]) % 2 == 0 else "odd" for name in board.items.ids.to_pylist()]
        return replace(board, item_metadata=pa.table({"item_id": board.items.ids, "category_l1": kinds}))


def catalogue(shop: Dataset) -> Dataset:
    """A shop whose items have diets (one unknown), prices, brands and names."""
    n = shop.n_items
    rows = {
        "item_id": shop.items.ids,
        "diet": ["vegan" if at % 3 == 0 else None if at % 7 == 1 else "vegetarian|fish" for at in range(n)],
        "price": pa.array([None if at % 11 == 5 else float(at + 1) for at in range(n)], pa.float64()),
        "brand": [f"Brand {at % 4}" for at in range(n)],
        "category_l1": [("tea", "coffee", "bread")[at % 3] for at in range(n)],
        "name": [f"{'Summer' if at % 2 else 'Plain'} dish {at}" for at in range(n)],
    }
    return replace(shop, item_metadata=pa.table(rows))


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return catalogue(random_shop(2))


@pytest.fixture(scope="module")
def model(shop: Dataset) -> Knowledge:
    return Knowledge(rules=RULES).fit(shop)


def asked(shop: Dataset, *told: Mapping[str, Any], now: int | None = None) -> Queries:
    """Shoppers without a history, of whom this is known."""
    queries = Queries.of([Query()] * len(told), shop.items, now=shop.last_time + 1 if now is None else now)
    names = sorted({name for each in told for name in each})
    return replace(queries, profiles=pa.table({name: [each.get(name) for each in told] for name in names}))


def test_a_must_is_kept_in_every_place_of_the_answer_also_where_it_is_short(shop: Dataset, model: Knowledge) -> None:
    diets, prices = (shop.item_metadata[name].to_pylist() for name in ("diet", "price"))
    told = [{"diet": "Vegan"}, {"diet": "vegan", "budget": "9"}, {"budget": "4.5"}, {"diet": "anything"}]
    queries = asked(shop, *told)
    allowed = rng(0).random(shop.n_items) < 0.8
    for may in (None, allowed):
        for row, items in enumerate(model.recommend(queries, shop.n_items, allowed=may).items.tolist()):
            shown = [item for item in items if item >= 0]
            wanted = [
                item
                for item in range(shop.n_items)
                if (may is None or may[item])
                and (str(told[row].get("diet", "")).lower() != "vegan" or diets[item] == "vegan")
                and ("budget" not in told[row] or (prices[item] or 1e9) <= float(told[row]["budget"]))
            ]
            assert sorted(shown) == wanted


def test_a_live_answer_in_the_context_counts_before_the_profile(shop: Dataset, model: Knowledge) -> None:
    queries = replace(asked(shop, {"diet": "anything"}, {"diet": "vegan"}), context=({"DIET": "vegan"}, {}))
    scores = model.score(queries)
    np.testing.assert_array_equal(np.isnan(scores[0]), np.isnan(scores[1]))
    assert np.isnan(scores[0]).any()


def test_answers_of_a_questionnaire_in_one_column(shop: Dataset, model: Knowledge) -> None:
    one = asked(shop, {"questionnaire": "skin=dry|Diet=vegan"})
    np.testing.assert_array_equal(model.forbidden(one), model.forbidden(asked(shop, {"diet": "vegan"})))


def test_preferred_comes_first_avoided_last_and_the_words_are_the_rules(shop: Dataset, model: Knowledge) -> None:
    january = 1_736_900_000_000_000
    queries = asked(shop, {"brand": "brand 2", "occasion": "party"}, {"brand": "brand 2"}, {}, now=january)
    names, brands = (shop.item_metadata[name].to_pylist() for name in ("name", "brand"))
    ranked = model.recommend(queries, shop.n_items).items
    assert all("Summer" in names[item] for item in ranked[0, -10:].tolist())
    assert not all("Summer" in names[item] for item in ranked[1, -10:].tolist())
    first = ranked[1, :4].tolist()
    cheap = [item for item in range(10) if item % 3 < 2]
    assert all(brands[item] == "Brand 2" or item in cheap for item in first)
    parts = model.parts(queries, np.array(first, np.int32))
    loudest = max(parts, key=lambda name: float(parts[name][1, 0]))
    assert model.reasons[loudest] == "Your brand"
    assert set(parts) <= set(model.reasons)
    total = np.sum([parts[name] for name in parts], axis=0)
    np.testing.assert_allclose(total[1], model.score(queries)[1, first], rtol=1e-5)


def test_taste_follows_the_history_and_a_must_outweighs_it(shop: Dataset, model: Knowledge) -> None:
    times = (shop.last_time - 5, shop.last_time - 4)
    liked = Queries.of([Query(("i1", "i4"), times)], shop.items, now=shop.last_time)
    assert not np.array_equal(model.score(liked), model.score(asked(shop, {})))
    barred = model.forbidden(replace(liked, profiles=pa.table({"diet": ["vegan"]})))
    assert barred is not None and barred[0, shop.items.rows(["i1"])[0]] == (
        shop.item_metadata["diet"][int(shop.items.rows(["i1"])[0])].as_py() != "vegan"
    )


def test_the_rules_are_stored_with_the_model(shop: Dataset, model: Knowledge) -> None:
    again = load(*dump(model))
    queries = asked(shop, {"diet": "vegan", "brand": "brand 1"})
    np.testing.assert_array_equal(again.score(queries), model.score(queries))
    assert isinstance(again, Knowledge) and again.questions == ("What do you eat?",)


def test_without_answers_nothing_is_forbidden(shop: Dataset, model: Knowledge) -> None:
    assert model.forbidden(Queries.histories(shop)) is None


def test_default_rules_follow_usual_columns(shop: Dataset) -> None:
    model = Knowledge().fit(shop)
    queries = asked(shop, {"budget": 5, "favourite_categories": "tea"})
    prices = shop.item_metadata["price"].to_pylist()
    items = [item for item in model.recommend(queries, 30).items[0].tolist() if item >= 0]
    assert items and all(prices[item] is not None and prices[item] <= 5 for item in items)
    assert {question.field for question in default_rules().questions} >= {"budget", "size"}


def test_a_rule_about_a_column_that_is_not_there(shop: Dataset) -> None:
    with pytest.raises(
        InputError, match=r"ine 2, rule 'x', must.colour: the items have no such column; they have brand"
    ):
        Knowledge(rules='\n[[rule]]\nname = "x"\nmust = { colour = "red" }').fit(shop)
    with pytest.raises(InputError, match="expected the text of a rule file"):
        Knowledge(rules="rules.toml")


def rules(*lines: str) -> str:
    return '[[rule]]\nname = "r"\n' + "\n".join(lines)


@pytest.mark.parametrize(("budget", "most"), [("$5", 5), ("5 EUR", 5), ("5,50", 5.5), ("1.234,50", 1234.5), ([5], 5)])
def test_a_budget_is_read_as_it_is_written(shop: Dataset, model: Knowledge, budget: Any, most: float) -> None:
    barred = model.forbidden(asked(shop, {"budget": budget}))
    prices = shop.item_metadata["price"].to_pylist()
    assert barred is not None and barred[0].tolist() == [price is None or price > most for price in prices]


@pytest.mark.parametrize(
    ("lines", "told", "expected"),
    [
        (['must = { price = { max = "$budget" } }'], {"budget": "little"}, "a number such as 5"),
        (['must = { price = { max = "$budget" } }'], {"budget": "5|7"}, "a number such as 5"),
        (['must = { price = { band = "$band" } }'], {"band": "cheap"}, "one of low, middle, high"),
        (['must = { price = { not = "$unwanted" } }'], {"unwanted": "five"}, "a number such as 5"),
        (["when = { age = { max = 12 } }", "must = { price = { max = -1 } }"], {"age": "ten"}, "a number such as 5"),
    ],
)
def test_an_answer_that_cannot_be_read_lets_nothing_through_and_is_told(
    shop: Dataset, lines: list[str], told: dict[str, str], expected: str
) -> None:
    model = Knowledge(rules=rules(*lines)).fit(shop)
    queries = asked(shop, told, {})
    barred, (first, second) = model.forbidden(queries), model.unread(queries)
    assert barred is not None and barred[0].all() and not barred[1].any()
    ((field, given),) = told.items()
    assert [(each.rule, each.field, each.given, each.binds) for each in first] == [("r", field, given, True)]
    assert expected in str(first[0]) and second == ()


def test_a_band_in_any_case_is_a_band(shop: Dataset) -> None:
    model = Knowledge(rules=rules('must = { price = { band = "$band" } }')).fit(shop)
    queries = asked(shop, {"band": "LOW"}, {"band": " low "})
    barred = model.forbidden(queries)
    assert barred is not None and not barred.all(axis=1).any() and model.unread(queries) == [(), ()]


def test_a_preference_that_cannot_be_read_is_told_and_forbids_nothing(shop: Dataset) -> None:
    model = Knowledge(rules=rules('prefer = { price = { band = "$band" } }')).fit(shop)
    queries = asked(shop, {"band": "cheap"})
    assert model.forbidden(queries) is None
    assert [each.binds for each in model.unread(queries)[0]] == [False]


def test_the_rest_of_a_must_holds_where_an_answer_is_missing(shop: Dataset) -> None:
    lines = 'must = { diet = "vegan", price = { min = "$least", max = "$budget" } }', 'prefer = { brand = "$brand" }'
    model = Knowledge(rules=rules(*lines)).fit(shop)
    diets, prices = (shop.item_metadata[name].to_pylist() for name in ("diet", "price"))
    barred = model.forbidden(asked(shop, {}, {"budget": "9"}))
    assert barred is not None
    assert barred[0].tolist() == [diet != "vegan" for diet in diets]
    assert barred[1].tolist() == [
        diet != "vegan" or price is None or price > 9 for diet, price in zip(diets, prices, strict=True)
    ]


def test_an_answer_in_the_questionnaire_counts_beside_others_who_have_the_column(
    shop: Dataset, model: Knowledge
) -> None:
    together = model.forbidden(asked(shop, {"budget": "9"}, {"questionnaire": "budget=9"}))
    assert together is not None
    np.testing.assert_array_equal(together[0], together[1])


def test_what_is_known_may_be_asked_for_with_more(shop: Dataset) -> None:
    model = Knowledge(rules=rules("must = { price = { known = true, max = 3 } }")).fit(shop)
    barred = model.forbidden(asked(shop, {}))
    assert barred is not None and np.flatnonzero(~barred[0]).tolist() == [0, 1, 2]


def test_bands_of_prices_that_are_texts_or_have_another_name(shop: Dataset) -> None:
    table = shop.item_metadata
    prices = [None if price is None else f"{price:.2f} €".replace(".", ",") for price in table["price"].to_pylist()]
    told = {"cost": pa.array(prices), **{name: table[name] for name in ("item_id", "category_l1")}}
    written = replace(shop, item_metadata=pa.table(told))
    lines = rules('must = { price = { band = "low" } }')
    plain = Knowledge(rules=lines).fit(shop).forbidden(asked(shop, {}))
    named = Knowledge(rules=lines + '\n[columns]\nprice = "cost"').fit(written).forbidden(asked(shop, {}))
    np.testing.assert_array_equal(plain, named)


@pytest.mark.parametrize(
    ("must", "told"),
    [
        ('{ price = { contains = "zzz" } }', "must.price: price is a column of numbers, which hold no words"),
        ('{ price = "cheap" }', "must.price: price is a column of numbers, and 'cheap' is none"),
        ('{ price = { not = ["5 EUR", "dear"] } }', "must.price: price is a column of numbers, and 'dear' is none"),
        ("{ brand = { max = 3 } }", "must.brand: no item's brand is a number"),
        ('{ brand = { band = "low" } }', "must.brand: bands are of price, not of brand"),
    ],
)
def test_a_rule_that_can_never_hold_is_refused_unless_it_is_optional(shop: Dataset, must: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        Knowledge(rules=rules(f"must = {must}")).fit(shop)
    assert f"Line 1, rule 'r', {told}" in str(caught.value)
    left_out = Knowledge(rules=rules(f"must = {must}", "optional = true")).fit(shop)
    assert left_out.forbidden(asked(shop, {})) is None
    put = left_out.over([{"price": 3.0, "brand": "x"}], np.array([-1], np.int32))
    assert put.forbidden(asked(shop, {})) is None
