"""Whatever comes in at the runtime and events rows is the caller's mistake, never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import app_over, ask_app
from live_home import TRACKING, add_filter, furnish
from shop_server import ARN, SHOP, Home

from endcap.api.app import App
from endcap.recipes import create

DATASET = f"{SHOP.arn('dataset', SHOP.group)}/ITEMS"
PATHS = ["/recommendations", "/personalize-ranking", "/action-recommendations"]
PATHS += ["/events", "/items", "/users", "/actions", "/action-interactions"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock()
    furnish(home)
    home.campaigns.deploy(SHOP, "home", home.publish(create("popularity")))
    with app_over(home.path) as app:
        yield app


def posted(app: App, path: str, value: Any) -> int:
    headers = {"content-type": "application/json"}
    return ask_app(app, "POST", path, json.dumps(value).encode(), headers=headers).status


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
good = st.sampled_from([ARN, DATASET, TRACKING, "u1", "i1", 1, 1.5, "{}", '{"price": 1}', "purchase", SHOP.group])
members = st.sampled_from(["itemId", "userId", "actionId", "sessionId", "eventType", "sentAt", "timestamp"]) | (
    st.sampled_from(["properties", "eventId", "impression", "eventValue", "recommendationId", "metricAttribution", "x"])
)
entries = st.dictionaries(members, good | values, max_size=8)
top = st.sampled_from(["campaignArn", "recommenderArn", "userId", "itemId", "numResults", "filterArn"]) | (
    st.sampled_from(["filterValues", "promotions", "metadataColumns", "inputList", "context"])
    | st.sampled_from(["trackingId", "sessionId", "datasetArn"])
)
lists = st.sampled_from(["eventList", "items", "users", "actions", "actionInteractions"])
bodies = st.builds(
    lambda first, second: {**first, **second},
    st.dictionaries(top, good | values, max_size=8),
    st.dictionaries(lists, st.lists(entries, max_size=3) | values, max_size=3),
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(PATHS), bodies)
def test_any_body_is_answered_below_500(app: App, path: str, body: Any) -> None:
    assert posted(app, path, body) < 500


@settings(deadline=None, max_examples=150)
@given(entries, st.sampled_from(["eventList", "items"]))
def test_an_entry_is_taken_or_refused(app: App, entry: Any, member: str) -> None:
    call = {"trackingId": TRACKING, "sessionId": "s", "datasetArn": DATASET, member: [entry]}
    assert posted(app, "/events" if member == "eventList" else "/items", call) in (200, 400)


HUGE = "1" + "0" * 400
FILTERS = {
    "of-price": "INCLUDE ItemID WHERE Items.PRICE < $MOST",
    "of-time": "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > $MOST",
}


@pytest.mark.parametrize("properties", [{"quantity": 1}, {"eventValue": 1}, {"x": 1}, {"price": 1, "categoryL1": "a"}])
@pytest.mark.parametrize("path", ["/events", "/items", "/users", "/actions", "/action-interactions"])
def test_numbers_without_end_are_told_or_left_out(app: App, path: str, properties: dict[str, int]) -> None:
    text = json.dumps(properties).replace("1", HUGE, 1)
    event = {"eventType": "view", "sentAt": 1, "itemId": "i1", "properties": text}
    answer = {"actionId": "a", "eventType": "TAKEN", "timestamp": 1, "sessionId": "s", "properties": text}
    body = {
        "/events": {"trackingId": TRACKING, "sessionId": "s", "eventList": [event]},
        "/action-interactions": {"trackingId": TRACKING, "actionInteractions": [answer]},
    }.get(path, {"datasetArn": DATASET, f"{path[1:]}": [{f"{path[1:-1]}Id": "i1", "properties": text}]})
    if path == "/users":
        body["datasetArn"] = DATASET.replace("ITEMS", "USERS")
    if path == "/actions":
        body["datasetArn"] = DATASET.replace("ITEMS", "ACTIONS")
    assert posted(app, path, body) < 500


@pytest.mark.parametrize("value", [HUGE, f"-{HUGE}", f"0.{HUGE}", "-0.0", "9223372036854775808"])
@pytest.mark.parametrize("name", FILTERS)
def test_filters_take_numbers_without_end(app: App, name: str, value: str) -> None:
    if name not in {each.id for each in app.workspace.resources.list(SHOP.account, "filter")}:
        add_filter(app.workspace.resources, name, FILTERS[name])
    asked = {"campaignArn": ARN, "userId": "u1", "filterArn": SHOP.arn("filter", name), "filterValues": {"MOST": value}}
    assert posted(app, "/recommendations", asked) == 200


def test_what_is_right_is_taken(app: App) -> None:
    event = {"eventType": "view", "itemId": "i1", "sentAt": "2024-05-01T10:00:00Z"}
    assert posted(app, "/events", {"trackingId": TRACKING, "sessionId": "s", "eventList": [event]}) == 200
    assert posted(app, "/recommendations", {"campaignArn": ARN, "userId": "u1"}) == 200
