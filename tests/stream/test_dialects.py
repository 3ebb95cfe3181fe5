"""Every dialect: what shops' pages and back ends say, as our events; bad input told, never raised."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InputError, UnknownName
from endcap.stream.collect import event_record
from endcap.stream.dialects import Dialect, dialect, dialects, recognise
from endcap.stream.dialects.page import render
from endcap.stream.dialects.paths import moment
from endcap.stream.dialects.reading import MOST, MOST_ITEMS, TooMany, read
from endcap.stream.dialects.shape import MOST_KEYS, MOST_SHAPES, Shapes
from endcap.stream.records import Event
from endcap.types import SECOND, AccountKey, ShopKey

NOW = 1_763_800_000 * SECOND
GA4_PURCHASE = {
    "client_id": "555.777",
    "user_id": "ann",
    "timestamp_micros": str(NOW - SECOND),
    "events": [
        {
            "name": "purchase",
            "params": {
                "transaction_id": "T-1",
                "value": 12.5,
                "items": [
                    {"item_id": "SKU_1", "price": 2.5, "quantity": 3, "index": 0},
                    {"item_id": "SKU_2", "price": 5, "quantity": 1, "index": 1},
                ],
            },
        },
        {"name": "page_view", "params": {"page_title": "Thanks"}},
    ],
}
SEGMENT = {
    "batch": [
        {"type": "identify", "anonymousId": "anon-1", "userId": "ann", "messageId": "m-0", "traits": {}},
        {
            "type": "track",
            "event": "Product Added",
            "anonymousId": "anon-1",
            "messageId": "m-1",
            "timestamp": "2025-11-22T08:26:40Z",
            "properties": {"product_id": "p-1", "price": 3.5, "quantity": 2, "recommendation_id": "RID-1"},
        },
        {
            "type": "track",
            "event": "Product List Viewed",
            "anonymousId": "anon-1",
            "messageId": "m-2",
            "properties": {"products": [{"product_id": "p-1"}, {"product_id": "p-2"}]},
        },
    ]
}


def snowplow(encode: bool) -> dict[str, Any]:
    action = {"schema": "iglu:x/snowplow_ecommerce_action/jsonschema/1-0-2", "data": {"type": "transaction"}}
    told = json.dumps({"schema": "iglu:x/unstruct_event/jsonschema/1-0-0", "data": action})
    product = {"schema": "iglu:com.snowplowanalytics.snowplow.ecommerce/product/jsonschema/1-0-0"}
    entities = [
        {**product, "data": {"id": "sku-1", "price": 9.0, "quantity": 2}},
        {"schema": "iglu:x/transaction/jsonschema/1-0-0", "data": {"transaction_id": "T-9"}},
    ]
    held = json.dumps({"schema": "iglu:x/contexts/jsonschema/1-0-0", "data": entities})
    parts = {"ue_pr": told, "co": held}
    if encode:
        parts = {
            {"ue_pr": "ue_px", "co": "cx"}[name]: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
            for name, text in parts.items()
        }
    event = {"e": "ue", "eid": "e-1", "dtm": str(NOW // 1000), "duid": "device-1", "uid": "ann", **parts}
    return {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [event]}


def test_ga4_one_event_for_each_item_of_a_purchase() -> None:
    found = read(recognise(GA4_PURCHASE), GA4_PURCHASE, NOW)
    assert (len(found.events), found.ignored, found.rejected) == (2, 1, [])
    first, second = found.events
    assert (first.event_type, first.item_id, first.user_id, first.session_id) == ("Purchase", "SKU_1", "ann", "555.777")
    assert first.time == NOW - SECOND and first.value == 2.5
    assert first.properties == {"quantity": 3, "price": 2.5, "order_id": "T-1", "position": 0}
    assert first.event_id != second.event_id  # both come from one transaction id, and a repeat is known by it


def test_ga4_as_a_page_pushes_it() -> None:
    call = {"client_id": "c", "event": "view_item_list", "ecommerce": {"items": [{"item_id": "a"}, {"item_id": "b"}]}}
    (event,) = read(recognise(call), call, NOW).events
    assert (event.event_type, event.item_id, event.impression, event.time) == ("Impression", "", ("a", "b"), NOW)


def test_how_long_an_item_was_looked_at_is_told_in_seconds() -> None:
    params = {"item_id": "a", "engagement_time_msec": 12_500, "session_id": "s"}
    call = {"client_id": "c", "events": [{"name": "view_item", "params": params}]}
    assert read(recognise(call), call, NOW).events[0].properties["duration"] == 12.5
    ours = {"event_type": "View", "item_id": "a", "user_id": "u", "dwell_seconds": 7}
    assert read(dialect("endcap"), {"events": [ours]}, NOW).events[0].properties["duration"] == 7
    broken = {**params, "engagement_time_msec": "long"}
    call = {"client_id": "c", "events": [{"name": "view_item", "params": broken}]}
    assert "duration" not in read(recognise(call), call, NOW).events[0].properties


def test_segment_ties_people_together_and_keeps_message_ids() -> None:
    login, added, shown = read(recognise(SEGMENT), SEGMENT, NOW).events
    assert (login.event_type, login.user_id, login.session_id, login.item_id) == ("Login", "ann", "anon-1", "")
    assert (added.event_type, added.item_id, added.event_id) == ("AddToCart", "p-1", "m-1")
    assert added.recommendation_id == "RID-1" and added.time == 1_763_800_000 * SECOND
    assert shown.impression == ("p-1", "p-2")


@pytest.mark.parametrize("encode", [False, True], ids=["plain", "base64"])
def test_snowplow_self_describing_events(encode: bool) -> None:
    call = snowplow(encode)
    (event,) = read(recognise(call), call, NOW).events
    assert (event.event_type, event.item_id, event.user_id, event.session_id) == (
        "Purchase",
        "sku-1",
        "ann",
        "device-1",
    )
    assert event.properties == {"quantity": 2, "price": 9.0, "order_id": "T-9"} and event.time == NOW


def test_our_own_keeps_every_column() -> None:
    call = {
        "user_id": "ann",
        "events": [
            {"event_type": "View", "item_id": 17, "timestamp": NOW // 1000, "COLOUR": "red", "properties": {"size": 4}},
            {"event_type": "Impression", "recommendation_id": "R", "impression": ["a", "b"], "session_id": "s"},
        ],
    }
    view, shown = read(dialect("endcap"), call, NOW).events
    assert view == Event(
        event_id="", event_type="View", time=NOW, item_id="17", user_id="ann", properties={"colour": "red", "size": 4}
    )
    assert shown.impression == ("a", "b") and shown.session_id == "s"


def test_a_bad_event_holds_up_no_other() -> None:
    good = {"event_type": "View", "item_id": "a", "session_id": "s"}
    bad = [
        {"item_id": "a", "session_id": "s"},
        {"event_type": "View", "item_id": "a"},
        {"event_type": "View", "item_id": "a" * 300, "session_id": "s"},
        {"event_type": "View", "item_id": "a", "session_id": "s", "timestamp": "yesterday"},
        {"event_type": "View", "item_id": "a", "session_id": "s", "timestamp": -5},
        {"event_type": "View", "item_id": "a", "session_id": "s", "value": "much"},
        {"event_type": "View", "session_id": "s", "items": [{"item_id": "a"}] * (MOST_ITEMS + 1)},
        *({**good, "timestamp": text} for text in ("nan", "inf", "-inf", "1e400", "9" * 400)),
        {**good, "item_id": [1]},
        "not an object",
    ]
    found = read(dialect("endcap"), {"events": [good, *bad, good]}, NOW)
    assert len(found.events) == 2 and [each.index for each in found.rejected] == list(range(1, len(bad) + 1))
    assert all(each.reason for each in found.rejected)


def test_an_event_that_cannot_be_decoded_holds_up_no_other() -> None:
    call = snowplow(True)
    call["data"].insert(0, {"e": "ue", "uid": "ann", "ue_px": "!!!"})
    found = read(recognise(call), call, NOW)
    assert [event.item_id for event in found.events] == ["sku-1"]
    assert [(each.index, each.event) for each in found.rejected] == [(0, call["data"][0])]


@pytest.mark.parametrize(
    "call",
    [
        {"events": [1] * (MOST + 1)},
        {"session_id": "s", "events": [{"event_type": "View", "items": ["a"] * MOST_ITEMS}] * 100_000},
    ],
    ids=["events", "events of items"],
)
def test_a_call_of_too_many_is_refused_before_they_are_made(call: Any) -> None:
    with pytest.raises(TooMany, match="at most"):
        read(dialect("endcap"), call, NOW)


def test_a_message_repeats_little_of_what_was_given() -> None:
    call = {"user_id": ["x" * 1_000] * 1_000, "events": [{"event_type": "View", "item_id": "a"}]}
    assert read(dialect("endcap"), call, NOW).rejected[0].reason == "user_id is of the type list, expected a text."


def test_names_of_columns_are_no_longer_than_ids() -> None:
    event = {"event_type": "View", "item_id": "a", "session_id": "s", "n" * 257: 1, "m" * 256: 2}
    assert read(dialect("endcap"), event, NOW).events[0].properties == {"m" * 256: 2}


def test_flags_of_traffic() -> None:
    event = {"event_type": "View", "item_id": "a", "session_id": "s"}
    assert read(dialect("endcap"), {"events": [{**event, "traffic": "internal"}]}, NOW).events[0].traffic == "internal"
    assert read(dialect("endcap"), {"events": [event]}, NOW, "bot").events[0].traffic == "bot"
    debug = {
        "client_id": "c",
        "events": [{"name": "view_item", "params": {"items": [{"item_id": "a"}], "debug_mode": 1}}],
    }
    assert read(dialect("ga4"), debug, NOW).events[0].traffic == "internal"


def test_a_clock_that_runs_ahead_counts_as_now() -> None:
    assert moment(NOW / SECOND + 86_400, "", NOW) == NOW
    assert moment(NOW / SECOND + 60, "", NOW) == NOW + 60 * SECOND
    assert moment("2025-11-22T08:26:40+00:00", "iso", NOW) == NOW


def test_an_unknown_dialect_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match="ga4"):
        dialect("matomo")


def test_every_dialect_is_told_apart_and_shown() -> None:
    assert [recognise(call).key for call in (GA4_PURCHASE, SEGMENT, snowplow(False), {"events": []})] == [
        "ga4",
        "segment",
        "snowplow",
        "endcap",
    ]
    page = render()
    for each in dialects().values():
        assert f"## {each.title}" in page and all(f"`{name}`" in page for name in each.types)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["nan", "-inf", "1e400", "2026-11-22"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["events", "items", "event_type", "item_id", "session_id", "timestamp", "value", "name", "params", "data",
             "ue_px", "co", "event", "properties", "products", "batch", "userId", "impression", "eid", "client_id"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.sampled_from(sorted(dialects())))
def test_whatever_comes_is_read_or_refused_in_words(call: Any, name: str) -> None:
    try:
        found = read(dialect(name), call, NOW)
    except InputError:
        return
    for event in found.events:
        assert event.user_id or event.session_id
        try:
            record = event_record(ShopKey(AccountKey(), "shop"), event)
        except UnicodeError:
            continue  # half a surrogate pair, which no JSON in UTF-8 holds
        assert len(record.id) == 16


VALUES = st.one_of(
    st.none(),
    st.sampled_from(["", "ann", "p-1", "a\0b", "x" * 300, "2025-11-22T08:26:40Z", "1763799999", "purchase", "View"]),
    st.sampled_from([True, 0, 5, 2.5, -1, 1_763_799_999_000, 10**400, float("inf"), [], {}, [1], {"a": 1}]),
)
KEYS = ["event_type", "event", "name", "e", "se_ac", "event_id", "messageId", "eid", "user_id", "userId", "session_id"]
KEYS += ["anonymousId", "sid", "timestamp", "timestamp_micros", "dtm", "item_id", "se_la", "value", "impression"]
KEYS += ["traffic", "source", "colour", "Colour", "type", "items", "debug_mode"]
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8)
INNER = st.dictionaries(st.sampled_from(["params", "properties", "ecommerce", "data"]), OBJECTS, max_size=2)


@given(st.sampled_from(sorted(dialects())), st.lists(st.tuples(OBJECTS, INNER), max_size=4), OBJECTS)
def test_events_of_one_shape_are_read_as_they_are_path_by_path(
    name: str, events: list[tuple[dict[str, Any], dict[str, Any]]], call: dict[str, Any]
) -> None:
    listed = [{**event, **inner} for event, inner in events]
    whole = {**call, "events": listed, "batch": listed, "data": listed}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Dialect, "shape", lambda *_: None)
        expected = read(dialect(name), whole, NOW)
    for _ in range(2):  # a shape that was met before is no other
        assert read(dialect(name), whole, NOW) == expected


def test_few_shapes_are_remembered_and_no_large_ones() -> None:
    shapes = Shapes((), (), {}, {}, frozenset())
    many = [shapes.of((f"k{number}",), ()) for number in range(3 * MOST_SHAPES)]
    assert all(many) and len(shapes) <= MOST_SHAPES
    assert shapes.of(tuple(map(str, range(MOST_KEYS + 1))), ()) is None and shapes.of(("x" * 2_000,), ()) is None
