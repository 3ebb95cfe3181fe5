"""A large catalogue is answered through its index as it would be from all scores."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest
from shops import Registry

from endcap.api.metrics import Metrics
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.seams import rng
from endcap.serving import model as served_model
from endcap.serving.recommend import Request, recommend
from endcap.serving.snapshot import Snapshot
from endcap.serving.watch import Status, Watch
from endcap.testing.datasets import START
from endcap.types import DAY

USERS, ITEMS, KINDS = 400, 3_000, 30


def shop(seed: int = 1, events: int = 30_000) -> Dataset:
    """Users of two kinds each, items of thirty."""
    draw = rng(seed)
    user = draw.integers(0, USERS, events)
    kind = np.where(draw.random(events) < 0.5, user % KINDS, (user * 7 + 3) % KINDS)
    kind = np.where(draw.random(events) < 0.1, draw.integers(0, KINDS, events), kind)
    item = draw.integers(0, ITEMS // KINDS, events) * KINDS + kind
    table = pa.table(
        {
            "user_id": [f"u{n}" for n in user],
            "item_id": [f"i{n}" for n in item],
            "timestamp": pa.array(START + draw.integers(0, 30 * DAY, events), pa.int64()),
        }
    )
    return Dataset.from_table(table)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, Snapshot]:
    """(with an index, without one)."""
    registry = Registry(tmp_path_factory.mktemp("home"), shop())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(served_model, "INDEXED", 1_000)
        indexed = registry.snapshot(create("als", {"factors": 16}))
    model = next(iter(indexed.models.values()))
    assert model.index is not None and model.index.recall >= 0.95
    exact = replace(indexed, models={name: replace(each, index=None) for name, each in indexed.models.items()})
    return indexed, exact


def test_answers_and_probabilities_are_nearly_those_of_all_scores(both: tuple[Snapshot, Snapshot]) -> None:
    same, gaps = [], []
    for user in range(60):
        first, second = (recommend(each, Request(25, f"u{user}"), "0" * 16) for each in both)
        assert len(first.items) == 25 and first.rung == "personal"
        same.append(len(set(first.items) & set(second.items)) / 25)
        held = dict(zip(second.items, second.scores, strict=True))
        told = zip(first.items, first.scores, strict=True)
        gaps += [abs(score / held[name] - 1) for name, score in told if name in held and score and held[name]]  # type: ignore[operator]
    assert np.mean(same) > 0.93 and np.median(gaps) < 0.02 and max(gaps) < 0.25


def test_a_narrow_filter_is_answered_exactly(both: tuple[Snapshot, Snapshot]) -> None:
    state = both[0].state
    allowed = np.zeros(len(state.listed), np.bool_)
    allowed[state.ordinals([f"i{n}" for n in range(0, ITEMS, 20)])] = True
    for user in range(10):
        first, second = (recommend(each, Request(25, f"u{user}", allowed=allowed), "0" * 16) for each in both)
        assert first.items == second.items and set(first.rungs) == {"personal"}
        np.testing.assert_allclose(first.scores, second.scores, rtol=0.25)  # type: ignore[arg-type]


def test_a_short_result_is_repeated_exactly(both: tuple[Snapshot, Snapshot]) -> None:
    state = both[0].state
    best = recommend(both[1], Request(500, "u5")).items
    allowed = np.ones(len(state.listed), np.bool_)
    allowed[state.ordinals(best)] = False
    first, second = (recommend(each, Request(25, "u5", allowed=allowed), "0" * 16) for each in both)
    assert first.items == second.items and len(first.items) == 25
    many = [recommend(each, Request(500, "u6"), "0" * 16) for each in both]
    assert len(many[0].items) == len(set(many[0].items)) == 500
    assert many[0].scores == sorted(many[0].scores, key=lambda each: -(each or 0))


def test_what_may_not_be_shown_is_not(both: tuple[Snapshot, Snapshot]) -> None:
    indexed = both[0]
    before = recommend(indexed, Request(10, "u7", exclude_purchased=True))
    bought = {
        indexed.names([at])[0] for at in indexed.state.histories.purchases(indexed.state.histories.row("u7")).tolist()
    }
    assert bought and not bought & set(before.items)
    listed = indexed.state.listed.copy()
    listed[indexed.state.ordinals(before.items[:3])] = False
    state = replace(indexed.state, listed=listed)
    gone = replace(indexed, state=state, models={name: each.on(state) for name, each in indexed.models.items()})
    after = recommend(gone, Request(7, "u7", exclude_purchased=True))
    assert set(after.items[:7]) & set(before.items[:3]) == set() and after.rung == "personal"
    stranger = recommend(indexed, Request(5, "nobody"))
    assert stranger.rung == "trending"


def test_how_well_an_index_finds_is_shown(both: tuple[Snapshot, Snapshot]) -> None:
    indexed, exact = both
    watched = SimpleNamespace(snapshots={indexed.arn: indexed}, status=Status())
    text = Metrics(cast("Watch", watched)).text().decode()
    (version, model), *_ = indexed.models.items()
    assert model.index is not None
    assert f'endcap_index_recall{{version="{version}"}} {model.index.recall}' in text
    watched.snapshots = {exact.arn: exact}
    assert "endcap_index_recall{" not in Metrics(cast("Watch", watched)).text().decode()
