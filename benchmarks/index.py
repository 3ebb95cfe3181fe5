"""Retrieval from large catalogues: the index beside all inner products, one process, one thread, in one run.

Synthetic vectors for speed only, 64 long: 500 clusters, items at a normal distance of 0.7 from their centre with
lengths that vary, queries that mix three centres. Times are medians of single queries (p50); recall is of the hundred
best. What is estimated is the softmax sum (`VectorIndex.log_total`), at the temperature that makes the best hundred
hold half the probability.

    python benchmarks/index.py [--items 10000 100000 300000 1000000]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))

import numpy as np  # noqa: E402

from endcap.recipes.vector_index import VectorIndex  # noqa: E402
from endcap.serving.indexed import LOOKED_UP  # noqa: E402
from endcap.serving.kernels import best, inner_products, log_total  # noqa: E402
from endcap.types import Float32  # noqa: E402

LENGTH, CLUSTERS, SEED, K, ASKED = 64, 500, 0, 100, 64
WIDTH = 500
"""Candidates of a campaign in two stages."""
INDEXED = 100_000


def vectors(size: int) -> tuple[Float32, Float32]:
    """(items [size, LENGTH], queries [2 · ASKED, LENGTH])."""
    draw = np.random.default_rng(SEED)
    centres = draw.standard_normal((CLUSTERS, LENGTH), dtype=np.float32)
    items = centres[draw.integers(0, CLUSTERS, size)]
    items += 0.7 * draw.standard_normal((size, LENGTH), dtype=np.float32)
    items *= draw.lognormal(0, 0.4, size).astype(np.float32)[:, None] / 8
    mixed = centres[draw.integers(0, CLUSTERS, (2 * ASKED, 3))]
    shares = draw.dirichlet(np.ones(3), 2 * ASKED).astype(np.float32)
    queries = (mixed * shares[:, :, None]).sum(1) + 0.3 * draw.standard_normal((2 * ASKED, LENGTH), dtype=np.float32)
    return items, np.ascontiguousarray(queries, np.float32)


def p50(ask: Callable[[Float32], object], queries: Float32) -> float:
    """Median milliseconds of single queries."""
    taken = []
    for query in queries:
        begun = time.perf_counter()
        ask(query)
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def temperature(scores: Float32) -> float:
    """Where the hundred best of a query hold half of the probability."""
    grid = float(scores.std()) * np.logspace(-2, 1, 40)
    top = scores[best(scores, K)]
    shares = [np.exp(log_total(top, each) - log_total(scores, each)) for each in grid]
    return float(grid[int(np.argmin(np.abs(np.array(shares) - 0.5)))])


def measured(size: int) -> dict[str, float]:
    """Of one catalogue."""
    items, queries = vectors(size)
    tuning, asked = queries[:ASKED], queries[ASKED:]

    def exact(query: Float32) -> object:
        scores = inner_products(query[None, :], items)[0]
        return log_total(scores, 1.0), best(scores, WIDTH)

    exact(asked[0])
    found = {"exact_ms": p50(exact, asked)}
    index = VectorIndex.build(items, tuning, SEED) if size >= INDEXED else None
    found["served_ms"] = found["exact_ms"]
    if index is None:
        return found

    def indexed(query: Float32) -> object:
        rows, values = index.search(query[None, :], LOOKED_UP)
        known = rows[0] >= 0
        return index.log_total(query, rows[0][known], values[0][known], 1.0), rows

    indexed(asked[0])
    found |= {"served_ms": p50(indexed, asked), "build_s": index.seconds, "tuned_recall": index.recall}
    recalls, errors = [], []
    for query in asked:
        scores = items @ query
        rows, values = index.search(query[None, :], LOOKED_UP)
        known = rows[0] >= 0
        recalls.append(float(np.isin(best(scores, K), rows[0][:K]).mean()))
        warm = temperature(scores)
        errors.append(index.log_total(query, rows[0][known], values[0][known], warm) - log_total(scores, warm))
    sizes = np.abs(np.expm1(np.array(errors)))
    lists = {"lists": index.index.nlist, "probed": index.index.nprobe}
    return {
        **found,
        **lists,
        "recall": float(np.mean(recalls)),
        "probability_error_median": float(np.median(sizes)),
        "probability_error_p95": float(np.quantile(sizes, 0.95)),
    }


def main() -> None:
    """Print every row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="*", default=[10_000, 100_000, 300_000, 1_000_000])
    sizes = parser.parse_args().items
    found = {size: measured(size) for size in sizes}
    for size, told in found.items():
        detail = {"seed": SEED, **{name: round(value, 4) for name, value in told.items()}}
        if "recall" in told:
            _row(f"index, {size:,} × {LENGTH}, recall@{K}", told["recall"], "higher", detail)
            _row(f"index, {size:,} × {LENGTH}, time over exact", told["served_ms"] / told["exact_ms"], "lower", detail)
        else:
            _row(f"index, {size:,} × {LENGTH}, exact, ms p50", told["exact_ms"], "lower", detail)
    first, last = min(sizes), max(sizes)
    growth = found[last]["served_ms"] / found[first]["served_ms"]
    detail = {"served_ms": {size: round(told["served_ms"], 3) for size, told in found.items()}}
    _row(f"index, p50 of retrieval, {last:,} over {first:,} items", growth, "lower", detail)


def _row(name: str, value: float, better: str, detail: object) -> None:
    line = {"row": name, "must": None, "aim": None, "measured": value, "better": better, "detail": detail}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
