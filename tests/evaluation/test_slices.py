"""Candidates judged beside each other, for everyone and for parts of the shop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from endcap.evaluation.slices import ALL, NEW_ONLY, Candidate, judge_candidates
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.seams import rng
from endcap.types import DAY

START = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """120 shoppers of two tastes who take the same again; the last forty have three events before the cut."""
    draw, rows = rng(3), []
    for user in range(120):
        before = 3 if user >= 80 else 30
        for step in range(before + 6):
            item = 2 * int(draw.integers(0, 10)) + user % 2
            day = 60 + step - before if step >= before else 59 * step // before
            rows.append((f"u{user}", f"i{item}", START + day * DAY + user))
    table = pa.table(dict(zip(("user_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True)))
    made = Dataset.from_table(table)
    named = pa.table({"item_id": made.items.ids, "category_l1": [name[-1] for name in made.items.ids.to_pylist()]})
    return replace(made, item_metadata=named)


def test_each_is_beside_popularity_and_what_serves_in_every_part(dataset: Dataset) -> None:
    candidates = [Candidate(name, name, lambda name=name: create(name)) for name in ("item-item", "repeat")]
    candidates.append(Candidate("broken", "action-rate", lambda: create("action-rate")))
    found = judge_candidates(dataset, candidates, live="repeat", days=6, at=5)
    rows = {(row["name"], row["slice"]): row for row in found["rows"]}
    whole = rows["item-item", ALL]
    assert whole["users"] == 120
    assert whole["overPopularity"]["ndcg@5"]["low"] > 0  # two tastes: everybody's favourites are half wrong
    assert rows["repeat", ALL]["overLive"] == {} and rows["popularity", ALL]["overPopularity"] == {}
    assert rows["item-item", ALL]["overLive"].keys() == {"ndcg@5", "recall@5", "hit_rate@5", "mrr@5"}
    cold, warm = (next(row for row in found["rows"] if row["slice"].startswith(each)) for each in ("cold", "warm"))
    assert (cold["users"], warm["users"]) == (40, 80)
    categories = [row for row in found["rows"] if row["group"] == "category" and row["name"] == "repeat"]
    assert 1 <= len(categories) <= 6 and all(row["users"] >= 30 for row in categories)
    assert rows["item-item", NEW_ONLY]["users"] >= 30
    assert found["skipped"] == {} or "broken" in found["skipped"]


def test_the_parts_weigh_up_to_the_whole(dataset: Dataset) -> None:
    found = judge_candidates(dataset, [Candidate("repeat", "repeat", lambda: create("repeat"))], days=6, at=5)
    mine = [row for row in found["rows"] if row["name"] == "repeat"]
    whole = next(row for row in mine if row["slice"] == ALL)
    parts = [row for row in mine if row["group"] == "shoppers"]
    mean = np.average([row["metrics"]["recall@5"]["value"] for row in parts], weights=[row["users"] for row in parts])
    assert mean == pytest.approx(whole["metrics"]["recall@5"]["value"])
