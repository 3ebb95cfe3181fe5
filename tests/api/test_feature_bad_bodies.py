"""Whatever comes in at the feature store's rows is the caller's mistake, never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from feature_shelf import DEFINITIONS, OFFLINE, record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_door import JSON, PLAIN, ask, token

from endcap.api.app import App, create_app
from endcap.api.featurestore.control import OPERATIONS
from endcap.features.groups import Feature, FeatureGroup
from endcap.registry.keys import Keys
from endcap.settings import Settings
from endcap.types import AccountKey

MEMBERS = (
    *("FeatureGroupName", "Record", "Identifiers", "Entries", "FeatureName", "FeatureNames", "ValueAsString"),
    *("ValueAsStringList", "TargetStores", "TtlDuration", "Unit", "Value", "RecordIdentifiersValueAsString", "Tags"),
    *("FeatureDefinitions", "OnlineStoreConfig", "OfflineStoreConfig", "FeatureAdditions", "ResourceArn", "Key"),
    *("RecordIdentifierFeatureName", "EventTimeFeatureName", "FeatureType", "CollectionType", "EnableOnlineStore"),
)
WORDS = (
    "g",
    "arn:aws:sagemaker:us-east-1:000000000000:feature-group/g",
    "id",
    "at",
    "n",
    "OnlineStore",
    "Days",
    "1e400",
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(WORDS)
)
names = st.sampled_from(MEMBERS)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
bodies = st.dictionaries(names, values, max_size=5)
IN_QUERY = (
    *("RecordIdentifierValueAsString", "EventTime", "FeatureName", "TargetStores"),
    *("DeletionMode", "ExpirationTimeResponse"),
)
QUIET = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = Settings(home=tmp_path_factory.mktemp("home"))
    app = create_app(home)
    features = tuple(Feature(name, kind) for name, kind in (("id", "String"), ("at", "Fractional"), ("n", "Integral")))  # type: ignore[arg-type]
    app.features.groups.create(FeatureGroup(AccountKey(), "g", "id", "at", features))
    app.features.feed.fill()
    JSON[:] = [*PLAIN, token(Keys(app.workspace.database).create(home.account, "admin"))]
    yield app
    app.close()


@QUIET
@given(bodies, st.sampled_from(["/FeatureGroup/g", "/BatchGetRecord", "/BatchWriteRecord"]))
def test_any_body(app: App, body: dict[str, Any], path: str) -> None:
    status, headers, answer = ask(app, path, json.dumps(body).encode(), method="PUT" if "g" in path[-1] else "POST")
    assert status in (200, 400, 404), answer
    assert status == 200 or headers[b"x-amzn-errortype"] in (b"ValidationError", b"ResourceNotFound")


@QUIET
@given(st.lists(st.fixed_dictionaries({}, optional={"FeatureName": st.sampled_from(["id", "at", "n", "x"]),
       "ValueAsString": st.text(max_size=30) | st.sampled_from(["1", "-1", "1e308", "9" * 25, "2026-01-01T00:00:00Z"]),
       "ValueAsStringList": st.lists(st.text(max_size=3), max_size=2)}), max_size=5))  # fmt: skip
def test_any_record(app: App, told: list[dict[str, Any]]) -> None:
    status, _, answer = ask(app, "/FeatureGroup/g", json.dumps({"Record": told}).encode(), method="PUT")
    assert status in (200, 400), answer


@QUIET
@given(
    st.text(max_size=20),
    st.dictionaries(st.sampled_from(IN_QUERY), st.text(max_size=12) | st.sampled_from(["1", "id"])),
    st.sampled_from(["GET", "DELETE"]),
)
def test_any_query(app: App, name: str, query: dict[str, str], method: str) -> None:
    path = f"/FeatureGroup/{quote(name or 'g', safe='')}"
    text = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
    for place in (path, "/FeatureGroup/g"):
        status, headers, answer = asked(app, place, text, method)
        assert status in (200, 400, 404), answer
        assert status == 200 or headers[b"x-amzn-errortype"] in (b"ValidationError", b"ResourceNotFound")


def asked(app: App, path: str, query: str, method: str) -> tuple[int, dict[bytes, bytes], Any]:
    door = app.door

    class WithQuery:
        """`ask` knows no query."""

        async def door(self, scope: Any, receive: Any, send: Any) -> None:
            await door({**scope, "query_string": query.encode()}, receive, send)

    return ask(WithQuery(), path, method=method)  # type: ignore[arg-type]


@QUIET
@given(bodies, st.sampled_from(sorted(OPERATIONS)))
def test_any_call_of_the_control_plane(app: App, body: dict[str, Any], operation: str) -> None:
    headers = [*JSON, (b"x-amz-target", f"SageMaker.{operation}".encode())]
    status, _, answer = ask(app, "/", json.dumps(body).encode(), headers=headers)
    assert status in (200, 400), answer


def test_a_query_that_is_none(app: App) -> None:
    for query in ("&".join(["FeatureName=a"] * 3000), "RecordIdentifierValueAsString=%ff%fe"):
        assert asked(app, "/FeatureGroup/g", query, "GET")[0] == 400
    body = json.dumps({"Record": record("c")}).encode()
    assert ask(app, "/FeatureGroup/", body, method="PUT")[0] == 400
    assert ask(app, "/FeatureGroup/g/Record", body)[0] == 404
    assert ask(app, "/FeatureGroup/g", body, method="POST")[0] == 405
    create = {
        "FeatureGroupName": "h", "RecordIdentifierFeatureName": "customer_id", "EventTimeFeatureName": "EventTime",
        "FeatureDefinitions": DEFINITIONS, "OfflineStoreConfig": OFFLINE,
    }  # fmt: skip
    headers = [*JSON, (b"x-amz-target", b"SageMaker.CreateFeatureGroup")]
    assert ask(app, "/", json.dumps(create).encode(), headers=headers)[0] == 200
