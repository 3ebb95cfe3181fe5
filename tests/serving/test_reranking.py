"""A campaign in two stages follows what a shopper does now, and lets go of it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shops import SHOP, Registry

import click_shop
from click_shop import category
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.registry.campaigns import CampaignConfig
from endcap.seams import FrozenClock
from endcap.serving.decisions import Answered, decision
from endcap.serving.filters import parse
from endcap.serving.live_shops import LiveShops
from endcap.serving.recommend import Request, answer, recommend
from endcap.serving.restriction import Restriction
from endcap.serving.slate import Promotion, Slate
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Log, open_log
from endcap.stream.collect import event_record, put_record
from endcap.stream.records import Event, Put
from endcap.types import DAY, MINUTE, SECOND, Micros


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("home"), click_shop.dataset())


@pytest.fixture(scope="module")
def quiet(registry: Registry) -> Snapshot:
    return registry.snapshot(create("ranked", click_shop.SETTINGS))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    yield log
    log.close()


@pytest.fixture
def snapshot(quiet: Snapshot, log: Log, tmp_path: Path) -> Snapshot:
    shops = LiveShops(log, Lake(tmp_path / "lake"), FrozenClock(Micros(0)))
    return replace(quiet, live=shops.follow(SHOP, quiet.state).items)


def tell(log: Log, user: str, item: str, time: int, kind: str = "View", **more: str) -> None:
    given = Event(event_id=f"{user}{item}{time}{kind}", event_type=kind, time=time, item_id=item, user_id=user, **more)
    log.append([event_record(SHOP, given)])


def share(slate: Slate, wanted: str) -> float:
    return float(np.mean([category(item) == wanted for item in slate.items]))


def column(slate: Slate, name: str) -> dict[str, float]:
    features = slate.snapshot.features
    assert features is not None
    values = slate.told[:, features.names.index(name)].tolist()
    return dict(zip(slate.items, values, strict=True))


def test_clicks_raise_their_category_and_the_window_closes(snapshot: Snapshot, log: Log) -> None:
    now = snapshot.state.histories.last_time + DAY
    before = recommend(snapshot, Request(10, "u3", asked=now))
    wanted = min((f"c{n}" for n in range(click_shop.CATEGORIES)), key=lambda each: share(before, each))
    some = [f"i{int(wanted[1:]) * click_shop.EACH + step}" for step in (5, 7, 9)]
    for step, item in enumerate(some):
        tell(log, "u3", item, now + step * SECOND)
    tell(log, "u3", some[2], now + 3 * SECOND, "AddToCart")
    at_once = recommend(snapshot, Request(10, "u3", asked=now + 4 * SECOND))
    assert share(at_once, wanted) >= share(before, wanted) + 0.3
    active = column(at_once, "category_activity_2min")
    assert {active[item] for item in at_once.items if category(item) == wanted} == {2.0}
    closed = recommend(snapshot, Request(72, "u3", asked=now + 3 * MINUTE))
    assert set(column(closed, "category_activity_2min").values()) == {0.0}, "the two minutes are over"
    later = recommend(snapshot, Request(10, "u3", asked=now + DAY))
    assert share(before, wanted) <= share(later, wanted) < share(at_once, wanted), "and so is the session"
    assert recommend(snapshot, Request(10, "u4", asked=now + DAY)).items


def test_scores_are_probabilities_that_fall(snapshot: Snapshot) -> None:
    asked = snapshot.state.histories.last_time + DAY
    for request in (Request(10, "u3", asked=asked), Request(72, "u3", asked=asked), Request(0, "u3", asked=asked)):
        scores = [score or 0.0 for score in recommend(snapshot, request).scores]
        assert scores == sorted(scores, reverse=True) and sum(scores) <= 1 + 1e-6
    whole = recommend(snapshot, Request(72, "u3", asked=asked))
    assert sum(score or 0.0 for score in whole.scores) == pytest.approx(1.0, abs=1e-5)
    assert whole.told.shape == (72, len(snapshot.features.names if snapshot.features else ()))


def test_what_is_behind_the_ranked_stays_behind(registry: Registry) -> None:
    shallow = registry.snapshot(create("ranked", {**click_shop.SETTINGS, "depth": 20}))
    plain = registry.snapshot(create("ease"))
    for user in ("u1", "u2", "u3"):
        ranked, retrieved = (recommend(each, Request(40, user)) for each in (shallow, plain))
        assert set(ranked.items[:20]) == set(retrieved.items[:20]) and ranked.items[20:] == retrieved.items[20:]
        assert ranked.items[:20] != retrieved.items[:20]
        assert sum(s or 0.0 for s in ranked.scores[:20]) == pytest.approx(sum(s or 0.0 for s in retrieved.scores[:20]))
        assert ranked.scores == sorted(ranked.scores, key=lambda score: -(score or 0.0))


def test_a_batch_equals_single_answers_and_filters_hold(snapshot: Snapshot, log: Log) -> None:
    asked = snapshot.state.histories.last_time + DAY
    only = Restriction("f", parse('INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("c1","c2")'))
    promotion = Promotion("p", 40, Restriction("g", parse('INCLUDE ItemID WHERE Items.CATEGORY_L1 = "c5"')))
    requests = [
        Request(10, "u3", asked=asked),
        Request(10, "u4", asked=asked, restriction=only),
        Request(10, "u5", asked=asked, restriction=only, promotion=promotion),
        Request(10, "nobody", asked=asked),
        Request(10, "u6", item_id="i7", asked=asked),
        Request(5, "u7", candidates=("i1", "i30", "??", "i60", "i2"), asked=asked),
    ]
    together = answer([Slate(snapshot, request, "2" * 16) for request in requests])
    for request, slate in zip(requests, together, strict=True):
        alone = recommend(snapshot, request, "2" * 16)
        assert (alone.items, alone.reasons, alone.promotions) == (slate.items, slate.reasons, slate.promotions)
        assert alone.scores == pytest.approx(slate.scores, nan_ok=True)
        assert sum(score or 0.0 for score in slate.scores) <= 1 + 1e-6
    assert {category(item) for item in together[1].items} <= {"c1", "c2"}
    assert [category(item) == "c5" for item in together[2].items] == [bool(name) for name in together[2].promotions]
    assert sum(bool(name) for name in together[2].promotions) == 4
    assert together[3].rung == "trending" and not len(together[3].told)
    ranked = together[5]
    assert ranked.items[-1] == "??" and ranked.scores[-1] is None
    assert sum(score or 0.0 for score in ranked.scores) == pytest.approx(1.0)
    assert np.isnan(ranked.told[-1]).all() and not np.isnan(ranked.told[:4]).all(axis=1).any()


def test_what_is_not_wanted_is_not_lifted_again(snapshot: Snapshot, log: Log) -> None:
    now = snapshot.state.histories.last_time + DAY
    wanted = recommend(snapshot, Request(72, "u11", asked=now)).items[0]
    for step in range(3):
        tell(log, "u11", wanted, now + step * SECOND)
    tell(log, "u11", wanted, now + 3 * SECOND, "AddToCart")
    viewed = recommend(snapshot, Request(72, "u11", asked=now + 4 * SECOND)).items.index(wanted)
    tell(log, "u11", wanted, now + 5 * SECOND, "NotInterested")
    refused = recommend(snapshot, Request(72, "u11", asked=now + 6 * SECOND))
    assert refused.items.index(wanted) > viewed + 36, "half of the shop is before it"
    assert refused.scores == sorted(refused.scores, key=lambda score: -(score or 0.0))


def test_lists_are_ordered_by_what_just_happened(snapshot: Snapshot, log: Log) -> None:
    now = snapshot.state.histories.last_time + DAY
    given = ("i1", "i13", "i25", "i37", "i49", "i61")
    for step in range(3):
        tell(log, "u9", f"i{30 + step}", now + step * SECOND)
    ranked = recommend(snapshot, Request(6, "u9", candidates=given, asked=now + 4 * SECOND))
    assert ranked.items[0] == "i25", "of the category that is being looked at"


def test_items_that_came_since_are_ranked_by_their_facts(snapshot: Snapshot, log: Log) -> None:
    now = snapshot.state.histories.last_time + DAY
    log.append([put_record(SHOP, "item", Put(id="fresh", time=now, properties={"category_l1": "c2", "price": 6.0}))])
    for step in range(3):
        tell(log, "u8", f"i{30 + step}", now + step * SECOND)
    ranked = recommend(snapshot, Request(3, "u8", candidates=("i1", "fresh", "i61"), asked=now + 4 * SECOND))
    assert ranked.items[0] == "fresh" and ranked.rungs[0] == "personal"
    assert column(ranked, "category_share_in_session")["fresh"] == 1.0


def test_bots_and_colleagues_change_nothing(snapshot: Snapshot, log: Log) -> None:
    now = snapshot.state.histories.last_time + DAY
    request = Request(10, "u3", asked=now + 4 * SECOND)
    before = recommend(snapshot, request, "3" * 16)
    for step in range(3):
        tell(log, "u3", f"i{60 + step}", now + step * SECOND, traffic="bot")
    after = recommend(snapshot, request, "3" * 16)
    assert (after.items, after.scores) == (before.items, before.scores)
    assert np.array_equal(after.told, before.told, equal_nan=True)


def test_each_event_counts_once_however_often_it_is_told(snapshot: Snapshot, log: Log) -> None:
    live = snapshot.live
    assert live is not None and live.features is not None
    now = snapshot.state.histories.last_time + DAY
    tell(log, "u3", "i5", now)
    records = log.read(0)
    for _ in range(3):
        live.note(live.live.fold(records))
    request = Request(72, "u3", asked=now + 5 * MINUTE)
    told = column(recommend(snapshot, request), "popular_1h")
    assert told["i5"] > 0 and all(value == 0 for item, value in told.items() if item != "i5")
    once = told["i5"]
    tell(log, "u4", "i5", now + 1)
    assert column(recommend(snapshot, request), "popular_1h")["i5"] > once


def test_a_ranker_that_fails_costs_the_order_only(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = next(iter(snapshot.models.values()))

    def fail(block: np.ndarray) -> np.ndarray:
        raise ValueError("no")

    monkeypatch.setattr(model.ranker, "rank", fail)
    slate = recommend(snapshot, Request(10, "u3"))
    assert len(slate.items) == 10 and slate.counts["unranked"] == 1 and "failed" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr(model.ranker, "signature_", "another")
    assert recommend(snapshot, Request(10, "u3")).counts["unranked"] == 1


def test_decisions_hold_what_the_ranker_was_told(snapshot: Snapshot) -> None:
    config = CampaignConfig(exploration_ranked=0.5, diversity=0.2, category_cap=4)
    ruled = replace(snapshot, deployment=replace(snapshot.deployment, config=config))
    slate = recommend(ruled, Request(10, "u3"), "4" * 16)
    made = decision(Answered(slate, "recommendations", Micros(5), 7))
    features = snapshot.features
    assert features is not None and made.feature_set == features.signature
    block = np.frombuffer(made.features, "<f4").reshape(len(made.shown), -1)
    assert block.shape == (10, len(features.names)) and np.array_equal(block, slate.told, equal_nan=True)
    retrieved = dict(zip(made.considered.items, np.frombuffer(made.considered.scores, "<f4").tolist(), strict=True))
    judged = dict(zip(made.considered.items, np.frombuffer(made.considered.judged, "<f4").tolist(), strict=True))
    for row, shown in zip(block, made.shown, strict=True):
        assert row[features.names.index("retrieval_score")] == retrieved[shown.item_id]
        assert np.isfinite(judged[shown.item_id])
    plain = decision(Answered(recommend(snapshot, Request(10, "u3")), "recommendations", Micros(5), 7))
    assert plain.rules != made.rules
