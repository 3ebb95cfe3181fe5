"""A window that is declared becomes a column of rankers, and of answers, while a server runs; and goes again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_home import TRACKING, furnish
from shop_server import ARN, COLUMNS, SHOP, Home, Server, running

import click_shop
from endcap.features.shop import FEATURES
from endcap.jobs.feature_parity import check_parity
from endcap.jobs.feature_windows import add_window, remove_window
from endcap.jobs.sinking import sink_all
from endcap.jobs.training import train
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.recipes.ranked import Ranked
from endcap.storage.log import open_log_reader
from endcap.stream.records import Decision, decode
from endcap.types import DAY, SECOND

WINDOWS = (
    {"name": "kinds", "key": "user", "kind": "stagger", "length": "2m", "aggregate": "distinct", "of": "category"},
    {"name": "own", "key": "pair", "kind": "stagger", "length": "2m", "aggregate": "sum", "weights": "view=3"},
    {"name": "busy", "key": "category", "kind": "sliding", "length": "30d", "step": "1d", "aggregate": "count"},
)
BASE = len(FEATURES)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    path: Path = tmp_path_factory.mktemp("home")
    home = Home(path)
    home.stock(click_shop.history(begin=int(time.time()) * SECOND - 62 * DAY).select(COLUMNS.names))
    furnish(home)
    items = click_shop.catalogue().drop_columns(["stock"])
    home.lake.commit(SHOP, "items", items, schema=items.schema, mode="FULL", job="catalogue")
    opened = open_workspace(home.settings)
    opened.campaigns.deploy(SHOP, "home", train(opened, SHOP, "ranked", settings=click_shop.SETTINGS))
    yield opened
    opened.database.close()


def _decision(workspace: Workspace, identity: str) -> Decision:
    """What was logged of an answer, once it is."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with closing(open_log_reader(workspace.settings.log)) as log:
            for partition, end in enumerate(log.ends()):
                for _, record in log.read(partition, 0, end):
                    if record.kind == "decision" and (found := decode(record.payload, Decision)).id == identity:
                        return found
        time.sleep(0.03)
    raise AssertionError(f"{identity} is not in the log")


def _asked(server: Server, workspace: Workspace, user: str = "u3") -> Decision:
    answer = server.client().get_recommendations(campaignArn=ARN, userId=user, numResults=10)
    assert len(answer["itemList"]) == 10
    return _decision(workspace, answer["recommendationId"])


def _until(ask: Callable[[], Decision], holds: Callable[[Decision], bool]) -> Decision:
    deadline = time.monotonic() + 60
    while not holds(found := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def _column(model: Ranked, told: Decision, name: str) -> dict[str, float]:
    block = np.frombuffer(told.features, "<f4").reshape(len(told.shown), -1)
    shown = [each.item_id for each in told.shown]
    return dict(zip(shown, block[:, model.feature_names.index(name)].tolist(), strict=True))


def test_windows_are_columns_of_models_and_answers(workspace: Workspace) -> None:
    with running(workspace.settings) as server:

        def ask() -> Decision:
            return _asked(server, workspace)

        assert len(ask().features) == 10 * 4 * BASE
        for window in WINDOWS:
            add_window(workspace, SHOP, window)
        # The model that serves does not know them, and goes on.
        told = _until(ask, lambda told: len(told.features) == 10 * 4 * (BASE + 3))
        assert "unranked" not in told.counts

        version = train(workspace, SHOP, "ranked", settings=click_shop.SETTINGS)
        model = workspace.versions.load(version).recipe
        assert isinstance(model, Ranked) and model.feature_names[BASE:] == ("kinds", "own", "busy")
        assert {"own", "busy"} & set(model.importances()) and set(model.importances()) <= set(model.feature_names)
        workspace.campaigns.deploy(SHOP, "home", version)
        told = _until(ask, lambda told: told.version == version.id)
        assert "unranked" not in told.counts
        assert set(_column(model, told, "kinds").values()) == {0.0}
        assert all(value > 0 for value in _column(model, told, "busy").values())

        first = told.shown[0].item_id
        other = next(
            f"i{n}" for n in range(click_shop.ITEMS) if click_shop.category(f"i{n}") != click_shop.category(first)
        )
        _look(server, first, other)
        told = ask()
        assert "unranked" not in told.counts and told.feature_set == model.signature
        assert set(_column(model, told, "kinds").values()) == {2.0}
        own = {item: value for item, value in _column(model, told, "own").items() if value}
        assert own and own.keys() <= {first, other} and set(own.values()) == {3.0}

        remove_window(workspace, SHOP, "own")
        told = _until(ask, lambda told: "unranked" in told.counts)
        assert len(told.shown) == 10
        assert "unranked" not in _again(workspace, ask).counts
    assert sink_all(workspace, SHOP).failures == {}
    report = check_parity(workspace, SHOP)
    assert report.decisions > 0 and report.mismatches == 0, report.examples
    assert {"kinds", "own", "busy"} <= {each.name for each in report.features}


def _again(workspace: Workspace, ask: Callable[[], Decision]) -> Decision:
    """With the window declared as it was; one of the same name that means something else is no substitute."""
    add_window(workspace, SHOP, {**WINDOWS[1], "length": "5m"})
    told = _until(ask, lambda told: len(told.features) == 0)
    assert told.counts["unranked"] == 1
    remove_window(workspace, SHOP, "own")
    add_window(workspace, SHOP, WINDOWS[1])
    return _until(ask, lambda told: "unranked" not in told.counts)


def _look(server: Server, *items: str) -> None:
    events: Any = server.client("personalize-events")
    listed = [{"eventType": "View", "itemId": item, "sentAt": time.time()} for item in items]
    events.put_events(trackingId=TRACKING, userId="u3", sessionId="s3", eventList=listed)
