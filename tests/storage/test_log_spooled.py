"""Acknowledged from a spool of this machine's while the shared log is away, and appended when it is back."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from endcap.errors import StateError
from endcap.seams import FrozenClock
from endcap.storage.log import SPOOLED, Log, Offset, QueueFull, Record, SpooledLog, open_log
from endcap.storage.log import spooled as spooled_module
from endcap.storage.log.sqlite import SqliteLog
from endcap.testing.logs import LogContract, record, whole
from endcap.types import Micros
from valkeys import Valkey, new_name


class TestSpooled(LogContract):
    """As long as the shared log is there, it is that log."""

    partitions = 4
    shared = True

    @pytest.fixture(autouse=True)
    def at(self, valkey: Valkey) -> None:
        self.server, self.name = valkey, new_name()

    def url(self, folder: Path) -> str:
        return f"{self.server.url}?name={self.name}"

    @contextmanager
    def log(self, folder: Path) -> Iterator[Log]:
        log = SpooledLog(open_log(self.url(folder), partitions=self.partitions), folder / "spool")
        try:
            yield log
        finally:
            log.close()
        assert log.spooled == log.waiting == 0


def until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def away(log: Log, server: Valkey) -> None:
    server.kill()
    until(lambda: log.away)


def test_events_are_acknowledged_and_told_while_the_server_is_away_and_appended_after(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    clock = FrozenClock(Micros(5_000))
    log = SpooledLog(open_log(own_valkey.url), tmp_path, clock=clock)
    seen: list[tuple[Offset, bytes]] = []
    log.subscribe(lambda rows: seen.extend((offset, each.id) for offset, each in rows))
    log.append([record("before", key="k")])
    own_valkey.kill()
    first = log.append([record("a", key="k"), record("a", key="k")])
    assert first == (Offset(SPOOLED, 1), None), "also what was underway when it went away"
    assert log.append([record("b", key="k"), record("before", key="k")]) == (Offset(SPOOLED, 2), Offset(SPOOLED, 3))
    assert [name for offset, name in seen if offset.partition == SPOOLED] == [
        record(name).id for name in ("a", "b", "before")
    ]
    assert (log.waiting, log.waiting_since, log.spooled) == (3, 5_000, 3) and log.away and not log.sync(0.1)
    own_valkey.start()
    until(lambda: not log.waiting)
    assert log.waiting_since == 0 and log.sync(10)
    assert [each.id for _, each in whole(log)] == [record(name).id for name in ("before", "a", "b")]
    assert log.append([record("c", key="k")])[0] == whole(log)[-1][0], "and what comes now goes straight there"
    assert [name for offset, name in seen if offset.partition != SPOOLED] == [each.id for _, each in whole(log)]
    log.close()


def test_a_spool_that_is_full_refuses(own_valkey: Valkey, tmp_path: Path) -> None:
    log = SpooledLog(open_log(own_valkey.url), tmp_path, most=5)
    away(log, own_valkey)
    log.append([record(f"r{n}") for n in range(4)])
    with pytest.raises(QueueFull, match="4 records wait"):
        log.append([record("x"), record("y")])
    assert log.append([record("x")]) == (Offset(SPOOLED, 5),)
    own_valkey.start()
    until(lambda: not log.waiting)
    assert log.append([record("y")])[0] and sum(log.ends()) == 6
    log.close()


CRASH = """
import os, sys
from endcap.storage.log import SpooledLog, open_log
from endcap.testing.logs import record
log = SpooledLog(open_log(sys.argv[1]), __import__("pathlib").Path(sys.argv[2]))
print("opened", flush=True)
sys.stdin.readline()
for n in range(50):
    log.append([record(f"{sys.argv[3]}{n}", key="k")])
assert log.waiting == 50
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("again", ["in its place", "by another"])
def test_what_a_process_left_in_its_spool_is_appended(
    own_valkey: Valkey, tmp_path: Path, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_module, "ADOPT_SECONDS", 0.05)
    living = SpooledLog(open_log(own_valkey.url), tmp_path) if again == "by another" else None
    crashed(own_valkey, tmp_path, "r")
    own_valkey.start()
    log = living or SpooledLog(open_log(own_valkey.url), tmp_path)
    until(lambda: not log.away and sum(log.ends()) == 50)
    assert [each.id for _, each in whole(log)] == [record(f"r{n}").id for n in range(50)]
    until(lambda: not log.waiting)
    log.close()


def test_a_file_that_was_emptied_is_emptied_again_when_another_process_left_it(
    own_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_module, "ADOPT_SECONDS", 0.05)
    (tmp_path / "spool-7.db").write_bytes(b"damaged, and nobody waits behind it" * 100)
    log = SpooledLog(open_log(own_valkey.url), tmp_path)
    for turn, name in enumerate(("first", "second"), 1):
        crashed(own_valkey, tmp_path, name)
        own_valkey.start()
        until(lambda turn=turn: not log.away and sum(log.ends()) == 50 * turn)  # type: ignore[misc]
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["spool-0.db", "spool-1.db", "spool-7.db"]
    log.close()


def test_a_damaged_file_stops_no_start(own_valkey: Valkey, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "spool-0.db").write_bytes(b"damaged" * 1_000)
    log = SpooledLog(open_log(own_valkey.url), tmp_path)
    assert log.append([record("a")])[0] and "spool-0.db is damaged" in caplog.text
    log.close()


def crashed(server: Valkey, folder: Path, name: str) -> None:
    """A process acknowledges 50 records from its spool while the server is away, and is killed."""
    command = [sys.executable, "-c", CRASH, server.url, str(folder), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"opened\n"
        server.kill()
        child.communicate(b"\n")
    assert child.returncode == -9


def test_ids_in_a_spool_are_kept_no_longer_than_their_records(tmp_path: Path) -> None:
    spool = SqliteLog(tmp_path / "spool.db", forget=True)
    spool.append([record("a"), record("b")])
    assert spool.append([record("a")]) == (None,)
    spool.trim(0, 1)
    assert spool.append([record("a"), record("b")]) == (Offset(0, 3), None)
    spool.close()


def test_as_many_processes_as_files(own_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled_module, "MOST_FILES", 2)
    shared = open_log(own_valkey.url)
    logs = [SpooledLog(shared, tmp_path) for _ in range(2)]
    with pytest.raises(StateError, match="2 processes"):
        SpooledLog(shared, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["spool-0.db", "spool-1.db"]
    for log in logs:
        log.close()


@pytest.mark.parametrize("held", [1, 20_000])
def test_what_comes_while_the_spool_is_emptied_keeps_its_place(
    own_valkey: Valkey, tmp_path: Path, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_module, "MOST_HELD", held)
    monkeypatch.setattr(spooled_module, "PART", 50)
    log = SpooledLog(open_log(own_valkey.url), tmp_path)
    stop, acknowledged = threading.Event(), [0] * 4

    def work(number: int) -> None:
        while not stop.is_set():
            n = acknowledged[number]
            log.append([record(f"{number}/{n}/{m}", key=f"k{number}") for m in range(3)])
            acknowledged[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    away(log, own_valkey)
    until(lambda: log.waiting > 500)
    own_valkey.start()
    if held > 1:  # else what comes goes through the spool for as long as any does
        until(lambda: not log.waiting)
    before = list(acknowledged)
    until(lambda: all(now > then for now, then in zip(acknowledged, before, strict=True)))
    until(lambda: not log.away and sum(log.ends()) > 300)
    stop.set()
    for thread in threads:
        thread.join()
    until(lambda: not log.waiting)
    found = [(each.key, each.id) for _, each in whole(log)]
    for number, times in enumerate(acknowledged):
        mine = [record(f"{number}/{n}/{m}").id for n in range(times) for m in range(3)]
        assert [name for key, name in found if key == f"k{number}"] == mine
    log.close()


def test_what_is_held_back_is_not_acknowledged_and_goes_on_in_order(
    own_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_module, "PART", 1)
    log = SpooledLog(open_log(own_valkey.url), tmp_path)
    released, reached = threading.Event(), threading.Event()

    def hold(rows: Sequence[tuple[Offset, Record]]) -> None:
        if any(each.id == record("r30").id and offset.partition != SPOOLED for offset, each in rows):
            reached.set()
            assert released.wait(20)

    log.subscribe(hold)
    away(log, own_valkey)
    log.append([record(f"r{n}", key="k") for n in range(60)])
    own_valkey.start()
    assert reached.wait(20)
    waiting = [log.submit([record(f"new{n}", key="k")]) for n in range(20)]
    assert log.waiting and not any(future.done() for future in waiting)
    released.set()
    offsets = [future.result(20)[0] for future in waiting]
    assert all(offset and offset.partition != SPOOLED for offset in offsets) and log.spooled == 60
    expected = [f"r{n}" for n in range(60)] + [f"new{n}" for n in range(20)]
    assert [each.id for _, each in whole(log)] == [record(name).id for name in expected]
    log.close()


def test_what_was_acknowledged_is_appended_first_and_counted_alone(
    own_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_module, "PART", 7)
    monkeypatch.setattr(spooled_module, "PART_BYTES", 400)
    log = SpooledLog(open_log(own_valkey.url, partitions=1), tmp_path)
    away(log, own_valkey)
    told = [record(f"r{n}", key="k", payload=b"x" * 100) for n in range(40)]
    given = [each._replace(kind="decision") if n % 2 else each for n, each in enumerate(told)]
    log.append(given)
    assert (log.waiting, log.owed) == (40, 20)
    own_valkey.start()
    until(lambda: not log.waiting)
    assert [each for _, each in whole(log)] == [*given[::2], *given[1::2]] and log.owed == 0
    log.append([record("decided")._replace(kind="decision")])
    away(log, own_valkey)
    log.append([record("again")._replace(kind="decision")])
    assert (log.waiting, log.owed) == (1, 0)
    own_valkey.start()
    until(lambda: not log.waiting)
    assert sum(log.ends()) == 42
    log.close()


def test_decisions_that_a_process_left_are_appended_by_the_next(own_valkey: Valkey, tmp_path: Path) -> None:
    log = SpooledLog(open_log(own_valkey.url), tmp_path)
    away(log, own_valkey)
    given = [record(f"r{n}") if n % 3 else record(f"r{n}")._replace(kind="decision") for n in range(20)]
    log.append(given)
    log.close()
    own_valkey.start()
    log = SpooledLog(open_log(own_valkey.url), tmp_path)
    until(lambda: not log.waiting)
    assert sorted(each.id for _, each in whole(log)) == sorted(each.id for each in given) and log.owed == 0
    log.close()
