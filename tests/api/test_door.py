"""The door, asked over ASGI without a socket: nothing that comes in may end in a 5xx."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import messages
from shop_server import bearer

from endcap.api.app import App, create_app
from endcap.api.door import Door, Exchange, Route
from endcap.api.personalize.runtime import BODY_LIMIT
from endcap.api.wire import Refusal, Reply
from endcap.registry.keys import AccessKey, Keys
from endcap.settings import Settings

ARN = "arn:aws:personalize:us-east-1:000000000000:campaign/home"
PLAIN = [(b"host", b"127.0.0.1:80"), (b"content-type", b"application/json")]
JSON = list(PLAIN)
"""The same with the credentials of the module's home, once it is there."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def app(home: Settings) -> App:
    app = create_app(home)
    JSON[:] = [*PLAIN, token(Keys(app.workspace.database).create(home.account, "admin"))]
    app.watch.poll()
    return app


def make(app: App, account: str, role: str = "admin") -> AccessKey:
    return Keys(app.workspace.database).create(account, role)


def token(key: AccessKey) -> tuple[bytes, bytes]:
    return b"authorization", bearer(key).encode()


def ask(
    app: App, path: str, body: bytes | list[bytes] = b"", method: str = "POST", headers: list[Any] | None = None
) -> tuple[int, dict[bytes, bytes], Any]:
    parts = [body] if isinstance(body, bytes) else body
    sent = asyncio.run(messages(app, method, path, parts, JSON if headers is None else headers))
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
        (b"[]", "no JSON object"),
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
    assert ask(app, "/recommendations", b"{}", headers=[(b"content-type", b"text/plain"), JSON[-1]])[0] == 415
    assert ask(app, "/recommendations", b"{}", headers=[JSON[-1]])[0] == 415
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


def test_the_index_says_what_is_served_and_browsers_go_to_the_storefront(app: App) -> None:
    status, _, index = ask(app, "/", method="GET")
    assert status == 200 and index["campaigns"] == []
    status, headers, _ = ask(app, "/", method="GET", headers=[(b"accept", b"text/html")])
    assert (status, headers[b"location"]) == (303, b"/shop")


def asked_for(app: App, route: Route, headers: list[Any]) -> tuple[int, str]:
    status, told, _ = ask(app, route.path, b"{}", route.method, [*PLAIN, *headers])
    return status, told.get(b"x-amzn-errortype", b"").decode()


def signed_wrongly(key: AccessKey) -> tuple[bytes, bytes]:
    scope = f"{key.id}/20150830/us-east-1/personalize/aws4_request"
    return b"authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}".encode()


@pytest.mark.parametrize("local", [True, False], ids=["on loopback", "off loopback"])
def test_every_row_asks_for_credentials_unless_it_says_otherwise(app: App, home: Settings, local: bool) -> None:
    keys = Keys(app.workspace.database)
    gone = keys.create(home.account, "admin")
    keys.revoke(gone.id)
    key = make(app, home.account)
    wrong = {
        "MissingAuthenticationTokenException": [],
        "UnrecognizedClientException": [token(replace(key, secret=gone.secret))],
        "IncompleteSignatureException": [(b"authorization", b"Basic e30=")],
        "InvalidSignatureException": [signed_wrongly(key)],
    }
    app.door._loopback = local
    open_rows = set()
    try:
        for route in app.door.routes:
            if route.method == "OPTIONS":  # a browser asks before it sends; what it sends needs a write key
                assert asked_for(app, route, [])[0] == 403
                continue
            if asked_for(app, route, [])[0] != 403:
                open_rows.add(route.path)
                continue
            for kind, headers in wrong.items():
                said = {"IncompleteSignatureException", kind} if kind.startswith("Invalid") else {kind}
                if route.claims and kind.startswith(
                    "Incomplete"
                ):  # a write key may be the user of basic authentication
                    said.add("UnrecognizedClientException")
                status, told = asked_for(app, route, headers)
                assert status == 403 and told in said, route
            assert asked_for(app, route, [token(gone)]) == (403, "UnrecognizedClientException"), route
            assert asked_for(app, route, [token(key)])[0] != 403, route
    finally:
        app.door._loopback = True
    always = {"/healthz", "/readyz", "/collect.js", "/console/api/session"}
    always |= {"/shop", "/shop/*", "/console", "/console/*", "/web/{file}"}  # pages; what they show is asked for
    storefront = {route.path for route in app.door.routes if route.path.startswith("/shop/api/")}
    assert open_rows == (always | storefront | {"/", "/metrics"} if local else always)


def test_another_tenants_key_finds_nothing(app: App, home: Settings) -> None:
    stranger = make(app, "000000000009")
    body = json.dumps({"campaignArn": ARN, "userId": "u1"}).encode()
    assert ask(app, "/recommendations", body, headers=[*PLAIN, token(stranger)])[0] == 404


def test_off_loopback_any_name_is_answered_and_little_is_told(app: App) -> None:
    app.door._loopback = False
    try:
        elsewhere = [(b"host", b"shop.example")]
        assert ask(app, "/readyz", method="GET", headers=elsewhere)[2] == {"status": "ready"}
        assert ask(app, "/metrics", method="GET", headers=elsewhere)[0] == 403
        assert ask(app, "/metrics", method="GET", headers=[*elsewhere, JSON[-1]])[0] == 200
        stranger = token(make(app, "000000000009"))
        assert ask(app, "/metrics", method="GET", headers=[*elsewhere, stranger])[0] == 403, "they name campaigns"
    finally:
        app.door._loopback = True


def test_a_strangers_body_is_never_read(app: App) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was asked for")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for headers in (PLAIN, [*PLAIN, (b"authorization", b"Bearer x:y")], [*PLAIN, (b"authorization", b"AWS4-")]):
        scope = {"type": "http", "method": "POST", "raw_path": b"/recommendations", "headers": headers}
        asyncio.run(app.door(scope, receive, send))
    assert [message["status"] for message in sent if "status" in message] == [403] * 3


def test_roles_and_quotas_are_asked_before_the_handler(app: App, home: Settings) -> None:
    handled: list[Exchange] = []

    async def handler(exchange: Exchange) -> Reply:
        handled.append(exchange)
        return Reply(200, b"{}")

    def quota(caller: Any, route: Route) -> None:
        if caller.account.account != home.account:
            raise Refusal(429, "ThrottlingException", "Too much.")

    inner = app.door
    rows = (Route("POST", "/events", handler, 100, access="events"), Route("POST", "/any", handler, 100))
    door = Door(rows, inner._metrics, inner._authenticator, quota=quota)
    within = replace(app, door=door)
    sender, reader = make(app, home.account, "events"), make(app, home.account, "reader")
    other = make(app, "000000000009")
    asked = [
        ask(within, path, b"{}", headers=[*PLAIN, token(key)])[0]
        for path in ("/events", "/any")
        for key in (sender, reader, other)
    ]
    assert asked == [200, 403, 429, 200, 200, 429]
    assert [exchange.caller.key for exchange in handled] == [sender.id, sender.id, reader.id]
    assert all(exchange.local and exchange.caller.account == home.account_key for exchange in handled)
