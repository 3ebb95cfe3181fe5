"""Two web processes on one port: what one acknowledged is in the other's next answer, and they are one server."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from live_home import TRACKING, checked
from shared_home import ITEMS, NOT_BOUGHT, Client, children, in_log, shared_home, shoppers, until, web_processes
from shop_server import ARN, SHOP, Home, Server, running

from endcap.api.metrics import gathered
from endcap.api.server import COMMAND, environment, serve
from endcap.api.workers import MOST_WORKERS, may_share
from endcap.errors import InputError
from endcap.jobs.log_status import log_status, poisoned, records, replay_from
from endcap.jobs.workspace import open_workspace
from endcap.settings import Settings
from endcap.storage.log import Offset, open_log
from valkeys import Valkey, new_name


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, valkey: Valkey) -> Home:
    return shared_home(tmp_path_factory.mktemp("home"), valkey.url, new_name())


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with running(home.settings) as server:
        yield server


REDIS = "redis://127.0.0.1:6379/0"


@pytest.mark.parametrize("given", [{}, {"log_url": REDIS}, {"state_url": REDIS}], ids=["neither", "log", "state"])
def test_without_something_to_share_nothing_is_started(given: dict[str, str], tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=0, workers=2, **given)
    with pytest.raises(InputError, match="2 web processes cannot share") as caught:
        serve(settings)
    for named in ("ENDCAP_LOG_URL=redis://", "ENDCAP_STATE_URL=redis://", "ENDCAP_DATABASE_URL=postgresql://"):
        assert named in caught.value.fix
    assert ("event log" in caught.value.message) == ("log_url" not in given)
    assert ("online state" in caught.value.message) == ("state_url" not in given)
    done = subprocess.run(COMMAND, check=False, env=environment(settings), capture_output=True, text=True, timeout=60)
    assert done.returncode == InputError.exit_code and done.stderr.startswith("error: 2 web processes")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [0, -1, MOST_WORKERS + 1])
def test_so_many_processes_are_not_possible(workers: int) -> None:
    with pytest.raises(InputError, match="expected 1 to"):
        may_share(Settings(workers=workers))


def test_where_no_process_can_start_the_first_says_why(tmp_path: Path) -> None:
    nobody = "redis://127.0.0.1:1/0"
    settings = Settings(home=tmp_path, port=0, workers=2, log_url=nobody, state_url=nobody)
    done = subprocess.run(COMMAND, check=False, env=environment(settings), capture_output=True, text=True, timeout=60)
    assert done.returncode == 7 and "127.0.0.1:1" in done.stderr and "Traceback" not in done.stderr


def test_what_one_acknowledged_is_in_the_next_answer_of_every_other(home: Home, server: Server) -> None:
    events, asking = checked(server.client("personalize-events")), [checked(server.client()) for _ in range(6)]
    for n in range(ITEMS):
        event = {"eventId": f"boto-{n}", "eventType": "purchase", "sentAt": time.time(), "itemId": f"i{n}"}
        events.put_events(trackingId=TRACKING, userId="boto", sessionId="boto", eventList=[event])
        for client in asking:
            while True:
                found = client.get_recommendations(
                    campaignArn=ARN, userId="boto", numResults=ITEMS, filterArn=NOT_BOUGHT
                )
                if "x-endcap-stale" not in found["ResponseMetadata"]["HTTPHeaders"]:
                    break  # one that says so was waited for too long on a busy machine
            assert {each["itemId"] for each in found["itemList"]} == {f"i{m}" for m in range(n + 1, ITEMS)}
    with shoppers(server, 8) as crowd:
        until(lambda: sum(len(each.acknowledged) for each in crowd) >= 400)
    assert [each.missed for each in crowd] == [[]] * 8
    assert [each.broken for each in crowd] == [0] * 8 and [set(each.statuses) for each in crowd] == [{200}] * 8
    held = in_log(home)
    assert all(held[name] == 1 for each in crowd for name in each.acknowledged)
    told = counted(server)
    assert len(told) == 2 and all(count > 20 for count in told.values()), f"both answered: {told}"


def counted(server: Server) -> dict[str, float]:
    """Recommendations by process, whoever tells it."""
    lines = re.findall(
        r'^endcap_requests_total\{worker="([^"]+)",route="/recommendations",status="200"\} (\S+)$',
        server.get("/metrics").decode(),
        re.M,
    )
    return {worker: float(count) for worker, count in lines}


def test_every_process_tells_the_metrics_of_all_and_no_count_ever_falls(server: Server) -> None:
    clients = [Client(server) for _ in range(8)]
    before: dict[str, float] = {}
    for n in range(40):
        clients[n % 8].unbought("u1")
        now = counted(server)
        assert all(now.get(worker, 0) >= count for worker, count in before.items())
        before = now
    text = server.get("/metrics").decode()
    for name in ("end", "lag", "sink_lag"):
        assert text.count(f"endcap_log_{name}{{") == 2 * 8, "of each process, of each partition"
    assert re.search(r'endcap_log_durable\{worker="[^"]+"\} 1.0', text)
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families)), "each family once, or nobody could read it"


def test_texts_of_several_processes_are_one() -> None:
    one = b'# HELP a Some {text}.\n# TYPE a gauge\na 1.0\na{of="x{y}"} 2.0\n# HELP b B.\n# TYPE b gauge\nb 3.0\n'
    two = b"# HELP a Some {text}.\n# TYPE a gauge\na 4.0\n"
    assert gathered({"p": one, "q": two}).decode().splitlines() == [
        "# HELP a Some {text}.",
        "# TYPE a gauge",
        'a{worker="p"} 1.0',
        'a{worker="p",of="x{y}"} 2.0',
        'a{worker="q"} 4.0',
        "# HELP b B.",
        "# TYPE b gauge",
        'b{worker="p"} 3.0',
    ]


def test_the_one_jobs_process_moves_the_shared_log_into_the_lake_and_poison_aside(home: Home, server: Server) -> None:
    client, workspace = Client(server), open_workspace(home.settings)
    assert client.buy("u-sink", "i1", "sunk") == 200
    log = open_log(home.settings.log)
    (whole,) = [record for _, record in log.read(*at(log, "u-sink")) if record.key == "u-sink"]
    log.append([whole._replace(id=bytes(16), payload=b"\xc1"), whole._replace(id=bytes([1]) * 16)])
    assert client.buy("u-sink", "i2", "after") == 200
    assert "i2" not in client.unbought("u-sink")[2], "what cannot be read holds up nobody"
    assert "endcap_log_poison{" in server.get("/metrics").decode()

    def status() -> dict:
        return log_status(workspace, 0)

    until(lambda: status()["poison"]["count"] == 1 and status()["lag"] == 0)
    found = status()
    assert [each["lag"] for each in found["workers"]] == [0, 0] and found["spooled"] == 0
    assert {each["durability"] for each in found["workers"]} == {"always"} and found["records"] == sum(log.ends())
    (poison,) = poisoned(workspace)
    assert (poison.shop, poison.kind, poison.payload) == (SHOP.group, "event", "wQ==")
    rows = home.lake.read(SHOP, "interactions", columns=["event_id"])["event_id"].to_pylist()
    assert rows.count("sunk") == 2 and rows.count("after") == 1, "the same payload twice is two records, once each"
    start = Offset(poison.partition, 1)
    again = replay_from(workspace, start, SHOP)
    assert again.poisoned == 1 and again.rows == {} and again.read >= 4
    assert home.lake.read(SHOP, "interactions").num_rows == len(rows), "nothing is written twice"
    shown = list(records(workspace, start, SHOP, 10_000))
    assert {"base64": "wQ=="} in [each["payload"] for each in shown]
    assert "sunk" in [each["payload"].get("event_id") for each in shown]
    assert len(children(server)) - len(web_processes(server)) == 1
    log.close()
    workspace.database.close()


def at(log: object, key: str) -> tuple[int, int]:
    """The partition that a key's records lie in, from the start."""
    for partition in range(log.partitions):  # type: ignore[attr-defined]
        if any(record.key == key for _, record in log.read(partition)):  # type: ignore[attr-defined]
            return partition, 0
    raise AssertionError(key)


def test_told_to_stop_all_finish_what_is_inside(home: Home, server: Server) -> None:
    with shoppers(server, 4) as crowd:
        until(lambda: all(each.acknowledged for each in crowd))
        family = children(server)
        assert len(family) == 3
        for each in crowd:
            each.stopped.set()
        for each in crowd:
            each.join(20)
        assert server.stop() == 0
    assert [each.broken for each in crowd] == [0] * 4
    assert not [number for number in family if Path(f"/proc/{number}").exists()]
    assert not list((home.path / "workers").glob("*.json")) and not (home.path / "server.json").exists()


def test_a_parent_that_is_killed_takes_all_with_it(home: Home) -> None:
    with running(replace(home.settings, port=0)) as server:
        family = children(server)
        server.process.kill()
        server.process.wait(10)
        until(lambda: not any(_lives(number) for number in family))


def _lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
