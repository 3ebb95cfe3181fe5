"""Item-item passes the recipe contract in each of its forms, and counts what it says it counts."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.item_item import MEASURES, ItemItem
from endcap.recipes.queries import Queries
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY


class TestItemItem(RecipeContract):
    def make(self) -> Recipe:
        return ItemItem()


class TestItemItemWindow(RecipeContract):
    def make(self) -> Recipe:
        return ItemItem(window=3)


BASKETS = {"o1": "ab", "o2": "ab", "o3": "abc", "o4": "cd", "o5": "d"}


def shop(measure: str = "count", **settings: float) -> tuple[Dataset, ItemItem]:
    lines = [(f"u-{order}", item, order) for order, items in BASKETS.items() for item in items]
    columns = zip(("user_id", "item_id", "order_id"), zip(*lines, strict=True), strict=True)
    data = Dataset.from_table(pa.table({name: pa.array(values) for name, values in columns}))
    quiet = {"shrinkage": 0.0, "damping": 0.0, **settings}
    return data, ItemItem(measure=measure, **quiet).fit(data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measure", "expected"),
    [("count", 3.0), ("cosine", 3 / 3), ("jaccard", 3 / 3), ("lift", 3 * 5 / 9)],
)
def test_measures_of_two_items(measure: str, expected: float) -> None:
    data, model = shop(measure)
    a, b = data.items.rows(["a", "b"])
    assert model.similarity_[a, b] == pytest.approx(expected)
    assert model.similarity_[b, a] == pytest.approx(expected)


def test_similar_counts_orders_and_small_ones_more() -> None:
    data, model = shop("cosine")
    c, d = data.items.rows(["c", "d"])
    ranking = model.similar(np.array([c]), 3)
    assert ranking.items[0, 0] == d
    assert ranking.scores[0].tolist() == pytest.approx([2**-0.5, 3**-0.5, 3**-0.5])
    a = data.items.rows(["a"])
    assert data.items.names(model.similar(a, 1).items[0]) == ["b"]
    assert model.similar(a, 1).scores[0, 0] == pytest.approx(2 * 2**-0.5 + 3**-0.5)


def test_what_went_together_lately_is_nearer() -> None:
    columns = {
        "user_id": ["u1", "u1", "u2", "u2"],
        "item_id": ["a", "old", "a", "new"],
        "timestamp": np.array([0, 0, 90, 90]) * DAY,
        "order_id": ["o1", "o1", "o2", "o2"],
    }
    data = Dataset.from_table(pa.table(columns))
    model = ItemItem(trend_half_life_days=30, measure="count", damping=0, shrinkage=0).fit(data)
    a, old, new = data.items.rows(["a", "old", "new"])
    assert model.similarity_[a, new] == 1 and model.similarity_[a, old] == pytest.approx(1 / 8)
    assert model.together_[a, new] > model.together_[a, old] > 0


def test_first_only_leaves_repeat_purchases_of_the_neighbour_out() -> None:
    columns = {"user_id": ["u"] * 4, "item_id": list("abab"), "timestamp": np.array([0, 0, 60, 60]) * DAY}
    data = Dataset.from_table(pa.table(columns))
    a, b = data.items.rows(["a", "b"])
    quiet = {"measure": "count", "damping": 0, "shrinkage": 0, "trend_half_life_days": 30}
    assert ItemItem(**quiet).fit(data).similarity_[a, b] == 1
    assert ItemItem(**quiet, first_only=True).fit(data).similarity_[a, b] == pytest.approx(1 / 4)


def test_shrinkage_and_minimum_support() -> None:
    data, model = shop("cosine", shrinkage=1.0)
    a, b = data.items.rows(["a", "b"])
    assert model.similarity_[a, b] == pytest.approx(3 / 4)
    data, model = shop("cosine", min_support=2)
    a, c = data.items.rows(["a", "c"])
    assert model.similarity_[a, c] == 0


def test_window_counts_by_distance_and_direction() -> None:
    data = Dataset.from_table(pa.table({"user_id": ["u"] * 3, "item_id": list("abc"), "pos": [1, 2, 3]}))
    model = ItemItem(measure="count", window=2, step_decay=0.5, directed=True, shrinkage=0, damping=0).fit(data)
    a, b, c = data.items.rows(["a", "b", "c"])
    assert model.similarity_[a, b] == 1 and model.similarity_[a, c] == 0.5 and model.similarity_[c, a] == 0


def test_cap_leaves_out_the_oldest() -> None:
    data = Dataset.from_table(pa.table({"user_id": ["u"] * 3, "item_id": list("abc"), "pos": [1, 2, 3]}))
    model = ItemItem(measure="count", window=0, cap=2, shrinkage=0, damping=0).fit(data)
    assert model.similarity_[data.items.rows(["a"])[0]].nnz == 0


def test_current_item_joins_the_history() -> None:
    data, model = shop()
    asked = model.score(Queries.about(data.items.rows(["a"])))
    assert int(np.nanargmax(asked[0])) == data.items.rows(["b"])[0]


def test_unknown_measure_lists_those_that_exist() -> None:
    with pytest.raises(InputError, match=", ".join(MEASURES)):
        ItemItem(measure="euclid")


def test_a_window_is_directed_and_keeps_rare_pairs_down_unless_told_otherwise() -> None:
    data = Dataset.from_table(pa.table({"user_id": ["u"] * 2, "item_id": list("ab"), "pos": [1, 2]}))
    a, b = data.items.rows(["a", "b"])
    model = ItemItem(window=1).fit(data)
    assert model.similarity_[a, b] == pytest.approx(1 / (1 + 50)) and model.similarity_[b, a] == 0
    assert ItemItem(window=1, shrinkage=0.0, directed=False).fit(data).similarity_[b, a] == pytest.approx(1)


def test_where_steps_are_all_that_is_known_only_near_ones_are_joined_unless_told_otherwise() -> None:
    steps = [f"i{step}" for step in range(20)]
    table = pa.table({"user_id": ["u"] * 20, "item_id": steps, "pos": list(range(20))})
    data = Dataset.from_table(table)
    first, near, far = data.items.rows(["i0", "i10", "i11"])
    joined, whole = ItemItem().fit(data).similarity_, ItemItem(window=0).fit(data).similarity_
    assert joined[first, near] > 0 and joined[first, far] == 0 and whole[first, far] > 0
    assert ItemItem(measure="lift").fit(data).similarity_[first, far] > 0
    timed = Dataset.from_table(table.rename_columns(["user_id", "item_id", "timestamp"]))
    assert ItemItem().fit(timed).similarity_[first, far] > 0
