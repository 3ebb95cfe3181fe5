"""Every recipe on both real shops, and defaults beside tuned values: python benchmarks/quality_defaults.py

Protocol: temporal, as in quality.py: learned from before the cut (Online Retail II 2011-11-09, Complete Journey
2017-12-01), everyone with a history asked then, judged on what they take from then on that training knows; NDCG@20
over the whole catalogue. *All items*: nothing is masked; *new items*: what the shopper had is masked and no target.

Every recipe (part `all`): each in a process of its own with its defaults: NDCG, seconds of training, peak memory (of
the process, the shop included), beside popularity. A recipe that refuses a shop, or is not done in `--minutes`, is
named on the error stream and has no row.

Defaults and tuned (part `tuned`): 16 trials (Optuna, the recipe's own ranges, the first trial the defaults) judged on
the 28 days before the cut, learned from what was before those; what was best there is learned again from everything
before the cut and measured once. `tuned over default` is the paired difference: a recipe whose interval lies wholly
above 0 has defaults that do not suit this shop.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import Any

from endcap.errors import EndcapError
from endcap.evaluation.compare import Estimate
from endcap.evaluation.race import Course
from endcap.evaluation.shop import last_days
from endcap.jobs.automl import suitable
from endcap.jobs.tuning import Objective, Search, search_for
from endcap.recipes import create
from endcap.registry.recipe_arns import native_offer
from real_shops import SHOPS

SEED, AT, DAYS, TRIALS = 0, 20, 28, 16
MAIN = ("als", "blend", "ease", "graph-filter", "item-item", "popularity", "repeat", "rp3beta", "svd", "trending")
"""Recipes that are searched: those that train in seconds."""


def row(name: str, measured: Estimate, must: float | None = None, **detail: Any) -> None:
    """Print one result."""
    line = {"row": name, "must": must, "aim": None, "measured": measured.value, "low": measured.low}
    shown = {"protocol": "temporal", **detail}
    print(json.dumps({**line, "high": measured.high, "seed": SEED, "detail": shown}), flush=True)


def alone(shop: str, data: str, recipe: str, told: Any) -> None:
    """In a process of its own: train one recipe and judge it in both populations."""
    dataset = SHOPS[shop].read(Path(data))
    assert dataset is not None
    split = last_days(dataset, cut=SHOPS[shop].cut)
    start = time.perf_counter()
    try:
        model = create(recipe).fit(split.train)
    except EndcapError as error:
        told.put({"error": str(error)})
        return
    seconds, found = time.perf_counter() - start, {}
    for population in ("all items", "new items"):
        course = Course.of(split, at=AT, new=population == "new items", seed=SEED, judged=len(split))
        found[population] = course.estimate(course.values(model)).json()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (10 if sys.platform == "linux" else 20))
    told.put({"found": found, "train_seconds": round(seconds, 2), "peak_memory_mb": round(memory)})


def every(shop: str, data: Path, recipes: list[str], minutes: float) -> None:
    """Every recipe with its defaults, popularity first: it is the floor of the others."""
    floors: dict[str, float] = {}
    spawn = multiprocessing.get_context("spawn")
    for recipe in dict.fromkeys(("popularity", *recipes)):
        told = spawn.Queue()
        child = spawn.Process(target=alone, args=(shop, str(data), recipe, told))
        child.start()
        answer = _told(child, told, minutes)
        if "error" in answer:
            print(f"{recipe} on {shop}: {answer['error']}", file=sys.stderr)
            continue
        for population, found in answer.pop("found").items():
            floors.setdefault(population, found["value"])
            floor = {} if recipe == "popularity" else {"popularity": floors[population]}
            detail = {**answer, "floor": floor}
            row(f"Every recipe on {shop}, {population}, ndcg@{AT} · {recipe}", Estimate(**found), **detail)


def _told(child: Any, told: Any, minutes: float) -> dict[str, Any]:
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        try:
            answer: dict[str, Any] = told.get(timeout=1)
        except Empty:
            if child.is_alive():
                continue
            return {"error": f"its process ended with {child.exitcode}"}
        child.join()
        return answer
    child.kill()
    return {"error": f"not done in {minutes:g} minutes"}


def tuned(shop: str, data: Path, recipes: list[str]) -> None:
    """Defaults and tuned values of each, chosen on validation, measured on the test."""
    dataset = SHOPS[shop].read(data)
    assert dataset is not None
    test = last_days(dataset, cut=SHOPS[shop].cut)
    validation = Course.of(last_days(test.train, DAYS), at=AT, seed=SEED)
    course = Course.of(test, at=AT, seed=SEED, judged=len(test))
    objective = Objective(validation.split.train, lambda model: float(validation.values(model).mean()))
    for name in recipes:
        with tempfile.TemporaryDirectory() as folder:
            search = Search(TRIALS, validation.metric, seed=SEED)
            found = search_for(native_offer(name), {}, objective, search, Path(folder) / "trials.db")
        best = native_offer(name).native_settings(found.parameters)
        default = course.values(create(name).fit(test.train))
        better = course.values(create(name, best).fit(test.train))
        values = {each: value for each, value in best.items() if str(value) != str(create(name).settings()[each])}
        detail = {"trials": found.trials, "pruned": found.pruned, "validation": found.value, "tuned": values}
        row(f"{shop}, defaults, ndcg@{AT} · {name}", course.estimate(default))
        row(f"{shop}, tuned, ndcg@{AT} · {name}", course.estimate(better), **detail)
        row(f"{shop}, tuned over default, ndcg@{AT} · {name}", course.difference(better, default), **detail)


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=["all", "tuned"], choices=["all", "tuned"], help="parts to run")
    parser.add_argument("--shops", nargs="*", default=list(SHOPS), choices=list(SHOPS))
    parser.add_argument("--recipes", nargs="*", help="these; by default all, and the quick ones for tuned")
    parser.add_argument("--minutes", type=float, default=30, help="for each recipe of part all")
    asked = parser.parse_args()
    for shop in asked.shops:
        if SHOPS[shop].read(asked.data) is None:
            continue
        if "all" in asked.only:
            every(shop, asked.data, asked.recipes or list(suitable()), asked.minutes)
        if "tuned" in asked.only:
            tuned(shop, asked.data, asked.recipes or list(MAIN))


if __name__ == "__main__":
    main()
