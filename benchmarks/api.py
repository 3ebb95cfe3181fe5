"""The wire of one worker, signed: recommendations plain, filtered and promoted, and events acknowledged.

Every request carries its own SigV4 signature and is sent by wrk from a second process. Events are unique, acknowledged
when they would survive a power cut; beside them stands what the disk does alone: 4 kB appended and flushed, again and
again, in the same run. Prints one JSON line per row.

    python benchmarks/api.py [--items 50000] [--seconds 6]
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

import pyarrow as pa
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from endcap.api.server import COMMAND, environment
from endcap.lake.tables import Lake
from endcap.registry.keys import Keys
from endcap.registry.resources import Resource, Resources
from endcap.settings import Settings
from endcap.storage.db import open_database
from serving import DONE, SHOP, K, build, wrk

TRACKER = "11111111-2222-3333-4444-555555555555"
SIGNED = """
local lines = {}
for line in io.lines("%s") do
  local date, authorization, body = line:match("^(.-)\\t(.-)\\t(.*)$")
  lines[#lines + 1] = {date, authorization, body}
end
local at = 0
request = function()
  at = at %% #lines + 1
  local one = lines[at]
  return wrk.format("POST", "%s", {["content-type"] = "application/json", ["x-amz-date"] = one[1],
    ["authorization"] = one[2]}, one[3])
end
"""


def sign(address: str, path: str, body: str, credentials: Credentials) -> str:
    """One line for wrk: date, authorization and body, tab between them."""
    asked = AWSRequest("POST", address + path, headers={"content-type": "application/json"}, data=body.encode())
    SigV4Auth(credentials, "personalize", "us-east-1").add_auth(asked)
    return f"{asked.headers['X-Amz-Date']}\t{asked.headers['Authorization']}\t{body}"


def stock(home: Path, items: int) -> Credentials:
    """Prices and categories of all items, a filter, a promotion's filter, a tracker, and a key of the account."""
    table = pa.table(
        {
            "item_id": [f"item-{n}" for n in range(items)],
            "price": pa.array([n % 500 for n in range(items)], pa.float32()),
            "category": [f"c{n % 40}" for n in range(items)],
        }
    )
    Lake(home / "lake").commit(SHOP, "items", table, schema=table.schema, mode="FULL", job="items")
    database = open_database(Settings(home=home).database)
    resources = Resources(database)
    texts = {
        "cheap": 'INCLUDE ItemID WHERE Items.PRICE < $PRICE | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
        "week": 'INCLUDE ItemID WHERE Items.CATEGORY IN ("c3","c4")',
    }
    for name, text in texts.items():
        group = SHOP.arn("dataset-group", SHOP.group)
        document = {"name": name, "filterExpression": text, "datasetGroupArn": group}
        resources.create(Resource(SHOP.account, "filter", name, SHOP.group, document=document))
    document = {"name": "t", "trackingId": TRACKER, "datasetGroupArn": SHOP.arn("dataset-group", SHOP.group)}
    resources.create(Resource(SHOP.account, "event-tracker", "11111111", SHOP.group, document=document))
    key = Keys(database).create(SHOP.account.account, "admin", "benchmark")
    database.close()
    return Credentials(key.id, key.secret)


def questions(home: Path) -> dict[str, list[str]]:
    """Bodies of GetRecommendations by kind of question."""
    plain = [json.loads(line) for line in (home / "bodies.jsonl").read_text().splitlines()]
    filtered = {"filterArn": SHOP.arn("filter", "cheap"), "filterValues": {"PRICE": "250"}}
    week = {"name": "week", "percentPromotedItems": 20, "filterArn": SHOP.arn("filter", "week")}
    return {
        "plain": [json.dumps(each) for each in plain],
        "with a filter": [json.dumps({**each, **filtered}) for each in plain],
        "with a promotion": [json.dumps({**each, "promotions": [week]}) for each in plain],
    }


def flushes(folder: Path, seconds: float = 2.0) -> float:
    """4 kB appends a second, each flushed to the disk before the next."""
    handle = os.open(folder / "flushes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    block, count, started = b"x" * 4096, 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        os.write(handle, block)
        os.fdatasync(handle)
        count += 1
    os.close(handle)
    return count / (time.perf_counter() - started)


def ask(address: str, home: Path, seconds: int, credentials: Credentials) -> list[dict[str, Any]]:
    """Rows of GetRecommendations."""
    rows, base = [], 0.0
    for name, bodies in questions(home).items():
        lines = home / "signed.tsv"
        lines.write_text("\n".join(sign(address, "/recommendations", body, credentials) for body in bodies) + "\n")
        script = home / "signed.lua"
        script.write_text(SIGNED % (lines, "/recommendations") + DONE)
        wrk(address, "/", script, 4, 1)
        one, many = wrk(address, "/", script, 1, seconds // 2), wrk(address, "/", script, 16, seconds)
        base = base or many["rate"]
        detail = (
            f"{many['rate']:.0f}/s at 16 connections, p50 {many['p50'] * 1e3:.2f} ms, p99 {many['p99'] * 1e3:.2f} ms; "
            f"one connection p50 {one['p50'] * 1e3:.2f} ms, p99 {one['p99'] * 1e3:.2f} ms; {many['bad']:.0f} errors; "
            f"every request signed on its own, numResults {K}"
        )
        value = {"row": f"GetRecommendations, SigV4, {name}: requests a second", "must": None, "aim": None}
        rows.append({**value, "measured": round(many["rate"]), "unit": "1/s", "detail": detail})
    return rows


def put(address: str, home: Path, seconds: int, credentials: Credentials) -> list[dict[str, Any]]:
    """Rows of PutEvents, at 1, 16 and 64 clients, beside what the disk does alone."""
    rows, numbers = [], itertools.count()
    disk = flushes(home)
    for clients, amount in ((1, 20_000), (16, 30_000), (64, 40_000)):
        lines = home / "events.tsv"
        with open(lines, "w") as file:
            for number in itertools.islice(numbers, amount):
                event = {
                    "eventId": f"e{number}",
                    "eventType": "View",
                    "sentAt": time.time(),
                    "itemId": f"item-{number % 5000}",
                }
                body = {
                    "trackingId": TRACKER,
                    "userId": f"user-{number % 20000}",
                    "sessionId": f"s{number}",
                    "eventList": [event],
                }
                file.write(sign(address, "/events", json.dumps(body), credentials) + "\n")
        script = home / "events.lua"
        script.write_text(SIGNED % (lines, "/events") + DONE)
        found = wrk(address, "/", script, clients, seconds)
        fresh = min(1.0, amount / max(found["rate"] * seconds, 1))
        rows.append(
            {
                "row": f"PutEvents, {clients} clients: acknowledged events a second, times the disk's flushes",
                "must": None,
                "aim": None,
                "measured": round(found["rate"] / disk, 3),
                "unit": "x",
                "detail": f"{found['rate']:.0f} events/s, p50 {found['p50'] * 1e3:.2f} ms, p99 {found['p99'] * 1e3:.2f}"
                f" ms, {found['bad']:.0f} errors, {fresh:.0%} of them new; the disk alone {disk:.0f} flushes/s of 4 kB",
            }
        )
    return rows


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
        with subprocess.Popen(
            COMMAND, env=environment(Settings(home=home, port=0)), stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                address = server.stdout.readline().split()[-1]  # type: ignore[union-attr]
                rows = [*ask(address, home, args.seconds, credentials), *put(address, home, args.seconds, credentials)]
            finally:
                server.terminate()
                server.wait(20)
    for row in rows:
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
