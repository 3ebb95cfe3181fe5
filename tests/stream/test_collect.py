"""Ids of records: what makes a repeat harmless, and what does not."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from endcap.stream.collect import action_record, decision_record, event_record, put_record
from endcap.stream.records import ActionEvent, Decision, Event, Put, decode
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")


def event(**given: object) -> Event:
    base = {"event_id": "", "event_type": "View", "time": 5, "item_id": "i", "user_id": "u", "session_id": "s"}
    return msgspec.convert(base | given, Event)


def test_the_clients_event_id_decides_whatever_else_is_said() -> None:
    one, two = event_record(SHOP, event(event_id="e")), event_record(SHOP, event(event_id="e", time=9), invocation="x")
    assert one.id == two.id and len(one.id) == 16 and one.id != event_record(SHOP, event(event_id="f")).id
    assert decode(one.payload, Event).event_id == "e" and one.time == 5 and one.key == "u"


def test_then_the_invocation_and_the_place_in_it() -> None:
    ids = {event_record(SHOP, event(), invocation=inv, index=n).id for inv in ("a", "b") for n in (0, 1)}
    assert len(ids) == 4
    retry = event_record(SHOP, event(item_id="other"), invocation="a", index=0)
    assert retry.id == event_record(SHOP, event(), invocation="a", index=0).id
    assert decode(retry.payload, Event).event_id == retry.id.hex()


def test_then_the_content_whatever_the_order_of_its_properties() -> None:
    one = event_record(SHOP, event(properties={"a": 1, "b": "x"}))
    assert one.id == event_record(SHOP, event(properties={"b": "x", "a": 1})).id
    assert one.id != event_record(SHOP, event(properties={"a": 1})).id


def test_kinds_do_not_share_ids_and_anonymous_events_go_by_their_session() -> None:
    action = ActionEvent(event_id="e", event_type="TAKEN", time=5, action_id="a", session_id="s")
    assert action_record(SHOP, action).id != event_record(SHOP, event(event_id="e")).id
    assert action_record(SHOP, action).key == "s"
    assert decode(action_record(SHOP, msgspec.structs.replace(action, event_id="")).payload, ActionEvent).event_id


def test_the_same_properties_put_again_later_are_another_record() -> None:
    put = Put(id="i", time=5, properties={"price": 1.0})
    again = msgspec.structs.replace(put, time=6)
    assert put_record(SHOP, "item", put).id != put_record(SHOP, "item", again).id
    assert put_record(SHOP, "item", put).id == put_record(SHOP, "item", put).id != put_record(SHOP, "user", put).id
    retried = [put_record(SHOP, "item", each, invocation="a").id for each in (put, again)]
    assert retried[0] == retried[1]


def test_a_decision_is_known_by_its_id() -> None:
    made = Decision(
        id="RID-1", time=5, operation="recommendations", target="t", generation=1, variant="v", version="x", recipe="r"
    )
    assert decision_record(SHOP, made).key == "RID-1" and decision_record(SHOP, made).kind == "decision"
    assert decision_record(SHOP, msgspec.structs.replace(made, user_id="u")).key == "u"


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**40), st.text(max_size=8))
def test_any_text_makes_a_record_that_decodes_to_what_it_was(name: str, user: str, time: int, value: str) -> None:
    given = event(event_id=name, user_id=user, time=time, properties={value: value})
    found = decode(event_record(SHOP, given).payload, Event)
    assert msgspec.structs.replace(found, event_id=name) == given and found.event_id
