"""Pages of ten million rows, as the console asks for them: the first, the middle, the last; in the table's own order,
sorted, and filtered.

A synthetic table of interactions (200,000 shoppers, 50,000 items, seven columns) is written to a temporary lake, then
pages of a hundred rows are asked of the real server: GET /console/api/data/rows over one kept connection, the answer
parsed. The row is the slowest kind of page; what a sorted copy costs once stands in the detail.

    python benchmarks/console_pages.py [--rows 10000000] [--runs 20]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from endcap.jobs.workspace import open_workspace
from endcap.lake.tables import Lake
from endcap.settings import Settings
from endcap.types import ShopKey

ROOT = Path(__file__).resolve().parents[1]

SHOP = "large"
SEED, SIZE, BATCH = 0, 100, 500_000
SHOPPERS, ITEMS = 200_000, 50_000
COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("user_id", "item_id")),
        ("timestamp", pa.int64()),
        ("event_type", pa.string()),
        *((name, pa.float64()) for name in ("price", "quantity")),
        ("order_id", pa.string()),
    ]
)


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """Interactions in any order: the lake sorts them by shopper and time."""
    draw = np.random.default_rng(SEED)
    kinds = np.array(["View", "Purchase", "AddToCart"])
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        columns = [
            pa.array([f"u{n}" for n in draw.integers(0, SHOPPERS, count)]),
            pa.array([f"i{n}" for n in draw.zipf(1.3, count) % ITEMS]),
            pa.array(1_700_000_000_000_000 + draw.integers(0, 3 * 10**13, count)),
            pa.array(kinds[draw.integers(0, 3, count)]),
            pa.array(draw.random(count) * 100),
            pa.array(draw.integers(1, 5, count).astype(np.float64)),
            pa.array([f"o{n}" for n in draw.integers(0, max(rows // 3, 1), count)]),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=COLUMNS)


class Pages:
    """The operation, as a browser asks it."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def page(self, offset: int = 0, sort: str = "", descending: bool = False, filters: str = "[]") -> dict[str, Any]:
        """One page of interactions."""
        asked = {"shop": SHOP, "offset": offset, "limit": SIZE, "sort": sort, "filters": filters}
        answer = self._http.get("/console/api/data/rows", params={**asked, "descending": str(descending).lower()})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def ms(self, runs: int, **asked: Any) -> list[float]:
        """Milliseconds of each of several times the same page; the first is not counted."""
        taken = []
        for _ in range(runs + 1):
            started = time.perf_counter()
            page = self.page(**asked)
            taken.append((time.perf_counter() - started) * 1e3)
            assert len(page["rows"]) == min(SIZE, page["total"] - asked.get("offset", 0)) and not page["preparing"]
        return taken[1:]

    def prepared(self, **asked: Any) -> tuple[float, float]:
        """(seconds until its copy is there, milliseconds of the page that was asked for first)."""
        started = time.perf_counter()
        self.page(**asked)
        first = (time.perf_counter() - started) * 1e3
        while self.page(**asked)["preparing"]:
            time.sleep(0.05)
        return time.perf_counter() - started, first


def stocked(settings: Settings, rows: int) -> tuple[Lake, ShopKey]:
    """A home whose one shop has so many interactions."""
    workspace = open_workspace(settings)
    shop = workspace.new_shop(SHOP)
    workspace.lake.commit(shop, "interactions", batches(rows), schema=COLUMNS, mode="FULL", job="synthetic")
    workspace.database.close()
    return workspace.lake, shop


def main() -> None:
    """Print one JSON row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests" / "api"), str(ROOT / "tests")]
    running = import_module("shop_server").running
    last = asked.rows - SIZE
    with tempfile.TemporaryDirectory(prefix="endcap-pages-") as folder:
        settings = Settings(home=Path(folder), port=0)
        lake, shop = stocked(settings, asked.rows)
        with (
            running(settings) as server,
            httpx.Client(base_url=server.address, headers=dict(server.headers), timeout=600, trust_env=False) as http,
        ):
            pages = Pages(http)
            plain = {
                name: pages.ms(asked.runs, offset=offset)
                for name, offset in (("first", 0), ("middle", asked.rows // 2), ("last", last))
            }
            seconds, first = pages.prepared(sort="timestamp", descending=True)
            sorted_last = pages.ms(asked.runs, offset=last, sort="timestamp", descending=True)
            of_item = {"sort": "timestamp", "filters": '[["item_id", "=", "i77"]]'}
            filtering, filtered_first = pages.prepared(**of_item)
            filtered = pages.ms(asked.runs, **of_item)
        files = sum(Path(file).stat().st_size for file in lake.files(shop, "interactions"))
    slowest = max([*plain.values(), sorted_last, filtered], key=statistics.median)
    row = {
        "row": f"a page of {SIZE} of {asked.rows / 1e6:g} million rows in the console, the slowest kind",
        "must": 200.0,
        "aim": 50.0,
        "measured": round(statistics.median(slowest), 1),
        "unit": "ms",
        "better": "lower",
        "seed": SEED,
        "detail": {
            "p50_ms": {name: round(statistics.median(found), 1) for name, found in plain.items()}
            | {
                "last, sorted by time": round(statistics.median(sorted_last), 1),
                "first, of one item, sorted by time": round(statistics.median(filtered), 1),
            },
            "worst_ms": round(max(max(found) for found in (*plain.values(), sorted_last, filtered)), 1),
            "sorted_copy_s": round(seconds, 1),
            "first_page_while_sorting_ms": round(first, 1),
            "filtered_copy_s": round(filtering, 1),
            "first_page_while_filtering_ms": round(filtered_first, 1),
            "table_mb": round(files / 1e6, 1),
        },
    }
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
