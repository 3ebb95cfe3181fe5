"""The classic retail example of factorization machines, told to the end: how much, and then what next.

    python examples/retail_factorization.py online_retail_ii.parquet online_retail_ii_items.parquet

1. Clean, as the example is published (`retail_recommend` of aws/amazon-sagemaker-examples, on UCI's Online Retail:
   the second sheet of Online Retail II): of 541,909 lines those without a customer go, 406,829 stay. The pieces of one
   product, description, customer, country and price are summed, so that returns are netted; a sum that is not above 0
   goes.
2. Features: product, customer and country one-hot, tf-idf of the words that two descriptions or more share, and the
   price as one number (standardised here, as it comes there). The target is the number of pieces.
3. Learn 64 factors with the squared loss; a fifth of the rows, drawn at random, is judged, beside the mean of the
   customer. Once for pieces, as published, and once for log(1 + pieces), since a few orders of thousands are most of
   the squared error of pieces.
4. That a random fifth is predicted well says little: the same customer and product stand on both sides. So last comes
   the honest question: learn from all but the last 28 days, recommend 20 products, and look at what was bought then.

The published example has 274,399 rows of 9,284 features, 8.09 of them not zero in a row. The file here gives 273,044
rows of 3,649 + 4,326 + 37 + 1,225 + 1 = 9,238 features, 8.09 not zero in a row. It is the same sheet: lines, customers'
lines, their mean quantity (12.061303) and mean price (3.460471) are the published ones to the last digit shown. But the
file keeps one description for each product, where the original has every spelling that a line ever had. More spellings
are more words, and they split sums that are one here: nothing else is left to account for 46 features and 1,355 rows.

Without files it makes a small shop of its own, so that it runs anywhere.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from endcap.evaluation.shop import judge
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.fields import Fields, Spec
from endcap.recipes.fm_training import HeldBack, Plan, learn

FIELDS = {
    "product": Spec("category", unknown=False),
    "customer": Spec("category", unknown=False),
    "country": Spec("category", unknown=False),
    "description": Spec("text", least=2),
    "price": Spec("number", unknown=False),
}
PLAN = Plan("squared", epochs=30, rate=0.02, patience=2)
"""Found on the tenth that says when to stop, never on the fifth that is judged."""
NETTED = """select item_id product, trim(coalesce(title, '')) description, user_id::varchar customer, country, price,
    sum(quantity)::double pieces from lines left join products using (item_id) where user_id is not null
    group by all having pieces > 0 order by all"""
BOUGHT = """select user_id::varchar user_id, item_id, country, quantity, timestamp, order_id from lines
    where user_id is not null and quantity > 0 order by timestamp, user_id, item_id"""


def shop_of_its_own(seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """A year of a small shop: customers of four tastes, products described in words, a thirtieth of them returned."""
    draws = np.random.default_rng(seed)
    n, customers, products = 6000, 120, 80
    customer = draws.integers(0, customers, n)
    product = (customer % 4) * 20 + np.minimum(draws.geometric(0.15, n) - 1, 19)
    words = ("RED", "BLUE", "TIN", "GLASS", "LANTERN", "MUG", "CLOCK", "BAG")
    titles = [f"{words[p % 2]} {words[2 + p % 3 % 2]} {words[4 + p // 20]} {p}" for p in range(products)]
    usual = draws.lognormal(1.5, 0.8, customers)[customer] * draws.lognormal(0, 0.5, products)[product]
    pieces = np.maximum(draws.poisson(usual), 1)
    day = draws.integers(0, 365, n)
    rows = np.append(np.arange(n), draws.choice(n, n // 30, replace=False))
    returned = np.arange(len(rows)) >= n
    day = day[rows] + 3 * returned
    lines = pa.table(
        {
            "user_id": pa.array(customer[rows]),
            "item_id": [f"P{p}" for p in product[rows]],
            "country": ["France" if c % 7 == 0 else "United Kingdom" for c in customer[rows]],
            "quantity": pa.array(np.where(returned, -1, 1) * pieces[rows]),
            "price": pa.array(0.5 + product[rows] % 9),
            "timestamp": pa.array(1_300_000_000_000_000 + day * 86_400_000_000).cast(pa.timestamp("us")),
            "order_id": [f"{c}-{d}" for c, d in zip(customer[rows], day, strict=True)],
        }
    )
    return lines, pa.table({"item_id": [f"P{p}" for p in range(products)], "title": titles})


def chosen(query: str, lines: pa.Table, products: pa.Table) -> pa.Table:
    """What the query finds in both tables."""
    database = duckdb.connect()
    database.register("lines", lines)
    database.register("products", products)
    return database.sql(query).to_arrow_table()


def encoded(sums: pa.Table) -> tuple[Fields, sparse.csr_matrix]:
    """The fields of the published example, and the rows' features."""
    fields = Fields.learn(sums, FIELDS)
    return fields, fields.encode(sums)


def quantities(sums: pa.Table, factors: int) -> None:
    """How much: a random fifth of the rows, predicted."""
    fields, rows = encoded(sums)
    widths = " + ".join(f"{width:,} {name}" for name, width in zip(fields.columns, np.diff(fields.starts), strict=True))
    print(f"{len(sums):,} rows of {rows.shape[1]:,} features: {widths}; {rows.nnz / len(sums):.2f} not zero in a row")
    part = np.random.default_rng(0).permutation(len(sums)) % 10
    pieces = sums["pieces"].to_numpy()
    customer = sums["customer"].combine_chunks().dictionary_encode().indices.to_numpy()
    print("  target pieces, as published")
    for name, guess in guesses(rows, pieces, customer, part, factors):
        print(f"    {name:22} pieces: {misses(guess, pieces[part > 7])}")
    print("  target log(1 + pieces)")
    logs = np.log1p(pieces)
    for name, guess in guesses(rows, logs, customer, part, factors):
        back = misses(np.expm1(guess), pieces[part > 7])
        print(f"    {name:22} log(1 + pieces): {misses(guess, logs[part > 7])}   pieces: {back}")


def guesses(
    rows: sparse.csr_matrix, target: np.ndarray, customer: np.ndarray, part: np.ndarray, factors: int
) -> Iterator[tuple[str, np.ndarray]]:
    """What the machine and two means say of parts 8 and 9; part 7 tells the machine when to stop."""
    seen, test = part <= 7, part > 7
    middle, width = target[seen].mean(), target[seen].std()
    scaled = ((target - middle) / width).astype(np.float32)
    train, stop = part < 7, part == 7
    held_back = HeldBack(rows[stop], scaled[stop])
    machine, _ = learn(rows[train], scaled[train], PLAN, factors, held_back=held_back)
    # Nobody is told of more than was ever bought: of a log, one miss would be thousands.
    least, most = target[seen].min(), target[seen].max()
    yield "factorization machine", np.clip(machine.scores(rows[test]) * width + middle, least, most)
    counts = np.bincount(customer[seen], minlength=customer.max() + 1)
    sums = np.bincount(customer[seen], target[seen], customer.max() + 1)
    yield "mean of the customer", np.where(counts > 0, sums / np.maximum(counts, 1), middle)[customer[test]]
    yield "mean of all", np.full(test.sum(), middle)


def misses(guess: np.ndarray, truth: np.ndarray) -> str:
    """RMSE and MAE, in words."""
    return f"RMSE {np.sqrt(np.mean((guess - truth) ** 2)):.3f} MAE {np.abs(guess - truth).mean():.3f}"


def next_purchases(lines: pa.Table, products: pa.Table, factors: int) -> None:
    """What next: NDCG@20 of the last 28 days, by what came before."""
    shop = Dataset.from_table(lines)
    titles = products["title"].take(pc.index_in(shop.items.ids, value_set=products["item_id"].combine_chunks()))
    shop = replace(shop, item_metadata=pa.table({"item_id": shop.items.ids, "title": titles}))
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
    quantities(chosen(NETTED, lines, products), given.factors)
    next_purchases(chosen(BOUGHT, lines, products), products, given.factors)


if __name__ == "__main__":
    main()
