"""Next best action where the truth is known: how much is lost against who knows everything? One JSON line per row.

The simulator's offers (`simulator/offers.py`): shoppers of four personas, of which age, gender and membership tell
something, with opinions of their own and by the part of the day; 12 actions; a log of 8 offers each over 40 days, made
at random (or, second row, four in five of them the action that is taken most, its propensities logged). The recipe
learns from log and profiles; then every shopper is offered its best action, and the truth says how likely they take it.
Regret: what the oracle's best action would have gained more. Floors: the action taken most by all; chance; who knows
the persona but not the shopper. Five seeds, 95 % bootstrap over shoppers.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pyarrow as pa

from endcap.evaluation.compare import differences, estimates
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.queries import Queries
from endcap.simulator.offers import Offers, make_offers
from endcap.types import Float64, Query
from quality_row import row

SEEDS = range(100, 105)


def judged(told: Offers) -> dict[str, Float64]:
    """float64 [users] by policy: regret of the action that it chooses."""
    shop = Dataset.from_table(told.log)
    place = {name: at for at, name in enumerate(told.users["user_id"].to_pylist())}
    rows = np.array([place[name] for name in shop.users.ids.to_pylist()])
    shop = replace(shop, user_metadata=told.users.take(pa.array(rows)))
    truth, columns = told.rates(told.end)[rows], shop.items.rows(list(told.actions))
    model = create("action-rate").fit(shop)
    known = model.score(Queries.histories(shop, now=told.end))[:, columns]
    strangers = Queries.of([Query()] * shop.n_users, shop.items, now=told.end)
    new = model.score(replace(strangers, profiles=shop.user_metadata))[:, columns]
    usual = np.broadcast_to(model.similar_scores(np.zeros(1, np.int32))[:, columns], truth.shape)
    persona = told.persona[rows]
    kinds = np.stack([truth[persona == kind].mean(axis=0) for kind in range(int(persona.max()) + 1)])[persona]
    best = truth.max(axis=1)

    def regret(said: Float64) -> Float64:
        return np.asarray(best - np.take_along_axis(truth, said.argmax(axis=1)[:, None], axis=1)[:, 0], np.float64)

    return {
        "action-rate": regret(known),
        "profile only": regret(new),
        "popularity": regret(usual),
        "persona known": regret(kinds),
        "chance": best - truth.mean(axis=1),
    }


def main() -> None:
    """Print every row asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=3000)
    asked = parser.parse_args()
    for label, explores in (("offers at random", 1.0), ("one offer in five at random", 0.2)):
        found = [judged(make_offers(seed, users=asked.users, explores=explores)) for seed in SEEDS]
        regrets = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
        floor = {name: each.json() for name, each in estimates(regrets, seed=0).items() if name != "action-rate"}
        detail = {"protocol": "simulated offers", "users": len(regrets["popularity"]), "settings": {}}
        of_own = estimates({"regret": regrets["action-rate"]}, seed=0)["regret"]
        own, usual = ({"regret": regrets[name]} for name in ("action-rate", "popularity"))
        row(
            f"Next best action, regret, {label} · action-rate",
            of_own,
            None,
            better="lower",
            **detail,
            floor=floor,
            seed=SEEDS[0],
        )
        less = differences(usual, own, seed=0)["regret"]
        row(f"Next best action, regret less than popularity's, {label}", less, 0.0, **detail, seed=SEEDS[0])


if __name__ == "__main__":
    main()
