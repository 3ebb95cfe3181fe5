"""The shuffled-history control: what is personal falls, what is not stays."""

from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from endcap.evaluation.controls import control, others, shuffled
from endcap.evaluation.metrics import per_query
from endcap.evaluation.shop import Judgement, judge
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Targets
from endcap.recipes import create
from endcap.seams import rng
from endcap.types import DAY


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    """60 shoppers, each with five things of their own that they come back for."""
    draw, rows = rng(1), []
    for user in range(60):
        own = draw.choice(80, 5, replace=False)
        rows += [(f"u{user}", f"i{draw.choice(own)}", int(day) * DAY + user) for day in draw.choice(100, 12, False)]
    users, items, times = zip(*rows, strict=True)
    data = Dataset.from_table(pa.table({"user_id": users, "item_id": items, "timestamp": np.array(times)}))
    return judge(data, {"repeat": partial(create, "repeat")}, days=30, at=5, shuffle=True)


def test_a_personal_recipe_collapses_and_popularity_does_not(judgement: Judgement) -> None:
    rows = {row.recipe: row for row in judgement.of("all items")}
    repeat, popular = rows["repeat"], rows["popularity"]
    assert repeat.control is not None and popular.control is not None
    assert repeat.control.own_adds.low > 0.3
    assert repeat.control.shuffled.value < popular.metrics["ndcg@5"].high
    assert repeat.control.lost is not None and repeat.control.lost.low > 0.8
    assert popular.control.lost is None
    assert popular.control.shuffled.value == pytest.approx(popular.metrics["ndcg@5"].value, abs=0.03)
    assert popular.control.own_adds.low <= 0 <= popular.control.own_adds.high


def test_the_document_tells_it(judgement: Judgement) -> None:
    found = next(row for row in judgement.json()["rows"] if row["recipe"] == "repeat")["control"]
    assert set(found) == {"shuffled", "own_adds", "lost"} and set(found["lost"]) == {"value", "low", "high"}


@pytest.mark.parametrize("count", [2, 3, 17])
def test_everybody_gets_the_list_of_somebody_else_and_every_list_is_given_once(count: int) -> None:
    given = others(count, 4)
    assert sorted(given.tolist()) == list(range(count)) and not (given == np.arange(count)).any()


def test_lists_change_hands_targets_do_not() -> None:
    top = np.arange(6, dtype=np.int32)[:, None]
    targets = Targets.of(np.arange(6, dtype=np.int32), np.arange(6, dtype=np.int32), 6)
    assert per_query(top, targets)["ndcg"].mean() == 1 and shuffled(top, targets, 0)["ndcg"].mean() == 0
    found = control(top, targets, {"ndcg": np.zeros(6)})
    assert found.lost is not None and found.lost.value == 1.0 and found.shuffled.value == 0
