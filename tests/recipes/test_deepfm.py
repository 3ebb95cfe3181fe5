"""Click networks: the recipe contract, what is asked equals what was trained, tables, profiles, calibration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from endcap.cli.app import run
from endcap.errors import ArtefactError, InputError
from endcap.evaluation.click import evaluate_clicks, judge_clicks, labelled
from endcap.lake.dataset import Dataset
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.dcn import DCN
from endcap.recipes.deepfm import DeepFM
from endcap.recipes.ffnn import FFNN
from endcap.recipes.neural.shop_rows import Had, ShopRows, item_rows, learn_fields
from endcap.recipes.neural.tabular import platt
from endcap.recipes.neural.tabular_heads import KINDS, Head, Layout
from endcap.recipes.neural.tabular_networks import Tabular, torch
from endcap.recipes.neural.tabular_rows import Shape, Slots, vectors
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.testing.datasets import checkerboard, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import USER_ID

torch.set_num_threads(1)
SMALL = {"width": 8, "hidden": "", "epochs": 18, "rate": 0.03, "batch": 64, "penalty": 1e-3}
LAYERED = {**SMALL, "hidden": "16", "dropout": 0.2, "epochs": 30}


class TestDeepFM(RecipeContract):
    def make(self) -> Recipe:
        return DeepFM(**LAYERED)

    def brief(self) -> Recipe:
        return replace(self.make(), epochs=1)


class TestFFNN(RecipeContract):
    def make(self) -> Recipe:
        return FFNN(**LAYERED)

    def brief(self) -> Recipe:
        return replace(self.make(), epochs=1)


class TestDCN(RecipeContract):
    def make(self) -> Recipe:
        return DCN(**LAYERED)

    def brief(self) -> Recipe:
        return replace(self.make(), epochs=1)


def clicks(rows: int, seed: int) -> pa.Table:
    """Label 1 is likely where colour and size agree; neither tells alone. Nine in ten of a high price are 0."""
    draws = rng(seed)
    colour, size = draws.integers(0, 4, rows), draws.integers(0, 4, rows)
    price = draws.normal(0, 1, rows)
    label = draws.random(rows) < np.where(colour == size, 0.9, 0.1) * np.where(price > 0.5, 0.1, 1.0)
    return pa.table({"colour": colour, "size": pa.array([f"s{each}" for each in size]), "price": price, "label": label})


@pytest.mark.parametrize("recipe", [DeepFM, FFNN, DCN])
def test_learns_what_only_two_fields_together_tell(recipe: type[DeepFM]) -> None:
    made = recipe(width=4, hidden="16", epochs=8, rate=0.03, batch=128, penalty=1e-4, dropout=0.0)
    result = evaluate_clicks(made, clicks(3000, 1), clicks(1000, 2), clicks(600, 3))
    assert result.metrics["auc"].value > 0.85
    assert result.metrics["calibration_error"].low < 0.08
    again = load(*dump(made))
    np.testing.assert_array_equal(again.probabilities(clicks(50, 4)), made.probabilities(clicks(50, 4)))  # type: ignore[attr-defined]


def test_a_held_back_tenth_stands_in_for_validation_and_members_are_averaged() -> None:
    alone = DeepFM(width=4, hidden="16", epochs=4, rate=0.02, batch=256, penalty=1e-4)
    both = replace(alone, members=2)
    table, truth = labelled(clicks(1500, 2), "label", "test")
    for made in (alone, both):
        made.fit_table(labelled(clicks(1500, 1), "label", "training")[0], "label")
    assert both.tables_.shape[0] == 2 and not np.array_equal(both.tables_[0], both.tables_[1])
    assert judge_clicks(truth, both.probabilities(table))["auc"].value > 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_is_what_was_trained(kind: str) -> None:
    layout = Layout(kind, 3, (5, 4), 2 * (kind == "dcn"), 0.3)  # type: ignore[arg-type]
    shape = Shape((0, 1, 1, 2), 9)
    codes = rng(1).integers(0, 10, (30, 4)).astype(np.int32)
    rows = Slots(shape, codes, rng(2).random((30, 4)).astype(np.float32))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        module = Tabular(shape, layout)
        module.table.normal_()
        for _ in range(5):  # so that normalisation has something to fold
            module.train()(torch.from_numpy(codes).long(), torch.from_numpy(rows.weights))
        expected = module.eval()(torch.from_numpy(codes).long(), torch.from_numpy(rows.weights)).numpy()
        head = Head(layout, shape.fields, module.parameters_of_head())
        found = head.logits(vectors(module.table.numpy(), rows))
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
    with pytest.raises(ArtefactError, match="parameters, expected"):
        Head(layout, shape.fields + 1, module.parameters_of_head())


def test_platt_mends_logits_that_are_too_bold() -> None:
    logits = rng(1).normal(0, 2, 20_000).astype(np.float32)
    labels = (rng(2).random(20_000) < 1 / (1 + np.exp(1 - logits))).astype(np.float32)
    np.testing.assert_allclose(platt(3 * logits, labels), [1 / 3, -1], atol=0.05)


def test_the_command_prints_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {name: tmp_path / f"{name}.parquet" for name in ("train", "test", "valid")}
    for seed, path in enumerate(paths.values()):
        pq.write_table(clicks(300, seed).rename_columns(["colour", "size", "price", "clicked"]), path)
    files = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    options = ["--recipe", "deepfm", "--set", "epochs=1", "--set", "hidden=4", "--label", "clicked", "--json"]
    assert run(["evaluate", "--protocol", "click", *files, *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["recipe"] == "deepfm" and document["fields"] == ["colour", "size", "price"]
    assert list(document["metrics"]) == ["auc", "logloss", "calibration_error"] and document["rows"] == 300


def test_hidden_layers_are_named_by_whole_numbers() -> None:
    with pytest.raises(InputError, match="hidden is '16,x'"):
        DeepFM(hidden="16,x")


class TestShop:
    @pytest.fixture(scope="class")
    @classmethod
    def shop(cls) -> Dataset:
        """Users of tribe t take items of kind t; only their profile tells the tribe of a stranger."""
        plain = checkerboard()
        tribes, kinds = (
            [f"tribe{int(name[1:]) % 2}" for name in each.ids.to_pylist()] for each in (plain.users, plain.items)
        )
        return replace(
            plain,
            user_metadata=pa.table({USER_ID: plain.users.ids, "tribe": tribes}),
            item_metadata=pa.table({"item_id": plain.items.ids, "kind": kinds}),
        )

    def test_profile_and_context_change_the_answer_of_a_stranger(self, shop: Dataset) -> None:
        model = DeepFM(**SMALL).fit(shop)
        nobody = Queries.histories(shop, np.zeros(2, np.int32), shop.last_time + 1)
        nobody = replace(nobody, indptr=np.zeros(3, np.int64), user=np.full(2, -1, np.int32))
        for field in ("item", "time", "event_type", "weight", "order"):
            nobody = replace(nobody, **{field: getattr(nobody, field)[:0]})
        known = replace(nobody, profiles=pa.table({"tribe": ["tribe0", "tribe1"]}))
        even = np.array([int(name[1:]) % 2 == 0 for name in shop.items.ids.to_pylist()])
        scores = model.score(known)
        assert scores[0, even].sum() > 1.5 * scores[1, even].sum()
        told = model.score(replace(nobody, context=({"tribe": "tribe0"}, {"tribe": "tribe1"})))
        np.testing.assert_allclose(told, scores, rtol=1e-4)
        assert model.score(replace(nobody, profiles=None)).std(axis=0).max() < 1e-6

    def test_scores_are_probabilities_of_the_next_item(self) -> None:
        shop = random_shop(4, users=150, items=20, events=2000)
        scores = DeepFM(**{**SMALL, "epochs": 6, "batch": 512}).fit(shop).score(Queries.histories(shop))
        assert (scores > 0).all() and (scores < 1).all()
        assert 0.6 < scores.sum(axis=1).mean() < 1.6

    def test_rows_know_nothing_of_the_event_or_later(self, shop: Dataset) -> None:
        fields = learn_fields(shop.user_metadata, shop.n_users, USER_ID)
        items = item_rows(shop, learn_fields(None, shop.n_items, "item_id"))
        events = np.arange(len(shop.interactions))
        rows = ShopRows(shop, fields, items, events, history=3, negatives=2, size=30, seed=1)
        found, labels = rows.rows(events, rng(1))
        assert len(rows) == 6 and sum(len(batch["label"]) for batch in rows.epoch(0)) == 180
        assert labels.reshape(-1, 3)[:, 0].all() and len(found) == 180
        place = events - shop.indptr[shop.interactions.user]
        width = found.codes.shape[1]
        sizes = [len(shape.field_of) for shape in rows.shapes]
        start = sizes[0] + sizes[1]
        history = slice(start, start + 3)
        assert width == sum(sizes)
        np.testing.assert_array_equal((found.codes[::3, history] > 0).sum(axis=1), np.minimum(place, 3))
        before = rows.shapes[0].features + rows.shapes[1].features
        own = found.codes[::3, history][place > 0, 0] - before - 1
        np.testing.assert_array_equal(own, shop.interactions.item[events[place > 0] - 1])

    def test_how_often_and_when_last(self) -> None:
        shop = random_shop(5, users=6, items=4, events=120)
        events, had = shop.interactions, Had(shop)
        for row in range(0, 120, 5):
            user, time = events.user[row], events.time[row]
            for item in range(4):
                mine = events.time[(events.user == user) & (events.item == item) & (events.time < time)]
                times, age = had.before(np.array([user]), np.array([item]), np.array([time]))
                assert times[0] == len(mine) and age[0] == (time - mine.max() if len(mine) else 0)
