"""FM: the contract, and what is its own: it is Rendle's formula, profiles and the moment count, chances are chances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from endcap.errors import InputError
from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.recipes.fm import FM
from endcap.recipes.fm_rows import clock
from endcap.recipes.fm_training import LARGE, HeldBack, Machine, Plan, learn, shuffled
from endcap.recipes.queries import Queries
from endcap.testing.datasets import checkerboard, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import Query


class TestFM(RecipeContract):
    def make(self) -> Recipe:
        return FM(factors=8, epochs=60)


class TestFieldAware(RecipeContract):
    def make(self) -> Recipe:
        return FM(factors=4, epochs=60, field_aware=True, objective="logistic")


def rows(n: int = 40, width: int = 12, seed: int = 0) -> sparse.csr_matrix:
    found = sparse.random(n, width, 0.4, "csr", dtype=np.float32, random_state=seed)
    found.data += 0.5
    return found


FIELD_OF = np.repeat(np.arange(3, dtype=np.int32), 4)


@pytest.mark.parametrize("field_of", [None, FIELD_OF])
def test_scores_are_the_sum_over_all_pairs(field_of: np.ndarray | None) -> None:
    given, draws = rows(), np.random.default_rng(1)
    machine = Machine.start(12, 5, 0, field_of)
    machine.factors[:] = draws.standard_normal(machine.factors.shape)
    machine.weights[0] = draws.standard_normal(12)
    machine.bias[0] = 0.3
    found = machine.scores(given)
    for row, score in zip(given.toarray().astype(np.float64), found, strict=True):
        expected = 0.3 + row @ machine.weights[0]
        for j in range(12):
            for other in range(j):
                first = machine.factors[j] if field_of is None else machine.factors[j, field_of[other]]
                second = machine.factors[other] if field_of is None else machine.factors[other, field_of[j]]
                expected += first.astype(np.float64) @ second * row[j] * row[other]
        assert score == pytest.approx(expected, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("field_of", [None, FIELD_OF])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_step_goes_against_the_slope_of_the_loss(field_of: np.ndarray | None, loss: str) -> None:
    """One row, a small step: the loss falls by about rate · |slope|², the sums of squares being 1 at first."""
    given, plan = rows(1, seed=3), Plan(loss, rate=1e-3, ridge=0.0)
    machine = Machine.start(12, 5, 0, field_of)
    machine.factors[:] = np.random.default_rng(2).standard_normal(machine.factors.shape) * 0.3
    machine.sums[:] = 1e6
    machine.weights[1] = 1e6
    machine.bias[1] = 1e6
    target, worth = np.ones(1, np.float32), np.ones(1, np.float32)
    before = machine.loss(given, target, worth, loss)
    slopes = []
    for part in (machine.bias[:1], machine.weights[0], machine.factors):
        for place in np.ndindex(part.shape):
            kept = part[place]
            part[place] = kept + 1e-2
            above = machine.loss(given, target, worth, loss)
            part[place] = kept - 1e-2
            slopes.append((above - machine.loss(given, target, worth, loss)) / 2e-2)
            part[place] = kept
    machine.learn(given, target, worth, np.zeros(1, np.int32), plan)
    fell = before - machine.loss(given, target, worth, loss)
    assert fell == pytest.approx(1e-6 * np.square(slopes).sum(), rel=0.15)


@pytest.mark.parametrize("field_of", [None, FIELD_OF])
def test_a_pass_is_one_row_after_another(field_of: np.ndarray | None) -> None:
    """Rows are fetched in blocks, the last of them short, and empty rows among them; it must not show."""
    given, draws, plan = rows(150, seed=4), np.random.default_rng(5), Plan(rate=0.1)
    given = sparse.vstack((given, sparse.csr_matrix((20, 12), dtype=np.float32)), format="csr")
    target, worth = draws.standard_normal(170).astype(np.float32), draws.random(170).astype(np.float32)
    order = draws.permutation(170).astype(np.int32)
    whole, single = Machine.start(12, 5, 0, field_of), Machine.start(12, 5, 0, field_of)
    loss = whole.learn(given, target, worth, order, plan)
    each = [single.learn(given, target, worth, order[at : at + 1], plan) for at in range(170)]
    assert loss == pytest.approx(np.average(each, weights=worth[order]), rel=1e-5)
    np.testing.assert_allclose(whole.table, single.table, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 1000, LARGE + 7])
def test_an_order_holds_every_row_once(n: int) -> None:
    order = shuffled(n, np.random.default_rng(0))
    assert (np.bincount(order, minlength=n) == 1).all()
    if n > LARGE:
        assert abs(np.corrcoef(order, np.arange(n))[0, 1]) < 0.005
        assert np.count_nonzero(order[LARGE:] < LARGE) > 0
        assert (order == shuffled(n, np.random.default_rng(0))).all()


def test_learning_stops_when_what_is_held_back_gets_worse() -> None:
    given, draws = rows(300, 30), np.random.default_rng(0)
    target = draws.standard_normal(300).astype(np.float32)  # nothing can be learnt
    machine, losses = learn(
        given[:200], target[:200], Plan(epochs=50), 8, held_back=HeldBack(given[200:], target[200:])
    )
    assert len(losses) < 50 and min(losses) == losses[-2]
    assert machine.loss(given[200:], target[200:], np.ones(100, np.float32), "squared") == pytest.approx(losses[-2])


def test_targets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="39 targets for 40 rows"):
        learn(rows(), np.zeros(39, np.float32), Plan(), 2)
    with pytest.raises(InputError, match="1 of them no number"):
        learn(rows(), np.append(np.zeros(39), np.nan).astype(np.float32), Plan(), 2)
    with pytest.raises(InputError, match="logistic loss wants"):
        learn(rows(), np.full(40, 2, np.float32), Plan("logistic"), 2)


@pytest.fixture(scope="module")
def known() -> Dataset:
    """The checkerboard, with a column that tells which half of the items a user takes."""
    shop = checkerboard()
    kinds = [("even", "odd")[n % 2] for n in range(12)]
    return replace(shop, user_metadata=pa.table({"user_id": shop.users.ids, "kind": kinds}))


def halves(model: FM, queries: Queries, shop: Dataset) -> list[int]:
    """Which half most of each query's best six are of."""
    top = model.recommend(queries, 6).items
    return [round(float(np.mean([int(name[1:]) % 2 for name in shop.items.names(row)]))) for row in top]


def test_profile_and_context_of_a_new_user_change_the_slate(known: Dataset) -> None:
    model = FM(factors=8, epochs=60).fit(known)
    nobody = Queries.of([Query(), Query()], known.items, now=known.last_time)
    profiles = pa.table({"user_id": [None, "new"], "kind": ["even", "odd"]})
    assert halves(model, replace(nobody, profiles=profiles), known) == [0, 1]
    told = replace(nobody, profiles=profiles, context=({"KIND": "odd"}, {"kind": "even"}))
    assert halves(model, told, known) == [1, 0]


def test_the_moment_counts() -> None:
    """Even items are taken at noon and odd ones at midnight, by whomever."""
    shop = random_shop(1, users=30, items=12, events=600)
    events = shop.interactions
    hour = np.where(events.item % 2, 0, 12) * 3_600_000_000
    timed = shop.with_interactions(replace(events, time=events.time // 86_400_000_000 * 86_400_000_000 + hour))
    order = np.lexsort((timed.interactions.time, timed.interactions.user))
    timed = timed.with_interactions(timed.interactions.take(order))
    model = FM(factors=8, epochs=30).fit(timed)
    day = timed.last_time // 86_400_000_000 * 86_400_000_000
    for moment, parity in ((0, 1), (12, 0)):
        queries = Queries.of([Query()], timed.items, now=day + moment * 3_600_000_000)
        told = model.score(queries)[0]
        assert told[np.arange(12) % 2 == parity].mean() > told[np.arange(12) % 2 != parity].mean()


@pytest.mark.parametrize("settings", [{}, {"objective": "logistic"}, {"objective": "logistic", "field_aware": True}])
def test_rows_of_features_score_as_questions_do(known: Dataset, settings: dict[str, object]) -> None:
    model = FM(factors=4, epochs=3, least=1, **settings).fit(known)  # type: ignore[arg-type]
    row = np.zeros((1, model.n_features), np.float32)
    for name in ("user_id=u3", "kind=odd", "item_id=i5"):
        row[0, model.feature_names.index(name)] = 1
    queries = Queries.of([Query()], known.items, now=int(known.interactions.time[0]))
    queries = replace(queries, profiles=pa.table({"user_id": ["u3"], "kind": ["odd"]}))
    for name, told in clock(queries.now).items():
        row[0, model.feature_names.index(f"{name}={told[0]}")] = 1
    found = model.score_features(sparse.csr_matrix(row))[0]
    assert found == pytest.approx(model.score(queries, known.items.rows(["i5"]))[0, 0], rel=1e-4, abs=1e-5)
    with pytest.raises(InputError, match="this machine has"):
        model.score_features(sparse.csr_matrix((1, 3), dtype=np.float32))


def test_chances_are_as_frequent_as_they_say() -> None:
    shop = random_shop(5, users=150, items=20, events=4000)
    model = FM(factors=4, epochs=5).fit(shop)
    told = model.chances(model.score(Queries.histories(shop)))
    assert told is not None  # orders are drawn anew for each event there, so nearly all baskets are of one item
    assert told.mean() == pytest.approx(1 / 20, rel=0.2)
    assert FM(factors=2, epochs=1, objective="weight").fit(shop).chances(np.zeros(3, np.float32)) is None


def test_weights_are_learnt_as_amounts() -> None:
    shop = random_shop(3, users=40, items=10, events=1200)
    weight = (1 + shop.interactions.item % 3).astype(np.float32)
    told = shop.with_interactions(replace(shop.interactions, weight=weight, order=np.arange(1200)))
    model = FM(factors=4, epochs=20, objective="weight", negatives=0).fit(told)
    scores = model.score(Queries.histories(told)).mean(axis=0)
    np.testing.assert_allclose(scores, 1 + np.arange(10) % 3, atol=0.4)


def test_an_item_that_was_never_taken_is_no_favourite() -> None:
    shop = checkerboard()
    ids = pa.concat_arrays([shop.items.ids, pa.array(["fresh"])])
    wider = replace(shop, items=type(shop.items).of(ids))
    model = FM(factors=4, epochs=20).fit(wider)
    top = model.recommend(Queries.histories(wider), 6).items
    assert (wider.items.rows(["fresh"])[0] != top).mean() > 0.9


def test_settings_that_contradict_are_refused(known: Dataset) -> None:
    with pytest.raises(InputError, match="negatives is 0"):
        FM(negatives=0)
    with pytest.raises(InputError, match="field-aware machine does not learn"):
        FM(field_aware=True).fit(known)
