"""Features of 1 user and 500 items × 30 for one request, beside Feast's `get_online_features` on the same values.

In process: `ShopFeatures.values`, which computes all ranking features of the shop (more than thirty) from counts and
the user's own 512 events, against Feast's SQLite store. Over Redis: our online store (one MGET of packed blobs a group)
against Feast's Redis store, both on one Valkey. Feast runs in an environment of its own, made where there is none:

    python -m venv .venv-feast && .venv-feast/bin/pip install -r benchmarks/requirements-feast.txt

Prints one JSON line per row.

    python benchmarks/features.py [--requests 100] [--feast PYTHON]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from endcap.features.facts import INTERVAL, ItemFacts
from endcap.features.groups import Feature, FeatureGroup
from endcap.features.online import OnlineStore
from endcap.features.shop import ShopFeatures
from endcap.storage.state import open_state
from endcap.stream.histories import CAP, Past
from endcap.stream.records import FeatureRecord
from endcap.types import DAY, SECOND, AccountKey, Float32, Int32
from redis_log import valkey

HERE = Path(__file__).resolve().parent
PLACES, EVENTS, KNOWN, USERS, CANDIDATES, WIDTH = 50_000, 1_000_000, 5_000, 50, 500, 30
NOW = 1_760_000_000_000_000 // DAY * DAY
TYPES = ("view", "add_to_cart", "purchase", "return", "impression")
Asked = tuple[int, Int32]


def shop(random: np.random.Generator) -> ShopFeatures:
    """A shop of 50,000 items of which everything is known, with a million events of 60 days."""
    at = np.arange(PLACES)
    table = pa.table(
        {
            "PRICE": random.lognormal(3, 1, PLACES),
            "CATEGORY_L1": [f"c{place % 300}" for place in at],
            "BRAND": [f"b{place % 900}" for place in at],
            "MARGIN": random.random(PLACES),
            "AVERAGE_RATING": 1 + 4 * random.random(PLACES),
            "POSITIVE_REVIEW_COUNT": random.integers(0, 90, PLACES),
            "NEGATIVE_REVIEW_COUNT": random.integers(0, 20, PLACES),
            "STOCK": random.integers(0, 50, PLACES),
            "CREATION_TIMESTAMP": NOW - random.integers(60, 900, PLACES) * DAY,
        }
    )
    facts = ItemFacts.of(table, PLACES)
    facts.numbers[:, INTERVAL] = 14.0
    made = ShopFeatures.empty(facts, TYPES)
    item = (PLACES * random.random(EVENTS) ** 2).astype(np.int32)
    kind = random.choice(5, EVENTS, p=[0.6, 0.12, 0.08, 0.01, 0.19]).astype(np.int16)
    made.fold(item, NOW - random.integers(1, 60 * DAY, EVENTS), kind, np.full(EVENTS, 0.5, np.float32))
    return made


def histories(random: np.random.Generator) -> Past:
    """Of each user 512 events, the last of them within minutes."""
    indptr = np.arange(USERS + 1) * CAP
    time = np.sort(NOW - random.integers(1, 90 * DAY, (USERS, CAP)), axis=1)
    time[:, -9:] = np.sort(NOW - random.integers(1, 600 * SECOND, (USERS, 9)), axis=1)
    item = random.integers(0, PLACES, USERS * CAP).astype(np.int32)
    kind = random.choice(3, USERS * CAP).astype(np.int16)
    return Past(indptr, item, time.ravel(), kind, np.ones(USERS * CAP, np.float32), np.full(USERS * CAP, -1))


def ask(features: ShopFeatures, past: Past, user: int, items: Int32, retrieval: Float32) -> Float32:
    """float32 [500, all features], as a request asks for them."""
    return features.values(past.slice(user), np.array([NOW]), items, np.array([0, len(items)]), retrieval)


def chosen(features: ShopFeatures) -> tuple[list[int], list[int]]:
    """Columns of items (and their categories) and of users (and their sessions), thirty in all."""
    keyed = list(enumerate(features.features))
    items = [at for at, each in keyed if each.key in ("item", "category")]
    users = [at for at, each in keyed if each.key in ("user", "session")]
    moment = [at for at, each in keyed if each.name in ("hour_of_week", "season")]
    users = (users + moment)[: WIDTH - len(items)]
    return items, users


def timed(call: Callable[[int], object], requests: int) -> list[float]:
    """Milliseconds of each."""
    taken = []
    for number in range(requests):
        start = time.perf_counter()
        call(number)
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def tables(folder: Path, block: Float32, columns: tuple[list[int], list[int]], names: tuple[str, ...]) -> None:
    """What Feast reads: the columns of `block` [KNOWN + USERS, all], items first."""
    stamp = pa.array([NOW] * max(KNOWN, USERS), pa.timestamp("us", tz="UTC"))
    for key, low, many, chosen_columns in (("item", 0, KNOWN, columns[0]), ("user", KNOWN, USERS, columns[1])):
        ids = pa.array([f"{key}-{number}" for number in range(many)])
        values = {names[at]: block[low : low + many, at] for at in chosen_columns}
        table = pa.table({f"{key}_id": ids, **values, "event_timestamp": stamp[:many]})
        pq.write_table(table, folder / f"{key}s.parquet")


def feast(python: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """What the peer printed; an exit with its reason where it fails."""
    command = [python, str(HERE / "feast_peer.py"), str(folder), *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        sys.exit(f"Feast failed: {said.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def peer(given: str | None) -> str:
    """Feast's Python, installed where it is not there yet."""
    if given is not None:
        return given
    place = HERE.parent / ".venv-feast"
    python = place / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements-feast.txt")]
        subprocess.run(install, check=True, stdout=sys.stderr)
    return str(python)


def online(url: str, folder: Path) -> Callable[[Asked], Float32]:
    """Our store on that server, with what is in the tables; asked for the thirty of a user and items."""
    made, groups = OnlineStore(open_state(url)), []
    for key in ("item", "user"):
        table = pq.read_table(folder / f"{key}s.parquet")
        names = table.column_names[1:-1]
        parts = (Feature("id", "String"), Feature("at", "Fractional"), *(Feature(name, "Fractional") for name in names))
        group = FeatureGroup(AccountKey(), f"{key}s", "id", "at", parts)
        rows = zip(
            *(table[name].to_pylist() for name in ("item_id" if key == "item" else "user_id", *names)), strict=True
        )
        made.load(
            group.account,
            (
                (record(group, str(row[0]), dict(zip(names, row[1:], strict=True))), (NOW, place))
                for place, row in enumerate(rows)
            ),
        )
        groups.append((group, names))
    (items, of_items), (users, of_users) = groups

    def gather(asked: Asked) -> Float32:
        out = np.empty((CANDIDATES, WIDTH), np.float32)
        out[:, : len(of_items)] = made.numbers(items, [f"item-{item}" for item in asked[1].tolist()], of_items)
        out[:, len(of_items) :] = made.numbers(users, [f"user-{asked[0]}"], of_users)
        return out

    return gather


def record(group: FeatureGroup, identity: str, values: dict[str, float]) -> FeatureRecord:
    """One record as PutRecord would make it."""
    told = {name: str(value) for name, value in values.items() if value == value}  # NaN is not told
    return group.record({"id": identity, "at": str(NOW // SECOND), **told})


def report(row: str, must: float, ours: list[float], theirs: list[float], **detail: Any) -> None:
    """Two JSON lines: how many times as long theirs take, at the median and at the 99th percentile."""
    for name, percentile in (("p50", 50), ("p99", 99)):
        mine, other = (float(np.percentile(taken, percentile)) for taken in (ours, theirs))
        line = {
            "row": f"{row}, {name}",
            "must": must,
            "measured": round(other / mine, 1),
            "unit": "ratio",
            "better": "higher",
            "seed": 7,
            "detail": {"ours_ms": round(mine, 4), "feast_ms": round(other, 2), "requests": len(theirs), **detail},
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    """Both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--feast", help="a Python that has Feast; .venv-feast by default")
    parser.add_argument("--data", help="not read")
    args = parser.parse_args()
    random = np.random.Generator(np.random.PCG64(7))
    features, past, python = shop(random), histories(random), peer(args.feast)
    items, users = columns = chosen(features)
    asked = [
        (int(random.integers(USERS)), random.choice(KNOWN, CANDIDATES, replace=False).astype(np.int32))
        for _ in range(args.requests)
    ]
    retrieval = np.sort(random.random(CANDIDATES).astype(np.float32))[::-1].copy()
    whole = np.arange(KNOWN, dtype=np.int32)
    known = ask(features, past, 0, whole, np.zeros(KNOWN, np.float32))
    each = [ask(features, past, user, whole[:1], retrieval[:1]) for user in range(USERS)]
    features.warm()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables(folder, np.concatenate([known, *each]), columns, features.names)
        (folder / "requests.json").write_text(
            json.dumps(
                [[f"user-{user}", [f"item-{item}" for item in candidates.tolist()]] for user, candidates in asked]
            )
        )
        first = ask(features, past, *asked[0], retrieval)[:, items + users]

        def in_process(number: int) -> object:
            return ask(features, past, *asked[number % len(asked)], retrieval)

        ours = timed(in_process, 2000)
        told = feast(python, folder, "sqlite")
        ours += timed(in_process, 2000)
        same(first, told)
        row = "features of 1 user + 500 items x 30, in process beside Feast's SQLite store"
        report(row, 200, ours, told["ms"], features_computed=len(features.names), history=CAP)
        with valkey(folder) as url:
            gather = online(url, folder)
            np.testing.assert_array_equal(gather(asked[0]), first)
            ours = timed(lambda number: gather(asked[number % len(asked)]), 500)
            told = feast(python, folder, "redis", url.removeprefix("redis://").removesuffix("/0"))
            ours += timed(lambda number: gather(asked[number % len(asked)]), 500)
            same(first, told)
        report("features of 1 user + 500 items x 30, over Redis beside Feast's Redis store", 20, ours, told["ms"])


def same(ours: Float32, told: dict[str, Any]) -> None:
    """Both gave the same values. Raises `AssertionError` where they did not."""
    theirs = np.array(
        [[np.nan if value is None else value for value in column] for column in told["first"]], np.float32
    )
    np.testing.assert_allclose(theirs.T, ours, rtol=1e-6)


if __name__ == "__main__":
    main()
