"""What rankers are told online is what the lake says later; where it is not, the feature is named."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from endcap.errors import StateError
from endcap.jobs.feature_parity import check_parity
from endcap.jobs.sinking import sink_all
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.recipes import create
from endcap.seams import FrozenClock
from endcap.serving.decisions import Answered, decision
from endcap.serving.live_shops import LiveShops
from endcap.serving.recommend import Request, recommend
from endcap.serving.snapshot import Snapshot
from endcap.settings import Settings
from endcap.storage.log import Log, open_log
from endcap.stream.collect import decision_record, event_record
from endcap.stream.records import Decision, Event
from endcap.types import DAY, HOUR, MINUTE, SECOND, Micros

sys.path.append(str(Path(__file__).parents[1] / "serving"))
from shops import SHOP, Registry

import click_shop


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Snapshot]:
    """A shop in the lake, and a campaign in two stages over it."""
    workspace = open_workspace(Settings(home=tmp_path_factory.mktemp("parity")))
    for kind, table in (("interactions", click_shop.history()), ("items", click_shop.catalogue())):
        workspace.lake.commit(SHOP, kind, table, schema=table.schema, mode="FULL", job=f"first-{kind}")
    registry = Registry(tmp_path_factory.mktemp("models"), workspace.lake.dataset(SHOP))
    return workspace, registry.snapshot(create("ranked", click_shop.SETTINGS))


@pytest.fixture(scope="module")
def log(home: tuple[Workspace, Snapshot]) -> Iterator[Log]:
    log = open_log(home[0].settings.log)
    yield log
    log.close()


def tell(log: Log, *events: tuple[str, str, str, int]) -> None:
    given = [
        Event(event_id=f"{user}{item}{kind}{time}", event_type=kind, time=time, item_id=item, user_id=user)
        for user, item, kind, time in events
    ]
    log.append([event_record(SHOP, each) for each in given])


def asked(snapshot: Snapshot, user: str, now: int) -> Decision:
    slate = recommend(snapshot, Request(6, user, asked=now, context={"CHANNEL": "app"}))
    return decision(Answered(slate, "recommendations", Micros(now + 1500), 1500))


def keep(log: Log, decisions: Sequence[Decision]) -> None:
    log.append([decision_record(SHOP, each) for each in decisions])


def test_an_empty_lake_says_so(home: tuple[Workspace, Snapshot]) -> None:
    with pytest.raises(StateError, match="decisions"):
        check_parity(home[0], SHOP)


def test_what_was_served_is_what_the_lake_says_and_skew_is_found(home: tuple[Workspace, Snapshot], log: Log) -> None:
    workspace, quiet = home
    live = LiveShops(log, workspace.lake, FrozenClock(Micros(0))).follow(SHOP, quiet.state).items
    snapshot = replace(quiet, live=live)
    now = snapshot.state.histories.last_time + DAY
    served: list[Decision] = []
    for step in range(40):
        user, item = f"u{step % 5}" if step % 4 else f"new{step % 3}", f"i{step * 7 % click_shop.ITEMS}"
        kind = ("View", "AddToCart", "like", "Purchase", "Return")[step % 5]
        late = 3 * HOUR if step % 6 == 0 else 0
        tell(log, (user, item, kind, now - late), (user, f"i{step}", "View", now + SECOND))
        served.append(asked(snapshot, user, now + 2 * SECOND))
        now += (MINUTE, 35 * MINUTE, 7 * HOUR)[step % 3]
    assert all(each.features for each in served) and all(each.asked for each in served)
    keep(log, served)
    assert not sink_all(workspace, SHOP).failures
    report = check_parity(workspace, SHOP)
    assert report.decisions == 40 and report.in_flight == 0 and not report.left_out
    assert report.mismatches == 0, report.examples
    assert all(each.count > 0 for each in report.features)
    assert check_parity(workspace, SHOP, sample=7).decisions == 7

    one = asked(snapshot, "u1", now)
    values = np.frombuffer(one.features, "<f4").reshape(len(one.shown), -1).copy()
    names = [each.name for each in report.features]
    values[:, names.index("popular_1d")] += 0.5
    values[0, names.index("days_since_met")] = np.nan
    skewed = msgspec.structs.replace(one, id=f"{one.id}-skewed", features=values.tobytes())
    unreadable = msgspec.structs.replace(one, id=f"{one.id}-cut", features=one.features[:-4])
    other = msgspec.structs.replace(one, id=f"{one.id}-other", feature_set="0123456789abcdef")
    keep(log, [skewed, unreadable, other])
    sink_all(workspace, SHOP)
    found = check_parity(workspace, SHOP)
    assert found.left_out == {"damaged": 1, "other features": 1}
    wrong = {each.name: each for each in found.features if each.mismatches}
    assert wrong.keys() <= {"popular_1d", "days_since_met"} and "popular_1d" in wrong
    assert wrong["popular_1d"].mismatches == len(one.shown)
    assert abs(wrong["popular_1d"].largest - 0.5) < 1e-3
    assert found.examples["popular_1d"] == skewed.id
    document = found.document()
    assert document["mismatches"] == found.mismatches and msgspec.json.encode(document)

    # An event that was on its way while the answer was given.
    missed = asked(snapshot, "u2", now + DAY)
    tell(log, ("u2", "i9", "View", now + DAY - SECOND))
    keep(log, [missed])
    sink_all(workspace, SHOP)
    report = check_parity(workspace, SHOP, since=now + DAY)
    assert (report.decisions, report.in_flight, report.mismatches) == (1, 1, 0)
