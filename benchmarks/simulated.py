"""The ranker on simulated shops whose truth is known: offline on what was bought, and live against its own retrieval.

For each seed a fresh shop is generated and imported. Offline, recipes learn from what lies before a cut and are judged
(NDCG@10, whole catalogue) on purchases after it: asked at the cut, and asked right after the first click of a visit for
what that visit went on to buy. Live, a campaign with two variants answers a crowd of simulated shoppers over HTTP, who
buy by what they are shown: ranked against its retrieval, against itself without the live windows, and the same model
twice (A/A). Differences are in purchases per shopper with 95 % intervals, adjusted for how many pages were visited and
what they were after; beside them stands what the truth expects of the very slates that were shown, and, far less noisy,
that less what it expects of the other variant's slates for the same pages. Prints one JSON line per row.

    python benchmarks/simulated.py [--seeds 101] [--theme fashion] [--users 6000] [--visits 1800]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from endcap.api.server import COMMAND, environment
from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import rank
from endcap.features.shop import ShopFeatures
from endcap.jobs.publishing import publish
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split, temporal
from endcap.recipes import create
from endcap.recipes.base import Recipe
from endcap.registry.development import development_key
from endcap.registry.keys import Keys
from endcap.registry.lineage import Lineage
from endcap.registry.resources import Resource
from endcap.registry.versions import Version
from endcap.settings import Settings
from endcap.simulator import Crowd, History, HttpTransport, Outcomes, Pace, Shop, Targets, history, open_shop
from endcap.simulator.minds import Minds
from endcap.simulator.outcomes import EXPECTED_PURCHASES, PURCHASES
from endcap.types import DAY, MINUTE, ShopKey

TRACKING = "11111111-2222-3333-4444-555555555555"
TEST_DAYS = 7
AT = 10
QUESTIONS = 4_000
"""Visits at most that are asked about offline."""


def stock(home: Path, past: History) -> tuple[Workspace, ShopKey]:
    """The shop's past in the lake of a fresh home."""
    workspace = open_workspace(Settings(home=home, port=0))
    key = ShopKey(workspace.settings.account_key, "simulated")
    for kind in ("items", "users", "interactions"):
        table = getattr(past, kind)
        workspace.lake.commit(key, kind, table, schema=table.schema, mode="FULL", job=f"first-{kind}")
    tracker = {"name": "t", "trackingId": TRACKING}
    workspace.resources.create(Resource(key.account, "event-tracker", "0a1b2c3d", key.group, document=tracker))
    return workspace, key


def models(dataset: Dataset, args: argparse.Namespace) -> dict[str, Recipe]:
    """The ranker, its retrieval, and the ranker that sees no live window."""
    windows = ",".join(ShopFeatures.of(dataset).live_names)
    ranker = {"retrieval": args.retrieval, "cut_days": args.cut_days, "cuts": args.cuts}
    asked: dict[str, tuple[str, Mapping[str, Any]]] = {
        "ranked": ("ranked", ranker),
        "retrieval": (args.retrieval, {}),
        "without windows": ("ranked", {**ranker, "without": windows}),
    }
    found = {}
    for name, (recipe, settings) in asked.items():
        started = time.perf_counter()
        found[name] = create(recipe, settings).fit(dataset)
        print(f"  {name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return found


def bought(dataset: Dataset, cut: int) -> Split:
    """Purchases after the cut, of shoppers with a past, asked at the cut."""
    split = temporal(dataset, cut)
    paid = np.isin(split.test.interactions.event_type, _codes(dataset, "Purchase"))
    test = split.test.with_interactions(split.test.interactions.take(paid))
    users = split.users[np.diff(test.indptr)[split.users] > 0]
    return replace(split, test=test, users=users, now=np.full(len(users), cut, np.int64)).known_items()


def visits(dataset: Dataset, cut: int) -> Split:
    """The first visit after the cut of each shopper who bought in it, asked after its first event, for what it went on
    to buy beside that first item."""
    rows = dataset.interactions
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (rows.user[1:] != rows.user[:-1]) | (rows.time[1:] - rows.time[:-1] > 30 * MINUTE)
    visit = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    paid = np.isin(rows.event_type, _codes(dataset, "Purchase")) & (rows.item != rows.item[first[visit]])
    wanted = paid & (rows.time[first[visit]] >= cut) & ~np.isin(np.arange(len(rows)), first)
    chosen = np.unique(visit[wanted])
    _, kept = np.unique(rows.user[first[chosen]], return_index=True)
    chosen = chosen[np.sort(kept)][:QUESTIONS]
    start = first[chosen]
    now = np.full(dataset.n_users, np.iinfo(np.int64).min, np.int64)
    now[rows.user[start]] = rows.time[start]
    of = np.full(int(visit[-1]) + 1, False)
    of[chosen] = True
    known = rows.take(rows.time <= np.where(now[rows.user] >= 0, now[rows.user], cut - 1))
    test = dataset.with_interactions(rows.take(wanted & of[visit]))
    users = rows.user[start]
    train = dataset.before(cut)
    return Split(train, dataset.with_interactions(known), test, users, now[users] + 1).known_items()


def _codes(dataset: Dataset, name: str) -> list[int]:
    return [code for code, each in enumerate(dataset.event_types) if each == name]


def offline(dataset: Dataset, seed: int, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Rows of NDCG@10: the ranker's, and its lead over the others, paired by question."""
    cut = dataset.last_time - TEST_DAYS * DAY
    made = models(dataset.before(cut), args)
    for name, split in (("asked a week before", bought(dataset, cut)), ("asked in the visit", visits(dataset, cut))):
        columns = {
            each: per_query(rank(recipe, split, AT, mask_history=False), split.targets) for each, recipe in made.items()
        }
        of = {each: estimates(values, seed=seed)["ndcg"] for each, values in columns.items()}
        told = {each: [round(x, 4) for x in (value.value, value.low, value.high)] for each, value in of.items()}
        for other in ("retrieval", "without windows"):
            lead = differences(columns["ranked"], columns[other], seed=seed)["ndcg"]
            yield {
                "row": f"simulated {args.theme}, purchases {name}: NDCG@10, ranked less {other}",
                "must": 0.0 if other == "retrieval" or "visit" in name else None,
                "aim": None,
                "measured": round(lead.value, 4),
                "low": round(lead.low, 4),
                "high": round(lead.high, 4),
                "seed": seed,
                "detail": {"ndcg@10": told, "questions": len(split)},
            }


@contextmanager
def server(settings: Settings, workspace: Workspace) -> Iterator[HttpTransport]:
    """The server on this home until the block ends."""
    key = development_key(settings, Keys(workspace.database))
    with subprocess.Popen(COMMAND, env=environment(settings), stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said.startswith("Serving on "):
                sys.exit(f"The server said {said!r}.")
            address = said.removeprefix("Serving on ").strip()
            yield HttpTransport(address, f"{key.id}:{key.secret}")
        finally:
            process.terminate()
            process.wait(30)


def live(
    shop: Shop, past: History, workspace: Workspace, key: ShopKey, args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Rows of the experiments: each with shoppers of its own, half of them for each variant."""
    dataset = workspace.lake.dataset(key)
    made = models(dataset, args)
    pairs = {
        "retrieval": (made["ranked"], made["retrieval"]),
        "without windows": (made["ranked"], made["without windows"]),
        "itself (A/A)": (made["ranked"], made["ranked"]),
    }
    versions = {}
    for name, (one, other) in pairs.items():
        a, b = (_published(workspace, key, dataset, model) for model in (one, other))
        campaign = f"sim-{len(versions)}"
        publish(workspace, key, b.id, campaign)
        publish(workspace, key, a.id, campaign, weight=50)
        publish(workspace, key, b.id, f"{campaign}-shadow")
        versions[name] = (a.id, campaign)
    minds, share = Minds.after(shop, past), args.users // len(pairs)
    with server(workspace.settings, workspace) as transport:
        for number, (name, (first, campaign)) in enumerate(versions.items()):
            shadow = key.arn("campaign", f"{campaign}-shadow")
            targets = Targets(key.arn("campaign", campaign), TRACKING, shadow=shadow)
            among = range(number * share, (number + 1) * share)
            crowd = Crowd(shop, transport, targets, shop.seed, minds, Pace(at_once=args.at_once), shoppers=among)
            started = time.perf_counter()
            outcomes = asyncio.run(_run(crowd, transport, args.visits))
            yield from _told(outcomes, first, name, shop, args, time.perf_counter() - started)


async def _run(crowd: Crowd, transport: HttpTransport, visits: int) -> Outcomes:
    try:
        return await crowd.run(visits)
    finally:
        await transport.close()


def _published(workspace: Workspace, key: ShopKey, dataset: Dataset, model: Recipe) -> Version:
    lineage = Lineage(recipe="benchmark", settings=model.settings(), trained_until=dataset.last_time, snapshot="")
    return workspace.versions.publish(key, key.name_of("sim"), model, dataset, lineage)


def _told(
    outcomes: Outcomes, first: str, name: str, shop: Shop, args: argparse.Namespace, seconds: float
) -> Iterator[dict[str, Any]]:
    report = outcomes.json()
    one = next(each for each in outcomes.sums if each.endswith(first))
    other = next(each for each in outcomes.sums if each != one)
    detail = {
        "visits": outcomes.visits,
        "visits_a_second": round(outcomes.visits / seconds, 1),
        "answers": report["answers"],
        "milliseconds": report["milliseconds"],
        "shoppers": {"ranked": len(outcomes.sums[one]), name: len(outcomes.sums[other])},
        "per_shopper": {
            "ranked": report["variants"][one]["per_shopper"],
            name: report["variants"][other]["per_shopper"],
        },
    }
    same = "A/A" in name
    paired = outcomes.over_shadow(one)
    yield {
        "row": f"simulated {args.theme}, live, purchases expected per shopper, same pages: ranked less {name}",
        "must": None if same else 0.0,
        "aim": None,
        "measured": round(paired.mean, 4),
        "low": round(paired.low, 4),
        "high": round(paired.high, 4),
        "seed": shop.seed,
        "detail": {"shoppers": len(outcomes.sums[one])},
    }
    for measure, words in ((PURCHASES, "purchases"), (EXPECTED_PURCHASES, "purchases that the truth expects")):
        found, plain = outcomes.adjusted(one, other, measure), outcomes.difference(one, other, measure)
        yield {
            "row": f"simulated {args.theme}, live, {words} per shopper: ranked less {name}",
            "must": None if same else 0.0,
            "aim": None,
            "measured": round(found.mean, 4),
            "low": round(found.low, 4),
            "high": round(found.high, 4),
            "seed": shop.seed,
            "detail": {"unadjusted": plain.json(), **(detail if measure == PURCHASES else {})},
        }


def main() -> int:
    """One set of rows per seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="not used: the shops are made here")
    parser.add_argument("--seeds", type=int, nargs="+", default=[101])
    parser.add_argument("--theme", default="fashion")
    parser.add_argument("--users", type=int, default=6_000)
    parser.add_argument("--items", type=int, default=1_500)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--visits", type=int, default=1_800, help="of each live experiment")
    parser.add_argument("--at-once", type=int, default=8, help="visits at a time")
    parser.add_argument("--retrieval", default="blend")
    parser.add_argument("--cuts", type=int, default=3, help="of the ranker's replay")
    parser.add_argument("--cut-days", type=float, default=14.0)
    parser.add_argument("--only", choices=("offline", "live"))
    args = parser.parse_args()
    for seed in args.seeds:
        sizes = {"users": args.users, "items": args.items, "days": args.days}
        shop = open_shop(args.theme, **sizes, seed=seed, until=time.time_ns() // 1000)
        past = history(shop)
        with tempfile.TemporaryDirectory() as name:
            workspace, key = stock(Path(name), past)
            try:
                if args.only != "live":
                    for row in offline(workspace.lake.dataset(key), seed, args):
                        print(json.dumps(row), flush=True)
                if args.only != "offline":
                    for row in live(shop, past, workspace, key, args):
                        print(json.dumps(row), flush=True)
            finally:
                workspace.database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
