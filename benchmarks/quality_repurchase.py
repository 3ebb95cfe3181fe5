"""Buy it again against repeat: which of the things they had do shoppers buy again? One JSON line per row.

Temporal, both shops, the last weeks are the test (Online Retail II from 2011-11-09, Complete Journey from 2017-12-01).
Targets are the distinct items that a shopper had before the cut and takes again after it; shoppers without any are not
judged; nothing is masked. NDCG@20, 95 % bootstrap over shoppers, differences paired. Everything was chosen on the four
weeks before (--validation), never on the test.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, Targets, temporal
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.types import DAY, Float64
from quality import CUT, journey_lines, retail_lines
from quality_row import row

SEED = 0
WEEKS = 28
SHOPS: dict[str, tuple[Callable[[Path], pa.Table | None], str]] = {
    "Online Retail II": (retail_lines, CUT),
    "Complete Journey": (journey_lines, "2017-12-01"),
}


def judge(name: str, lines: pa.Table, cut: str, validation: bool) -> None:
    """Both recipes on one shop."""
    moment = int(np.datetime64(cut).astype("datetime64[us]").astype(np.int64))
    dataset = Dataset.from_table(lines)
    split = temporal(dataset, moment - WEEKS * DAY, until=moment) if validation else temporal(dataset, moment)
    targets = repeats(split)
    has = targets.counts > 0
    found: dict[str, dict[str, Float64]] = {}
    for recipe in ("repeat", "popularity", "buy-it-again"):
        model = create(recipe).fit(split.train)
        queries = replace(Queries.histories(split.inputs, split.users), now=split.now)
        top = model.recommend(queries, 20).items
        found[recipe] = {"ndcg": per_query(top, targets)["ndcg"][has]}
    floors = {each: estimates(found[each], seed=SEED)["ndcg"].json() for each in ("repeat", "popularity")}
    detail = {"protocol": "temporal, repeat purchases", "users": int(has.sum()), "settings": {}}
    row(
        f"{name}, repeat purchases, ndcg@20 · buy-it-again",
        estimates(found["buy-it-again"], seed=SEED)["ndcg"],
        None,
        **detail,
        floor=floors,
    )
    more = differences(found["buy-it-again"], found["repeat"], seed=SEED)["ndcg"]
    row(f"{name}, repeat purchases, ndcg@20 · buy-it-again - repeat", more, 0.0, **detail)


def repeats(split: Split) -> Targets:
    """The targets that a shopper had before."""
    owner = np.repeat(np.arange(len(split.users), dtype=np.int32), split.targets.counts)
    history = split.inputs.matrix()[split.users]
    items = split.targets.items
    known = items < history.shape[1]
    had = np.zeros(len(items), np.bool_)
    had[known] = np.asarray(history[owner[known], items[known]]).ravel() > 0
    return Targets.of(owner[had], items[had], len(split.users))


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--validation", action="store_true", help="the four weeks before the test")
    asked = parser.parse_args()
    for name, (read, cut) in SHOPS.items():
        lines = read(asked.data)
        if lines is not None:
            judge(name, lines, cut, asked.validation)


if __name__ == "__main__":
    main()
