"""Factorization machines: passes over rows a second against plain PyTorch and the memory's own rate.

The same model everywhere: second order, 64 factors, logistic loss, AdaGrad, the 202,027 training rows of Frappe_x1 with
ten categories each, the rows in a new order each pass. PyTorch looks embeddings up (one-hot rows times a matrix, never
laid out) and steps on batches of 4,096 with sparse gradients, on all cores; ours steps after every row, on one.
Compiled peers (xlearn 0.4, fastFM 0.2) do not build against current Pythons, so the third measure is the memory's: the
time in which a plain copy moves what a pass must move at the least, each row's vectors read once and written once. That
one is in processor time, both on one core, the least of `--passes` alternating runs: neighbours on a machine slow what
lies in its caches more than they slow a copy.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

from endcap.recipes.fields import Fields, Spec
from endcap.recipes.fm_training import Machine, Plan
from measure import Pair, alternate, report

FACTORS, BATCH = 64, 4096


def frappe(folder: Path) -> tuple[sparse.csr_matrix, np.ndarray]:
    """(csr of the training rows, labels)."""
    path = folder / "ctr_frappe_x1.parquet"
    if not path.exists():
        sys.exit(f"There is no {path}; give the folder that holds it with --data.")
    table = pq.read_table(path)
    table = table.filter(pc.equal(table["split"].cast("string"), "train"))
    columns = [name for name in table.column_names if name not in ("label", "split", "resampled")]
    fields = Fields.learn(table, {name: Spec("category", unknown=False) for name in columns})
    return fields.encode(table), table["label"].to_numpy().astype(np.float32)


def ours(rows: sparse.csr_matrix, target: np.ndarray) -> Callable[[], float]:
    machine, plan = Machine.start(rows.shape[1], FACTORS, 0), Plan("logistic")
    worth, draws = np.ones(1, np.float32), np.random.default_rng(0)
    return lambda: machine.learn(rows, target, worth, draws.permutation(len(target)).astype(np.int32), plan)


def theirs(rows: sparse.csr_matrix, target: np.ndarray) -> Callable[[], None]:
    try:
        import torch  # noqa: PLC0415 - a peer
    except ImportError:
        sys.exit("PyTorch is not installed beside the peers: .venv-bench/bin/pip install torch==2.13.0")
    codes = torch.from_numpy(rows.indices.reshape(rows.shape[0], -1).astype(np.int64))
    labels = torch.from_numpy(target)
    vectors = torch.nn.Embedding(rows.shape[1], FACTORS, sparse=True)
    weights = torch.nn.Embedding(rows.shape[1], 1, sparse=True)
    bias = torch.nn.Parameter(torch.zeros(1))
    torch.nn.init.normal_(vectors.weight, std=0.01)
    torch.nn.init.zeros_(weights.weight)
    steps = torch.optim.Adagrad([*vectors.parameters(), *weights.parameters(), bias], lr=0.1)

    def one_pass() -> None:
        for places in torch.randperm(len(labels)).split(BATCH):
            each = vectors(codes[places])
            pairs = 0.5 * (each.sum(1).square() - each.square().sum(1)).sum(1)
            score = bias + weights(codes[places]).sum((1, 2)) + pairs
            loss = torch.nn.functional.binary_cross_entropy_with_logits(score, labels[places])
            steps.zero_grad()
            loss.backward()
            steps.step()

    return one_pass


def memory(nonzero: int) -> Callable[[], None]:
    """A copy of as many bytes as the vectors of a pass are, from and to memory that no cache holds."""
    size = 1 << 27
    source, target = np.ones(size, np.float32), np.empty(size, np.float32)
    whole, rest = divmod(nonzero * FACTORS, size)

    def copy() -> None:
        for _ in range(whole):
            np.copyto(target, source)
        np.copyto(target[:rest], source[:rest])

    return copy


def processor(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Print every row."""
    repository = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=repository / "../shared/data", help="folder of the public sets")
    parser.add_argument("--runs", type=int, default=5, help="alternating runs; the median of their ratios is reported")
    parser.add_argument("--passes", type=int, default=15, help="runs beside the copy, of which the least counts")
    given = parser.parse_args()
    rows, target = frappe(given.data)
    mine, torch_pass, copy = ours(rows, target), theirs(rows, target), memory(rows.nnz)
    for warm in (mine, torch_pass, copy):
        warm()
    told = {"rows": rows.shape[0], "features": rows.shape[1], "factors": FACTORS}
    pairs: list[Pair] = alternate(mine, torch_pass, given.runs)
    report("FM, rows a second, ours / PyTorch", pairs, must=5, aim=10, rate=True, batch=BATCH, **told)
    both = np.array([[processor(mine), processor(copy)] for _ in range(given.passes)])
    least = [(float(both[:, 0].min()), float(both[:, 1].min()))]
    seen = {"bytes": rows.nnz * FACTORS * 8, "median": round(float(np.median(both[:, 0] / both[:, 1])), 3)}
    report("FM, time of a pass / copy of its vectors", least, must=2, aim=1, rate=False, **seen, **told)


if __name__ == "__main__":
    main()
