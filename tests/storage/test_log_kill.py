"""The log through crashes: a writer killed under load, and files as a power cut may leave them.

SOAK=1 runs every part longer.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from endcap.storage.log import open_log
from endcap.testing.logs import record, whole

SOAK = bool(os.environ.get("SOAK"))
KILLS = 500 if SOAK else 20

WRITER = """
import sys, threading
from endcap.storage.log import open_log
from endcap.testing.logs import record
url, round_ = sys.argv[1:]
log = open_log(url)
lock = threading.Lock()
def work(number):
    n = 0
    while True:
        batch = [record(f"{round_}/{number}/{n}/{m}") for m in range(1 + n % 3)] + [record(f"shared/{n % 50}")]
        log.append(batch)
        with lock:
            sys.stdout.write(f"{number} {n}\\n")
            sys.stdout.flush()
        n += 1
        if n % 40 == 0 and number == 0:
            end = log.ends()[0]
            log.trim(0, max(0, end - 2000))
for number in range(4):
    threading.Thread(target=work, args=(number,), daemon=True).start()
threading.Event().wait()
"""


def acknowledged(lines: bytes, round_: int) -> set[bytes]:
    """Ids of the records of every batch whose acknowledgement was printed whole."""
    found = set()
    for line in lines.decode().split("\n")[:-1]:
        number, n = map(int, line.split())
        found |= {record(f"{round_}/{number}/{n}/{m}").id for m in range(1 + n % 3)} | {record(f"shared/{n % 50}").id}
    return found


def test_a_writer_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    rng = np.random.Generator(np.random.PCG64(5))
    promised: set[bytes] = set()
    seen: dict[int, bytes] = {}
    for round_ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", WRITER, url, str(round_)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            lines = child.stdout.readline()
            time.sleep(0.05 * rng.random())
            os.kill(child.pid, signal.SIGKILL)
            lines += child.stdout.read()
        promised |= acknowledged(lines, round_)
        log = open_log(url)
        held = [(offset.n, each.id) for offset, each in whole(log)]
        numbers = [n for n, _ in held]
        assert numbers == list(range(numbers[0], log.ends()[0] + 1)), "offsets are dense"
        for n, name in held:
            assert seen.setdefault(n, name) == name, "an offset keeps its record"
        assert set(seen) == set(range(1, len(seen) + 1))
        assert promised <= set(seen.values()), "an acknowledged record is there, or was before it was trimmed"
        assert len(set(seen.values())) == len(seen), "and no record twice"
        again = [record(f"{round_}/0/0/0"), record("shared/0")]
        assert log.append(again) == (None, None), "a repeat is known for good"
        log.close()
    assert len(promised) > KILLS


def test_every_way_a_power_cut_can_leave_the_write_ahead_log(tmp_path: Path) -> None:
    """What was flushed with an acknowledgement is there; beyond it the file may be cut anywhere, or hold anything."""
    live = tmp_path / "live"
    live.mkdir()
    log = open_log(f"sqlite:///{live}/log.db")
    rng = np.random.Generator(np.random.PCG64(7))
    wal, tried = live / "log.db-wal", 0
    names: list[str] = []
    for step in range(60 if SOAK else 8):
        flushed = wal.stat().st_size
        promised = list(names)
        before = tmp_path / "before"
        shutil.copytree(live, before)
        fresh = [f"{step}/{n}" for n in range(1 + step % 4)]
        log.append([record(name, payload=b"x" * int(rng.integers(10, 9_000))) for name in fresh])
        names += fresh
        grown = wal.read_bytes()
        if len(grown) > flushed:  # what an acknowledgement flushes is the whole of it: before that, any part
            cuts = {flushed, len(grown) - 1, len(grown) - 24, *rng.integers(flushed, len(grown), 3).tolist()}
            for cut in sorted(cuts):
                for garbage in (b"", rng.bytes(3_000), bytes(4_096)):
                    tried += 1
                    check(before, grown[:cut] + garbage, promised, fresh)
        check(before, grown, names, [])
        shutil.rmtree(before)
    log.close()
    assert tried > 100


def check(before: Path, wal: bytes, promised: list[str], perhaps: list[str]) -> None:
    """Open the files as they were with this write-ahead log: all that was promised, and the last batch whole or not."""
    copy = before.parent / "copy"
    shutil.copytree(before, copy)
    (copy / "log.db-shm").unlink(missing_ok=True)
    (copy / "log.db-wal").write_bytes(wal)
    log = open_log(f"sqlite:///{copy}/log.db")
    ids = [each.id for _, each in whole(log)]
    assert [offset.n for offset, _ in whole(log)] == list(range(1, len(ids) + 1))
    assert ids in ([record(name).id for name in promised], [record(name).id for name in promised + perhaps])
    assert log.append([record("afterwards")])[0] is not None
    log.close()
    shutil.rmtree(copy)
