"""What the process promises: nobody without a key, no request lost to a swap, a clean stop, kill and restart."""

import http.client
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process import app_over, ask_app
from shop_server import ARN, SHOP, Home, Server, bearer, running

from endcap.api.server import COMMAND, environment, open_socket, serve
from endcap.errors import InputError, StateError, UnavailableError
from endcap.recipes import create
from endcap.settings import Settings


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stock()
    home.campaigns.deploy(SHOP, "home", home.publish(create("popularity")))
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as server:
        yield server


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "shop.example"])
def test_off_loopback_nothing_is_listened_on_without_keys(host: str, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no access key") as keyless:
        serve(Settings(home=tmp_path, host=host))
    assert "endcap keys create" in keyless.value.fix
    with pytest.raises(InputError, match="ask nobody for a key"):
        serve(Settings(home=tmp_path, host=host, auth=False))
    done = subprocess.run(
        COMMAND,
        check=False,
        env=environment(Settings(home=tmp_path, host=host, port=0)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == StateError.exit_code
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def test_an_address_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No address"):
        serve(Settings(home=tmp_path, host=""))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_in_use_is_an_error_that_names_the_setting(host: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"Port {port}") as caught:
            open_socket(host, port)
        assert "ENDCAP_PORT" in caught.value.fix
        done = subprocess.run(
            COMMAND,
            check=False,
            env=environment(Settings(home=tmp_path, port=port)),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == UnavailableError.exit_code
    assert done.stderr.startswith("error: Port") and "Traceback" not in done.stderr


class Hammer(threading.Thread):
    """Asks over one kept connection until told to stop; every answer and every failure is kept."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(daemon=True)
        host = server.address.removeprefix("http://")
        self.headers = server.headers
        self.connection = http.client.HTTPConnection(host, timeout=20)
        self.body = json.dumps({"campaignArn": ARN, "userId": f"u{number}", "numResults": 5})
        self.stopped = threading.Event()
        self.versions: list[str] = []
        self.failures: list[str] = []

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                self.connection.request("POST", "/recommendations", self.body, self.headers)
                answer = self.connection.getresponse()
                items = json.loads(answer.read())
                if answer.status == 200 and len(items["itemList"]) == 5:
                    self.versions.append(answer.headers["x-endcap-version"])
                else:
                    self.failures.append(f"{answer.status} {items}")
            except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
                self.failures.append(repr(error))


def ready(server: Server) -> dict:
    host = server.address.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    told = json.loads(answer.read())
    assert (answer.status == 200) == (told["status"] in ("ready", "degraded"))
    assert (told["status"] == "degraded") == (answer.status == 200 and bool(told["degraded"]))
    connection.close()
    return told


def wait_for(server: Server, wanted: int) -> None:
    deadline = time.monotonic() + 20
    while ready(server)["campaigns"][ARN]["generation"] != wanted:
        assert time.monotonic() < deadline, f"generation {wanted} never served"
        time.sleep(0.02)


def test_no_request_is_lost_while_generations_change(home: Home, server: Server) -> None:
    first = home.campaigns.current(SHOP, "home")
    versions = [home.publish(create(name)) for name in ("repeat", "als", "ease")]
    hammers = [Hammer(server, number) for number in range(3)]
    for hammer in hammers:
        hammer.start()
    for version in versions:
        wait_for(server, home.campaigns.deploy(SHOP, "home", version).generation)
    home.campaigns.deploy(SHOP, "home", versions[0], weight=50)
    for _ in range(3):
        wait_for(server, home.campaigns.rollback(SHOP, "home").generation)
    for hammer in hammers:
        hammer.stopped.set()
        hammer.join(20)
    assert [hammer.failures for hammer in hammers] == [[], [], []]
    seen = {version for hammer in hammers for version in hammer.versions}
    assert seen >= {version.id for version in versions} | {first.variants[0].version_id}


def test_a_broken_version_leaves_the_old_one_serving_and_is_shown(home: Home, server: Server) -> None:
    good = home.publish(create("popularity"))
    wait_for(server, home.campaigns.deploy(SHOP, "home", good).generation)
    broken = home.publish(create("repeat"))
    (home.path / "models" / broken.path / "model.safetensors").unlink()
    home.campaigns.deploy(SHOP, "home", broken)
    deadline = time.monotonic() + 20
    shown: dict = {}
    while not shown and time.monotonic() < deadline:
        told = ready(server)
        shown = told["failures"]
    assert told["status"] == "degraded" and told["degraded"]["campaigns"].startswith("1 cannot be loaded")
    assert "model.safetensors" in shown[ARN]["message"]
    answer = server.client().get_recommendations(campaignArn=ARN, userId="u1")
    assert good.id in answer["recommendationId"]
    with urllib.request.urlopen(server.address + "/metrics", timeout=10) as metrics:
        assert b"endcap_stale_campaigns 1.0" in metrics.read()


def test_off_loopback_a_tenant_sees_nothing_of_another_s(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.stock()
    home.campaigns.deploy(SHOP, "home", home.publish(create("popularity")))
    with app_over(home.path, auth=True) as app:
        app.door._loopback = False
        for account, seen in ((home.settings.account, True), ("000000000009", False)):
            key = home.keys.create(account, "reader")
            told = ask_app(app, "GET", "/", headers={"authorization": bearer(key)})
            assert told.status == 200 and (ARN.encode() in told.body) == seen


def talk(server: Server, *parts: bytes) -> bytes:
    """What a raw connection says to these bytes, until it is closed or silent."""
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        try:
            for part in parts:
                raw.sendall(part)
        except OSError:
            return b"closed"
        try:
            return raw.recv(65536)
        except OSError:
            return b"closed"


def test_a_head_without_end_is_refused(server: Server) -> None:
    start = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    assert b"200 OK" in talk(server, start, b"x-fine: " + b"a" * 20_000, b"\r\n\r\n")
    for endless in ([b"x-long: ", *[b"a" * 65536] * 8], [b"x-many: 1\r\n" * 6000] * 8):
        said = talk(server, start, *endless)
        assert b"200" not in said and (b"400" in said or said == b"closed")
    body = b"POST /recommendations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 200000\r\n\r\n" + b"{" * 200_000
    assert b"403" in talk(server, body)[:20], "a body is no head"
    assert ready(server)["campaigns"], "and serves as before"


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    one = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    two = b"GET /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(one * 5 + two)
        said = b""
        while more := raw.recv(65536):
            said += more
    assert said.count(b"200 OK") == 5 and said.index(b"404 Not Found") > said.rindex(b"200 OK")


def test_killed_it_serves_the_same_again_and_told_to_stop_it_finishes(home: Home, server: Server) -> None:
    """The newest generation is still the broken one: after the kill, the one before it must be found again."""
    before = ask(server)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    with running(home.settings) as again:
        assert ask(again) == before and "model.safetensors" in ready(again)["failures"][ARN]["message"]
        hammer = Hammer(again, 1)
        hammer.start()
        body = json.dumps({"campaignArn": ARN, "userId": "u1", "numResults": 2}).encode()
        host, port = again.address.removeprefix("http://").split(":")
        told = "".join(f"{name}: {value}\r\n" for name, value in {"host": host, **again.headers}.items())
        head = f"POST /recommendations HTTP/1.1\r\n{told}"
        with socket.create_connection((host, int(port)), timeout=20) as half_sent:
            half_sent.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:10])
            while not hammer.versions:
                time.sleep(0.01)
            again.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 5
            while ready(again)["status"] != "stopping":
                assert time.monotonic() < deadline
            hammer.stopped.set()
            hammer.join(20)
            time.sleep(1)
            half_sent.sendall(body[10:])
            answer = b""
            while part := half_sent.recv(65536):
                answer += part
        assert hammer.failures == []
        assert answer.startswith(b"HTTP/1.1 200") and b"itemList" in answer
        assert again.process.wait(timeout=20) == 0


def ask(server: Server) -> tuple[list[str], str]:
    answer = server.client().get_recommendations(campaignArn=ARN, userId="u1", numResults=5)
    return [item["itemId"] for item in answer["itemList"]], answer["ResponseMetadata"]["HTTPHeaders"][
        "x-endcap-generation"
    ]
