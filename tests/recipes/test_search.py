"""Search and personalised search pass the recipe contract, find what is said, and let taste decide among equals."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.search import Search
from endcap.recipes.search_personalised import SearchPersonalised
from endcap.recipes.search_questions import searches
from endcap.recipes.search_words import WordIndex, search_words
from endcap.testing.datasets import START, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, Query

NAMES = {
    "a": "red wool socks",
    "b": "blue wool socks",
    "c": "garden chair",
    "d": "oak garden chair",
    "e": "wool blanket",
}


class TestSearch(RecipeContract):
    personal = False

    def make(self) -> Recipe:
        return Search()


class TestSearchPersonalised(RecipeContract):
    """Asked for nothing, taste alone answers."""

    def make(self) -> Recipe:
        return SearchPersonalised(max_queries=50)


def shop() -> Dataset:
    rows = [(f"u{n}", item, START + n * DAY) for n in range(8) for item in ("abe" if n % 2 else "cda")]
    names = ("user_id", "item_id", "timestamp")
    made = Dataset.from_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))
    ids = made.items.ids.to_pylist()
    words = {"item_id": ids, "name": [NAMES[each] for each in ids], "brand": ["Nordkap"] * len(ids)}
    return replace(made, item_metadata=pa.table(words))


def ask(model: Recipe, words: str, *history: str, items: list[str] | None = None) -> dict[str, float]:
    dataset, now = shop(), START + 20 * DAY
    query = Query(tuple(history), (now - DAY,) * len(history), context={"search": words})
    rows = None if items is None else dataset.items.rows(items)
    scores = model.score(Queries.of([query], dataset.items, now=now), rows)[0]
    names = dataset.items.ids.to_pylist() if items is None else items
    found = {name: float(score) for name, score in zip(names, scores, strict=True) if not np.isnan(score)}
    return dict(sorted(found.items(), key=lambda each: -each[1]))


@pytest.mark.parametrize(
    ("words", "found"),
    [("sock", "ab"), ("BLUE socks", "ba"), ("chairs", "cd"), ("gard", "cd"), ("c", "c"), ("zzz", ""), ("the", "")],
)
def test_words_are_found_in_any_form(words: str, found: str) -> None:
    assert set(ask(Search().fit(shop()), words)) == set(found)
    if found == "ba":
        assert list(ask(Search().fit(shop()), words)) == ["b", "a"]


@pytest.mark.parametrize("recipe", [Search(), SearchPersonalised()])
def test_a_shop_without_a_word_is_searched_in_vain(recipe: Recipe) -> None:
    events = {"user_id": ["a", "b", "b"], "item_id": ["!!!", "...", "!!!"], "timestamp": [1, 2, 3]}
    shop = Dataset.from_table(pa.table(events))
    model = load(*dump(recipe.fit(shop)))
    queries = Queries.of([Query(context={"search": "tea"}), Query()], shop.items)
    assert np.isnan(model.score(queries)[0]).all()
    assert model.recommend(queries, 2).items.shape == (2, 2)
    assert model.similar(np.array([0], np.int32), 1).items.tolist() == [[1]]


def test_weights_are_those_of_the_formula() -> None:
    index = WordIndex.of([["x", "x", "y"], ["y"], ["z", "z"]], 1.2, 0.5)
    idf, mean = np.log(1 + (3 - 1 + 0.5) / (1 + 0.5)), 2.0
    expected = idf * 2 / (2 + 1.2 * (1 - 0.5 + 0.5 * 3 / mean))
    assert index.relevance([["x"]]).toarray()[0].tolist() == pytest.approx([expected, 0, 0], rel=1e-5)


def test_taste_decides_where_words_do_not() -> None:
    model = SearchPersonalised().fit(shop())
    assert next(iter(ask(model, "nordkap", "c"))) in "cd" and next(iter(ask(model, "nordkap", "e"))) in "abe"
    assert set(ask(model, "wool", "c")) == set("abe")
    again = load(*dump(model))
    assert ask(again, "nordkap", "c") == ask(model, "nordkap", "c")


def test_a_given_list_is_ordered_whole_what_matches_first() -> None:
    found = list(ask(SearchPersonalised().fit(shop()), "wool", "c", items=["c", "e", "d", "b"]))
    assert set(found[:2]) == set("eb") and found[2:] == ["c", "d"]


def test_searches_are_drawn_from_what_was_bought_later() -> None:
    dataset = random_shop(4)
    ids = dataset.items.ids.to_pylist()
    dataset = replace(dataset, item_metadata=pa.table({"item_id": ids, "name": [f"thing {each} blue" for each in ids]}))
    asked = searches(dataset, 20.0, 30, seed=3)
    assert asked is not None and 0 < len(asked.target) <= 30 and asked.earlier.last_time < asked.queries.now.min()
    for row, context in zip(asked.target.tolist(), asked.queries.context, strict=True):
        assert set(search_words(context["search"])) <= set(search_words(f"thing {ids[row]} blue"))


def test_singulars() -> None:
    assert search_words("The Socks and batteries, dresses of glass on a bus") == [
        *("sock", "battery", "dresse", "glass", "bus"),
    ]
