"""Processes killed under load, the shared log killed under load: nothing acknowledged is lost, nobody is refused."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_home import Client, Shopper, children, in_log, shared_home, shoppers, statuses, until, web_processes
from shop_server import Home, Server, running

from databases import new_postgres_database
from valkeys import Valkey, new_name

KILLS = 10 if os.environ.get("SOAK") else 2
AWAY_SECONDS = 30.0 if os.environ.get("SOAK") else 3.0
FRESH_SECONDS = 5.0 if os.environ.get("SOAK") else 30.0
"""Five where nothing else runs; elsewhere it is enough that it comes."""


class Prober(threading.Thread):
    """Opens connection after connection, and asks one thing over each, until told to stop."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server, self.stopped = server, threading.Event()
        self.statuses: list[tuple[float, int]] = []

    def run(self) -> None:
        while not self.stopped.is_set():
            client = Client(self.server)
            begun = time.monotonic()
            try:
                self.statuses.append((begun, client.unbought("u1")[0]))
            except (OSError, http.client.HTTPException):
                self.statuses.append((begun, 0))
            client.close()


def lost(home: Home, crowd: list[Shopper]) -> dict[str, int]:
    """What was acknowledged and does not lie in the log exactly once."""
    held = in_log(home)
    return {name: held[name] for each in crowd for name in each.acknowledged if held[name] != 1}


def ready(server: Server) -> dict:
    try:
        return json.loads(server.get("/readyz"))
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.code}: {error.read().decode()}") from error


def test_a_process_killed_under_load_loses_nothing_and_the_port_answers_on(
    tmp_path: Path, valkey: Valkey, postgres: str
) -> None:
    home = shared_home(
        tmp_path, valkey.url, new_name(), database_url=new_postgres_database(postgres), sink_seconds=3600
    )
    with running(home.settings) as server, shoppers(server, 4) as crowd:
        prober = Prober(server)
        prober.start()
        for kill in range(KILLS):
            until(lambda: len(web_processes(server)) == 2)
            victim = sorted(web_processes(server))[kill % 2]
            before = sum(len(each.acknowledged) for each in crowd)
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: victim not in children(server))
            gone = time.monotonic()
            until(lambda: len(web_processes(server)) == 2)
            until(lambda before=before: sum(len(each.acknowledged) for each in crowd) > before + 20)
            until(lambda gone=gone: any(at > gone for at, _ in prober.statuses))
            refused = [status for at, status in prober.statuses if at > gone and status != 200]
            assert refused == [], "whoever is left accepts"
        prober.stopped.set()
        prober.join(20)
        for each in crowd:
            each.stopped.set()
        for each in crowd:
            each.join(20)
        assert set(statuses(crowd)) == {200}
        assert [each.missed for each in crowd] == [[]] * 4
        assert lost(home, crowd) == {}


@pytest.fixture
def shop(tmp_path: Path, own_valkey: Valkey) -> Iterator[Home]:
    home = shared_home(tmp_path, own_valkey.url, new_name(), sink_seconds=3600)
    yield home
    home.database.close()


def test_with_the_log_away_answers_go_on_and_say_so_and_nothing_acknowledged_is_lost(
    shop: Home, own_valkey: Valkey
) -> None:
    with running(shop.settings) as server, shoppers(server, 4) as crowd:
        until(lambda: sum(len(each.acknowledged) for each in crowd) > 40)
        assert ready(server)["status"] == "ready"
        own_valkey.kill()
        gone = time.monotonic()
        until(lambda: ready(server)["status"] == "degraded")
        assert "does not answer" in ready(server)["degraded"]["log"]
        until(lambda: len(re.findall(r'endcap_log_away\{worker="[^"]+"\} 1.0', server.get("/metrics").decode())) == 2)
        known, before = time.monotonic(), sum(len(each.acknowledged) for each in crowd)
        time.sleep(max(0.0, gone + AWAY_SECONDS - known))
        until(lambda: sum(len(each.acknowledged) for each in crowd) > before + 20)  # from the spool
        returns = time.monotonic()
        own_valkey.start()
        back = time.monotonic()
        until(lambda: all(at > back for each in crowd for at in each.fresh[-1:]), FRESH_SECONDS)
        until(lambda: ready(server)["status"] == "ready", FRESH_SECONDS)
        for each in crowd:
            each.stopped.set()
        for each in crowd:
            each.join(30)
        assert [each.broken for each in crowd] == [0] * 4 and set(statuses(crowd)) == {200}
        assert [each.missed for each in crowd] == [[]] * 4, "an answer that misses something says that it may"
        assert [at for each in crowd for at in each.stale if known < at < returns]
        assert not [at for each in crowd for at in each.fresh if known < at < returns]
        until(lambda: lost(shop, crowd) == {})
    assert lost(shop, crowd) == {}


def test_a_log_that_hangs_makes_answers_staler_and_never_late(shop: Home, own_valkey: Valkey) -> None:
    with running(shop.settings) as server:
        client = Client(server)
        until(lambda: [Client(server).unbought("u-1")[0] for _ in range(8)] == [200] * 8)  # both processes have loaded
        assert client.buy("u-1", "i1", "before") == 200
        own_valkey.pause()
        try:
            took = []
            for _ in range(10):
                begun = time.monotonic()
                status, stale, _ = client.unbought("u-1")
                took.append(time.monotonic() - begun)
                assert status == 200 and stale
            assert sorted(took)[len(took) // 2] < 10, "nobody waits for what hangs"
            assert client.buy("u-1", "i2", "during") == 200, "as soon as the log counts as away"
        finally:
            own_valkey.go_on()
        until(lambda: "i2" not in client.unbought("u-1")[2])
        until(lambda: in_log(shop)["during"] == 1)
