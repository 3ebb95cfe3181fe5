"""The classic retail example of factorization machines, told to the end: how much, and then what next.

    python examples/retail_factorization.py online_retail_ii.parquet online_retail_ii_items.parquet

1. Clean: the second sheet of UCI's Online Retail II, 541,909 lines; what has no customer, and returns, go.
2. Features: customer, product and country one-hot, and tf-idf of the words of the product's description that two
   descriptions or more share. 397,924 lines remain with 4,339 + 3,665 + 37 features and 1,225 words, 9,266 in all. The
   example is often shown with 9,284: its 1,243 words come from every spelling of a description that a line ever had,
   while the file here has one description for each product.
3. Learn: 64 factors, squared loss on log(1 + quantity); a fifth of the lines, drawn at random, is judged.
4. Compare with the mean quantity of the customer. That a random fifth is predicted well says little: the same customer
   and product stand on both sides. So last comes the honest question: learn from all but the last 28 days, recommend
   20 products, and look at what was bought then.

Without files it makes a small shop of its own, so that it runs anywhere.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.evaluation.shop import judge
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.fields import Fields, Spec
from endcap.recipes.fm_training import HeldBack, Plan, learn

FIELDS = {
    "customer": Spec("category", unknown=False),
    "product": Spec("category", unknown=False),
    "country": Spec("category", unknown=False),
    "description": Spec("text", least=2),
}
CLEAN = """select user_id::varchar customer, item_id product, country, coalesce(title, '') description, quantity,
    timestamp, order_id from lines left join products using (item_id)
    where user_id is not null and quantity > 0 order by timestamp, customer, product"""


def shop_of_its_own(seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """A year of a small shop: customers of two countries and four tastes, products described in words."""
    draws = np.random.default_rng(seed)
    n, customers, products = 6000, 120, 80
    customer = draws.integers(0, customers, n)
    product = (customer % 4) * 20 + np.minimum(draws.geometric(0.15, n) - 1, 19)
    words = ("RED", "BLUE", "TIN", "GLASS", "LANTERN", "MUG", "CLOCK", "BAG")
    titles = [f"{words[p % 2]} {words[2 + p % 3 % 2]} {words[4 + p // 20]} {p}" for p in range(products)]
    usual = draws.lognormal(1.5, 0.8, customers)[customer] * draws.lognormal(0, 0.5, products)[product]
    day = draws.integers(0, 365, n)
    lines = pa.table(
        {
            "user_id": pa.array(customer),
            "item_id": [f"P{p}" for p in product],
            "country": ["France" if c % 7 == 0 else "United Kingdom" for c in customer],
            "quantity": pa.array(np.maximum(draws.poisson(usual), 1)),
            "timestamp": pa.array(1_300_000_000_000_000 + day * 86_400_000_000).cast(pa.timestamp("us")),
            "order_id": [f"{c}-{d}" for c, d in zip(customer, day, strict=True)],
        }
    )
    return lines, pa.table({"item_id": [f"P{p}" for p in range(products)], "title": titles})


def quantities(lines: pa.Table, factors: int) -> None:
    """How much: a random fifth of the lines, predicted."""
    fields = Fields.learn(lines, FIELDS)
    rows = fields.encode(lines)
    widths = dict(zip(fields.columns, np.diff(fields.starts).tolist(), strict=True))
    print(f"{len(lines):,} lines, {rows.shape[1]:,} features: {widths}, {rows.nnz / np.prod(rows.shape):.4%} not zero")
    quantity = lines["quantity"].to_numpy().astype(np.float64)
    target = np.log1p(quantity).astype(np.float32)
    part = np.random.default_rng(0).permutation(len(lines)) % 10
    train, stop, test = part < 7, part == 7, part > 7
    began = time.perf_counter()
    machine, losses = learn(
        rows[train], target[train], Plan(epochs=30), factors, held_back=HeldBack(rows[stop], target[stop])
    )
    print(f"{factors} factors, {len(losses)} passes, {time.perf_counter() - began:.1f} s")
    customer = lines["customer"].combine_chunks().dictionary_encode().indices.to_numpy()
    seen = train | stop
    counts, overall = np.bincount(customer[seen], minlength=customer.max() + 1), target[seen].mean()
    sums = np.bincount(customer[seen], target[seen], customer.max() + 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
    for name, guess in (
        ("factorization machine", machine.scores(rows[test])),
        ("mean of the customer", means[customer[test]]),
        ("mean of all", np.full(test.sum(), overall)),
    ):
        miss, units = guess - target[test], np.expm1(guess) - quantity[test]
        print(
            f"  {name:22} log(1+quantity): RMSE {np.sqrt(np.mean(miss**2)):.4f} MAE {np.abs(miss).mean():.4f}"
            f"   pieces: RMSE {np.sqrt(np.mean(units**2)):.1f} MAE {np.abs(units).mean():.2f}"
        )


def next_purchases(lines: pa.Table, factors: int) -> None:
    """What next: NDCG@20 of the last 28 days, by what came before."""
    names = {"customer": "user_id", "product": "item_id"}
    shop = Dataset.from_table(lines.rename_columns([names.get(name, name) for name in lines.column_names]))
    described = lines.group_by("product", use_threads=False).aggregate([("description", "first")])
    places = pc.index_in(shop.items.ids, value_set=described["product"].combine_chunks())
    titles = pa.table({"item_id": shop.items.ids, "title": described["description_first"].take(places)})
    shop = replace(shop, item_metadata=titles)
    found = judge(shop, {"fm": lambda: create("fm", {"factors": factors})})
    for population in ("all items", "items new to the shopper"):
        for row in found.of(population):
            print(f"  {population}: {row.recipe:11} NDCG@20 {row.metrics['ndcg@20'].value:.4f} of {row.users:,}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="?", type=Path, help="Online Retail II as Parquet, with the column sheet")
    parser.add_argument("products", nargs="?", type=Path, help="its products, with item_id and title")
    parser.add_argument("--factors", type=int, default=64)
    given = parser.parse_args()
    lines, products = shop_of_its_own()
    if given.lines is not None:
        lines = duckdb.read_parquet(str(given.lines)).filter("sheet = 2").to_arrow_table()
        products = duckdb.read_parquet(str(given.products)).to_arrow_table()
    print(f"{len(lines):,} lines as they came")
    database = duckdb.connect()
    database.register("lines", lines)
    database.register("products", products)
    clean = database.sql(CLEAN).to_arrow_table()
    quantities(clean, given.factors)
    next_purchases(clean, given.factors)


if __name__ == "__main__":
    main()
