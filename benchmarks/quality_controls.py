"""The shuffled-history control of every personal recipe, on both real shops: python benchmarks/quality_controls.py

Protocol: a sample of 1,500 shoppers (seed 0), learned from before the cut (2011-11-09 and 2017-12-01), asked then, all
items; NDCG@20 over the whole catalogue. Each shopper is then shown the list that was made for another one. `measured`
is that list's NDCG with its interval; it must not lie above what popularity gets (the upper end of its interval): what
is personal falls to what sells, or below. The detail has the NDCG of one's own list, what one's own history adds
(paired), and the share of the lead over popularity that is lost.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from endcap.errors import EndcapError
from endcap.evaluation.shop import judge
from endcap.jobs.automl import suitable
from endcap.recipes import create
from real_shops import SHOPS, Shop, sampled

SEED, AT, USERS = 0, 20, 1500
NOT_PERSONAL = {"popularity", "trending"}
"""The same list for everybody: there is nothing to fall."""


def control(shop: Shop, data: Path, recipes: list[str]) -> None:
    """One row per recipe."""
    whole = shop.read(data)
    if whole is None:
        return
    dataset = sampled(whole, USERS, SEED)
    for name in recipes:
        try:
            made = {name: partial(create, name)}
            judgement = judge(dataset, made, cut=shop.cut, at=AT, seed=SEED, shuffle=True)
        except EndcapError as error:
            print(f"{name} on {shop.name}: {error}", file=sys.stderr)
            continue
        rows = {row.recipe: row for row in judgement.of("all items")}
        if name not in rows:
            print(f"{name} on {shop.name}: {judgement.skipped.get(name)}", file=sys.stderr)
            continue
        row, popular = rows[name], rows["popularity"].metrics[f"ndcg@{AT}"]
        assert row.control is not None
        found = row.control.shuffled
        detail = {
            "protocol": "temporal, histories shuffled",
            "users": row.users,
            "own": row.metrics[f"ndcg@{AT}"].json(),
            **row.control.json(),
            "floor": {"popularity": popular.value},
            "settings": dict(row.settings),
        }
        line = {"row": f"{shop.name}, histories shuffled, ndcg@{AT} · {name}", "must": round(popular.high, 4)}
        line |= {"aim": None, "better": "lower", "measured": found.value, "low": found.low, "high": found.high}
        print(json.dumps({**line, "seed": SEED, "detail": detail}), flush=True)


def main() -> None:
    """Print every row asked for."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / "../shared/data", help="folder of the data sets")
    parser.add_argument("--shops", nargs="*", default=list(SHOPS), choices=list(SHOPS))
    parser.add_argument("--recipes", nargs="*", default=[name for name in suitable() if name not in NOT_PERSONAL])
    asked = parser.parse_args()
    for name in asked.shops:
        control(SHOPS[name], asked.data, asked.recipes)


if __name__ == "__main__":
    main()
