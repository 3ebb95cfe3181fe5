"""The next item, without a neural network: Beauty (short histories) and ML-1M (long ones). One JSON line per row.

Leave-one-out as SASRec's and S3Rec's authors cut it: the last item of each user is the answer. Learned from and asked
with training + validation, so the history of a question is everything before the answer; items of the history are not
shown; the whole catalogue is ranked; HR@10 and NDCG@10 over all users, 95 % bootstrap. (Learned from training alone and
asked with it, numbers are lower by a tenth; `endcap evaluate --protocol next-item` states all three.)
Floors: an item-item window of five steps, untuned, and popularity; the data's README has 0.0922 / 0.0577 and 0.2535 /
0.1473 for such a window. Published: Beauty eSASRec 0.0928 / 0.0523, ML-1M SASRec with
cross-entropy over 3,000 negatives 0.3159 / 0.1857.

Everything was chosen on --validation: the last item but one is the answer, the last is not looked at.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import rank
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, leave_one_out
from endcap.recipes import create
from endcap.types import Float64
from quality_row import row

SEED, K = 0, 10
SETS = {"Beauty": "seq_beauty_s3rec.parquet", "ML-1M": "seq_ml1m_sasrec.parquet"}
GOALS = {"Beauty": {"hit_rate": (0.093, 0.10), "ndcg": (0.058, 0.062)}}
JUDGED = ("session-knn", "item-item")
NAMES = {"hit_rate": "HR@10", "ndcg": "NDCG@10"}
PLAIN = {"window": 5, "shrinkage": 0.0, "step_decay": 0.8}
"""A window as usual: five steps, rare pairs not kept down."""
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "popularity": ("popularity", {"window_days": None}),
    "item-item (plain window)": ("item-item", PLAIN),
    "item-item": ("item-item", {}),
    "item-item (whole histories)": ("item-item", {"window": 0}),
    "session-knn": ("session-knn", {}),
    "rp3beta": ("rp3beta", {}),
    "svd": ("svd", {}),
    "graph-filter": ("graph-filter", {}),
    "ensemble": ("ensemble", {}),
}
FLOORS = ("popularity", "item-item (plain window)")


def interactions(file: Path) -> Dataset:
    """Histories in order."""
    table = pq.read_table(file, columns=["user_id", "item_id", "pos"])
    for place, name in enumerate(("user_id", "item_id")):
        table = table.set_column(place, name, table[name].cast(pa.string()))
    return Dataset.from_table(table)


def judge(recipe: str, settings: dict[str, Any], split: Split) -> tuple[dict[str, Float64], dict[str, Any]]:
    """Values by user, and what it took."""
    start = time.process_time()
    model = create(recipe, settings).fit(split.train)
    trained = time.process_time()
    top = rank(model, split, K, mask_history=True)
    cost = {"train_cpu_s": round(trained - start, 2), "score_cpu_s": round(time.process_time() - trained, 2)}
    found = {key: value for key, value in per_query(top, split.targets).items() if key in NAMES}
    return found, {"settings": model.settings(), "cost": cost}


def run(name: str, split: Split, recipes: list[str]) -> None:
    """All rows of one set."""
    protocol = f"next-item, learned from and asked with train + validation, {len(split):,} users"
    values: dict[str, dict[str, Float64]] = {}
    for label in [*FLOORS, *(each for each in recipes if each not in FLOORS)]:
        values[label], detail = judge(*ASKED[label], split)
        floor = {each: values[each] for each in FLOORS if each != label and each in values}
        for metric, estimate in estimates(values[label], seed=SEED).items():
            goals = GOALS.get(name, {}).get(metric, (None, None)) if label in JUDGED else (None, None)
            means = {each: round(float(found[metric].mean()), 4) for each, found in floor.items()}
            row(f"{name} · {label}, {NAMES[metric]}", estimate, *goals, protocol=protocol, floor=means, **detail)
    if "session-knn" in values:
        more = differences(values["session-knn"], values["item-item (plain window)"], seed=SEED)
        for metric, estimate in more.items():
            title = f"{name}, {NAMES[metric]} · session-knn - item-item (plain window)"
            row(title, estimate, 0.0 if name in GOALS else None, protocol=f"{protocol}, paired")


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=list(SETS), choices=list(SETS), help="sets to run")
    parser.add_argument("--recipes", nargs="*", default=list(ASKED), choices=list(ASKED), help="recipes to judge")
    parser.add_argument("--validation", action="store_true", help="the last item but one is the answer")
    asked = parser.parse_args()
    for name in asked.only:
        target = "validation" if asked.validation else "test"
        data = interactions(asked.data / SETS[name])
        split = leave_one_out(data, target=target, learn="train+validation")
        run(name, split, asked.recipes)


if __name__ == "__main__":
    main()
