"""The hybrid passes the contract; its network learns what the sum does not know, and is left out where it fails."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.hybrid import Hybrid, Judged, questions
from endcap.recipes.hybrid_facts import directions, item_vectors, taste
from endcap.recipes.hybrid_network import Learning, Network, learn
from endcap.recipes.hybrid_sources import SOURCES, Candidates
from endcap.recipes.mixing import hold_out, ndcg
from endcap.recipes.queries import Queries
from endcap.seams import Tick, no_progress, rng
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract

FEW = "als,arrivals,content,knowledge"


class TestHybrid(RecipeContract):
    def make(self) -> Recipe:
        return Hybrid(hidden=0, depth=8, without=FEW)


def test_sources_that_cannot_learn_are_named_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = random_shop(4, users=12, items=8, events=60)
    monkeypatch.setitem(SOURCES, "content", ("content", {"no_such_setting": 1}, 0.0, 0.0))
    said: list[str] = []

    def progress(label: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Tick]:
        said.append(label)
        return no_progress(label, total, unit)

    model = Hybrid(hidden=0, depth=8, without="als,arrivals,graph").fit(shop, progress)
    assert isinstance(model, Hybrid) and "content" not in model.sources_
    (note,) = [each for each in model.notes if "content" in each]
    assert note.startswith("Learned without content: ") and any("without content: " in label for label in said)
    again = load(*dump(model))
    assert isinstance(again, Hybrid) and again.notes == model.notes


def lists(queries: int, depth: int, seed: int) -> tuple[Candidates, np.ndarray]:
    """Candidates of which those are taken whose two columns are of one sign: no sum of columns says it."""
    draws = rng(seed)
    block = draws.normal(size=(queries, depth, 2)).astype(np.float32)
    taken = block.prod(axis=2) > 0.8
    base = np.zeros((queries, depth), np.float32)
    return Candidates(np.tile(np.arange(depth, dtype=np.int32), (queries, 1)), base, block), taken


class TestNetwork:
    def test_learns_what_no_sum_says(self) -> None:
        asked, taken = lists(260, 15, 1)
        held = rng(2).random(260) < 0.25
        judge = Judged(taken[held], taken[held].sum(axis=1))
        network, found = learn(asked, taken, held, judge.ndcg, Learning(12, 20, 0.04, 0.01, 0.0), no_progress)
        assert found["with"] > found["without"] + 0.2
        assert judge.ndcg(network.residual(asked.block[held])).mean() == pytest.approx(found["with"], abs=0.02)
        np.testing.assert_allclose(network.residual(asked.block[held]).mean(axis=1), 0, atol=1e-5)

    def test_chance_is_not_believed(self) -> None:
        asked, taken = lists(60, 15, 1)  # too few to learn from
        held = rng(2).random(60) < 0.25
        network, found = learn(
            asked, taken, held, lambda scores: np.full(len(scores), 0.5), Learning(4, 2), no_progress
        )
        assert found == {"with": 0.5, "without": 0.5} and not network.residual(asked.block).any()
        asked, taken = lists(200, 15, 3)
        network, _ = learn(
            asked,
            taken,
            rng(2).random(200) < 0.25,
            lambda scores: np.full(len(scores), 0.5),
            Learning(4, 2),
            no_progress,
        )
        assert not len(network.second)  # no share of it does better than none


def test_judged_equals_the_mix_judge() -> None:
    draws = rng(4)
    scores, taken = draws.random((30, 40)).astype(np.float32), draws.random((30, 40)) < 0.2
    taken[:, 0] = True
    assert Judged(taken, taken.sum(axis=1)).ndcg(scores).mean() == pytest.approx(ndcg(scores, taken))


def test_directions_span_what_differs() -> None:
    table = pa.table({"item_id": ["a", "b", "c", "d"] * 3, "kind": ["x", "x", "y", "y"] * 3})
    found = item_vectors(table, 12, "item_id", 8, 0)
    same = found @ found.T
    assert same[0, 1] == pytest.approx(1, abs=1e-4) and abs(same[0, 2]) < 0.1
    assert item_vectors(None, 12, "item_id", 8, 0).shape == (12, 0)
    assert directions(sparse.csr_matrix((3, 4)), 2, 0).shape == (4, 0)


class TestShop:
    @pytest.fixture(scope="class")
    @classmethod
    def shop(cls) -> Dataset:
        plain = random_shop(7, users=250, items=25, events=3000)
        kinds = [f"k{row % 3}" for row in range(plain.n_items)]
        towns = [f"t{row % 2}" for row in range(plain.n_users)]
        return replace(
            plain,
            item_metadata=pa.table({"item_id": plain.items.ids, "kind": kinds}),
            user_metadata=pa.table({"user_id": plain.users.ids, "town": towns}),
        )

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, shop: Dataset) -> Hybrid:
        return Hybrid(hidden=4, cuts=2, depth=10, width=3, without="arrivals,content,graph,knowledge").fit(shop)

    def test_scores_are_likelihoods(self, shop: Dataset, model: Hybrid) -> None:
        asked, keys = questions(shop, hold_out(shop, 28, 250, 0), 250, 0)  # type: ignore[arg-type]
        scores = model.score(asked)
        known = ~np.isnan(scores)
        assert known.mean() > 0.9 and (scores[known] > 0).all() and (scores[known] < 1).all()
        taken = len(keys) / scores.size
        assert 0.5 * taken < np.nanmean(scores) < 2 * taken

    def test_questions_are_of_the_time_after_what_is_known(self, shop: Dataset) -> None:
        held = hold_out(shop, 28, 50, 0)
        assert held is not None
        asked, keys = questions(shop, held, 80, 0)
        assert len(asked) == 80 and (asked.time < asked.now[0]).all() and (np.diff(keys) > 0).all()
        later = shop.interactions.take(shop.interactions.time >= asked.now[0])
        pairs = set(zip(later.user.tolist(), later.item.tolist(), strict=True))
        rows = [(int(asked.user[key // shop.n_items]), int(key % shop.n_items)) for key in keys]
        assert set(rows) <= pairs and len({user for user, _ in rows}) == 80

    def test_metadata_is_read_where_it_is_asked_for(self, shop: Dataset, model: Hybrid) -> None:
        assert model.item_vectors_.shape == (25, 3) and len(model.fields_) > 0
        assert taste(Queries.histories(shop), model.item_vectors_).shape == (250, 3)
        none = Hybrid(hidden=0, metadata="none", without=f"{FEW},graph,next").fit(shop)
        assert none.item_vectors_.shape == (25, 0) and not len(none.fields_)

    def test_the_network_is_as_it_was_trained(self, model: Hybrid) -> None:
        network = Network(model.scale_, model.first_, model.second_)
        assert network.residual(np.zeros((2, 3, model.scale_.shape[1]), np.float32)).shape == (2, 3)
