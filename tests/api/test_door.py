"""The door, asked over ASGI without a socket: nothing that comes in may end in a 5xx."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.api.app import App, create_app
from endcap.api.personalize.runtime import BODY_LIMIT
from endcap.settings import Settings

ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/home"
JSON = [(b"host", b"127.0.0.1:80"), (b"content-type", b"application/json")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    app = create_app(Settings(home=tmp_path_factory.mktemp("home")))
    app.watch.poll()
    return app


def ask(
    app: App, path: str, body: bytes | list[bytes] = b"", method: str = "POST", headers: list[Any] | None = None
) -> tuple[int, dict[bytes, bytes], Any]:
    parts = [body] if isinstance(body, bytes) else list(body)
    messages = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "raw_path": path.encode(),
        "headers": JSON if headers is None else headers,
    }
    asyncio.run(app.door(scope, receive, send))
    if not sent:
        return 0, {}, None
    text = sent[1]["body"]
    told = dict(sent[0]["headers"])
    assert int(told[b"content-length"]) == len(text)
    return sent[0]["status"], told, json.loads(text) if told[b"content-type"] == b"application/json" else text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"userId": NaN}', "NaN"),
        (b'{"userId": 1e999}', "too large"),
        (b'{"userId": "\\ud800"}', "surrogate"),
        (b'{"userId": "a", "userId": "b"}', "twice"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b"[]", "Expected `object`"),
        (b'{"numResults": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"numResults": 1.5}', "'numResults'"),
        (b'{"numResults": true}', "'numResults'"),
        (b"{}", "campaignArn or recommenderArn"),
        (json.dumps({"campaignArn": "nonsense"}).encode(), "'campaignArn'"),
        (json.dumps({"campaignArn": ARN, "recommenderArn": ARN}).encode(), "one of the two"),
        (json.dumps({"campaignArn": ARN, "userId": "x" * 257}).encode(), "'userId'"),
    ],
)
def test_bad_bodies_are_the_callers_mistake(app: App, body: bytes, said: str) -> None:
    status, headers, answer = ask(app, "/recommendations", body)
    assert status == 400 and headers[b"x-amzn-errortype"] == b"InvalidInputException"
    assert said in answer["message"], answer


def test_what_is_not_there_not_json_or_too_long(app: App) -> None:
    assert ask(app, "/nothing", b"{}")[0] == 404
    assert ask(app, "/recommendations/", b"{}")[0] == 404
    status, headers, _ = ask(app, "/recommendations", method="GET")
    assert status == 405 and headers[b"allow"] == b"POST"
    assert ask(app, "/recommendations", b"{}", headers=[(b"content-type", b"text/plain")])[0] == 415
    assert ask(app, "/recommendations", b"{}", headers=[])[0] == 415
    long = [*JSON, (b"content-length", str(BODY_LIMIT + 1).encode())]
    assert ask(app, "/recommendations", b"{}", headers=long)[0] == 413
    assert ask(app, "/recommendations", [b" " * 600_000, b" " * 600_000])[0] == 413
    assert ask(app, "/recommendations", [b'{"user', b'Id": 3}'])[0] == 400
    assert ask(app, "/healthz", method="HEAD")[0] == 200
    assert ask(app, "/recommendations", [])[0] == 0, "a client that hung up gets no answer"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1:8420", 200), ("[::1]:8420", 200), ("[::1]", 200), ("evil.example:8420", 421)],
)
def test_only_loopback_names_are_answered(app: App, host: str, status: int) -> None:
    assert ask(app, "/healthz", method="GET", headers=[(b"host", host.encode())])[0] == status


def test_more_requests_than_the_door_holds_are_turned_away(app: App) -> None:
    app.door.in_flight = 5000
    try:
        status, headers, answer = ask(app, "/recommendations", b"{}")
        assert status == 503 and headers[b"retry-after"] == b"1" and "Too many" in answer["message"]
        assert ask(app, "/healthz", method="GET")[0] == 200
    finally:
        app.door.in_flight = 0


def test_an_unknown_campaign_is_not_found_and_says_what_to_do(app: App) -> None:
    status, headers, answer = ask(app, "/recommendations", json.dumps({"campaignArn": ARN}).encode())
    assert status == 404 and headers[b"x-amzn-errortype"] == b"ResourceNotFoundException"
    assert "endcap publish" in answer["message"]


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
names = st.sampled_from(
    [
        "campaignArn",
        "recommenderArn",
        "userId",
        "itemId",
        "numResults",
        "context",
        "filterArn",
        "filterValues",
        "promotions",
        "metadataColumns",
        "inputList",
        "other",
    ]
)
requests = st.dictionaries(names, values | st.just(ARN))


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["/recommendations", "/personalize-ranking"]),
    st.dictionaries(names, values | st.just(ARN)) | values,
)
def test_any_json_is_answered_with_a_4xx(app: App, path: str, value: Any) -> None:
    assert 400 <= ask(app, path, json.dumps(value).encode())[0] < 500


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_a_4xx(app: App, body: bytes) -> None:
    assert 400 <= ask(app, "/recommendations", body)[0] < 500


def test_the_page_and_the_index_say_what_is_served(app: App) -> None:
    status, _, index = ask(app, "/", method="GET")
    assert status == 200 and index["campaigns"] == []
    _, headers, page = ask(app, "/", method="GET", headers=[(b"accept", b"text/html")])
    assert b"Nothing is served yet" in page and b"default-src 'none'" in headers[b"content-security-policy"]
