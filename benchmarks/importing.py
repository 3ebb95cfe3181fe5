"""Importing Online Retail II against DuckDB reading and grouping the same file, in one process, in turn.

Ours is `import_source` from the call to the finished, durable commit: a fresh interpreter under a memory limit, every
row checked, 250,000 rejects kept with their raw rows, the rest sorted and committed to Delta with an fsync.
The peer is one DuckDB query over the same Parquet file on as many threads, its connection warm: the same four rules of
clean-up, ids trimmed, London's times as UTC, exact duplicates once, then one row per customer, product, time and order
with summed quantity, into a table in memory: the same rows that ours commits, which is asserted. `plain` in the detail
is ours against a query that only filters and groups: no exact duplicates removed, no time zone, no returns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from endcap.jobs.importing import ImportReport, import_source
from endcap.lake.tables import Lake
from endcap.settings import Settings
from endcap.types import AccountKey, ShopKey

T = TypeVar("T")
REPOSITORY = Path(__file__).resolve().parent.parent
SHOP = ShopKey(AccountKey(), "online-retail")
PURCHASES = 766_087
LIMIT, AIM = 3.0, 2.0
SAME = r"""
CREATE OR REPLACE TABLE grouped AS
SELECT user_id, item_id, timestamp, order_id, event_type,
    abs(sum(quantity)) AS quantity, first(price) AS price, first(country) AS country
FROM (
    SELECT DISTINCT CAST(user_id AS VARCHAR) AS user_id, trim(item_id) AS item_id,
        epoch_us(timezone('UTC', timezone('Europe/London', CAST(timestamp AS TIMESTAMP)))) AS timestamp,
        order_id, if(regexp_matches(order_id, '^[Cc]'), 'Return', 'Purchase') AS event_type, quantity, price, country
    FROM read_parquet($file)
    WHERE user_id IS NOT NULL AND regexp_matches(trim(item_id), '^\d{5}') AND price > 0
        AND (quantity > 0 OR regexp_matches(order_id, '^[Cc]'))
)
GROUP BY user_id, item_id, timestamp, order_id, event_type
"""
PLAIN = r"""
CREATE OR REPLACE TABLE plain AS
SELECT user_id, item_id, timestamp, order_id,
    sum(quantity) AS quantity, first(price) AS price, first(country) AS country
FROM read_parquet($file)
WHERE user_id IS NOT NULL AND regexp_matches(item_id, '^\d{5}') AND price > 0 AND quantity > 0
GROUP BY user_id, item_id, timestamp, order_id
"""


def main() -> int:
    """One row: the median over alternating runs of our time divided by the peer's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=REPOSITORY / "../shared/data", help="folder of the public sets")
    parser.add_argument("--runs", type=int, default=7, help="alternating runs, at least 5 for a result to keep")
    options = parser.parse_args()
    source = options.data / "online_retail_ii.parquet"
    if not source.exists():
        sys.exit(f"There is no {source}; give the folder that holds it with --data.")
    peer = duckdb.connect(config={"threads": os.cpu_count() or 1})
    peer.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")

    def query(text: str) -> float:
        return timed(lambda: peer.execute(text, {"file": str(source)}))[0]

    runs: list[dict[str, Any]] = []
    for number in range(options.runs + 1):
        before = ours(source) if number % 2 else None  # who goes first changes from run to run
        same, plain = query(SAME), query(PLAIN)
        seconds, report, found = before or ours(source)
        if number == 0:  # both are warm from here on
            check(peer, found)
            continue
        parts = {name: report.seconds[name] for name in ("plan", "read", "commit")}
        start = seconds - report.seconds["total"]
        runs.append({"ours": seconds, "peer": same, "plain": plain, "child start": start, **parts})
        print(f"  ours {seconds:.2f} s   same {same:.2f} s   plain {plain:.2f} s", file=sys.stderr)
    print(json.dumps(row(runs)))
    return 0


def ours(source: Path) -> tuple[float, ImportReport, list[tuple[Any, ...]]]:
    """Seconds, the report, and `TOTALS` of the rows that an import into an empty home committed."""
    with tempfile.TemporaryDirectory() as home:
        seconds, report = timed(
            lambda: import_source(Settings(home=Path(home)), SHOP, [source], dialect="online-retail")
        )
        files = Lake(Path(home) / "lake").files(SHOP, "interactions")
        return (
            seconds,
            report,
            duckdb.sql(f"{TOTALS} FROM read_parquet({files}) GROUP BY event_type ORDER BY 1").fetchall(),
        )


TOTALS = "SELECT event_type, count(*), sum(quantity), min(timestamp), max(timestamp)"


def check(peer: duckdb.DuckDBPyConnection, found: list[tuple[Any, ...]]) -> None:
    """Both must have made the same rows."""
    wanted = peer.execute(f"{TOTALS} FROM grouped GROUP BY event_type ORDER BY 1").fetchall()
    assert found == wanted, f"ours {found}, theirs {wanted}"
    assert found[0][1] == PURCHASES


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what came of it."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def row(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The line of results."""

    def median(name: str) -> float:
        return round(statistics.median(run[name] for run in runs), 3)

    ratios = [run["ours"] / run["peer"] for run in runs]
    return {
        "row": "Online Retail II import, times DuckDB's reading and grouping",
        "must": LIMIT,
        "aim": AIM,
        "better": "lower",
        "measured": round(statistics.median(ratios), 2),
        "unit": "ratio",
        "detail": {
            "lowest": round(min(ratios), 2),
            "highest": round(max(ratios), 2),
            "plain": round(statistics.median(run["ours"] / run["plain"] for run in runs), 2),
            "seconds": {name: median(name) for name in runs[0]},
            "ours_s": [round(run["ours"], 3) for run in runs],
            "peer_s": [round(run["peer"], 3) for run in runs],
        },
    }


if __name__ == "__main__":
    sys.exit(main())
