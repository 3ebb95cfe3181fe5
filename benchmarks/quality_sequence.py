"""Next items against the numbers of the field, full ranking, one JSON line per row: benchmarks/quality_sequence.py

Protocol `next-item`: the last event of each user is asked for, everything before it is the history (train + validation
at test time) and is learned from; nothing is sampled, what the history holds is not shown; HR@10 and NDCG@10 over all
users with three events or more, 95 % bootstrap over users.

ML-1M (SASRec's file): 999,611 events, 6,040 users, 3,416 items. Beauty (S3Rec's): 198,502 events, 22,363 users, 12,101
items. Published beside the aims: SASRec with cross-entropy over 3,000 negatives 0.3159 / 0.1857 on ML-1M; eSASRec
0.0928 / 0.0523 on Beauty. Floors: the item-item window and popularity.

The two real shops, protocol top-n: learned from before the cut, asked at it, judged on the 28 days from then (Online
Retail II 2011-11-09, Complete Journey 2017-12-01, quantity > 0), NDCG@20 over the whole catalogue; *all* items, and
*new* ones (what the shopper had is masked and no target). Floors: popularity, item-item, als, session-knn with their
defaults. Where items have categories, the networks are also taught without them, and the difference is paired.
--validation asks 28 days earlier, --shoppers N takes the histories of a seeded sample of N shoppers alone.

Recipes run with the settings that their row states. Early stopping and the weight of the blend are chosen inside the
recipe, on events held out of the training part. ML-1M takes about half an hour on one core; with --checkpoints FOLDER a
run goes on where one was ended.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import rank
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, leave_one_out, temporal
from endcap.recipes import create
from endcap.recipes.neural.processes import checkpoints_in
from endcap.types import DAY, Float64
from quality_row import row
from real_shops import SHOPS, Shop, sampled

SEED = 0
METRICS = {"hit_rate": "HR@10", "ndcg": "NDCG@10"}
WINDOW = {"window": 10, "trend_half_life_days": None}
FLOORS: dict[str, dict[str, Any]] = {"popularity": {"window_days": None}, "item-item": WINDOW}
SETS: dict[str, tuple[str, str, dict[str, tuple[float, float]], dict[str, dict[str, Any]]]] = {
    "ml1m": (
        "ML-1M",
        "seq_ml1m_sasrec.parquet",
        {"hit_rate": (0.27, 0.3159), "ndcg": (0.155, 0.1857)},
        {"next-item": {}, "sasrec": {}},
    ),
    "beauty": (
        "Beauty",
        "seq_beauty_s3rec.parquet",
        {"hit_rate": (0.093, 0.10), "ndcg": (0.058, 0.062)},
        {"next-item": {}, "sasrec": {}},
    ),
}
"""Of each set: name, file, (must, aim) of each metric for the first of its recipes, and the recipes with settings."""
SHOP_FLOORS: dict[str, tuple[str, dict[str, Any]]] = {
    name: (name, {}) for name in ("popularity", "item-item", "als", "session-knn")
}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {"hrnn": ("hrnn", {}), "sasrec": ("sasrec", {})}
TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "hrnn, metadata": ("hrnn", {"variant": "metadata"}),
    "hrnn": ("hrnn", {}),
    "sasrec, metadata": ("sasrec", {}),
    "sasrec": ("sasrec", {"metadata": False}),
}
SHOP_RECIPES: dict[str, tuple[str, dict[str, tuple[str, dict[str, Any]]], tuple[tuple[str, str], ...]]] = {
    "retail": ("Online Retail II", NETWORKS, (("hrnn", "als"),)),
    "journey": (
        "Complete Journey",
        TOLD,
        (("hrnn", "als"), ("hrnn, metadata", "hrnn"), ("sasrec, metadata", "sasrec")),
    ),
}
"""Of each shop: name, recipes by label, and the pairs whose difference is shown."""
ALL = [*SETS, *SHOP_RECIPES]


def histories(file: Path) -> Split:
    """The last event of each user against everything before it."""
    table = pq.read_table(file)
    columns = {name: table[name].cast(pa.string()) for name in ("user_id", "item_id")}
    return leave_one_out(Dataset.from_table(pa.table({**columns, "pos": table["pos"]})), learn="train+validation")


def judged(name: str, settings: Mapping[str, Any], split: Split, folder: Path | None) -> dict[str, Any]:
    """Estimates by metric, seconds of training, and the settings of a recipe."""
    made = create(name, settings)
    begun = time.perf_counter()
    with checkpoints_in(folder) if folder else nullcontext():
        made.fit(split.train)
    seconds = time.perf_counter() - begun
    columns = per_query(rank(made, split, 10, mask_history=True), split.targets)
    found = estimates({name: columns[name] for name in METRICS}, seed=SEED)
    return {"found": found, "seconds": round(seconds, 1), "settings": made.settings()}


def measure(key: str, data: Path, checkpoints: Path) -> None:
    """All rows of one set."""
    title, file, goals, recipes = SETS[key]
    split = histories(data / file)
    floors = {name: judged(name, settings, split, None) for name, settings in FLOORS.items()}
    for place, (name, settings) in enumerate(recipes.items()):
        # One folder for all recipes of a set: what both train alike is trained once.
        result = judged(name, settings, split, checkpoints / key)
        for metric, label in METRICS.items():
            row(
                f"{title}, {label} · {name}",
                result["found"][metric],
                *(goals[metric] if place == 0 else ()),
                protocol="next-item, history and training: train + validation",
                users=len(split),
                settings=result["settings"],
                train_seconds=result["seconds"],
                floor={floor: each["found"][metric].value for floor, each in floors.items()},
            )


def asked_at_the_cut(shop: Shop, data: Path, validation: bool, shoppers: int | None) -> Split | None:
    """What is learned from and asked; None where the shop's data are not installed."""
    dataset = shop.read(data)
    if dataset is None:
        return None
    if shoppers is not None:
        dataset = sampled(dataset, shoppers, SEED)
    cut = shop.cut - 28 * DAY if validation else shop.cut
    return temporal(dataset, cut, until=cut + 28 * DAY).known_items()


def measure_shop(key: str, asked: argparse.Namespace, checkpoints: Path) -> None:
    """All rows of one shop."""
    name, recipes, pairs = SHOP_RECIPES[key]
    recipes = {label: each for label, each in recipes.items() if asked.recipes is None or label in asked.recipes}
    split = asked_at_the_cut(SHOPS[name], asked.data, asked.validation, asked.shoppers)
    if split is None:
        return
    populations = {"all": split, "new": split.new_items()}
    values: dict[str, dict[str, dict[str, Float64]]] = {}
    taught: dict[str, tuple[dict[str, Any], float]] = {}
    for label, (recipe, settings) in {**SHOP_FLOORS, **recipes}.items():
        begun, made = time.process_time(), create(recipe, settings)
        with checkpoints_in(checkpoints / key):
            made.fit(split.train)
        taught[label] = made.settings(), round(time.process_time() - begun, 1)
        values[label] = {
            kind: {"ndcg": per_query(rank(made, each, 20, mask_history=kind == "new"), each.targets)["ndcg"]}
            for kind, each in populations.items()
        }
    protocol = "top-n, 28 days" + (", validation" if asked.validation else "")
    told = {"protocol": protocol, "shoppers": asked.shoppers or "all"}
    for kind, each in populations.items():
        floor = {label: round(float(values[label][kind]["ndcg"].mean()), 4) for label in SHOP_FLOORS}
        for label in recipes:
            settings, seconds = taught[label]
            found = estimates(values[label][kind], seed=SEED)["ndcg"]
            detail = {"users": len(each), "settings": settings, "train_cpu_s": seconds, "floor": floor}
            row(f"{name}, NDCG@20 {kind} · {label}", found, **told, **detail)
        for more, less in (pair for pair in pairs if values.keys() >= {*pair}):
            found = differences(values[more][kind], values[less][kind], seed=SEED)["ndcg"]
            row(f"{name}, NDCG@20 {kind} · {more} - {less}", found, **told, users=len(each), paired=True)


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=ALL, choices=ALL, help="sets and shops to run")
    parser.add_argument("--checkpoints", type=Path, help="folder where unfinished trainings are kept and gone on from")
    parser.add_argument("--validation", action="store_true", help="ask the shops 28 days earlier")
    parser.add_argument("--shoppers", type=int, help="a sample of so many shoppers of each shop")
    parser.add_argument("--recipes", nargs="*", help="networks to judge on the shops, by label; all by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = asked.checkpoints or Path(folder)
        for key in asked.only:
            if key in SETS:
                measure(key, asked.data, checkpoints)
            else:
                measure_shop(key, asked, checkpoints)


if __name__ == "__main__":
    main()
