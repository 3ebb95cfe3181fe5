"""Speed of the sequence recipe: python benchmarks/sequence.py [--peer PYTHON]

Epochs against RecTools' SASRec at equal shapes (2 blocks, 2 heads, vectors of 64, windows of 200, 128 histories a
batch, dropout 0.2, cross-entropy over the whole catalogue) on the newest 202 events of each user of ML-1M, so that both
learn from the same steps; RecTools' feed-forward layers are a quarter as wide as ours. Processor seconds of an epoch,
which on one thread are what a quiet machine takes; wall seconds, the first epoch left out, beside them, one process
after the other. NDCG@10 of both after the same epochs, whole catalogue, history masked.
RecTools lives in an environment of its own:

    python -m venv .venv-sequence && .venv-sequence/bin/pip install torch==2.13.0
    .venv-sequence/bin/pip install -r benchmarks/requirements-sequence.txt

A query through ONNX against the matrix products that its network computes, in NumPy on one thread, batch 1, histories
of 5, 20, 50 and 200 events. *Network*: the encoder alone. *Query*: from a history in memory to its vector, packing and
embedding included. `hrnn` likewise, for events in sessions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from endcap.evaluation.compare import estimates
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import rank
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, leave_one_out
from endcap.recipes.hrnn import HRNN
from endcap.recipes.neural import sequence_fit, training
from endcap.recipes.neural.packing import FAR
from endcap.recipes.queries import Queries
from endcap.recipes.sasrec import SASRec
from endcap.testing.datasets import random_shop

SHAPE = {"blocks": 2, "heads": 2, "factors": 64, "length": 200, "dropout": 0.2}
HISTORIES = 128
LONG = (5, 20, 50, 200)


def row(name: str, measured: float, must: float | None, aim: float | None, better: str, **detail: Any) -> None:
    """Print one result."""
    line = {"row": name, "must": must, "aim": aim, "measured": measured, "better": better, "seed": 0}
    print(json.dumps({**line, "detail": detail}), flush=True)


def newest(file: Path, users: int) -> Split:
    """ML-1M, the newest 203 events of the first so many users, the last one asked for."""
    table = pq.read_table(file)
    user, item, place = (table[name].to_numpy() for name in ("user_id", "item_id", "pos"))
    last = np.zeros(user.max() + 1, np.int64)
    np.maximum.at(last, user, place)
    keep = (last[user] - place <= length_kept()) & np.isin(user, np.unique(user)[:users])
    columns = {"user_id": pa.array(user[keep].astype(str)), "item_id": pa.array(item[keep].astype(str))}
    dataset = Dataset.from_table(pa.table({**columns, "pos": pa.array(place[keep])}))
    return leave_one_out(dataset, learn="train+validation")


def length_kept() -> int:
    """Events before the one asked for: a window and its last target."""
    return SHAPE["length"] + 1


def ours(split: Split, epochs: int, threads: int) -> dict[str, Any]:
    """Seconds of each epoch and what is then recommended."""
    torch.set_num_threads(threads)
    reports, spent = [], []

    def timed(*given: Any, **named: Any) -> Any:
        begun = time.process_time()
        reports.append(training.train(*given, **named))
        spent.append((time.process_time() - begun) / epochs)
        return reports[-1]

    settings = {name: value for name, value in SHAPE.items() if name != "heads"}
    kept, taught = sequence_fit.batch_rows, sequence_fit.train
    sequence_fit.batch_rows, sequence_fit.train = (lambda *_: HISTORIES), timed
    try:
        model = SASRec(**settings, epochs=epochs, holdout=0.0, gaps=False).fit(split.train)
    finally:
        sequence_fit.batch_rows, sequence_fit.train = kept, taught
    return {"wall": reports[0].seconds, "cpu": spent, "top": rank(model, split, 10, mask_history=True)}


def theirs(python: str, split: Split, epochs: int, threads: int) -> dict[str, Any]:
    """The same of the peer."""
    events = split.train.interactions
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "events.npz", user=events.user, item=events.item, time=events.time)
        asked = {**SHAPE, "rows": HISTORIES, "epochs": epochs, "threads": threads}
        (Path(folder) / "asked.json").write_text(json.dumps(asked))
        command = [
            python,
            str(Path(__file__).with_name("rectools_peer.py")),
            f"{folder}/events.npz",
            f"{folder}/asked.json",
        ]
        environ = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environ).stdout
    found = json.loads(printed.splitlines()[-1])
    top = np.full((len(split), 10), -1, np.int32)
    for place, user in enumerate(split.users.tolist()):
        items = found["top"].get(str(user), [])
        top[place, : len(items)] = items
    return {**found, "top": top}


def epochs_against_the_peer(file: Path, python: str, epochs: int, threads: int, users: int) -> None:
    """Ratio of epoch rates, and of NDCG."""
    split = newest(file, users)
    events = len(split.train.interactions)
    mine, peer = ours(split, epochs, threads), theirs(python, split, epochs, threads)
    seconds = {
        name: float(np.median(each["wall"][1:] or each["wall"])) for name, each in (("ours", mine), ("peer", peer))
    }
    ndcg = {
        name: estimates({"ndcg": per_query(each["top"], split.targets)["ndcg"]}, seed=0)["ndcg"].json()
        for name, each in (("ours", mine), ("peer", peer))
    }
    detail = {"peer": "RecTools SASRec", "seconds": seconds, "events": events, "epochs": epochs, "shape": SHAPE}
    processor = {"ours": float(np.median(mine["cpu"])), "peer": float(np.median(peer["cpu"]))}
    rate = processor["peer"] / processor["ours"]
    row(
        "Sequence training, epochs per second against RecTools",
        rate,
        1.0,
        2.0,
        "higher",
        threads=threads,
        processor_seconds=processor,
        **detail,
    )
    name = f"Sequence training, NDCG@10 after {epochs} epochs, ours / RecTools"
    row(name, ndcg["ours"]["value"] / ndcg["peer"]["value"], 1.0, None, "higher", ndcg=ndcg, **detail)


def query_against_its_products() -> None:
    """Ratio of the time of a query to that of its matrix products."""
    shop = random_shop(0, users=300, items=100, events=60_000)
    settings = {name: value for name, value in SHAPE.items() if name != "heads"}
    model = SASRec(**settings, epochs=1, holdout=0.0).fit(shop)
    draws = np.random.default_rng(0)
    for length in LONG:
        empty = Queries.about(np.zeros(1, np.int32))
        columns = {
            "item": draws.integers(0, model.n_items, length).astype(np.int32),
            "time": np.sort(draws.integers(0, 10**12, length)),
            "event_type": np.zeros(length, np.int16),
            "weight": np.ones(length, np.float32),
            "order": np.full(length, -1, np.int64),
        }
        query = Queries(
            indptr=np.array([0, length]), now=empty.now, current=np.full(1, -1, np.int32), user=empty.user, **columns
        )
        steps, last = draws.standard_normal((length, SHAPE["factors"]), np.float32), np.array([length - 1])
        mask = np.triu(np.full((length, length), FAR, np.float32), 1)
        times = {
            "network": quickest(partial(model._network.run, steps=steps, mask=mask, last=last)),
            "products": quickest(matrix_products(length)),
            "query": quickest(partial(model.query_vectors, query)),
        }
        detail = {
            "microseconds": {name: round(each * 1e6, 1) for name, each in times.items()},
            "batch": 1,
            "threads": 1,
        }
        for part in ("network", "query"):
            name = f"SASRec, {part} of one history of {length} through ONNX, times its matrix products"
            row(name, times[part] / times["products"], 3.0, None, "lower", **detail)


def sessions_against_their_products() -> None:
    """The same ratio for `hrnn`, whose events come in sessions."""
    model = HRNN(epochs=1, holdout=0.0).fit(random_shop(0, users=100, items=100, events=5000))
    draws, width = np.random.default_rng(0), model.hidden_dimension
    for visits, each in ((1, 5), (2, 3), (5, 10), (5, 20)):
        time_of = np.concatenate([visit * 10**11 + np.arange(each) * 60_000_000 for visit in range(visits)])
        length = visits * each
        query = Queries(
            np.array([0, length]),
            draws.integers(0, model.n_items, length).astype(np.int32),
            time_of,
            np.zeros(length, np.int16),
            np.ones(length, np.float32),
            np.full(length, -1, np.int64),
            np.array([10**13]),
            np.full(1, -1, np.int32),
            np.full(1, -1, np.int32),
        )
        times = {
            "products": quickest(recurrent_products(width, visits, each)),
            "query": quickest(partial(model.query_vectors, query)),
        }
        name = f"HRNN, query of one history of {length} in {visits} sessions through ONNX, times its matrix products"
        detail = {"microseconds": {part: round(each * 1e6, 1) for part, each in times.items()}, "batch": 1}
        row(name, times["query"] / times["products"], 3.0, None, "lower", **detail, threads=1)


def recurrent_products(d: int, visits: int, each: int) -> Callable[[], None]:
    """The products of so many sessions of `each` events: one for their inputs, one a step, three at their ends."""
    made = np.random.default_rng(0).standard_normal
    x, state = made((each, d), np.float32), made((1, d), np.float32)
    gates, start = made((d, 3 * d), np.float32), made((d, d), np.float32)

    def compute() -> None:
        for _ in range(visits):
            x @ gates
            for _ in range(each):
                state @ gates
            state @ gates, state @ gates, state @ start

    return compute


def matrix_products(t: int) -> Callable[[], None]:
    """The products of a network of `SHAPE` over t steps; the last block asks for its last step alone."""
    d, heads = SHAPE["factors"], SHAPE["heads"]
    made = np.random.default_rng(0).standard_normal
    x, one = made((t, d), np.float32), made((1, d), np.float32)
    inside, narrow = made((d, 3 * d), np.float32), made((4 * d, d), np.float32)
    both, out, wide = made((d, 2 * d), np.float32), made((d, d), np.float32), made((d, 4 * d), np.float32)
    q, k = made((heads, t, d // heads), np.float32), made((heads, d // heads, t), np.float32)
    w, hidden = made((heads, t, t), np.float32), made((t, 4 * d), np.float32)

    def compute() -> None:
        for _ in range(SHAPE["blocks"] - 1):
            x @ inside, q @ k, w @ q, x @ out, x @ wide, hidden @ narrow
        x @ both, one @ out, q[:, :1] @ k, w[:, :1] @ q, one @ out, one @ wide, hidden[:1] @ narrow

    return compute


def quickest(call: Callable[[], Any], seconds: float = 1.0) -> float:
    """The fastest of the calls that fit into so many seconds: the least disturbed one."""
    best, until = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < until:
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return float(best)


def main() -> None:
    """Print every row."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--peer", default=str(here / ".venv-sequence/bin/python"), help="Python that has RecTools")
    parser.add_argument("--epochs", type=int, default=6, help="of the comparison: about 20 minutes in all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--users", type=int, default=6040, help="users of ML-1M that are learned from")
    asked = parser.parse_args()
    query_against_its_products()
    sessions_against_their_products()
    if not Path(asked.peer).exists():
        sys.exit(f"There is no {asked.peer}. {(__doc__ or '').split('own:', 1)[1].split('A query', 1)[0].strip()}")
    epochs_against_the_peer(
        asked.data / "seq_ml1m_sasrec.parquet", asked.peer, asked.epochs, asked.threads, asked.users
    )


if __name__ == "__main__":
    main()
