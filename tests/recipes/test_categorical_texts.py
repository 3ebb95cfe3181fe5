"""Texts that a frame holds as categoricals teach what plain texts do, whichever recipe reads them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.testing.datasets import random_shop

WORDS = ("wool sock", "oak chair", "linen sheet", "oak table", "wool blanket")
READERS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "content": ({}, {}),
    "search": ({}, {"search": "wool"}),
    "search-personalised": ({"max_queries": 20}, {"search": "wool"}),
    "bought-together": ({}, {}),
    "buy-it-again": ({}, {}),
    "knowledge": ({}, {}),
}


def shop(*, categorical: bool) -> Dataset:
    made = random_shop(3, users=30, items=20, events=300)
    columns = {"name": [WORDS[row % 5] for row in range(made.n_items)]}
    columns["category_l2"] = [("home", "wear")[row % 2] for row in range(made.n_items)]
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    if categorical:
        table = pa.table(
            {name: column.dictionary_encode() for name, column in zip(columns, table.columns, strict=True)}
        )
    return replace(made, item_metadata=table.add_column(0, "item_id", made.items.ids))


@pytest.mark.parametrize("name", READERS)
def test_categoricals_are_read_as_texts(name: str) -> None:
    settings, context = READERS[name]
    told = []
    for categorical in (False, True):
        dataset = shop(categorical=categorical)
        model = create(name, settings).fit(dataset)
        queries = replace(Queries.histories(dataset), context=(context,) * dataset.n_users)
        told.append((model.score(queries), model.similar_scores(np.arange(4, dtype=np.int32))))
    for plain, coded in zip(*told, strict=True):
        np.testing.assert_array_equal(plain, coded)
