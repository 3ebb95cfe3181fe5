"""What the inspector says was measured: an answer without an event is the pipeline's answer to the shorter history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from policy_shop import shop, under
from shops import SHOP, Registry

import click_shop
from endcap.lake.dataset import Dataset
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.seams import FrozenClock
from endcap.serving.inspecting import Inspection, check, inspect
from endcap.serving.live_shops import LiveShops
from endcap.serving.recommend import Request, recommend
from endcap.serving.shop import ShopState
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Log, open_log
from endcap.stream.collect import event_record
from endcap.stream.records import Event
from endcap.types import DAY, SECOND, Micros

TOKEN = "0123456789abcdef"
MIX = {"trend_days": 20.0, "rank": 4, "max_queries": 60}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return Registry(tmp_path_factory.mktemp("mixed"), shop()).snapshot(create("blend", MIX))


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("ranked"), click_shop.dataset())


@pytest.fixture(scope="module")
def ranked_quiet(ranked: Registry) -> Snapshot:
    return ranked.snapshot(create("ranked", click_shop.SETTINGS))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    yield log
    log.close()


def table_without(data: Dataset, user: str, gone: set[int]) -> Dataset:
    """The same shop, had some of one user's events (by their place in the user's history) never happened."""
    row = int(data.users.rows([user])[0])
    low = int(data.indptr[row])
    events = data.interactions
    kept = np.ones(len(events), np.bool_)
    kept[[low + place for place in gone]] = False
    taken = events.take(np.flatnonzero(kept))
    return replace(data, interactions=taken)


def answered(snapshot: Snapshot, state: ShopState, request: Request) -> list[tuple[str, float | None]]:
    """What the same models, rules and catalogue answer over another state's histories."""
    histories = replace(state.histories, last_time=snapshot.state.histories.last_time)
    other = replace(snapshot, state=replace(snapshot.state, histories=histories))
    slate = recommend(other, request, TOKEN)
    return list(zip(slate.items, slate.scores, strict=True))


@pytest.mark.parametrize(("user", "seed", "count"), [(0, 1, 1), (3, 2, 1), (17, 3, 2), (41, 4, 3), (58, 5, 4)])
def test_without_an_event_is_the_answer_to_the_shorter_history(
    mixed: Snapshot, user: int, seed: int, count: int
) -> None:
    data, request = shop(), Request(8, f"u{user}", exclude_purchased=seed % 2 == 1)
    row = mixed.state.histories.row(f"u{user}")
    held = len(mixed.state.histories.past.slice(row).item)
    gone = {int(place) for place in np.random.default_rng(seed).integers(0, held, count)}
    _, without = check(mixed, request, gone, token=TOKEN)
    expected = answered(mixed, ShopState.of(table_without(data, f"u{user}", gone)), request)
    names = mixed.names(without.shown)
    assert names == [item for item, _ in expected]
    scores = [score for _, score in expected]
    assert [without.score(ordinal) for ordinal in without.shown] == pytest.approx(scores, rel=1e-5)


def test_effects_compare_two_answers(mixed: Snapshot) -> None:
    found = inspect(mixed, Request(10, "u3"), token=TOKEN)
    assert [shown.item for shown in found.items] == recommend(mixed, Request(10, "u3"), TOKEN).items
    assert found.left_out
    for group in found.left_out[:4]:
        deep = recommend(without(mixed, "u3", group.places), Request(200, "u3"), TOKEN)
        places = {item: place for place, item in enumerate(deep.items, 1)}
        assert [effect.after for effect in group.effects] == [places.get(effect.item) for effect in group.effects]
        assert [effect.before for effect in group.effects] == list(range(1, 11))
    assert any(effect.after != effect.before for group in found.left_out for effect in group.effects)


def without(snapshot: Snapshot, user: str, places: tuple[int, ...]) -> Snapshot:
    state = ShopState.of(table_without(shop(), user, set(places)))
    histories = replace(state.histories, last_time=snapshot.state.histories.last_time)
    return replace(snapshot, state=replace(snapshot.state, histories=histories))


def test_parts_sum_to_the_score_and_the_scale_is_one_for_all_of_a_kind(mixed: Snapshot) -> None:
    found = inspect(under(mixed, popularity=0.2, freshness=0.1), Request(20, "u7"), token=TOKEN)
    had = {event.item for event in found.history}
    scales: dict[bool, list[float]] = {True: [], False: []}
    for shown in found.items:
        if shown.weight is None:
            continue
        assert sum(part.value for part in shown.parts) == pytest.approx(shown.weight, abs=1e-4)
        names = [part.name for part in shown.parts]
        assert "influence" in names
        assert set(names) & {"repeat", "together", "next", "graph", "popularity", "arrivals", "taste"}
        scales[shown.item in had] += [part.value for part in shown.parts if part.name == "scale"]
    for values in scales.values():
        assert values == pytest.approx([values[0]] * len(values), abs=1e-4) if values else True
    assert scales[True] or scales[False]


def test_features_sum_to_what_the_ranker_said(ranked_quiet: Snapshot) -> None:
    found = inspect(ranked_quiet, Request(10, "u3"), token=TOKEN)
    told = [shown for shown in found.items if shown.ranked is not None]
    assert len(told) >= 8
    bases = [shown.ranked_base for shown in told]
    assert bases == pytest.approx([bases[0]] * len(bases), abs=1e-3)
    for shown in told:
        assert sum(each.adds for each in shown.features) + shown.ranked_base == pytest.approx(shown.ranked, abs=1e-4)
    assert [shown.ranked for shown in told] == sorted((shown.ranked for shown in told), reverse=True)  # type: ignore[type-var]
    assert any(_moves(found, "rerank"))


def _moves(found: Inspection, step: str) -> list[bool]:
    paths = [{each.name: each.place for each in shown.path} for shown in found.items]
    return [places["retrieve"] != places[step] for places in paths]


def test_what_was_streamed_can_be_left_out_too(ranked: Registry, ranked_quiet: Snapshot, log: Log) -> None:
    shops = LiveShops(log, Lake(ranked.home / "lake"), FrozenClock(Micros(0)))
    snapshot = replace(ranked_quiet, live=shops.follow(SHOP, ranked_quiet.state).items)
    now = snapshot.state.histories.last_time + DAY
    before = recommend(snapshot, Request(8, "u3", asked=now + DAY), TOKEN)
    for step, item in enumerate(("i4", "i5", "i6")):
        told = Event(event_id=item, event_type="View", time=now + step * SECOND, item_id=item, user_id="u3")
        log.append([event_record(SHOP, told)])
    request = Request(8, "u3", asked=now + DAY)
    found = inspect(snapshot, request, token=TOKEN)
    streamed = [event for event in found.history if event.streamed]
    assert [event.item for event in streamed] == ["i6", "i5", "i4"]
    after, gone = check(snapshot, request, [event.place for event in streamed], token=TOKEN)
    assert after.slate.items == recommend(snapshot, request, TOKEN).items
    # What the shop counts of items has moved by three views, which leaving out a history does not undo.
    assert len(set(snapshot.names(gone.shown)) & set(before.items)) >= 6


def test_an_earlier_moment_knows_only_what_came_before(mixed: Snapshot) -> None:
    row = mixed.state.histories.row("u3")
    past = mixed.state.histories.past.slice(row)
    at = int(past.time[len(past.time) // 2])
    found = inspect(mixed, Request(8, "u3"), token=TOKEN, at=at)
    assert found.now == at
    assert {event.used for event in found.history if event.time >= at} == {False}
    assert {event.used for event in found.history if event.time < at} == {True}
    later = {int(place) for place in np.flatnonzero(past.time >= at)}
    histories = ShopState.of(table_without(shop(), "u3", later)).histories
    other = replace(mixed, state=replace(mixed.state, histories=replace(histories, last_time=at - 1)))
    assert [shown.item for shown in found.items] == recommend(other, Request(8, "u3", asked=at), TOKEN).items
    nothing = inspect(mixed, Request(8, "u3"), token=TOKEN, at=int(past.time[0]))
    assert nothing.rung != "personal" and nothing.cause


def test_inspecting_is_not_showing(mixed: Snapshot, log: Log, tmp_path: Path) -> None:
    live = LiveShops(log, Lake(tmp_path / "lake"), FrozenClock(Micros(0))).follow(SHOP, mixed.state).items
    snapshot = under(replace(mixed, live=live), exploration_weight=1.0, exploration_days=4000.0)
    found = inspect(snapshot, Request(8, "u3"), token=TOKEN)
    assert "explored" in {shown.source for shown in found.items}
    assert not len(live.shown.some())


def test_stages_count_what_is_left(mixed: Snapshot) -> None:
    snapshot = under(mixed, hide_bought="always", hide_out_of_stock=True)
    found = inspect(snapshot, Request(8, "u3"), token=TOKEN)
    counts = {stage.name: stage.count for stage in found.stages}
    bought, sold_out = (
        set(mixed.state.histories.purchases(mixed.state.histories.row("u3")).tolist()),
        counts["sold-out"],
    )
    assert counts["bought"] == len(bought)
    stock = pa.array([mixed.state.items.value(each, "stock") for each in range(80)])
    empty = {place for place, value in enumerate(stock.to_pylist()) if value == 0}
    assert sold_out == len(empty) == 10
    assert counts["allowed"] == counts["catalogue"] - len(bought | empty)
    assert counts["shown"] == 8 <= counts["candidates"] <= counts["scored"] <= counts["allowed"]
