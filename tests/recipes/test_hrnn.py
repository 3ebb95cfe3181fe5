"""HRNN: the contract, and that what serves is what was trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.hrnn import HRNN
from endcap.recipes.neural.layers import ItemVectors
from endcap.recipes.neural.onnx_model import OnnxModel
from endcap.recipes.neural.recurrent import HierarchicalModel, ended_graph, first_graph, lasting_graph
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.testing.datasets import START
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, MINUTE, Query


def tiny(**more: object) -> HRNN:
    settings = {"hidden_dimension": 32, "epochs": 20, "holdout": 0.0, "dropout": 0.3, "rate": 0.02}
    return HRNN(**{**settings, **more})  # type: ignore[arg-type]


def sorted_by_kind(shop: Dataset) -> Dataset:
    """The shop with a category of each item: even or odd, by the number in its name."""
    kinds = ["even" if int(name[1:]) % 2 == 0 else "odd" for name in shop.items.ids.to_pylist()]
    return replace(shop, item_metadata=pa.table({"item_id": shop.items.ids, "category": kinds}))


class TestHRNN(RecipeContract):
    def make(self) -> Recipe:
        return tiny()

    def brief(self) -> Recipe:
        return replace(self.make(), epochs=1)


class TestHRNNMetadata(RecipeContract):
    def make(self) -> Recipe:
        return tiny(variant="metadata")

    def brief(self) -> Recipe:
        return replace(self.make(), epochs=1)

    def told(self, shop: Dataset) -> Dataset:
        return sorted_by_kind(shop)


class TestHRNNColdstart(RecipeContract):
    def make(self) -> Recipe:
        return tiny(variant="coldstart", cold_start_max_interactions=3)

    def brief(self) -> Recipe:
        return replace(self.make(), epochs=1)

    def told(self, shop: Dataset) -> Dataset:
        return sorted_by_kind(shop)


def test_a_session_through_onnx_is_one_of_pytorch() -> None:
    torch.manual_seed(0)
    module = HierarchicalModel(9, 8, 1, bptt=32, session_gap=12, dropout=0.0, vectors=ItemVectors(9, 8)).eval()
    item, begins = torch.tensor([[1, 4, 2, 8, 8]]), torch.tensor([[0, 1, 0, 0, 1]])
    with torch.no_grad():
        states = module(module.items(), {"item": item, "next_gap": begins * 20})[0, :, :-1].numpy()
    steps = (module.vectors().detach() * 8**0.5)[item[0]].numpy()[:, None]
    first, ended, lasting = (OnnxModel(graph(module.session)) for graph in (first_graph, ended_graph, lasting_graph))
    for each, known in zip(
        first.run(steps=steps[:2]), ended.run(steps=steps, starts=np.array([[0]]), ends=np.array([[2]])), strict=True
    ):
        np.testing.assert_allclose(each, known, atol=1e-6)
    cuts = np.array([[0], [2], [5]])
    session = shopper = np.zeros((1, 1, 8), np.float32)
    for place, (low, high) in enumerate(((0, 2), (2, 5))):
        (state,) = lasting.run(steps=steps[low : high - 1], session=session, shopper=shopper)
        np.testing.assert_allclose(state[0, 0], states[high - 2], atol=1e-5)
        state, session, shopper = ended.run(steps=steps, starts=cuts[: place + 1], ends=cuts[1 : place + 2])
        np.testing.assert_allclose(state[0, 0], states[high - 1], atol=1e-5)


def test_who_asks_later_begins_a_session() -> None:
    """Within a session b follows a; who comes back another day takes c."""
    rows = []
    for user in range(30):
        for visit in range(3):
            begun = START + visit * DAY
            rows += [(f"u{user}", item, begun + place * MINUTE) for place, item in enumerate("cab"[: 3 - user % 2])]
    columns = zip(("user_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True)
    shop = Dataset.from_table(pa.table(dict(columns)))
    model = HRNN(hidden_dimension=16, epochs=12, holdout=0.0, dropout=0.1, rate=0.03).fit(shop)
    asked = [Query(("c", "a"), (START, START + MINUTE), now=START + wait) for wait in (2 * MINUTE, DAY)]
    best = model.recommend(Queries.of(asked, shop.items), 1).items[:, 0]
    assert shop.items.names(best) == ["b", "c"]


def shop_of_two_tastes(new: list[str]) -> Dataset:
    """Half of the shoppers take even items, half odd ones; nobody has taken those of `new` yet."""
    draws = rng(0)
    rows = [
        (f"u{user}", f"i{2 * int(draws.integers(0, 8)) + user % 2}", START + step * DAY)
        for user in range(40)
        for step in range(8)
    ]
    columns = zip(("user_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True)
    taken = Dataset.from_table(pa.table(dict(columns)))
    ids = type(taken.items).of(pa.concat_arrays([taken.items.ids, pa.array(new)]))
    return sorted_by_kind(replace(taken, items=ids))


@pytest.mark.parametrize("most", [3, 1000])
def test_a_new_item_stands_among_those_of_its_kind(most: int) -> None:
    """Nobody has taken it, few or none of the others were taken often enough: that alone puts no item last."""
    shop = shop_of_two_tastes(["i100", "i101"])
    settings = {"hidden_dimension": 16, "epochs": 10, "rate": 0.03, "cold_start_max_interactions": most}
    model = tiny(variant="coldstart", **settings).fit(shop)
    moments = tuple(START + day * DAY for day in range(3))
    asked = [Query(names, moments, now=START + 4 * DAY) for names in (("i0", "i2", "i4"), ("i1", "i3", "i5"))]
    ranked = model.recommend(Queries.of(asked, shop.items), shop.n_items).items
    for own, other, row in (("i100", "i101", ranked[0]), ("i101", "i100", ranked[1])):
        names = shop.items.names(row)
        assert names.index(own) < 9 <= names.index(other), names


def test_percentiles_of_history_length_are_in_order_and_leave_a_history() -> None:
    for low, high in ((1.0, 0.0), (0.5, 0.5)):
        with pytest.raises(InputError, match="min_user_history_length_percentile is"):
            HRNN(min_user_history_length_percentile=low, max_user_history_length_percentile=high)
    lengths = (2, 10)
    rows = [(f"u{user}", f"i{step % 3}", START + step) for user, many in enumerate(lengths) for step in range(many)]
    columns = zip(("user_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True)
    shop = Dataset.from_table(pa.table(dict(columns)))
    between = tiny(epochs=1, min_user_history_length_percentile=0.4, max_user_history_length_percentile=0.6)
    assert between.fit(shop).n_items == 3
