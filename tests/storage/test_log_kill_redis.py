"""A shared log through crashes: its server killed while several processes append, and one of those killed too.

SOAK=1 kills many times more often.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from endcap.storage.log import Log, Offset, SpooledLog, open_log
from endcap.storage.log.sqlite_reader import SqliteReader
from endcap.testing.logs import record, whole
from valkeys import Valkey

SOAK = bool(os.environ.get("SOAK"))
KILLS = 100 if SOAK else 4
WRITERS = 4

WRITER = """
import sys, threading, time
from pathlib import Path
from endcap.errors import UnavailableError
from endcap.storage.log import SpooledLog, open_log
from endcap.testing.logs import record
url, name, spool = sys.argv[1:]
log = open_log(url)
if spool:
    log = SpooledLog(log, Path(spool))
told, lock, stop = set(), threading.Lock(), threading.Event()
log.subscribe(lambda rows: told.update(each.id for _, each in rows))
def work(number):
    n = 0
    while not stop.is_set():
        batch = [record(f"{name}/{number}/{n}/{m}", key=f"{name}/{number}") for m in range(1 + n % 3)]
        batch.append(record(f"shared/{n % 50}"))
        while True:
            try:
                log.append(batch)
                break
            except UnavailableError:
                time.sleep(0.01)
        assert all(each.id in told for each in batch[:-1]), "acknowledged before it was told"
        with lock:
            sys.stdout.write(f"{name} {number} {n}\\n")
            sys.stdout.flush()
        n += 1
        if spool:
            time.sleep(0.002)
threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
log.close()
"""


class Writers:
    """Processes that append until they are told to stop, and write down what was acknowledged."""

    def __init__(self, url: str, folder: Path, spool: str = "") -> None:
        self._folder, self._stack = folder, ExitStack()
        self.processes: list[subprocess.Popen[bytes]] = []
        for number in range(WRITERS):
            said = self._stack.enter_context(open(folder / f"said-{number}", "wb"))  # noqa: SIM115
            command = [sys.executable, "-c", WRITER, url, str(number), spool]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said)
            self.processes.append(self._stack.enter_context(process))
        self.more()

    def more(self) -> None:
        """Wait until each that lives has got further."""
        for number, process in enumerate(self.processes):
            if process.poll() is None:
                before, deadline = len(self._said(number)), time.monotonic() + 30
                while len(self._said(number)) == before:
                    assert process.poll() is None and time.monotonic() < deadline, f"writer {number} is stuck"
                    time.sleep(0.01)

    def stop(self) -> None:
        """Let them finish what they submitted."""
        for process in self.processes:
            if process.poll() is None:
                process.communicate(b"\n", timeout=60)
                assert process.returncode == 0
        self._stack.close()

    def acknowledged(self) -> dict[str, list[bytes]]:
        """By key, the ids of which an acknowledgement was written down, in that order."""
        found: dict[str, list[bytes]] = {}
        for number in range(WRITERS):
            for line in self._said(number).decode().split("\n")[:-1]:
                name, thread, n = line.split()
                mine = [record(f"{name}/{thread}/{n}/{m}").id for m in range(1 + int(n) % 3)]
                found.setdefault(f"{name}/{thread}", []).extend(mine)
                found.setdefault("shared", []).append(record(f"shared/{int(n) % 50}").id)
        return found

    def _said(self, number: int) -> bytes:
        return (self._folder / f"said-{number}").read_bytes()


def check(log: Log, writers: Writers) -> None:
    """All that was acknowledged is there, once, and in order."""
    held = whole(log)
    counts = Counter(each.id for _, each in held)
    assert set(counts.values()) == {1}, "no record twice"
    for partition, end in enumerate(log.ends()):
        assert [offset.n for offset, _ in held if offset.partition == partition] == list(range(1, end + 1))
    by_key: dict[str, list[bytes]] = {}
    for _, each in held:
        by_key.setdefault(each.key, []).append(each.id)
    promised = writers.acknowledged()
    assert set(promised.pop("shared")) <= set(counts)
    assert len(promised) == 2 * WRITERS
    for key, ids in promised.items():
        assert by_key[key][: len(ids)] == ids, "all of them, in the order of their acknowledgements"


@pytest.mark.parametrize("spooled", [False, True], ids=["straight", "spooled"])
def test_a_server_and_a_writer_killed_under_load_lose_and_double_nothing(
    own_valkey: Valkey, tmp_path: Path, spooled: bool
) -> None:
    writers = Writers(own_valkey.url, tmp_path, str(tmp_path / "spool") if spooled else "")
    rng = np.random.Generator(np.random.PCG64(11 + spooled))
    held: dict[Offset, bytes] = {}
    log = open_log(own_valkey.url)
    reached = [0] * log.partitions
    for round_ in range(KILLS):
        time.sleep(0.1 * rng.random())
        own_valkey.kill()
        if spooled:
            writers.more()  # nobody waits for the server
        time.sleep(0.1 * rng.random())
        own_valkey.start()
        writers.more()
        if round_ == KILLS // 2:
            victim = writers.processes[int(rng.integers(WRITERS))]
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait(10)
            writers.more()
        for partition, end in enumerate(log.ends()):
            held.update((offset, each.id) for offset, each in log.read(partition, reached[partition], end))
            reached[partition] = end
    writers.stop()
    if spooled:
        emptied(own_valkey.url, tmp_path / "spool")
    check(log, writers)
    now = {offset: each.id for offset, each in whole(log)}
    assert len(held) > KILLS and all(now[offset] == name for offset, name in held.items()), "offsets keep their records"
    assert sum(map(len, writers.acknowledged().values())) > KILLS * WRITERS
    log.close()


def emptied(url: str, folder: Path) -> None:
    """Start a process's log beside what others left, and wait until that is appended."""
    log = SpooledLog(open_log(url), folder)
    files = [SqliteReader(path) for path in folder.glob("spool-*.db")]
    assert len(files) >= WRITERS
    deadline = time.monotonic() + 30
    while any(file.read(0) for file in files):
        assert time.monotonic() < deadline, "the spools are not emptied"
        time.sleep(0.02)
    for file in files:
        file.close()
    log.close()


def test_a_server_away_for_seconds_under_load(own_valkey: Valkey, tmp_path: Path) -> None:
    """Every process goes on answering from its spool; afterwards all of it is in the log, and told everywhere."""
    log = open_log(own_valkey.url)
    told: Counter[bytes] = Counter()
    log.subscribe(lambda rows: told.update(each.id for _, each in rows))
    writers = Writers(own_valkey.url, tmp_path, str(tmp_path / "spool"))
    own_valkey.kill()
    until = time.monotonic() + (30 if SOAK else 2)
    while time.monotonic() < until:
        writers.more()
    own_valkey.start()
    writers.more()
    writers.stop()
    emptied(own_valkey.url, tmp_path / "spool")
    check(log, writers)
    assert log.sync(10) and set(told) == {each.id for _, each in whole(log)} and set(told.values()) == {1}
    log.close()
