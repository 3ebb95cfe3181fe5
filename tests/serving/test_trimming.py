"""With several servers nothing is trimmed that one of them may still have to replay."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from endcap.jobs.workspace import Workspace, open_workspace
from endcap.seams import FrozenClock
from endcap.serving.trimming import GRACE_SECONDS, Trimming
from endcap.settings import Settings
from endcap.storage.log import Log, open_log
from endcap.stream.collect import event_record
from endcap.stream.records import Event
from endcap.stream.sink import sink
from endcap.types import SECOND, AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")
NAME = SHOP.arn("dataset-group", SHOP.group)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(Micros(1_700_000_000 * SECOND))


@pytest.fixture
def workspace(tmp_path: Path, clock: FrozenClock) -> Iterator[Workspace]:
    opened = open_workspace(Settings(home=tmp_path), clock)
    yield opened
    opened.database.close()


@pytest.fixture
def log(workspace: Workspace) -> Iterator[Log]:
    opened = open_log(workspace.settings.log)
    yield opened
    opened.close()


def take(workspace: Workspace, log: Log, number: int) -> None:
    """One more event, sunk and announced."""
    given = Event(event_id=f"e{number}", event_type="View", time=number, item_id="i", user_id="u")
    log.append([event_record(SHOP, given)])
    sink(log, workspace.lake, announce=workspace.snapshots.announce)


def trimming(workspace: Workspace, log: Log) -> Trimming:
    return Trimming(log, workspace.lake, workspace.snapshots, workspace.servers, workspace.clock)


def held(log: Log) -> list[int]:
    return [offset.n for offset, _ in log.read(0)]


def test_only_what_every_server_is_past_and_only_after_a_while(
    workspace: Workspace, log: Log, clock: FrozenClock
) -> None:
    trim = trimming(workspace, log)
    take(workspace, log, 1)
    trim()
    take(workspace, log, 2)
    clock.at = Micros(clock.at + GRACE_SECONDS * SECOND - 1)
    trim()
    assert held(log) == [1, 2], "too early"
    clock.at = Micros(clock.at + 1)
    workspace.servers.renew("one", {NAME: 1})
    workspace.servers.renew("two", {NAME: 0})
    trim()
    assert held(log) == [1, 2], "the other one builds a state, or serves an older one"
    workspace.servers.renew("two", {NAME: 2})
    trim()
    assert held(log) == [2], "what was sunk when it was planned, and no more"
    clock.at = Micros(clock.at + GRACE_SECONDS * SECOND)
    workspace.servers.renew("one", {NAME: 1})
    trim()
    assert held(log) == [2]
    workspace.servers.renew("one", {NAME: 2})
    trim()
    assert held(log) == []


def test_a_server_that_died_holds_nothing_up_for_long(workspace: Workspace, log: Log, clock: FrozenClock) -> None:
    trim = trimming(workspace, log)
    take(workspace, log, 1)
    workspace.servers.renew("dead", {NAME: 0})
    trim()
    clock.at = Micros(clock.at + GRACE_SECONDS * SECOND)
    trim()
    assert held(log) == []


def test_one_at_a_time(workspace: Workspace, log: Log, clock: FrozenClock) -> None:
    trim = trimming(workspace, log)
    take(workspace, log, 1)
    trim()
    clock.at = Micros(clock.at + GRACE_SECONDS * SECOND)
    with open(workspace.lake.root / ".trim.lock", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        trim()
        assert held(log) == [1]
    trim()
    assert held(log) == []


def test_before_anything_was_written_there_is_nothing_to_do(workspace: Workspace, log: Log) -> None:
    trim = trimming(workspace, log)
    trim()
    trim()
    assert held(log) == []
