"""Definitions of feature groups, and records held against them."""

import math
import struct
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InputError, SchemaError
from endcap.features.groups import Feature, FeatureGroup, duration, feature, moment
from endcap.types import DAY, SECOND, AccountKey, Micros

FEATURES = (
    Feature("customer", "String"),
    Feature("EventTime", "String"),
    Feature("age", "Integral"),
    Feature("health", "Fractional"),
    Feature("band", "String"),
    Feature("recent", "String", "List"),
    Feature("stores", "Integral", "Set"),
    Feature("taste", "Fractional", "Vector", 3),
)
GROUP = FeatureGroup(AccountKey(), "customers", "customer", "EventTime", FEATURES, created=Micros(0xABC))
AT = "2026-05-01T12:30:00.250Z"
MICROS = int(datetime(2026, 5, 1, 12, 30, 0, 250_000, UTC).timestamp() * 1000) * 1000
GIVEN: dict[str, Any] = {"customer": "c1", "EventTime": AT, "age": "41", "health": "0.50"}


def group(**changed: Any) -> FeatureGroup:
    told: dict[str, Any] = {"identifier": "customer", "event_time": "EventTime", "features": FEATURES, **changed}
    return FeatureGroup(AccountKey(), told.pop("name", "customers"), **told)


def test_a_record_keeps_its_texts_and_packs_its_numbers() -> None:
    record = GROUP.record({**GIVEN, "recent": ["a", "b"], "taste": ["1", "2", "3.5"]})
    assert (record.group, record.id, record.time, record.until) == ("customers.abc", "c1", MICROS, 0)
    assert record.values["health"] == "0.50" and record.values["recent"] == ["a", "b"]
    assert struct.unpack("<2d", record.numbers) == (41.0, 0.5) and GROUP.numeric == ("age", "health")
    without = GROUP.record({"customer": "c1", "EventTime": AT}).numbers
    assert all(math.isnan(each) for each in struct.unpack("<2d", without))
    assert GROUP.columns(record.values) == {
        "customer": "c1", "EventTime": AT, "age": 41, "health": 0.5, "recent": ["a", "b"], "taste": [1.0, 2.0, 3.5],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "age",
            "4.5",
            "Feature age of feature group customers is '4.5', expected Integral: a whole number of 64 bits.",
        ),
        ("age", "9223372036854775808", "expected Integral"),
        ("age", "1_000", "expected Integral"),
        ("age", ["1"], "is a list of 1 values, expected Integral"),
        (
            "health",
            "fair",
            "Feature health of feature group customers is 'fair', expected Fractional: a finite number.",
        ),
        ("health", "nan", "expected Fractional"),
        ("health", "1e999", "expected Fractional"),
        ("recent", "a", "is 'a', expected String: a List (ValueAsStringList) of String, each text."),
        ("stores", ["1", "1"], "a Set (ValueAsStringList) of Integral"),
        ("taste", ["1", "2"], "a list of 2 values, expected Fractional: a Vector of 3 numbers"),
        ("taste", ["1", "2", "x"], "a Vector of 3 numbers"),
        ("EventTime", "1767225600", "expected String: a time in ISO 8601"),
        ("EventTime", "2026-13-01T00:00:00Z", "expected String: a time in ISO 8601"),
        ("customer", "", "Feature customer of feature group customers is missing"),
        ("shoe", "41", "Feature group customers has no feature 'shoe'."),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name: str, value: Any, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        GROUP.record({**GIVEN, name: value})
    assert said in str(caught.value) and caught.value.column == name


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SchemaError, match=r"EventTime .* is missing.*age.*'x'.*health.*'y'"):
        GROUP.record({"customer": "c", "age": "x", "health": "y"})
    with pytest.raises(SchemaError, match="bytes, expected at most"):
        GROUP.record({**GIVEN, "band": "x" * 400_000})


def test_times_to_live_and_stores() -> None:
    lasting = group(ttl=DAY)
    assert lasting.record(GIVEN).until == MICROS + DAY
    assert lasting.record(GIVEN, ttl=duration("Minutes", 2)).until == MICROS + 120 * SECOND
    assert duration("Weeks", 2**31 - 1) > 0 and group(ttl=2**61).record(GIVEN).until < 253_402_300_800 * SECOND
    assert GROUP.record(GIVEN, stores=["offline"]).stores == "offline"
    assert GROUP.record(GIVEN, stores=["offline", "online"]).stores == ""
    assert group(stores=("online",)).record(GIVEN, stores=["online"]).stores == ""
    with pytest.raises(InputError, match="has no offline store; it has online"):
        group(stores=("online",)).record(GIVEN, stores=["offline"])
    with pytest.raises(InputError, match="Units are Seconds"):
        duration("Months", 1)


def test_deletions_and_ids() -> None:
    gone = GROUP.deletion("c1", AT, hard=True, stores=["online"])
    assert (gone.deleted, gone.hard, gone.time, gone.until, gone.stores) == (True, True, MICROS, 0, "online")
    by_number = group(features=(Feature("customer", "Integral"), *FEATURES[1:]))
    assert by_number.identity("007") == "7" == by_number.record({**GIVEN, "customer": "+7"}).id
    with pytest.raises(SchemaError, match="'seven', expected Integral"):
        by_number.identity("seven")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "-a"}, "'-a' is no name"),
        ({"name": "a" + "-" * 70 + "b"}, "is no name"),
        ({"features": (*FEATURES, Feature("is_deleted", "String"))}, "is_deleted is reserved"),
        ({"features": (*FEATURES, Feature("AGE", "String"))}, "AGE occurs twice"),
        ({"features": ()}, "0 features, expected 1 to 2500"),
        ({"features": (*FEATURES, Feature("v", "Fractional", "Vector"))}, "with a Dimension"),
        ({"identifier": "nobody"}, "RecordIdentifierFeatureName 'nobody'"),
        ({"identifier": "health"}, "RecordIdentifierFeatureName 'health'"),
        ({"event_time": "age"}, "EventTimeFeatureName 'age'"),
        ({"event_time": "customer"}, "EventTimeFeatureName 'customer'"),
        ({"stores": ()}, "an online store, an offline store, or both"),
    ],
)
def test_definitions_that_make_no_group(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        group(**changed).checked()
    assert group().checked() == group()


def test_types_that_do_not_exist() -> None:
    assert feature("a", "Fractional", "Vector", 2).expected.startswith("a Vector of 2 numbers")
    for kind, collection in (("Decimal", ""), ("String", "Bag")):
        with pytest.raises(InputError, match="Types are Integral, Fractional, String, List, Set, Vector"):
            feature("a", kind, collection)


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.sampled_from(["Z", "", "+00:00"])
)
def test_times_of_day_are_exact_to_the_microsecond(at: datetime, zone: str) -> None:
    whole = (at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    assert moment(at.isoformat() + zone, "String") == whole


@given(st.text(max_size=40), st.sampled_from(["String", "Fractional"]))
def test_no_text_is_worse_than_refused(text: str, kind: Any) -> None:
    with suppress(ValueError):
        assert abs(moment(text, kind)) < 2**62
    for each in FEATURES:
        for value in (text, [text]):
            with suppress(ValueError):
                each.typed(value)
