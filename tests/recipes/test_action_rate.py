"""Action rates: the contract, the evidence needed, and rates that are right where the truth is known."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from endcap.lake.dataset import Dataset
from endcap.recipes.action_rate import ActionRate, beta_prior
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.simulator.offers import make_offers
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, Query

START = 1_700_000_000_000_000


class TestActionRate(RecipeContract):
    personal = False

    def make(self) -> Recipe:
        return ActionRate()


def answers(rows: list[tuple[str, str, str, float]]) -> Dataset:
    """(user, action, answer, day) as the dataset that recipes learn from."""
    users, actions, kinds, days = zip(*rows, strict=True)
    stamps = [START + int(day * DAY) for day in days]
    return Dataset.from_table(
        pa.table({"user_id": users, "item_id": actions, "event_type": kinds, "timestamp": stamps})
    )


def offers(seed: int, users: int = 300, *, spread: float = 0.0) -> Dataset:
    """Three actions taken by 60, 30 and 5 %; with `spread`, half of the shoppers take more and half less."""
    draw = rng(seed)
    rows = []
    for user in range(users):
        lift = 1 + spread * (1 if user % 2 else -1)
        for action, rate in (("a", 0.6), ("b", 0.3), ("c", 0.05)):
            for turn in range(3):
                kind = "TAKEN" if draw.random() < rate * lift else "NOT_TAKEN"
                rows.append((f"u{user}", action, kind, 40 + turn * 0.1 + draw.random() * 0.01))
    return answers(rows)


def nobody(shop: Dataset) -> Queries:
    return Queries.of([Query()], shop.items, now=shop.last_time + 1, event_types=shop.event_types)


def test_rates_are_those_of_the_truth() -> None:
    shop = offers(1)
    scores = ActionRate().fit(shop).score(nobody(shop))[0]
    np.testing.assert_allclose(scores[shop.items.rows(["a", "b", "c"])], [0.6, 0.3, 0.05], atol=0.04)


def test_scores_are_zero_until_there_is_evidence_of_both_kinds() -> None:
    rows = [(f"u{n}", "a", "TAKEN", 1.0) for n in range(60)] + [(f"v{n}", "a", "VIEWED", 1.0) for n in range(49)]
    assert not ActionRate().fit(answers(rows)).rates_.any()
    enough = answers([*rows, ("v49", "a", "NOT_TAKEN", 1.0)])
    assert ActionRate().fit(enough).rates_.all()
    old = answers([*rows, ("v49", "a", "NOT_TAKEN", 1.0), ("z", "a", "TAKEN", 44.0)])
    assert not ActionRate().fit(old).rates_.any()


def test_a_shopper_who_takes_more_is_offered_more_confidently() -> None:
    shop = offers(2, spread=0.6)
    model = ActionRate().fit(shop)
    assert model.opinions_.shape[1]
    history = [("b", "TAKEN"), ("b", "TAKEN"), ("c", "TAKEN")], [("a", "NOT_TAKEN")] * 3
    now = shop.last_time + 1
    queries = Queries.of(
        [Query(tuple(item for item, _ in each), (now - DAY,) * 3, tuple(kind for _, kind in each)) for each in history],
        shop.items,
        now=now,
        event_types=shop.event_types,
    )
    keen, wary = model.score(queries)
    assert (keen > model.rates_).all() and (wary < model.rates_).all()


def test_shoppers_who_are_alike_are_not_told_apart() -> None:
    model = ActionRate().fit(offers(3))
    assert np.square(model.opinions_).sum(axis=1).max(initial=0) < 0.1


def test_an_offer_is_taken_when_that_happens_within_the_period() -> None:
    rows = [(f"u{n}", "a", "VIEWED", 0.0) for n in range(100)] + [("far", "b", "TAKEN", 40.0)]
    soon = ActionRate(least=0).fit(answers([*rows, *((f"u{n}", "a", "TAKEN", 13.0) for n in range(50))]))
    late = ActionRate(least=0).fit(answers([*rows, *((f"u{n}", "a", "TAKEN", 15.0) for n in range(50))]))
    assert soon.rates_[0] > late.rates_[0] + 0.1


def test_a_view_of_today_says_less_than_one_of_last_month() -> None:
    base = [(f"u{n}", "a", "TAKEN", 0.0) for n in range(20)]
    fresh = ActionRate(least=0).fit(answers([*base, *((f"v{n}", "a", "VIEWED", 30.0) for n in range(20))]))
    waited = ActionRate(least=0).fit(
        answers([*base, *((f"v{n}", "a", "VIEWED", 30.0) for n in range(20)), ("z", "b", "TAKEN", 45.0)])
    )
    assert fresh.rates_[0] > waited.rates_[0] + 0.2


@pytest.mark.parametrize(("a", "b"), [(2.0, 8.0), (30.0, 10.0)])
def test_the_prior_is_found_again(a: float, b: float) -> None:
    draw = rng(4)
    offered = np.full(2000, 40.0)
    taken = draw.binomial(40, draw.beta(a, b, 2000)).astype(np.float64)
    np.testing.assert_allclose(beta_prior(taken, offered), [a, b], rtol=0.2)
    assert beta_prior(np.zeros(3), np.zeros(3)).tolist() == [1, 1]


def test_the_truth_of_the_simulator_is_found() -> None:
    told = make_offers(7, users=700, actions=8, personas=3)
    shop = Dataset.from_table(told.log)
    shop = replace(shop, user_metadata=told.users.take(pa.array(_places(told.users["user_id"], shop))))
    model = ActionRate().fit(shop)
    truth = told.rates(told.end)[_places(told.users["user_id"], shop)]
    columns = shop.items.rows(list(told.actions))
    scores = model.score(Queries.histories(shop, now=told.end))[:, columns]
    popular = np.broadcast_to(model.rates_[columns], truth.shape)

    def taken(said: np.ndarray) -> float:
        return float(np.take_along_axis(truth, said.argmax(axis=1)[:, None], axis=1).mean())

    best, usual = float(truth.max(axis=1).mean()), taken(popular)
    assert taken(scores) > usual + 0.5 * (best - usual)
    newcomers = model.score(
        replace(Queries.of([Query()] * shop.n_users, shop.items, now=told.end), profiles=shop.user_metadata)
    )
    assert usual + 0.2 * (best - usual) < taken(newcomers[:, columns]) < taken(scores)


def _places(ids: pa.ChunkedArray, shop: Dataset) -> np.ndarray:
    """Row in the simulator's table of each user of the dataset."""
    names = {name: at for at, name in enumerate(ids.to_pylist())}
    return np.array([names[name] for name in shop.users.ids.to_pylist()])
