"""Events acknowledged a second on one embedded node: `/collect` in batches of 500, and signed PutEvents of ten.

A campaign of 50,000 items is served meanwhile, so each event is also folded into live state before it is acknowledged.
Every event is new; wrk sends from a second process. Beside them stands what the disk does alone in the same run, and
the processor time that the server took for an event, which other work on the machine changes little.
Prints one JSON line per row.

    python benchmarks/collect.py [--items 50000] [--seconds 6]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from api import SIGNED, TRACKER, flushes, sign, stock
from endcap.api.server import COMMAND, environment
from endcap.registry.resources import Resources
from endcap.registry.write_keys import WriteKeys
from endcap.settings import Settings
from endcap.storage.db import open_database
from serving import DONE, SHOP, build, wrk

TOGETHER = 500
PLAIN = """
local lines = {}
for line in io.lines("%s") do lines[#lines + 1] = line end
local at = 0
request = function()
  at = at %% #lines + 1
  return wrk.format("POST", "%s", {["content-type"] = "text/plain", ["origin"] = "https://shop.example"}, lines[at])
end
"""


def batch(numbers: Any, count: int) -> str:
    """The body of one call with so many new events."""
    now = int(time.time() * 1000)
    events = [
        {
            "event_type": "View",
            "event_id": f"c{number}",
            "item_id": f"item-{number * 7 % 50_000}",
            "user_id": f"user-{number * 31 % 20_000}",
            "session_id": f"s{number * 31 % 20_000}",
            "timestamp": now,
        }
        for number in itertools.islice(numbers, count)
    ]
    return json.dumps({"events": events})


def busy(process: int) -> float:
    """Seconds of processor time that a process has taken so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def collected(address: str, home: Path, seconds: int, key: str, disk: float, process: int) -> list[dict[str, Any]]:
    """Rows of `/collect`."""
    rows, numbers = [], itertools.count()
    for clients in (1, 4, 8):
        amount = 200 * seconds
        lines = home / "batches.jsonl"
        with open(lines, "w") as file:
            for _ in range(amount):
                file.write(batch(numbers, TOGETHER) + "\n")
        script = home / "batches.lua"
        script.write_text(PLAIN % (lines, f"/collect?key={key}") + DONE)
        before = busy(process)
        found = wrk(address, "/", script, clients, seconds)
        rate, fresh = found["rate"] * TOGETHER, min(1.0, amount / max(found["rate"] * seconds, 1))
        micros = (busy(process) - before) / max(rate * seconds, 1) * 1e6
        detail = (
            f"{micros:.1f} µs of processor time an event; {found['rate']:.1f} calls/s, "
            f"p50 {found['p50'] * 1e3:.1f} ms, p99 {found['p99'] * 1e3:.1f} ms, {found['bad']:.0f} errors, "
            f"{fresh:.0%} of the events new; the disk alone {disk:.0f} flushes/s of 4 kB"
        )
        value = {"row": f"/collect, {TOGETHER} events a call, {clients} clients: durable events a second"}
        must = {"must": 30_000 if clients == 4 else None, "aim": None, "measured": round(rate), "unit": "1/s"}
        rows.append({**value, **must, "detail": detail})
    return rows


def put(address: str, home: Path, seconds: int, credentials: Credentials) -> dict[str, Any]:
    """The row of signed PutEvents, ten events of one shopper a call."""
    numbers, amount = itertools.count(10_000_000), 1_500 * seconds
    lines = home / "put.tsv"
    with open(lines, "w") as file:
        for _ in range(amount):
            listed = [
                {"eventId": f"p{n}", "eventType": "View", "sentAt": time.time(), "itemId": f"item-{n % 5000}"}
                for n in itertools.islice(numbers, 10)
            ]
            user = next(numbers) % 20_000
            body = {"trackingId": TRACKER, "userId": f"user-{user}", "sessionId": f"s{user}", "eventList": listed}
            file.write(sign(address, "/events", json.dumps(body), credentials) + "\n")
    script = home / "put.lua"
    script.write_text(SIGNED % (lines, "/events") + DONE)
    found = wrk(address, "/", script, 16, seconds)
    fresh = min(1.0, amount / max(found["rate"] * seconds, 1))
    detail = (
        f"{found['rate']:.0f} calls/s, p50 {found['p50'] * 1e3:.2f} ms, p99 {found['p99'] * 1e3:.2f} ms, "
        f"{found['bad']:.0f} errors, {fresh:.0%} of the events new"
    )
    value = {"row": "PutEvents, SigV4, ten events a call, 16 clients: durable events a second", "must": 5_000}
    return {**value, "aim": None, "measured": round(found["rate"] * 10), "unit": "1/s", "detail": detail}


def main() -> int:
    """Build, serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("items", 50_000), ("users", 20_000), ("events", 1_000_000), ("factors", 64), ("seed", 42)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=int, default=6)
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("error: wrk is not installed. Install it: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        build(home, args)
        credentials = stock(home, args.items)
        database = open_database(Settings(home=home).database)
        key = WriteKeys(Resources(database)).create(SHOP, ["https://shop.example"]).text
        database.close()
        disk = flushes(home)
        settings = Settings(home=home, port=0)
        with subprocess.Popen(COMMAND, env=environment(settings), stdout=subprocess.PIPE, text=True) as server:
            try:
                address = server.stdout.readline().split()[-1]  # type: ignore[union-attr]
                rows = [put(address, home, args.seconds, credentials)]
                rows += collected(address, home, args.seconds, key, disk, server.pid)
            finally:
                server.terminate()
                server.wait(20)
    for row in rows:
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
