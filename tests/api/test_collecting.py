"""`/collect` on a real server: write keys, origins, flags, what is refused, and what the next request sees."""

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from live_home import furnished
from shop_server import ARN, SHOP, Home, Server, running

from browser import open_page
from endcap.api.collect import script
from endcap.errors import InputError, UnknownName
from endcap.registry.resources import Resources
from endcap.registry.write_keys import WriteKey, WriteKeys
from endcap.storage.log import open_log_reader
from endcap.stream.records import Event, decode

ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return furnished(tmp_path_factory.mktemp("collect"), "als")


@pytest.fixture(scope="module")
def keys(home: Home) -> WriteKeys:
    return WriteKeys(Resources(home.database))


@pytest.fixture(scope="module")
def key(keys: WriteKeys) -> WriteKey:
    return keys.create(SHOP, [ORIGIN, "https://*.shop.example"], internal=["10.9.0.0/16"])


@pytest.fixture(scope="module")
def server(home: Home, key: WriteKey) -> Iterator[Server]:
    with running(home.settings) as served:
        yield served


def send(
    server: Server, path: str, body: Any, headers: dict[str, str] | None = None, method: str = "POST"
) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=10)
    try:
        given = {"content-type": "text/plain", "origin": ORIGIN, **(headers or {})}
        connection.request(method, path, body if isinstance(body, str | bytes) else json.dumps(body), given)
        answer = connection.getresponse()
        data = answer.read()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return (
            answer.status,
            told,
            json.loads(data) if told.get("content-type") == "application/json" and data else data,
        )
    finally:
        connection.close()


def logged(home: Home) -> list[Event]:
    reader = open_log_reader(home.settings.log)
    try:
        return [decode(record.payload, Event) for _, record in reader.read(0) if record.kind == "event"]
    finally:
        reader.close()


def test_a_page_sends_and_the_next_answer_knows(server: Server, key: WriteKey) -> None:
    runtime = server.client("personalize-runtime")
    view = [{"event_type": "view", "item_id": f"i{n}", "event_id": f"page-{n}"} for n in (3, 5)]
    status, headers, told = send(server, f"/collect?key={key.text}", {"session_id": "fresh", "events": view})
    assert (status, told) == (200, {"accepted": 2, "ignored": 0, "rejected": [], "rejectedCount": 0})
    assert headers["access-control-allow-origin"] == ORIGIN and "origin" in headers["vary"]
    answer = runtime.get_recommendations(campaignArn=ARN, userId="fresh", filterArn=SHOP.arn("filter", "not-bought"))
    assert answer["itemList"]
    again = send(server, f"/collect?key={key.text}", {"session_id": "fresh", "events": view})
    assert again[0] == 200


@pytest.mark.parametrize(
    ("path", "headers", "status", "kind"),
    [
        ("/collect", {}, 403, "MissingAuthenticationTokenException"),
        ("/collect?key=wk.000000000000.us-east-1.corner-shop.000000000000000000000000", {}, 403, "Unrecognized"),
        ("/collect?key=KEY", {"origin": "https://elsewhere.example"}, 403, "AccessDeniedException"),
        ("/collect?key=KEY", {"origin": ""}, 403, "AccessDeniedException"),
        ("/collect?key=KEY", {"content-type": "text/html"}, 415, "InvalidInputException"),
    ],
    ids=["no key", "unknown key", "another origin", "no origin", "another type"],
)
def test_who_may_not_send(
    server: Server, key: WriteKey, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    found = send(server, path.replace("KEY", key.text), {"events": []}, headers)
    assert found[0] == status and kind in found[1]["x-amzn-errortype"]
    assert "access-control-allow-origin" not in found[1]


def test_a_write_key_can_do_nothing_else(server: Server, key: WriteKey) -> None:
    for path in ("/recommendations", "/events", "/"):
        status, headers, _ = send(server, f"{path}?key={key.text}", {}, {"content-type": "application/json"})
        assert status == 403 and "AuthenticationToken" in headers["x-amzn-errortype"]


def test_a_browser_asks_first(server: Server, key: WriteKey) -> None:
    status, headers, _ = send(server, f"/collect?key={key.text}", "", {"origin": "https://m.shop.example"}, "OPTIONS")
    assert status == 204 and headers["access-control-allow-origin"] == "https://m.shop.example"
    assert send(server, f"/collect?key={key.text}", "", {"origin": "https://shop.example.evil"}, "OPTIONS")[0] == 403
    assert send(server, "/v1/track", "", method="OPTIONS")[0] == 403
    event = {"events": [{"event_type": "view", "item_id": "i1", "session_id": "s"}]}
    assert send(server, "/collect", event, {"x-endcap-write-key": key.text})[0] == 200
    elsewhere = {"x-endcap-write-key": key.text, "origin": "https://shop.example.evil"}
    assert send(server, "/collect", event, elsewhere)[0] == 403


def test_a_back_end_sends_with_an_access_key(server: Server, home: Home) -> None:
    token = {"authorization": f"Bearer {server.key.id}:{server.key.secret}", "content-type": "application/json"}
    body = {"type": "track", "event": "Product Viewed", "userId": "u1", "messageId": "m", "properties": {"sku": "i1"}}
    assert send(server, f"/collect?shop={SHOP.group}", body, token)[2]["accepted"] == 1
    assert send(server, "/v1/track?shop=nowhere", body, token)[0] == 404
    assert send(server, "/v1/track", body, token)[0] == 400


def test_segments_clients_bring_the_key_as_a_user(server: Server, key: WriteKey) -> None:
    basic = {"authorization": "Basic " + base64.b64encode(f"{key.text}:".encode()).decode()}
    body = {"type": "track", "event": "Order Completed", "anonymousId": "a", "messageId": "o1"}
    body["properties"] = {"order_id": "1", "products": [{"product_id": "i1"}, {"product_id": "i2"}]}
    assert send(server, "/v1/track", body, basic)[2]["accepted"] == 2
    measured = {"client_id": "1.2", "events": [{"name": "view_item", "params": {"items": [{"item_id": "i1"}]}}]}
    assert send(server, f"/mp/collect?measurement_id=G-1&api_secret={key.text}", measured)[2]["accepted"] == 1


def test_what_is_bad_is_told_and_kept(server: Server, key: WriteKey) -> None:
    events = [{"event_type": "view", "item_id": "i1", "session_id": "s"}, {"event_type": "view", "item_id": "i2"}]
    status, _, told = send(server, f"/collect?key={key.text}", {"events": events})
    assert status == 200 and told["accepted"] == 1 and told["rejectedCount"] == 1
    assert told["rejected"] == [{"index": 1, "reason": "The event names neither a user nor a session."}]
    status, _, told = send(server, f"/collect?key={key.text}", {"events": events[1:]})
    assert status == 400 and told["accepted"] == 0
    token = {"authorization": f"Bearer {server.key.id}:{server.key.secret}"}
    status, _, kept = send(server, f"/collect/rejected?shop={SHOP.group}", "", token, "GET")
    lines = [json.loads(line) for line in kept.splitlines()]
    assert status == 200 and lines[-1]["event"] == events[1] and lines[-1]["reason"] == told["rejected"][0]["reason"]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'"\\ud800"', b"\xff", b"nul", b'{"events": 3}', b"[3]"])
def test_whatever_a_body_holds_there_is_an_answer(server: Server, key: WriteKey, body: bytes) -> None:
    status, headers, _ = send(server, f"/collect?key={key.text}", body)
    assert status == 400 and headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("text", ["nan", "-inf", "1e999"])
def test_a_time_that_is_no_number_is_the_events_fault(server: Server, key: WriteKey, text: str) -> None:
    event = {"event_type": "view", "item_id": "i1", "session_id": "s", "timestamp": text}
    status, _, told = send(server, f"/collect?key={key.text}", {"events": [event]})
    assert status == 400 and "The time is" in told["rejected"][0]["reason"]


LARGE = {"event_type": "view", "items": ["i1"] * 500, **{f"c{n}": "x" * 4_000 for n in range(60)}}


@pytest.mark.parametrize(
    "events",
    [[3] * 2_000, [{"event_type": "view", "items": ["i1"] * 500}] * 100, [LARGE]],
    ids=["events", "items", "bytes"],
)
def test_a_call_that_says_too_much_is_refused_whole(server: Server, key: WriteKey, home: Home, events: Any) -> None:
    before = len(logged(home))
    status, headers, told = send(server, f"/collect?key={key.text}", {"session_id": "much", "events": events})
    assert (status, headers["access-control-allow-origin"]) == (413, ORIGIN)
    assert "at most" in told["message"] or "bytes together" in told["message"]
    assert len(logged(home)) == before


def test_what_cannot_be_set_aside_stops_nothing_that_was_accepted(server: Server, key: WriteKey, home: Home) -> None:
    kept = home.settings.home / "rejects" / "collect" / SHOP.account.account / SHOP.account.region
    file = kept / f"{SHOP.group}.jsonl"
    saved = file.read_bytes() if file.exists() else b""
    file.unlink(missing_ok=True)
    file.mkdir(parents=True)
    try:
        deep = json.loads("[" * 900 + "]" * 900)
        bad = {"event_type": "view", "item_id": "i1", "timestamp": "yesterday", "session_id": "s", "x": deep}
        good = {"event_type": "view", "item_id": "i1", "session_id": "s", "event_id": "beside"}
        status, _, told = send(server, f"/collect?key={key.text}", {"events": [good, bad], "pad": "x" * 9_000})
        assert (status, told["accepted"], told["rejectedCount"]) == (200, 1, 1)
    finally:
        file.rmdir()
        if saved:
            file.write_bytes(saved)


def test_halves_of_surrogates_are_set_aside(server: Server, key: WriteKey) -> None:
    body = b'{"events": [{"event_type": "view", "item_id": "\\ud800", "session_id": "s"}]}'
    assert send(server, f"/collect?key={key.text}", body)[0] == 400


def test_robots_are_flagged_and_change_no_answer(server: Server, key: WriteKey, home: Home) -> None:
    robot = {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    events = [{"event_type": "view", "item_id": "i7", "event_id": "robot"}]
    assert send(server, f"/collect?key={key.text}", {"session_id": "robot", "events": events}, robot)[0] == 200
    flagged = [event for event in logged(home) if event.session_id == "robot"]
    assert [event.traffic for event in flagged] == ["bot"]


def test_kinesis_producers_land_in_the_same_log(server: Server, home: Home) -> None:
    kinesis = server.client("kinesis")
    data = json.dumps({"event_type": "view", "item_id": "i9", "user_id": "k1", "event_id": "k-1"}).encode()
    placed = kinesis.put_record(StreamName=SHOP.group, Data=data, PartitionKey="k1")
    assert placed["ShardId"] == "shardId-000000000000" and int(placed["SequenceNumber"]) > 0
    records = [{"Data": data.replace(b"k-1", b"k-2"), "PartitionKey": "k1"}, {"Data": b"rubbish", "PartitionKey": "x"}]
    told = kinesis.put_records(StreamName=SHOP.group, Records=records)
    assert told["FailedRecordCount"] == 1 and told["Records"][1]["ErrorCode"] == "InvalidArgumentException"
    assert sorted(event.event_id for event in logged(home) if event.user_id == "k1") == ["k-1", "k-2"]
    assert (
        kinesis.describe_stream_summary(StreamName=SHOP.group)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"
    )
    assert SHOP.group in kinesis.list_streams()["StreamNames"]
    assert len(kinesis.list_shards(StreamName=SHOP.group)["Shards"]) == 1
    for call in (
        lambda: kinesis.put_record(StreamName=SHOP.group, Data=b"rubbish", PartitionKey="x"),
        lambda: kinesis.put_record(StreamName="nowhere", Data=data, PartitionKey="x"),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.put_record(StreamName="nowhere", Data=data, PartitionKey="x")


def test_a_record_of_a_producer_says_no_more_than_a_call_may(server: Server) -> None:
    kinesis = server.client("kinesis")
    much = json.dumps({"user_id": "k2", "events": [{"event_type": "view", "items": ["i1"] * 500}] * 2}).encode()
    told = kinesis.put_records(StreamName=SHOP.group, Records=[{"Data": much, "PartitionKey": "k2"}] * 8)
    codes = [each.get("ErrorCode") for each in told["Records"]]
    assert codes == [None] * 5 + ["ProvisionedThroughputExceededException"] * 3 and told["FailedRecordCount"] == 3
    with pytest.raises(ClientError, match="at most 1000"):
        kinesis.put_record(
            StreamName=SHOP.group, Data=much.replace(b"]}]", b"]}, " + b"3, " * 1_000 + b"3]"), PartitionKey="k2"
        )


def test_another_tenant_sends_nowhere(server: Server, home: Home) -> None:
    other = home.keys.create("000000000009", "admin")
    token = {"authorization": f"Bearer {other.id}:{other.secret}", "content-type": "application/json"}
    event = {"event_type": "view", "item_id": "i1", "session_id": "s"}
    assert send(server, f"/collect?shop={SHOP.group}", event, token)[0] == 404
    assert send(server, f"/collect/rejected?shop={SHOP.group}", "", token, "GET")[2] == b""
    kinesis = server.client("kinesis", key=other)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.put_record(StreamName=SHOP.group, Data=json.dumps(event).encode(), PartitionKey="s")
    reader = home.keys.create(SHOP.account.account, "reader")
    with pytest.raises(ClientError, match="does not allow events"):
        server.client("kinesis", key=reader).put_record(StreamName=SHOP.group, Data=b"{}", PartitionKey="s")


def test_keys_are_checked_when_made_and_gone_when_revoked(keys: WriteKeys, home: Home) -> None:
    with pytest.raises(InputError, match="needs the origins"):
        keys.create(SHOP, [])
    with pytest.raises(InputError, match="no origin"):
        keys.create(SHOP, ["shop.example/path"])
    with pytest.raises(InputError, match="no network"):
        keys.create(SHOP, ["*"], internal=["home"])
    made = keys.create(SHOP, ["*"], internal=["10.0.0.0/8"], label="app")
    assert keys.find(made.text) == made and made in keys.list(SHOP)
    assert made.admits("") and made.is_internal("10.1.2.3") and not made.is_internal("not an address")
    keys.revoke(made.text)
    assert keys.find(made.text) is None
    with pytest.raises(UnknownName):
        keys.revoke(made.text)


PAGE = """<!doctype html><title>t</title><body><p id=out>waiting</p>
<script src="{server}/collect.js" data-key="{key}" data-wait="50" data-layer="dataLayer"{consent}></script>
<script>
endcap('identify', 'browser-user');
endcap('track', 'View', 'i11', {{price: 2.5}});
endcap('shown', 'RID-browser', ['i1', 'i2']);
dataLayer.push({{event: 'add_to_cart', ecommerce: {{items: [{{item_id: 'i12'}}]}}}});
setTimeout(function () {{ document.getElementById('out').textContent = 'session ' + endcap('session'); }}, 400);
</script>"""


@pytest.mark.parametrize("consent", ["", ' data-consent="required"'], ids=["open", "no consent"])
def test_the_script_in_a_real_browser(
    server: Server, keys: WriteKeys, home: Home, tmp_path: Path, consent: str
) -> None:
    pages = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    origin = f"http://127.0.0.1:{pages.server_port}"
    key = keys.create(SHOP, [origin])
    text = PAGE.format(server=server.address, key=key.text, consent=consent).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words: Any) -> None:
            pass

    pages.RequestHandlerClass = Handler
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    before = len(logged(home))
    try:
        page = open_page(origin, tmp_path)
    finally:
        pages.shutdown()
        pages.server_close()
    assert not page.console, page.console
    mine = logged(home)[before:]
    if consent:
        assert mine == []
        return
    kinds = {(event.event_type, event.item_id) for event in mine}
    assert {("View", "i11"), ("Login", ""), ("Impression", ""), ("AddToCart", "i12")} <= kinds
    assert {event.user_id for event in mine} == {"browser-user"} and all(event.session_id for event in mine)


def test_the_script_is_small() -> None:
    assert len(script()) < 3_000
