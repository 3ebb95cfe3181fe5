"""What dwell time and stars earn as weights, against what event types say alone. One JSON line per row.

Simulated shops, whose shoppers look longer at what they like and rate what they bought: learned from before the last
seven days, NDCG@20 of purchases after, all items, nothing masked, shoppers with a past. Each recipe learns from, and is
asked with, the same events once weighed by type alone and once by what was measured too. MovieLens 1M, whose stars are
real: the last tenth of each shopper's events is held back, NDCG@20 of those with four stars and more, what was
rated before masked both ways. 95 % bootstrap over shoppers, differences paired. Nothing was chosen on these seeds.

    python benchmarks/quality_signals.py [--themes fashion,electronics] [--users 4000] [--seeds 0,1] [--skip-films]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.lake.assemble import assemble
from endcap.lake.dataset import Dataset
from endcap.lake.signals import Signals
from endcap.lake.splits import Split, temporal
from endcap.recipes import create
from endcap.recipes.queries import Exclusions, Queries
from endcap.recipes.topk import top_k
from endcap.simulator import history, open_shop
from endcap.types import DAY, DURATION, EVENT_VALUE, RATING, Float64
from quality_row import row

DWELT = {"DURATION": {"": "dwell"}}
"""As a schema declares it; without that, dwell time says nothing."""
AT, TEST_DAYS, LIKED = 20, 7, 4
MEASURED = (EVENT_VALUE, DURATION, RATING)
SHOPS = {
    "als": ("als", {"factors": 64, "alpha": 1.0, "damping": 0.0, "iterations": 4, "weighting": "linear"}),
    "item-item": ("item-item", {}),
    "popularity": ("popularity", {"window_days": 14.0}),
    "blend": ("blend", {}),
}
FILMS = {"als": ("als", {}), "item-item": ("item-item", {}), "graph-filter": ("graph-filter", {})}


def without(table: pa.Table, *names: str) -> pa.Table:
    """The table without these columns."""
    return table.select([name for name in table.column_names if name not in names])


def bought(dataset: Dataset, cut: int) -> Split:
    """Purchases after the cut, of shoppers with a past."""
    split = temporal(dataset, cut)
    paid = split.test.interactions.event_type == dataset.event_types.index("Purchase")
    test = split.test.with_interactions(split.test.interactions.take(paid))
    users = split.users[np.diff(test.indptr)[split.users] > 0]
    return replace(split, test=test, users=users, now=np.full(len(users), cut, np.int64)).known_items()


def shop(theme: str, users: int, seed: int, recipes: list[str]) -> None:
    """Rows of one simulated shop."""
    past = history(open_shop(theme, users=users, items=1_000, days=90, seed=seed), impressions=False)
    catalogue = past.items["item_id"].combine_chunks()

    def seen(*left_out: str) -> Dataset:
        events = without(past.interactions, *left_out)
        return assemble(events, past.items, past.users, catalogue=catalogue, signals=Signals.of(DWELT))

    ways = {"types": seen(*MEASURED), "types, dwell": seen(EVENT_VALUE, RATING), "types, dwell, stars": seen()}
    cut = ways["types"].last_time - TEST_DAYS * DAY
    whole = bought(ways["types"], cut)
    for name in recipes:
        recipe, settings = SHOPS[name]
        columns: dict[str, dict[str, Float64]] = {}
        for way, dataset in ways.items():
            earlier = dataset.before(cut)
            queries = replace(Queries.histories(earlier, whole.users), now=whole.now)
            top = create(recipe, settings).fit(earlier).recommend(queries, AT).items
            columns[way] = {"ndcg": per_query(top, whole.targets)["ndcg"]}
        detail = {"protocol": "temporal, all items", "users": len(whole), "settings": settings}
        report(f"simulated {theme}, seed {seed}, purchases", name, columns, seed, detail)


def films(path: Path) -> None:
    """Rows of MovieLens 1M."""
    table = pq.read_table(path / "seq_ml1m_sasrec.parquet")
    named = {name: pc.cast(table[name], pa.string()) for name in ("user_id", "item_id")}
    told = pa.table({**named, "timestamp": pc.cast(table["pos"], pa.int64()), RATING: table["rating"]})
    last = told.group_by("user_id").aggregate([("timestamp", "max")])
    ends = dict(zip(last["user_id"].to_pylist(), last["timestamp_max"].to_pylist(), strict=True))
    share = np.array(told["timestamp"]) / np.array([ends[user] for user in told["user_id"].to_pylist()])
    earlier, later = told.filter(pa.array(share < 0.9)), told.filter(pa.array(share >= 0.9))
    catalogue = pc.unique(told["item_id"])
    everyone = pa.table({"user_id": pc.unique(told["user_id"])})
    items = pa.table({"item_id": catalogue})

    def seen(events: pa.Table, *left_out: str) -> Dataset:
        return assemble(without(events, *left_out), items, everyone, catalogue=catalogue)

    ways = {"types": seen(earlier, RATING), "types, stars": seen(earlier)}
    plain = ways["types"]
    liked = seen(later.filter(pc.greater_equal(later[RATING], LIKED)), RATING)
    users = np.flatnonzero(np.diff(liked.indptr) > 0).astype(np.int32)
    split = Split(plain, plain, liked, users, np.full(len(users), plain.last_time + 1, np.int64))
    rated = Queries.histories(plain, users).seen()
    for name, (recipe, settings) in FILMS.items():
        columns = {}
        for way, dataset in ways.items():
            model = create(recipe, settings).fit(dataset)
            queries = Queries.histories(dataset, users, int(split.now[0]))
            columns[way] = {"ndcg": per_query(ask(model.score(queries), rated), split.targets)["ndcg"]}
        detail = {"protocol": "last tenth of each shopper's events, those liked", "users": len(users)}
        report("ML-1M, liked", name, columns, 0, {**detail, "settings": settings})


def ask(scores: np.ndarray, rated: Exclusions) -> np.ndarray:
    """int32 [q, AT]: the best that was not rated before."""
    return top_k(scores, AT, None, rated.indptr, rated.items)[0]


def report(task: str, name: str, columns: dict[str, dict[str, Float64]], seed: int, detail: dict[str, object]) -> None:
    """A row for the last way of weighing, and its lead over each other."""
    (*others, chosen) = columns
    floor = {way: float(columns[way]["ndcg"].mean()) for way in others}
    found = estimates(columns[chosen], seed=seed)["ndcg"]
    row(f"{task}, ndcg@{AT} · {name} weighed by {chosen}", found, None, None, seed=seed, floor=floor, **detail)
    for way in [*others[1:], chosen]:
        lead = differences(columns[way], columns["types"], seed=seed)["ndcg"]
        row(f"{task}, ndcg@{AT}, {name}: weighed by {way} less by types", lead, None, None, seed=seed, **detail)


def main() -> None:
    """Print every row."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--themes", default="fashion,electronics")
    parser.add_argument("--recipes", default=",".join(SHOPS))
    parser.add_argument("--users", type=int, default=4_000)
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--skip-films", action="store_true")
    asked = parser.parse_args()
    if not asked.skip_films:
        films(asked.data)
    for seed in filter(None, asked.seeds.split(",")):
        for theme in filter(None, asked.themes.split(",")):
            print(f"  {theme}, seed {seed}", file=sys.stderr)
            shop(theme, asked.users, int(seed), asked.recipes.split(","))


if __name__ == "__main__":
    main()
