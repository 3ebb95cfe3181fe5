"""Personalised search against text alone, one JSON line per row: python benchmarks/quality_search.py

Of the purchases after the cut by shoppers with a history, of items known to training, 2,000 are drawn (seed 0). Each is
searched for with one or two neighbouring words of the item's name or, as often, of its finest category, drawn at random
(seed 1; the recipe's own weights are fitted on other draws of training purchases). The one item bought is the target,
all items are ranked; MRR@10 and NDCG@10, intervals by bootstrap over searches, differences paired.
Three ways to answer: `search` (BM25, ties to what sells), `search-personalised` for nobody (text and what sells), and
for the shopper, of whom what training holds is known. The control gives every search another shopper's history.

Simulated shops (seed 0): the searches that shoppers typed in the last fifth of the time, in a visit that then bought an
item they had opened from the list of hits: that item is the target. Learned from views, carts and purchases before.

Online Retail II: titles (there are no categories); Complete Journey: department, category, type, brand, size (there are
no titles). Such searches are made of the shop's own words: real ones misspell, and say what no item says.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from endcap.evaluation.compare import differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Targets
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.recipes.search_questions import search_texts
from endcap.simulator import history, open_shop
from endcap.types import DAY, Float64, Int32
from quality import SEED, row
from quality_related import SHOPS, described, halves

AT, SEARCHES = 10, 2000
UNTIL = 1_767_225_600_000_000
"""Where the past of simulated shops ends: 2026-01-01."""
METRICS = ("mrr", "ndcg")


def asked(train: Dataset, later: pa.Table) -> tuple[Queries, Int32]:
    """The searches with their histories, and what was bought."""
    draws = np.random.default_rng(SEED)
    taken = np.append(np.bincount(train.interactions.item, minlength=train.n_items) > 0, False)
    user, item = (
        getattr(train, side).rows(later[name].combine_chunks())
        for side, name in (("users", "user_id"), ("items", "item_id"))
    )
    pairs = np.unique(np.stack([user, item])[:, (user >= 0) & taken[item]], axis=1)
    chosen = np.sort(draws.permutation(pairs.shape[1])[:SEARCHES])
    words = search_texts(train, pairs[1, chosen].astype(np.int32), np.random.default_rng(SEED + 1))
    told = np.array([bool(each) for each in words], np.bool_)
    users, items = pairs[0, chosen][told].astype(np.int32), pairs[1, chosen][told].astype(np.int32)
    context = tuple({"search": each} for each in words if each)
    return replace(Queries.histories(train, users), context=context), items


def simulated(theme: str) -> tuple[Dataset, Queries, Int32]:
    """(training, searches with their histories, what was bought) of a simulated shop."""
    shop = open_shop(theme, users=1500, items=1000, days=90, seed=SEED, until=UNTIL)
    past = history(shop, impressions=False)
    rows = past.interactions  # noqa: F841 - read by name in the query
    cut = UNTIL - 18 * DAY
    found = duckdb.sql(
        f"""with searched as (select USER_ID, SESSION_ID, SEARCH_QUERY, ITEM_ID, TIMESTAMP from rows
            where EVENT_TYPE = 'View' and PLACE = 'search' and SEARCH_QUERY != '' and TIMESTAMP >= {cut})
        select distinct on (s.SESSION_ID, s.ITEM_ID) s.USER_ID user_id, s.ITEM_ID item_id, s.SEARCH_QUERY words
        from searched s join rows b using (SESSION_ID, ITEM_ID) where b.EVENT_TYPE = 'Purchase'
        and b.TIMESTAMP > s.TIMESTAMP order by s.SESSION_ID, s.ITEM_ID, s.TIMESTAMP"""
    ).to_arrow_table()
    learned = duckdb.sql(
        f"""select USER_ID user_id, ITEM_ID item_id, TIMESTAMP as timestamp, EVENT_TYPE event_type, ORDER_ID order_id
        from rows where EVENT_TYPE in ('View', 'AddToCart', 'Purchase') and TIMESTAMP < {cut}
        and USER_ID is not null order by TIMESTAMP, USER_ID, ITEM_ID"""
    ).to_arrow_table()
    train = described(Dataset.from_table(learned), past.items)
    user, item = (
        train.users.rows(found["user_id"].combine_chunks()),
        train.items.rows(found["item_id"].combine_chunks()),
    )
    known = (user >= 0) & (item >= 0)
    words = np.asarray(found["words"].to_pylist(), object)[known]
    queries = replace(Queries.histories(train, user[known]), context=tuple({"search": str(each)} for each in words))
    return train, queries, item[known]


def judge(shop: str, train: Dataset, queries: Queries, items: Int32) -> None:
    """All ways to answer, beside each other."""
    q = len(items)
    targets = Targets.of(np.arange(q, dtype=np.int32), items, q)
    nobody = replace(Queries.about(np.full(q, -1, np.int32)), now=queries.now, context=queries.context)
    others = np.random.default_rng(SEED).permutation(queries.user)
    shuffled = replace(Queries.histories(train, others), context=queries.context)
    text = create("search").fit(train)
    personal = create("search-personalised").fit(train)
    ways = {
        "search": (text, nobody),
        "search-personalised, for nobody": (personal, nobody),
        "search-personalised": (personal, queries),
        "search-personalised, another's history (control)": (personal, shuffled),
    }
    columns: dict[str, dict[str, Float64]] = {}
    for name, (model, question) in ways.items():
        found = per_query(model.recommend(question, AT).items, targets)
        columns[name] = {metric: found[metric] for metric in METRICS}
        for metric, estimate in estimates(columns[name], seed=SEED).items():
            floor = {"search": float(columns["search"][metric].mean())}
            goal = floor["search"] if name == "search-personalised" else None
            detail = {"protocol": "searches for what was bought", "searches": q, "settings": model.settings()}
            row(f"{shop}, {metric}@{AT} · {name}", estimate, goal, None, floor=floor, **detail)
    for rival in ("search", "search-personalised, for nobody"):
        for metric, gain in differences(columns["search-personalised"], columns[rival], seed=SEED).items():
            label = f"{shop}, {metric}@{AT}, search-personalised minus {rival}"
            must = 0.0 if rival == "search" else None
            row(label, gain, must, None, protocol="searches for what was bought, paired")


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--shops", nargs="*", default=list(SHOPS), help="shops to judge")
    parser.add_argument("--themes", nargs="*", default=["fashion", "electronics"], help="simulated shops to judge")
    given = parser.parse_args()
    for shop in given.shops:
        read, read_items, cut = SHOPS[shop]
        lines = read(given.data)
        if lines is None:
            print(json.dumps({"left out": shop}))
            continue
        earlier, later = halves(lines, cut)
        train = described(Dataset.from_table(earlier), read_items(given.data))
        judge(shop, train, *asked(train, later))
    for theme in given.themes:
        judge(f"simulated {theme}", *simulated(theme))


if __name__ == "__main__":
    main()
