"""A campaign of a search recipe answers words told as context; related items are told for the shopper who asks."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.bought_together import BoughtTogether
from endcap.recipes.search_personalised import SearchPersonalised
from endcap.registry.recipe_arns import native_offer
from endcap.serving.recommend import Request, recommend
from endcap.serving.snapshot import Snapshot
from endcap.testing.datasets import START
from endcap.types import DAY
from serving.shops import Registry

NAMES = {"a": "red wool sock", "b": "blue wool sock", "c": "garden chair", "d": "oak chair", "e": "wool blanket"}


def data() -> Dataset:
    """Odd shoppers take a, b, e; even ones c, d, a; each order holds two."""
    rows = []
    for n in range(12):
        rows += [(f"u{n}", item, START + n * DAY, f"o{n}") for item in ("abe" if n % 2 else "cda")]
    names = ("user_id", "item_id", "timestamp", "order_id")
    made = Dataset.from_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))
    ids = made.items.ids.to_pylist()
    return replace(made, item_metadata=pa.table({"item_id": ids, "name": [NAMES[each] for each in ids]}))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    home: Path = tmp_path_factory.mktemp("search")
    return Registry(home, data()).snapshot(SearchPersonalised(max_queries=10))


def found(snapshot: Snapshot, words: str, user: str = "", **given: object) -> list[tuple[str, str]]:
    request = Request(k=5, user_id=user, context={"search": words}, **given)  # type: ignore[arg-type]
    slate = recommend(snapshot, request)
    return list(zip(slate.items, slate.rungs, strict=True))


def test_what_matches_comes_first_and_the_ladder_fills_the_rest(searched: Snapshot) -> None:
    answer = found(searched, "wool")
    assert {item for item, rung in answer if rung == "personal"} == {"a", "b", "e"}
    assert len(answer) == 5 and all(rung != "personal" for _, rung in answer[3:])


def test_a_shopper_finds_what_they_take(searched: Snapshot) -> None:
    assert {item for item, _ in found(searched, "sock", "u1")[:2]} == {"a", "b"}
    assert found(searched, "chair", "u2")[0][0] in "cd"
    assert all(rung != "personal" for _, rung in found(searched, "nothing like it", "u2"))


def test_given_hits_are_put_in_order(searched: Snapshot) -> None:
    answer = found(searched, "wool", "u1", candidates=("c", "e", "zz", "b", "d"))
    assert {item for item, _ in answer[:2]} == {"e", "b"} and answer[-1][0] == "zz"


def test_what_goes_with_an_item_is_told_for_the_shopper(tmp_path: Path) -> None:
    snapshot = Registry(tmp_path, data()).snapshot(BoughtTogether())
    snapshot = replace(snapshot, offer=native_offer("bought-together"))
    alone = recommend(snapshot, Request(k=4, item_id="a"))
    assert set(alone.rungs) == {"similar"}
    told = recommend(snapshot, Request(k=4, item_id="a", user_id="u1"))
    assert told.rungs[0] == "personal" and set(told.items[:2]) == {"b", "e"} and "a" not in told.items
    stranger = recommend(snapshot, Request(k=4, item_id="a", user_id="nobody"))
    assert stranger.items == alone.items and set(stranger.rungs) == {"similar"}
