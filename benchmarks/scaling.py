"""Cost against size: what training costs from 1 M to 10 M interactions, one JSON line per row.

Synthetic shops (synthetic.py) in which users grow with the interactions and the catalogue stays, as it does in a shop
that lives longer: 1 M, 3 M and 10 M events of 20,000, 60,000 and 200,000 users over 50,000 items. The slope is that of
a least-squares line through log seconds of processor time over log size, the least of `--runs` runs a size, so that
what else the machine does counts little; 1 is linear. Seconds by the clock are stated beside it.

ALS: 64 factors, 3 iterations. Item-item: 100 neighbours by cosine (`neighbours`), where work grows with the pairs of
items of each user. FM: the making of features (user, item, hour, device) and one pass of 16 factors over the events.
Session kNN: 100,000, 300,000 and 1,000,000 sessions of those events, index and likeness.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.lake.dataset import Dataset, Interactions, Vocabulary
from endcap.recipes import create
from endcap.recipes.als import ALS
from endcap.recipes.fields import Fields, Spec
from endcap.recipes.fm_training import Machine, Plan, shuffled
from endcap.recipes.item_item_kernels import neighbours
from synthetic import Events, Shop, events

RECIPES = ("als", "item-item", "fm", "session-knn")
SIZES = {"1 M": 1_000_000, "3 M": 3_000_000, "10 M": 10_000_000}
SESSION = 10
"""Events of one session."""
FACTORS = 16
"""Of the factorization machine."""


def matrix(made: Events, shop: Shop) -> sparse.csr_matrix:
    """Binary float32 [users, items]."""
    user, item = made
    taken = sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=(shop.users, shop.items))
    taken.sum_duplicates()
    taken.data[:] = 1.0
    return taken


def sessions(made: Events, shop: Shop) -> Dataset:
    """The same events, every ten of a user one session."""
    user, item = made
    within = np.arange(len(user)) - np.repeat(
        np.flatnonzero(np.diff(user, prepend=-1)), np.bincount(user)[np.unique(user)]
    )
    starts = (np.diff(user, prepend=-1) != 0) | (within % SESSION == 0)
    session = (np.cumsum(starts) - 1).astype(np.int32)
    m = len(session)
    rows = Interactions(session, item, within, np.zeros(m, np.int16), np.ones(m, np.float32), np.full(m, -1, np.int64))
    names = (pa.array(np.arange(n)).cast(pa.string()) for n in (int(session[-1]) + 1, shop.items))
    return Dataset(*(Vocabulary.of(ids) for ids in names), rows, time_kind="order")


def told(made: Events) -> tuple[pa.Table, np.ndarray]:
    """(a row of four categories for each event, float32 labels)."""
    user, item = made
    draws = np.random.default_rng(0)
    hour, device = draws.integers(0, 24, len(user)), draws.integers(0, 5, len(user))
    columns = {"user": user, "item": item, "hour": hour.astype(np.int32), "device": device.astype(np.int32)}
    return pa.table(columns), draws.integers(0, 2, len(user)).astype(np.float32)


def machine(table: pa.Table, target: np.ndarray) -> None:
    """Features of the rows and one pass of a factorization machine over them."""
    rows = Fields.learn(table, {name: Spec("category", unknown=False) for name in table.column_names}).encode(table)
    order = shuffled(len(target), np.random.default_rng(1))
    worth = np.ones(1, np.float32)
    Machine.start(rows.shape[1], FACTORS, 0).learn(rows, target, worth, order, Plan("logistic"))


def works(name: str, made: Events, shop: Shop) -> tuple[int, Callable[[], object]]:
    """(how large it is, what is timed) of a recipe."""
    if name == "fm":
        rows = told(made)
        return len(rows[1]), lambda: machine(*rows)
    if name == "session-knn":
        visits = sessions(made, shop)
        return len(visits.interactions), lambda: create(name).fit(visits)
    taken = matrix(made, shop)
    return taken.nnz, (lambda: ALS(64, 3).factorise(taken)) if name == "als" else (lambda: neighbours(taken, 100))


def timed(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """(least wall seconds, least processor seconds)."""
    walls, processors = [], []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def main() -> None:
    """Print one row for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each size, of which the least counts")
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=list(SIZES), help="sizes to run")
    parser.add_argument("--only", nargs="*", default=list(RECIPES), choices=list(RECIPES), help="recipes to run")
    parser.add_argument("--data", help="not read: the data is synthetic")
    asked = parser.parse_args()
    found: dict[str, list[tuple[int, float, float]]] = {name: [] for name in asked.only}
    warm = Shop(users=500, items=2_000, events=20_000)
    for shop in (warm, *(Shop(users=SIZES[size] // 50, events=SIZES[size]) for size in asked.sizes)):
        made = events(shop)
        for name in asked.only:
            size, work = works(name, made, shop)
            taken_time = timed(work, 1 if shop is warm else asked.runs)
            if shop is not warm:
                found[name].append((size, *taken_time))
                print(f"  {name}: {size:,} in {taken_time[1]:.2f} s of processor time", file=sys.stderr)
    for name, points in found.items():
        report(name, points)


def report(name: str, points: list[tuple[int, float, float]]) -> None:
    """One row: the slope of log seconds over log size."""
    sizes, walls, processors = (np.log(column) for column in np.array(points, float).T)
    slope, of_processor = (float(np.polyfit(sizes, column, 1)[0]) for column in (walls, processors))
    detail = {
        "pairs": [int(size) for size, *_ in points],
        "seconds": [round(wall, 3) for _, wall, _ in points],
        "cpu_seconds": [round(processor, 3) for *_, processor in points],
        "slope_by_the_clock": round(slope, 3),
    }
    must = None if name == "session-knn" else 1.1
    line = {
        "row": f"cost against size, log-log slope · {name}",
        "must": must,
        "aim": 1.0,
        "measured": round(of_processor, 3),
    }
    print(json.dumps({**line, "unit": "slope", "better": "lower", "seed": 42, "detail": detail}), flush=True)


if __name__ == "__main__":
    main()
