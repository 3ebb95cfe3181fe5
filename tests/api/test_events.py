"""Events through the real clients: acknowledged is durable and seen by the very next request."""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from live_home import ACTION_TRACKING, TRACKING, add_filter, checked, furnished
from shop_server import ARN, SHOP, Home, Server, running

from endcap.registry.resources import Resources
from endcap.registry.snapshots import Snapshots
from endcap.storage.log import open_log, open_log_reader
from endcap.stream.records import Decision, Event, decode
from endcap.stream.sink import sink, trim_sunk

DATASETS = {kind: f"{SHOP.arn('dataset', SHOP.group)}/{kind}" for kind in ("ITEMS", "USERS", "ACTIONS")}
numbers = itertools.count()


def filter_arn(name: str) -> str:
    return SHOP.arn("filter", name)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return furnished(tmp_path_factory.mktemp("home"), "ease")


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as server:
        yield server


@pytest.fixture(scope="module")
def events(server: Server) -> Any:
    return checked(server.client("personalize-events"))


@pytest.fixture(scope="module")
def runtime(server: Server) -> Any:
    return checked(server.client())


def put(events: Any, item: str | None, *, session: str, user: str | None = None, **members: Any) -> None:
    named = {"itemId": item} if item else {}
    event = {"eventType": "view", "sentAt": datetime.now(UTC), "eventId": f"e{next(numbers)}", **named, **members}
    who = {"userId": user} if user else {}
    events.put_events(trackingId=TRACKING, sessionId=session, eventList=[event], **who)


def shown(runtime: Any, user: str, k: int = 5, **asked: Any) -> list[str]:
    answer = runtime.get_recommendations(campaignArn=ARN, userId=user, numResults=k, **asked)
    return [item["itemId"] for item in answer["itemList"]]


def rung(runtime: Any, user: str) -> str:
    answer = runtime.get_recommendations(campaignArn=ARN, userId=user, numResults=5)
    return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-endcap-rung"])


def test_the_very_next_request_sees_an_event(events: Any, runtime: Any) -> None:
    assert rung(runtime, "somebody") == "trending"
    for item in ("i4", "i6", "i8"):
        put(events, item, session="s-somebody", user="somebody")
    assert rung(runtime, "somebody") == "personal"
    assert all(int(item[1:]) % 2 == 0 for item in shown(runtime, "somebody"))


def test_an_anonymous_session_works_at_once_and_becomes_the_users(events: Any, runtime: Any) -> None:
    for item in ("i1", "i3", "i5"):
        put(events, item, session="anonymous")
    assert all(int(item[1:]) % 2 == 1 for item in shown(runtime, "anonymous"))
    assert rung(runtime, "signed-in") == "trending"
    put(events, "i7", session="anonymous", user="signed-in")
    assert all(int(item[1:]) % 2 == 1 for item in shown(runtime, "signed-in"))
    put(events, "i0", session="more", user="signed-in", eventType="purchase")
    left = shown(runtime, "anonymous", 24, filterArn=filter_arn("not-bought"))
    assert "i0" not in left, "the session finds what its user bought"


def test_a_clock_that_is_wrong_by_a_year_makes_nothing_old(home: Home, events: Any) -> None:
    ahead = time.time() + 365 * 86_400
    put(events, "i2", session="ahead", user="ahead", sentAt=ahead, eventId="ahead")
    log = open_log_reader(home.settings.log)
    told = [decode(record.payload, Event) for _, record in log.read(0) if record.kind == "event"]
    log.close()
    (event,) = [each for each in told if each.event_id == "ahead"]
    assert abs(event.time / 1e6 - time.time()) < 60


def test_older_clients_name_the_item_in_the_properties(events: Any, runtime: Any) -> None:
    properties = json.dumps({"itemId": "i2", "eventValue": 3.5, "discount": "x"})
    for sent_at in (time.time(), int(time.time())):
        put(events, None, session="old", properties=properties, sentAt=sent_at, eventType="purchase")
    assert "i2" not in shown(runtime, "old", 24, filterArn=filter_arn("not-bought"))


def test_what_is_bought_now_is_filtered_now(events: Any, runtime: Any) -> None:
    before = shown(runtime, "u3", 24, filterArn=filter_arn("not-bought"))
    put(events, before[0], session="buys", user="u3", eventType="Purchase")
    after = shown(runtime, "u3", 24, filterArn=filter_arn("not-bought"))
    assert set(before) - set(after) == {before[0]}
    built_in = shown(runtime, "u3", 24, filterArn=filter_arn("exclude-purchased"))
    assert before[0] not in built_in


def test_a_new_item_is_shown_when_a_filter_lets_it_through(events: Any, runtime: Any) -> None:
    arn = filter_arn("new-kind")
    assert shown(runtime, "u3", filterArn=arn) == []
    hat = {"itemId": "hat-1", "properties": json.dumps({"categoryL1": "hats", "price": 9, "NAME": "A hat"})}
    events.put_items(datasetArn=DATASETS["ITEMS"], items=[hat])
    asked = {"campaignArn": ARN, "userId": "u3", "filterArn": arn, "metadataColumns": {"ITEMS": ["NAME", "PRICE"]}}
    (item,) = runtime.get_recommendations(**asked)["itemList"]
    assert item["itemId"] == "hat-1" and item["metadata"] == {"NAME": "A hat", "PRICE": "9.0"}
    assert item["reason"][-1].startswith("New in this shop")
    put(events, "hat-2", session="sees-hat")
    assert "hat-2" in shown(runtime, "u3", 50), "first seen in an event"
    ranked = runtime.get_personalized_ranking(campaignArn=ARN, userId="u3", inputList=["hat-1", "i5", "??"])
    assert ranked["personalizedRanking"][0]["itemId"] == "i5"


def test_a_changed_item_and_user_are_seen_by_filters(events: Any, runtime: Any) -> None:
    shoes = set(shown(runtime, "u4", 24, filterArn=filter_arn("shoes")))
    assert {f"i{n}" for n in range(0, 24, 3)} == shoes
    put_item = {"itemId": "i1", "properties": json.dumps({"CATEGORY_L1": "shoes|red", "PRICE": 1})}
    events.put_items(datasetArn=DATASETS["ITEMS"], items=[put_item])
    assert set(shown(runtime, "u4", 24, filterArn=filter_arn("shoes"))) == shoes | {"i1"}
    assert "i0" in shown(runtime, "u4", 24, filterArn=filter_arn("for-gold"))
    gold = {"userId": "u4", "properties": json.dumps({"membership": "gold"})}
    events.put_users(datasetArn=DATASETS["USERS"], users=[gold])
    assert shoes.isdisjoint(shown(runtime, "u4", 24, filterArn=filter_arn("for-gold")))


def test_a_repeat_is_taken_once(home: Home, events: Any) -> None:
    event = {"eventId": "once", "eventType": "view", "itemId": "i3", "sentAt": datetime.now(UTC)}
    for _ in range(3):
        events.put_events(trackingId=TRACKING, sessionId="again", userId="repeats", eventList=[event, event])
    kept = [each for each in logged(home, "event", Event) if each.user_id == "repeats"]
    assert len(kept) == 1 and kept[0].event_id == "once"


def logged(home: Home, kind: str, shape: type[Any]) -> list[Any]:
    reader = open_log_reader(home.settings.log)
    try:
        return [
            decode(record.payload, shape)
            for partition in range(reader.partitions)
            for _, record in reader.read(partition)
            if record.kind == kind
        ]
    finally:
        reader.close()


def test_an_event_is_kept_with_all_it_said(home: Home, events: Any, runtime: Any) -> None:
    answer = runtime.get_recommendations(campaignArn=ARN, userId="u5", numResults=3)
    put(
        events,
        "i9",
        session="whole",
        user="u5",
        eventId="whole-1",
        eventValue=2.5,
        recommendationId=answer["recommendationId"],
        impression=["i9", "i11"],
        metricAttribution={"eventAttributionSource": "mail"},
        properties=json.dumps({"device": "phone", "quantity": 2, "unheardOf": 1}),
    )
    (event,) = [each for each in logged(home, "event", Event) if each.event_id == "whole-1"]
    assert (event.item_id, event.user_id, event.session_id, event.value) == ("i9", "u5", "whole", 2.5)
    assert event.impression == ("i9", "i11") and event.source == "mail"
    assert event.recommendation_id == answer["recommendationId"]
    assert event.properties == {"device": "phone", "quantity": 2.0}


def test_every_answer_is_written_down(home: Home, runtime: Any) -> None:
    asked = {"filterArn": filter_arn("of-kind"), "filterValues": {"KIND": '"shoes"'}, "context": {"DEVICE": "phone"}}
    answer = runtime.get_recommendations(campaignArn=ARN, userId="u7", numResults=4, **asked)
    deadline = time.monotonic() + 10
    found: list[Decision] = []
    while not found and time.monotonic() < deadline:
        found = [each for each in logged(home, "decision", Decision) if each.id == answer["recommendationId"]]
    (decision,) = found
    assert [each.item_id for each in decision.shown] == [item["itemId"] for item in answer["itemList"]]
    assert [each.position for each in decision.shown] == [1, 2, 3, 4]
    assert all(each.propensity == 1.0 and each.reason and each.source for each in decision.shown)
    assert (decision.user_id, decision.target, decision.operation) == ("u7", ARN, "recommendations")
    assert decision.filter == asked["filterArn"] and decision.filter_values == asked["filterValues"]
    assert decision.context == asked["context"] and decision.recipe == "ease" and decision.micros > 0
    assert decision.version in answer["recommendationId"] and decision.k == 4
    assert set(decision.considered.items) >= {each.item_id for each in decision.shown[:1]}


def test_a_filter_works_on_the_first_request_and_goes_when_it_is_deleted(home: Home, runtime: Any) -> None:
    records = Resources(home.database)
    made = add_filter(records, "fresh", 'EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("warm")')
    assert all(int(item[1:]) % 3 == 0 or item == "i1" for item in shown(runtime, "u6", 3, filterArn=made.arn))
    records.delete(made)
    gone, deadline = False, time.monotonic() + 10
    while not gone and time.monotonic() < deadline:
        try:
            shown(runtime, "u6", filterArn=made.arn)
        except runtime.exceptions.ResourceNotFoundException:
            gone = True
    assert gone


@pytest.mark.parametrize(
    ("operation", "given", "said"),
    [
        ("put_events", {"trackingId": "no such"}, "does not exist"),
        ("put_events", {"eventList": []}, "eventList"),
        ("put_events", {"eventList": [{"eventType": "v", "sentAt": 1, "itemId": "i"}] * 11}, "eventList"),
        ("put_events", {"eventList": [{"eventType": "v", "sentAt": -5}]}, "sentAt"),
        ("put_events", {"eventList": [{"eventType": "v", "sentAt": 1, "properties": "["}]}, "properties"),
        ("put_events", {"eventList": [{"eventType": "v", "sentAt": 1, "properties": "{}" * 600}]}, "properties"),
        ("put_events", {"eventList": [{"eventType": "v", "sentAt": 1, "impression": ["i"] * 26}]}, "impression"),
        ("put_events", {"eventList": [{"eventType": "v", "sentAt": 1, "properties": '{"quantity": "x"}'}]}, "quantity"),
        ("put_items", {"items": [{"itemId": "x", "properties": '{"price": 1}'}]}, "CATEGORY_L1"),
        ("put_items", {"items": [{"itemId": "x", "properties": '{"price": "1", "categoryL1": 3}'}]}, "2 validation"),
        ("put_items", {"items": [{"itemId": "x", "properties": '{"price":1,"categoryL1":"a","z":1}'}]}, "'z'"),
        ("put_items", {"datasetArn": DATASETS["USERS"], "items": [{"itemId": "x"}]}, "does not hold items"),
        ("put_users", {"users": [{"userId": "x" * 257}]}, "userId"),
        ("put_action_interactions", {"actionInteractions": [{"eventType": "CLICKED"}]}, "TAKEN"),
    ],
)
def test_a_call_that_is_wrong_is_refused_whole(
    home: Home, server: Server, operation: str, given: Any, said: str
) -> None:
    base: dict[str, Any] = {
        "put_events": {"trackingId": TRACKING, "sessionId": "wrong"},
        "put_items": {"datasetArn": DATASETS["ITEMS"]},
        "put_users": {"datasetArn": DATASETS["USERS"]},
        "put_action_interactions": {"trackingId": ACTION_TRACKING},
    }[operation]
    if operation == "put_events" and "eventList" not in given:
        given = {**given, "eventList": [{"eventType": "v", "sentAt": 1, "itemId": "i1"}]}
    if operation == "put_action_interactions":
        least = {"actionId": "a", "sessionId": "s", "timestamp": 1}
        given = {"actionInteractions": [{**given["actionInteractions"][0], **least}]}
    count = len(logged(home, "event", Event))
    client = server.client("personalize-events", parameter_validation=False)
    with pytest.raises(client.exceptions.InvalidInputException, match=said) as caught:
        getattr(client, operation)(**{**base, **given})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert len(logged(home, "event", Event)) == count


def test_restarted_after_a_kill_it_knows_all_that_was_acknowledged(home: Home, server: Server, events: Any) -> None:
    for item in ("i1", "i3", "i5"):
        put(events, item, session="survivor", user="survives")
    before = shown(server.client(), "survives")
    server.stop(signal.SIGKILL)
    with running(home.settings) as again:
        assert shown(again.client(), "survives") == before
        assert shown(again.client(), "u3", filterArn=filter_arn("new-kind")) == ["hat-1"]
        again.stop()
    moved(home)
    with running(home.settings) as last:
        assert all(int(item[1:]) % 2 == 1 for item in shown(last.client(), "survives"))
        assert shown(last.client(), "u3", filterArn=filter_arn("new-kind")) == ["hat-1"]


def moved(home: Home) -> None:
    """Everything streamed is in the lake, and nothing of it in the log any more."""
    log = open_log(home.settings.log)
    sink(log, home.lake, announce=Snapshots(home.database).announce)
    trim_sunk(log, home.lake)
    assert log.read(0) == []
    log.close()
