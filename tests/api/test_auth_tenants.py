"""Every REST row with the right body: served to the account and region it belongs to, found by nobody else."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError
from live_home import ACTION_TRACKING, TRACKING, furnished
from shop_server import ARN, SHOP, Home, Server, bearer, running

from endcap.api.app import create_app
from endcap.api.callers import ROLES
from endcap.api.collect import PATHS
from endcap.api.console.tables import described
from endcap.registry.keys import AccessKey
from endcap.settings import Settings

DATASET = SHOP.arn("dataset", SHOP.group)
EVENT = {"eventType": "view", "sentAt": 1_790_000_000, "itemId": "i1", "eventId": "tenants"}
TAKEN = {"actionId": "a1", "eventType": "TAKEN", "timestamp": 1_790_000_000, "sessionId": "s", "eventId": "tenants"}
SHOE = json.dumps({"categoryL1": "shoes", "price": 1.0})
BODIES: dict[str, dict[str, Any]] = {
    "/recommendations": {"campaignArn": ARN, "userId": "u1"},
    "/personalize-ranking": {"campaignArn": ARN, "userId": "u1", "inputList": ["i1", "i2"]},
    "/events": {"trackingId": TRACKING, "sessionId": "s", "eventList": [EVENT]},
    "/items": {"datasetArn": f"{DATASET}/ITEMS", "items": [{"itemId": "i1", "properties": SHOE}]},
    "/users": {"datasetArn": f"{DATASET}/USERS", "users": [{"userId": "u1"}]},
    "/actions": {"datasetArn": f"{DATASET}/ACTIONS", "actions": [{"actionId": "a1"}]},
    "/action-interactions": {"trackingId": ACTION_TRACKING, "actionInteractions": [TAKEN]},
}
ELSEWHERE = {"/action-recommendations", "/", "/healthz", "/readyz", "/metrics"}
"""Rows that need what this home lacks, or that belong to no tenant; `POST /` has tests of its own."""

FEATURE_STORE = {"/FeatureGroup/{FeatureGroupName}", "/BatchGetRecord", "/BatchWriteRecord"}
"""See `test_feature_runtime`."""
COLLECTED = {*PATHS, "/collect.js", "/collect/rejected"}
"""See `test_collecting`."""
PREDICTED = {"/endpoints/{EndpointName}/invocations"}
"""See `test_inference`."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return furnished(tmp_path_factory.mktemp("home"), "popularity")


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as server:
        yield server


def post(server: Server, path: str, key: AccessKey, region: str = "us-east-1") -> tuple[int, str]:
    headers = {"content-type": "application/json", "authorization": bearer(key), "x-endcap-region": region}
    request = urllib.request.Request(server.address + path, json.dumps(BODIES[path]).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers["x-amzn-errortype"]


PAGES = {"/shop", "/shop/*", "/console", "/console/*", "/web/{file}"}
"""The same for everyone. Our own API, whose operations they ask, is tried in console/test_own_tenants.py."""


def test_no_row_is_forgotten(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    try:
        elsewhere = ELSEWHERE | FEATURE_STORE | COLLECTED | PREDICTED | PAGES | {each.path for each in described()}
        assert {route.path for route in app.door.routes} == set(BODIES) | elsewhere
    finally:
        app.close()


@pytest.mark.parametrize("path", BODIES)
def test_a_row_answers_its_tenant_and_no_other(server: Server, home: Home, path: str) -> None:
    other = home.keys.create("000000000009", "admin")
    assert post(server, path, server.key) == (200, "")
    # The model of PutEvents knows no ResourceNotFoundException.
    unfound = (400, "InvalidInputException") if path == "/events" else (404, "ResourceNotFoundException")
    assert post(server, path, other) == unfound
    assert post(server, path, server.key, "eu-west-1") == unfound


@pytest.mark.parametrize("role", ROLES)
def test_a_row_answers_the_roles_that_may(server: Server, home: Home, role: str) -> None:
    key = home.keys.create(SHOP.account.account, role)
    for path in BODIES:
        needed = "runtime" if "rank" in path or "recommend" in path else "events"
        expected = (200, "") if needed in ROLES[role] else (403, "AccessDeniedException")
        assert post(server, path, key) == expected, path


CALLS = {
    "personalize": lambda client: client.list_schemas(),
    "personalize-runtime": lambda client: client.get_recommendations(campaignArn=ARN, userId="u1"),
    "personalize-events": lambda client: client.put_events(trackingId=TRACKING, sessionId="s", eventList=[EVENT]),
}


@pytest.mark.parametrize("service", CALLS)
def test_boto3_raises_what_aws_would_have_it_raise(server: Server, service: str) -> None:
    call = CALLS[service]
    call(server.client(service))
    wrong = {
        "InvalidSignatureException": replace(server.key, secret=server.key.secret[::-1]),
        "UnrecognizedClientException": replace(server.key, id="EC" + "A" * 18),
    }
    for code, key in wrong.items():
        with pytest.raises(ClientError) as caught:
            call(server.client(service, key=key))
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError, match="MissingAuthenticationToken"):
        call(server.client(service, signature_version=UNSIGNED))


def test_a_revoked_key_is_refused_within_a_moment(server: Server, home: Home) -> None:
    key = home.keys.create(SHOP.account.account, "admin")
    assert post(server, "/recommendations", key)[0] == 200
    home.keys.revoke(key.id)
    deadline = time.monotonic() + 10
    while (said := post(server, "/recommendations", key)) == (200, ""):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert said == (403, "UnrecognizedClientException")
