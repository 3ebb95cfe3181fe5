"""HRNN: the contract, and that what serves is what was trained."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.hrnn import HRNN
from endcap.recipes.neural.layers import ItemVectors
from endcap.recipes.neural.onnx_model import OnnxModel
from endcap.recipes.neural.recurrent import HierarchicalModel, ended_graph, first_graph, lasting_graph
from endcap.recipes.queries import Queries
from endcap.testing.datasets import START
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, MINUTE, Query


class TestHRNN(RecipeContract):
    def make(self) -> Recipe:
        return HRNN(hidden_dimension=32, epochs=20, holdout=0.0, dropout=0.3, rate=0.02)


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
