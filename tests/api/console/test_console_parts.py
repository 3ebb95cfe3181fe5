"""Parts of the console asked without a server: what runs where, what is kept for how long, whom it is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest
from in_process import app_over
from shop_server import COLUMNS, SHOP, Home

from endcap.api.app import App
from endcap.api.console import pulse as pulses
from endcap.api.console.backstage import Backstage
from endcap.api.console.data import RECENT, ShopData
from endcap.api.console.data_shapes import ArrivalsAsk
from endcap.api.console.home import Home as HomeScreen
from endcap.api.console.home import HomeAsked
from endcap.api.console.operation import Call, Operation, Shape
from endcap.api.console.pulse import Pulse
from endcap.api.console.trials import Trials
from endcap.api.door import Exchange
from endcap.api.metrics import Metrics
from endcap.recipes import create
from endcap.storage.log import Offset, Record
from endcap.storage.set_aside import refused_events
from endcap.testing.datasets import START
from endcap.types import DAY, AccountKey

EXCHANGE = Exchange(b"", ())
MINE = Call(SHOP.account, EXCHANGE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("home"))
    made.stock()
    made.publish(create("popularity"))
    return made


@pytest.fixture(scope="module")
def app(home: Home) -> Iterator[App]:
    """Nothing is served."""
    with app_over(home.path) as made:
        yield made


def backstage(app: App, **parts: Any) -> Backstage:
    workspace = app.workspace
    held = {
        "log": app.log,
        "metrics": Metrics(app.watch),
        "set_aside": refused_events(workspace.settings.home),
        "clock": workspace.clock,
    }
    made = {**held, **parts}
    return Backstage(workspace, app.watch, batcher=app.batcher, decisions=app.decisions, **made)


class Said(Shape, frozen=True):
    """Nothing."""


def operation(path: str, handler: Any) -> Operation:
    return Operation("x", "GET", path, "", handler, None, Said, public=True)


def test_what_operators_wait_for_holds_up_no_shopper() -> None:
    until = threading.Event()

    def slow(call: Call, asked: None) -> Said:
        until.wait(20)
        return Said()

    async def both() -> int:
        account = AccountKey()
        waiting = operation("/console/api/slow", slow).route(account)
        waits = [asyncio.create_task(waiting.handler(EXCHANGE)) for _ in range(64)]
        await asyncio.sleep(0)
        shop = operation("/shop/api/quick", lambda call, asked: Said()).route(account)
        quick = await asyncio.wait_for(shop.handler(EXCHANGE), 10)
        until.set()
        await asyncio.gather(*waits)
        return quick.status

    assert asyncio.run(both()) == 200


def test_a_reading_that_fails_is_not_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "EVERY", 0.005)
    answers = iter([OSError("the log is away")])

    def read() -> dict[Any, float]:
        for error in answers:
            raise error
        return {}

    pulse = Pulse(read)
    pulse.start()
    deadline = time.monotonic() + 5
    while not pulse.beats():
        assert time.monotonic() < deadline, "it never read again"
        time.sleep(0.005)


def test_how_the_process_does_is_told_to_its_own_account_alone(app: App) -> None:
    parts = backstage(app)
    screen = HomeScreen(parts)
    screen.operations()
    for _ in range(3):
        parts.metrics.answered("campaign", "personal")
        parts.metrics.observe("/recommendations", 200, 0.01)
        screen._pulse.take()
    process = ("answers", "half", "events")
    mine = {tile.name: tile for tile in screen.look(MINE, HomeAsked(shop=SHOP.group)).tiles}
    assert all(mine[name].points for name in process)
    other = Call(AccountKey("123456789012"), EXCHANGE)
    theirs = {tile.name: tile for tile in screen.look(other, HomeAsked(shop=SHOP.group)).tiles}
    assert not any(theirs[name].points for name in process)


def test_a_shop_without_events_is_not_counted_for_ever(app: App) -> None:
    screen = HomeScreen(backstage(app))
    screen.operations()
    assert screen.look(MINE, HomeAsked(shop="empty")).counting is False


def test_what_is_looked_at_follows_the_data_of_a_shop_that_is_not_served(home: Home, app: App) -> None:
    trials = Trials(backstage(app))
    before = trials.snapshot(SHOP)
    assert trials.snapshot(SHOP) is before and before.state.histories.row("late") < 0
    late = pa.Table.from_pylist(
        [{"user_id": "late", "item_id": "i1", "timestamp": START + 90 * DAY, "event_type": "view"}], schema=COLUMNS
    )
    home.lake.commit(SHOP, "interactions", late, schema=COLUMNS, mode="INCREMENTAL", job="late")
    assert trials.snapshot(SHOP).state.histories.row("late") >= 0


def test_arrivals_of_several_partitions_are_in_the_order_of_time(app: App) -> None:
    rows = {
        partition: [
            (Offset(partition, n + 1), Record(SHOP, "event", f"u{n}", bytes(16), 10 * n + partition, b"\x80"))
            for n in range(RECENT)
        ]
        for partition in (0, 1)
    }
    log = SimpleNamespace(ends=lambda: (RECENT, RECENT), read=lambda at, start, most: rows[at][start : start + most])
    found = ShopData(backstage(app, log=cast("Any", log))).arrivals(MINE, ArrivalsAsk(shop=SHOP.group))
    times = [record.time for record in found.records]
    assert times == sorted(times) and len(times) == RECENT
    assert {record.offset.partition(":")[0] for record in found.records} == {"0", "1"}


def test_numbers_that_could_be_none_are_counted_for_prometheus(app: App) -> None:
    metrics = Metrics(app.watch)
    metrics.follow_live(lambda: {"rating": 2})
    assert b'endcap_refused_numbers{column="rating"} 2.0' in metrics.text()
