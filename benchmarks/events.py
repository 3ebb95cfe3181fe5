"""Acknowledged records a second beside what the raw disk flushes, in the same run and on the same disk.

Each submitter appends one record and waits until it survives a power cut and was folded; the raw disk appends 4 kB and
flushes, again and again. Prints one JSON line per row. Bounded in time and size.

    python benchmarks/events.py [--seconds 3] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from endcap.storage.log import Log, open_log
from endcap.stream.collect import event_record
from endcap.stream.live import Live
from endcap.stream.records import Event
from endcap.stream.replay import Feed
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "bench")
SUBMITTERS = (1, 16, 64)


def raw(folder: Path, seconds: float, size: int = 4096) -> float:
    """Appends of so many bytes with fdatasync, a second."""
    path = folder / "raw"
    block = os.urandom(size)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            os.write(handle, block)
            os.fdatasync(handle)
            done += 1
        return done / (time.perf_counter() - start)
    finally:
        os.close(handle)
        path.unlink()


def acknowledged(log: Log, submitters: int, seconds: float, name: str) -> tuple[float, list[float]]:
    """(records acknowledged a second, seconds that each took)."""
    until = time.perf_counter() + seconds
    took: list[list[float]] = [[] for _ in range(submitters)]

    def submit(number: int) -> None:
        n = 0
        while (start := time.perf_counter()) < until:
            event = Event(
                event_id=f"{name}/{number}/{n}",
                event_type="View",
                time=1_700_000_000_000_000 + n,
                item_id=f"item-{n % 5000}",
                user_id=f"user-{(number * 7919 + n) % 20_000}",
                session_id=f"session-{number}",
                properties={"device": "web", "place": "home"},
            )
            log.append([event_record(SHOP, event)])
            took[number].append(time.perf_counter() - start)
            n += 1

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(submitters)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = sorted(each for one in took for each in one)
    return len(every) / (time.perf_counter() - begun), every


def main() -> int:
    """One row per number of submitters: the median of the runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--runs", type=int, default=3, help="the median is reported")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured; the temporary one by default")
    parser.add_argument("--data", type=Path, help="not used: events are made here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        log = open_log(f"sqlite:///{folder}/log.db")
        live = Feed(log).add(SHOP, Live(SHOP))
        runs = []
        for run in range(args.runs):
            flushes = raw(folder, args.seconds)
            runs.append(
                (flushes, {each: acknowledged(log, each, args.seconds, f"{run}-{each}") for each in SUBMITTERS})
            )
            print(f"  raw {flushes:.0f}/s", {k: round(v[0]) for k, v in runs[-1][1].items()}, file=sys.stderr)
        assert sum(log.ends()) == live.offsets[0]
        log.close()
    for each in SUBMITTERS:
        rates = [found[each][0] for _, found in runs]
        ratio = statistics.median(found[each][0] / flushes for flushes, found in runs)
        every = sorted(one for _, found in runs for one in found[each][1])
        detail = {
            "rate": round(statistics.median(rates)),
            "raw_flushes": round(statistics.median(flushes for flushes, _ in runs)),
            "p50_ms": round(every[len(every) // 2] * 1e3, 2),
            "p99_ms": round(every[int(len(every) * 0.99)] * 1e3, 2),
            "rates": [round(rate) for rate in rates],
        }
        line = {
            "row": f"events: acknowledged a second, {each} at once, over raw flushes of 4 kB",
            "must": None,
            "aim": None,
            "measured": round(ratio, 2),
            "unit": "ratio",
            "detail": detail,
        }
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
