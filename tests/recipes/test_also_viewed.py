"""Also viewed passes the recipe contract and looks no further than a visit."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.also_viewed import AlsoViewed
from endcap.recipes.base import Recipe
from endcap.testing.datasets import START
from endcap.testing.recipes import RecipeContract
from endcap.types import HOUR, MINUTE


class TestAlsoViewed(RecipeContract):
    def make(self) -> Recipe:
        return AlsoViewed(visit_minutes=60.0 * 24 * 30)  # the checkerboard's visits last for days


@pytest.mark.parametrize(("minutes", "found"), [(30.0, ["b"]), (600.0, ["b", "c"])])
def test_a_pause_ends_a_visit(minutes: float, found: list[str]) -> None:
    times = [0, 5 * MINUTE, 3 * HOUR]
    table = pa.table({"user_id": ["u"] * 3, "item_id": list("abc"), "timestamp": [START + each for each in times]})
    shop = Dataset.from_table(table)
    scores = AlsoViewed(visit_minutes=minutes, beyond=0.0).fit(shop).similar_scores(np.array([0], np.int32))[0]
    assert shop.items.names(np.flatnonzero(scores > 0.5).astype(np.int32)) == found


def test_what_was_looked_at_in_other_visits_counts_less() -> None:
    times = [0, 5 * MINUTE, 3 * HOUR]
    table = pa.table({"user_id": ["u"] * 3, "item_id": list("abc"), "timestamp": [START + each for each in times]})
    scores = AlsoViewed(beyond=0.1).fit(Dataset.from_table(table)).similar_scores(np.array([0], np.int32))[0]
    assert scores[1:].tolist() == pytest.approx([1.1, 0.1])


def test_only_views_are_learned_from_where_there_are_any() -> None:
    columns = {"user_id": ["u"] * 4, "item_id": list("abcd"), "timestamp": [START + n for n in range(4)]}
    shop = Dataset.from_table(pa.table({**columns, "event_type": ["View", "View", "Purchase", "Purchase"]}))
    scores = AlsoViewed().fit(shop).similar_scores(np.array([0], np.int32))[0]
    assert np.flatnonzero(scores > 0).tolist() == [1]
