"""Recipes whose scores are chances say so, and one that was updated says what the model inside does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.neural.tabular_networks import torch
from endcap.recipes.queries import Queries
from endcap.recipes.updated import Updated
from endcap.serving.predicting import Amounts, Chances
from endcap.testing.datasets import START, checkerboard, random_shop

torch.set_num_threads(1)
NETWORK = {"epochs": 1, "hidden": "4", "width": 4}


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [("deepfm", NETWORK), ("dcn", NETWORK), ("ffnn", NETWORK), ("hybrid", {"hidden": 0}), ("fm", {"factors": 2})],
)
def test_scores_are_chances_of_the_items(recipe: str, settings: Mapping[str, Any]) -> None:
    shop = random_shop(4)
    model = create(recipe, settings).fit(shop)
    assert isinstance(model, Chances)
    scores = model.score(Queries.histories(shop))
    found = model.chances(scores)
    assert found is not None and found.shape == scores.shape and found.min() >= 0 and found.max() <= 1
    if recipe != "fm":
        np.testing.assert_array_equal(found, scores)


def test_other_scores_are_none() -> None:
    assert not isinstance(create("als"), Chances) and not isinstance(create("popularity"), Chances)
    once = Dataset.from_table(pa.table({"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": [START, START]}))
    nobody_later = create("hybrid", {"hidden": 0}).fit(once)
    assert isinstance(nobody_later, Chances) and nobody_later.chances(np.zeros(2, np.float32)) is None


def test_an_updated_model_says_what_the_one_inside_does() -> None:
    shop, scores = checkerboard(), np.zeros(3, np.float32)
    rated = shop.with_interactions(replace(shop.interactions, label=1 + shop.interactions.item % 5.0))
    for model, dataset in ((create("fm", {"factors": 2}), shop), (create("fm", {"objective": "rating"}), rated)):
        model.fit(dataset)
        updated = Updated.extend(model, "fm", shop.items, shop)
        assert isinstance(model, Chances) and isinstance(model, Amounts)
        np.testing.assert_array_equal(updated.amounts(scores), model.amounts(scores))
        np.testing.assert_equal(updated.chances(scores), model.chances(scores))
    als = Updated.extend(create("als").fit(shop), "als", shop.items, shop)
    assert als.chances(scores) is None and als.amounts(scores) is scores
