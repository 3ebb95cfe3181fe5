"""Anonymous sessions: what is looked at next in a visit of a stranger? One JSON line per row.

Diginetica as SR-GNN's authors cut it: every prefix of every test session asks for the item that follows (60,858
questions), the whole catalogue is ranked, nothing is masked: an item of the prefix may be the answer, and is in a fifth
of all cases. P@20 is the share of questions whose answer is among the first 20, MRR@20 the mean of 1 / place there.
Intervals are 95 % bootstraps over questions, differences are paired. Floors: `item-item` counting only the step from
the last item, `session-knn` without its second part (share=0), popularity. Published: GCE-GNN 0.5422 / 0.1904; a
STAN-like kNN 0.5157 / 0.1860. The control gives every answer list to another question.

Everything was chosen on --validation: the last 16,000 training sessions, whose prefixes (6,000 of them drawn) ask what
was learned from the sessions before.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.controls import shuffled
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import rank, sessions
from endcap.lake.splits import Split
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.types import Float64, Int32
from quality_row import row

SEED, K = 0, 20
GOALS = {"hit_rate": (0.525, 0.5422), "mrr": (0.188, 0.1904)}
NAMES = {"hit_rate": "P@20", "mrr": "MRR@20"}
LAST_STEP = {"window": 1, "measure": "count", "directed": True, "step_decay": 0.0}
HELD_OUT, DRAWN = 16_000, 6_000
"""Sessions and questions of the validation."""


@dataclass(frozen=True)
class Judged:
    """One fitted recipe: its lists, its values by question, and what it cost."""

    model: Recipe
    top: Int32
    values: dict[str, Float64]
    cost: dict[str, Any]


def judge(recipe: str, split: Split, **settings: Any) -> Judged:
    """Train and ask."""
    start = time.process_time()
    model = create(recipe, settings).fit(split.train)
    trained = time.process_time()
    rank(model, _first(split), K, mask_history=False)
    begun = time.process_time()
    top = rank(model, split, K, mask_history=False)
    seconds = time.process_time() - begun
    values = {name: column for name, column in per_query(top, split.targets).items() if name in GOALS}
    cost = {"train_cpu_s": round(trained - start, 2), "cpu_us_per_query": round(seconds / len(split) * 1e6, 1)}
    return Judged(model, top, values, cost)


def report(name: str, judged: Judged, split: Split, floors: dict[str, Judged], *, judge_goals: bool) -> None:
    """Rows of one recipe."""
    found = estimates(judged.values, seed=SEED)
    for metric, estimate in found.items():
        goals = GOALS[metric] if judge_goals else (None, None)
        floor = {
            other: round(float(each.values[metric].mean()), 4) for other, each in floors.items() if each is not judged
        }
        detail = {
            "protocol": f"sessions, {len(split):,} questions",
            "settings": judged.model.settings(),
            "floor": floor,
            "cost": judged.cost,
        }
        row(f"Diginetica · {name}, {NAMES[metric]}", estimate, *goals, **detail)


def size_of(model: Any) -> dict[str, int]:
    """What the index of `session-knn` holds."""
    arrays = (model.session_ptr_, model.session_items_, model.worth_, model.index_ptr_, model.postings_)
    near = (model.alike_.data, model.alike_.indices, model.alike_.indptr)
    return {
        "sessions": len(model.worth_),
        "postings": len(model.postings_),
        "index_bytes": sum(array.nbytes for array in arrays),
        "alike_bytes": sum(array.nbytes for array in near),
    }


def last_sessions(folder: Path) -> tuple[pa.Table, pa.Table]:
    """(train, questions) of the validation."""
    table = pq.read_table(folder / "sess_diginetica_train.parquet").sort_by(
        [("session_id", "ascending"), ("pos", "ascending")]
    )
    session, item = (table[name].to_numpy() for name in ("session_id", "item_id"))
    cut = np.unique(session)[-HELD_OUT]
    begins = np.flatnonzero(np.diff(session, prepend=-1))
    start = np.repeat(begins, np.diff(begins, append=len(session)))
    asked = np.flatnonzero((session >= cut) & (np.arange(len(session)) > start))
    asked = np.sort(np.random.default_rng(SEED).choice(asked, min(DRAWN, len(asked)), replace=False))
    prefixes = pa.array([item[start[at] : at].tolist() for at in asked], pa.list_(pa.int64()))
    return table.filter(pa.array(session < cut)), pa.table({"prefix": prefixes, "target": item[asked]})


def _first(split: Split) -> Split:
    return Split(split.train, split.inputs, split.test, split.users[:1], split.now[:1])


def main() -> None:
    """Print every row."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--validation", action="store_true", help="the last part of the training sessions instead")
    asked = parser.parse_args()
    files = (asked.data / f"sess_diginetica_{part}.parquet" for part in ("train", "test"))
    split = sessions(*(last_sessions(asked.data) if asked.validation else files)).split
    floors = {
        "last step": judge("item-item", split, **LAST_STEP),
        "kNN alone": judge("session-knn", split, share=0.0),
        "popularity": judge("popularity", split, window_days=None),
    }
    ours = judge("session-knn", split)
    ours.cost.update(size_of(ours.model))
    report("session-knn", ours, split, floors, judge_goals=True)
    for name, each in {
        "session-knn (share=0)": floors["kNN alone"],
        "item-item (last step)": floors["last step"],
    }.items():
        report(name, each, split, {"popularity": floors["popularity"]}, judge_goals=False)
    for metric, more in differences(ours.values, floors["kNN alone"].values, seed=SEED).items():
        row(
            f"Diginetica, {NAMES[metric]} · session-knn - the same with share=0",
            more,
            0.0,
            protocol="sessions, paired",
        )
    lost = estimates({"mrr": shuffled(ours.top, split.targets, SEED)["mrr"]}, seed=SEED)["mrr"]
    row("Diginetica, shuffled histories, MRR@20 · session-knn", lost, protocol="sessions, control")


if __name__ == "__main__":
    main()
