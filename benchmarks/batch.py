"""Batch inference: users a minute for the whole job, from the lake to the stored answers, k = 25.

ALS with 64 factors and 50,000 items of a synthetic shop; every line's history is folded in anew and scores are
probabilities over the catalogue. Beside it `recommend` of implicit 0.7.3 from the same item factors and from stored
user factors, which reads no lines, folds nothing in, writes nothing and gives raw scores.
"""

from __future__ import annotations

import os

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # as the child process of a job has it; the job's own threads multiply

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from endcap.jobs.batch_inference import infer
from endcap.jobs.training import train
from endcap.jobs.workspace import Workspace, open_workspace
from endcap.registry.resources import Resource
from endcap.registry.versions import Version
from endcap.settings import Settings
from endcap.types import ShopKey
from measure import arguments, peer
from synthetic import Shop, events

USERS, EVENTS, LINES, K = 100_000, 2_000_000, 60_000, 25
START = 1_700_000_000_000_000
MUST, AIM = 150_000, 300_000


def open_shop(home: Path) -> tuple[Workspace, ShopKey, Version]:
    """A shop with a trained version."""
    workspace = open_workspace(Settings(home=home))
    shop = ShopKey(workspace.settings.account_key, "synthetic")
    user, item = events(Shop(users=USERS, events=EVENTS))
    table = pa.table(
        {
            "user_id": pa.array(user).cast(pa.string()),
            "item_id": pa.array(item).cast(pa.string()),
            "timestamp": pa.array(START + np.arange(len(user), dtype=np.int64) * 1_000_000),
        }
    )
    workspace.lake.commit(shop, "interactions", table, schema=table.schema, mode="FULL", job="first")
    return workspace, shop, train(workspace, shop, "als", settings={"factors": 64, "iterations": 3})


def job(workspace: Workspace, shop: ShopKey, version: Version, name: str) -> Resource:
    document = {
        "solutionVersionArn": version.arn,
        "numResults": K,
        "jobInput": {"s3DataSource": {"path": "s3://bench/users.json"}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://bench/{name}/"}},
    }
    record = Resource(shop.account, "batch-inference-job", name, shop.group, document=document)
    return workspace.resources.create(record)


def theirs(workspace: Workspace, version: Version) -> float:
    """Seconds of the peer, for as many users."""
    model = peer("als").AlternatingLeastSquares(factors=64)
    model.item_factors = workspace.versions.load(version).recipe.item_vectors
    model.user_factors = np.random.Generator(np.random.PCG64(0)).standard_normal((LINES, 64), dtype=np.float32)
    everyone = np.arange(LINES)
    model.recommend(everyone[:1000], None, N=K, filter_already_liked_items=False)
    started = time.perf_counter()
    model.recommend(everyone, None, N=K, filter_already_liked_items=False)
    return time.perf_counter() - started


def main() -> None:
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        workspace, shop, version = open_shop(Path(folder))
        inputs = Path(folder) / "buckets" / "bench" / "users.json"
        inputs.parent.mkdir(parents=True)
        asked = np.random.Generator(np.random.PCG64(1)).choice(USERS, LINES, replace=False)
        inputs.write_text("".join(f'{{"userId":"{user}"}}\n' for user in asked))
        first = time.perf_counter()
        infer(workspace, job(workspace, shop, version, "first"))
        first = time.perf_counter() - first
        rates, peers, busy = [], [], []
        for run in range(options.runs):
            started, cpu = time.perf_counter(), time.process_time()
            totals = infer(workspace, job(workspace, shop, version, f"run-{run}"))
            rates.append(60 * totals.lines / (time.perf_counter() - started))
            busy.append(1000 * (time.process_time() - cpu) / totals.lines)
            peers.append(60 * LINES / theirs(workspace, version))
            print(f"  ours {rates[-1]:,.0f}   theirs {peers[-1]:,.0f} users a minute", file=sys.stderr)
        line = {
            "row": "batch inference, users a minute (ALS 64, 50,000 items, k = 25)",
            "must": MUST,
            "aim": AIM,
            "measured": round(statistics.median(rates)),
            "unit": "users a minute",
            "better": "higher",
            "detail": {
                "runs": [round(rate) for rate in rates],
                "implicit_recommend_alone": [round(rate) for rate in peers],
                "cpu_ms_per_user": [round(each, 3) for each in busy],
                "first_job_s": round(first, 1),
                "lines": LINES,
                "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            },
        }
        print(json.dumps(line))
        workspace.database.close()


if __name__ == "__main__":
    main()
