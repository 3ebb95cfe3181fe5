"""Declared windows through boto3: an acknowledged event is in the shopper's record until its window closes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feature_shelf import Shelf
from live_home import SHOP, TRACKING, furnished
from shop_server import Server, running

from endcap.jobs.feature_windows import add_window, remove_window
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.settings import Settings

WINDOW = {
    "key": "user", "kind": "stagger", "aggregate": "sum", "weights": "like=1,add_to_cart=2", "group": "clickstream",
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path: Path = tmp_path_factory.mktemp("home")
    furnished(path, "popularity").database.close()
    return Settings(home=path, port=0)


@pytest.fixture(scope="module")
def workspace(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    add_window(opened, SHOP, {"name": "activity", "length": "2s", **WINDOW})
    yield opened
    opened.database.close()


@pytest.fixture(scope="module")
def server(settings: Settings, workspace: Workspace) -> Iterator[Server]:
    with running(settings) as server:
        yield server


def _send(server: Server, user: str, event_type: str) -> None:
    event = {"eventType": event_type, "itemId": "i1", "sentAt": time.time()}
    client = server.client("personalize-events")
    client.put_events(trackingId=TRACKING, userId=user, sessionId=f"s-{user}", eventList=[event])


def _until(holds: Any, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_acknowledged_event_is_in_the_record_until_its_window_closes(server: Server) -> None:
    shelf = Shelf(server)
    _until(lambda: _sent_and_seen(shelf, server))
    assert shelf.get("clickstream", "nobody") is None
    _send(server, "u-fresh", "AddToCart")
    _send(server, "u-fresh", "Like")
    record = shelf.get("clickstream", "u-fresh")
    assert record is not None
    assert (record["user_id"], record["activity"]) == ("u-fresh", "3.0")
    assert shelf.get("clickstream", "u-fresh", FeatureNames=["activity"]) == {"activity": "3.0"}
    batch = shelf.runtime.batch_get_record(
        Identifiers=[{"FeatureGroupName": "clickstream", "RecordIdentifiersValueAsString": ["u-fresh", "nobody"]}]
    )
    assert [each["RecordIdentifierValueAsString"] for each in batch["Records"]] == ["u-fresh"]
    _until(lambda: shelf.get("clickstream", "u-fresh") is None)


def test_a_window_joins_what_was_written_of_a_record(server: Server) -> None:
    shelf = Shelf(server)
    written = [("user_id", "u-known"), ("event_time", str(time.time()))]
    shelf.runtime.put_record(
        FeatureGroupName="clickstream", Record=[{"FeatureName": name, "ValueAsString": text} for name, text in written]
    )
    _until(lambda: (shelf.get("clickstream", "u-known") or {}).get("activity") == "0.0")
    _send(server, "u-known", "AddToCart")
    assert (shelf.get("clickstream", "u-known") or {})["activity"] == "2.0"
    _until(lambda: (shelf.get("clickstream", "u-known") or {})["activity"] == "0.0")


def test_windows_are_followed_as_they_are_declared_and_removed(server: Server, workspace: Workspace) -> None:
    shelf = Shelf(server)
    _send(server, "u-late", "Like")
    add_window(workspace, SHOP, {"name": "hour", "length": "1h", **WINDOW})
    _until(lambda: (shelf.get("clickstream", "u-late") or {}).get("hour") == "1.0")
    remove_window(workspace, SHOP, "hour")
    _until(lambda: "hour" not in (shelf.get("clickstream", "u-late") or {}))


def test_what_a_session_did_before_signing_in_is_the_users(server: Server, workspace: Workspace) -> None:
    shelf = Shelf(server)
    add_window(workspace, SHOP, {"name": "long", "length": "1h", **WINDOW})
    client = server.client("personalize-events")

    def send(number: int, **who: str) -> None:
        event = {"eventId": f"v{number}", "eventType": "AddToCart", "itemId": "i1", "sentAt": time.time()}
        client.put_events(trackingId=TRACKING, sessionId="s-visitor", eventList=[event], **who)

    for number in (0, 1):
        send(number)
    _until(lambda: (shelf.get("clickstream", "s-visitor") or {}).get("long") == "4.0")
    assert shelf.get("clickstream", "visitor") is None
    send(2, userId="visitor")
    assert (shelf.get("clickstream", "visitor") or {})["long"] == "6.0"
    send(3)
    assert (shelf.get("clickstream", "visitor") or {})["long"] == "8.0"
    remove_window(workspace, SHOP, "long")


def _sent_and_seen(shelf: Shelf, server: Server) -> bool:
    _send(server, "u-first", "Like")
    return shelf.get("clickstream", "u-first") is not None
