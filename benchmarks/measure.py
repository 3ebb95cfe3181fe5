"""What the speed benchmarks share: the peer, the data, alternating runs, quality, and one JSON line per row."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse

from endcap.recipes.topk import top_k_inner
from endcap.types import Float32

Pair = tuple[float, float]


def peer(module: str) -> ModuleType:
    """A module of `implicit`, or an exit that says how to install it."""
    try:
        return import_module(f"implicit.{module}")
    except ImportError:
        sys.exit(
            "The peer implicit 0.7.3 is not installed. Install it beside the product, never in its own environment:\n"
            "  python -m venv .venv-bench && .venv-bench/bin/pip install -e . -r benchmarks/requirements.txt\n"
            "and run this script with .venv-bench/bin/python."
        )


def arguments(text: str | None) -> argparse.Namespace:
    """The options that all of them take."""
    repository = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--data", type=Path, default=repository / "../shared/data", help="folder of the public sets")
    parser.add_argument("--runs", type=int, default=5, help="alternating runs; the median of their ratios is reported")
    parser.add_argument("--only", choices=("gowalla", "synthetic"), help="one of the two sets")
    return parser.parse_args()


def gowalla(folder: Path) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """(train, test) float32 [29,858, 40,981] of ones, the published split."""
    path = folder / "cf_gowalla_lightgcn.parquet"
    if not path.exists():
        sys.exit(f"There is no {path}; give the folder that holds it with --data.")
    table = pq.read_table(path)
    user, item, split = (table[name].to_numpy() for name in ("user_id", "item_id", "split"))
    users, rows = np.unique(user, return_inverse=True)
    items, columns = np.unique(item, return_inverse=True)
    shape = (len(users), len(items))
    made = []
    for name in ("train", "test"):
        part = split == name
        matrix = sparse.csr_matrix((np.ones(part.sum(), np.float32), (rows[part], columns[part])), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        made.append(matrix)
    return made[0], made[1]


def quality(
    users: Float32, items: Float32, train: sparse.csr_matrix, test: sparse.csr_matrix, first: int | None = None
) -> Pair:
    """(Recall@20, NDCG@20) over the whole catalogue, training items masked, of the `first` users that have tests."""
    k = 20
    known = np.flatnonzero(np.diff(test.indptr))[:first]
    seen, wanted = train[known], test[known]
    top, _ = top_k_inner(users[known], items, k, None, seen.indptr.astype(np.int64), seen.indices)
    counts = np.diff(wanted.indptr)
    hit = np.asarray(wanted[np.arange(len(known))[:, None], np.maximum(top, 0)].todense(), np.float64) * (top >= 0)
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(counts, k) - 1]
    return float((hit.sum(1) / counts).mean()), float(((hit @ discount) / ideal).mean())


def alternate(ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> list[Pair]:
    """Seconds of each, measured in turn; which goes first changes from run to run. Warm both up before."""
    pairs = []
    for run in range(runs):
        times = [0.0, 0.0]
        for who in (0, 1) if run % 2 else (1, 0):
            start = time.perf_counter()
            (ours, theirs)[who]()
            times[who] = time.perf_counter() - start
        pairs.append((times[0], times[1]))
        print(f"  ours {times[0]:.2f} s   theirs {times[1]:.2f} s", file=sys.stderr)
    return pairs


def report(row: str, pairs: list[Pair], *, must: float, aim: float, rate: bool, **detail: Any) -> None:
    """One JSON line. The ratio is ours / theirs in time, or the other way round (`rate`), which is that of rates."""
    ratios = [theirs / ours if rate else ours / theirs for ours, theirs in pairs]
    line = {
        "row": row,
        "must": must,
        "aim": aim,
        "measured": round(statistics.median(ratios), 3),
        "unit": "ratio",
        "better": "higher" if rate else "lower",
        "detail": {
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
            "ours_s": [round(ours, 3) for ours, _ in pairs],
            "implicit_s": [round(theirs, 3) for _, theirs in pairs],
            **detail,
        },
    }
    print(json.dumps(line), flush=True)
