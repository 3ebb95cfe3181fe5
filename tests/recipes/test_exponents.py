"""What is left to the data is what would have foretold its end best; what is given stays."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.exponents import Ending
from endcap.recipes.graph_filter import LIFTS as FILTER_LIFTS
from endcap.recipes.graph_filter import PRIOR_LIFT, GraphFilter
from endcap.recipes.rp3beta import BETAS, RP3Beta
from endcap.recipes.rp3beta import PRIOR as WALK
from endcap.recipes.svd import LIFTS, SVD
from endcap.recipes.svd import PRIOR as DIRECTIONS
from endcap.types import DAY


def shop_of_tastes() -> Dataset:
    """Everybody takes what sells early, and late what their group takes, often again: popular ends mislead."""
    draws = np.random.default_rng(0)
    columns: dict[str, list[object]] = {"user_id": [], "item_id": [], "timestamp": []}
    for user in range(120):
        own = [f"g{user % 4}-{item}" for item in range(12)]
        popular = [f"p{item}" for item in range(12)]
        early = [*draws.choice(own, 8), *draws.choice(popular, 8)]
        for days, items in ((70, early), (100, draws.choice(own, 4))):
            columns["user_id"] += [f"u{user}"] * len(items)
            columns["item_id"] += [str(item) for item in items]
            columns["timestamp"] += (
                (1_700_000_000 + (days - draws.random(len(items)) * 18) * 86_400).astype(int).tolist()
            )
    return Dataset.from_table(pa.table(columns))


SHOP = shop_of_tastes()


def foretold(recipe: Recipe, ending: Ending) -> np.ndarray:
    return ending.values(np.nan_to_num(recipe.fit(ending.earlier).score(ending.queries), nan=-1.0))


def near_enough(values: dict[float, np.ndarray], prior: float) -> float:
    """Of what is within one standard error of the best the nearest to the prior."""
    best = max(values.values(), key=np.mean)
    level = [
        each for each, found in values.items() if np.mean(best - found) <= np.std(best - found) / len(found) ** 0.5
    ]
    return min(level, key=lambda each: abs(each - prior))


def test_the_walk_takes_a_beta_that_foretells_as_well_as_the_best() -> None:
    ending = Ending.of(SHOP)
    assert ending is not None
    values = {beta: foretold(RP3Beta(alpha=0.6, beta=beta), ending) for beta in (WALK[1], *BETAS)}
    chosen = RP3Beta(alpha=0.6).fit(SHOP).exponents_
    assert chosen == pytest.approx([0.6, near_enough(values, WALK[1])])
    assert values[round(float(chosen[1]), 3)].mean() > values[WALK[1]].mean() + 0.01


def test_the_directions_take_a_lift_that_foretells_as_well_as_the_best() -> None:
    ending = Ending.of(SHOP)
    assert ending is not None
    values = {lift: foretold(SVD(factors=16, scaling=0.25, lift=lift), ending) for lift in (DIRECTIONS[1], *LIFTS)}
    chosen = SVD(factors=16, scaling=0.25).fit(SHOP).exponents_
    assert chosen == pytest.approx([0.25, near_enough(values, DIRECTIONS[1])])


def test_the_filter_takes_a_lift_that_foretells_as_well_as_the_best() -> None:
    ending = Ending.of(SHOP)
    assert ending is not None
    values = {lift: foretold(GraphFilter(rank=16, lift=lift), ending) for lift in FILTER_LIFTS}
    model = GraphFilter(rank=16).fit(SHOP)
    supports = model.root_degree_**2
    place = int(np.argmax(supports))
    chosen = float(np.log(model.raised_[place]) / np.log(supports[place]))
    assert chosen == pytest.approx(near_enough(values, PRIOR_LIFT), abs=1e-5)
    assert chosen != pytest.approx(PRIOR_LIFT)


def test_both_are_chosen_together() -> None:
    ending = Ending.of(SHOP)
    assert ending is not None
    alpha, beta = RP3Beta().fit(SHOP).exponents_.tolist()
    found, prior = (foretold(RP3Beta(alpha=a, beta=b), ending).mean() for a, b in ((alpha, beta), WALK))
    assert found > prior


def test_with_one_event_there_is_nothing_to_choose_by() -> None:
    shop = Dataset.from_table(pa.table({"user_id": ["u"], "item_id": ["a"], "timestamp": [1_700_000_000]}))
    assert RP3Beta().fit(shop).exponents_ == pytest.approx(WALK)
    assert SVD().fit(shop).exponents_ == pytest.approx(DIRECTIONS)


def test_what_is_taken_once_is_no_answer_again() -> None:
    once = {"user_id": [], "item_id": [], "timestamp": []}
    for user in range(20):
        for item in range(10):
            once["user_id"].append(f"u{user}")
            once["item_id"].append(f"i{(user * 3 + item * 7) % 40}")
            once["timestamp"].append(1_700_000_000 + item * 10 * DAY // 1_000_000)
    ending = Ending.of(Dataset.from_table(pa.table(once)))
    assert ending is not None and ending.barred is not None
    assert not (ending.barred & ending.taken).any()
    perfect = np.asarray(ending.taken, np.float32) + 9 * ending.barred
    assert (ending.values(perfect) == 1.0).all()


def test_what_is_taken_again_is() -> None:
    ending = Ending.of(SHOP)
    assert ending is not None and ending.barred is None
