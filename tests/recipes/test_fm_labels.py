"""FM of stars, pieces and thumbs: what was said of items is predicted, of what is disliked too, in its own units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from scipy.stats import spearmanr

from endcap.errors import InputError, StateError
from endcap.evaluation.click import judge_clicks
from endcap.lake.assemble import assemble
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.fm import FM
from endcap.recipes.queries import Queries
from endcap.testing.datasets import START, checkerboard, random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import MINUTE

ITEMS = 10
DRAWS = np.random.default_rng(0)
N = 1500
USER, ITEM = DRAWS.integers(0, 40, N), DRAWS.integers(0, ITEMS, N)
OPINION = np.where(USER % 2, ITEM % 5, 4 - ITEM % 5)
"""0 … 4: what even users like, odd ones do not."""


def shop(label: str, more: tuple[str, ...] = ()) -> Dataset:
    """40 users of two tastes who tell of ten items, as an import leaves them; `more` items nobody told of."""
    kinds = {"rating": ["Rating"] * N, "quantity": ["Purchase"] * N}.get(
        label, np.where(OPINION >= 3, "Like", "Dislike").tolist()
    )
    table = pa.table(
        {
            "user_id": [f"u{each}" for each in USER],
            "item_id": [f"i{each}" for each in ITEM],
            "timestamp": pa.array(START + np.arange(N) * MINUTE),
            "event_type": kinds,
            "rating": OPINION + 1.0,
            "quantity": 3.0**OPINION,
        }
    )
    ids = [*(f"i{each}" for each in range(ITEMS)), *more]
    users = pa.table({"user_id": [f"u{n}" for n in range(40)], "taste": [("even", "odd")[n % 2] for n in range(40)]})
    return assemble(table, pa.table({"item_id": ids}), users, catalogue=pa.array(ids), label=label)


def opinions(shop: Dataset) -> Dataset:
    """Likes of what was taken, and dislikes of the items numbered one more."""
    events, names = shop.interactions, shop.items.ids.to_pylist()
    other = shop.items.rows([f"i{(int(name[1:]) + 1) % len(names)}" for name in names])
    likes, dislikes = (np.full(len(events), value, np.float32) for value in (1, 0))
    disliked = replace(events, item=other[events.item], label=dislikes)
    return replace(shop, interactions=replace(events, label=likes), left_out=disliked)


class TestThumbs(RecipeContract):
    objective = "thumbs"

    def make(self) -> Recipe:
        return FM(factors=8, epochs=60, objective=self.objective)

    def brief(self) -> Recipe:
        return FM(factors=8, epochs=2, objective=self.objective)

    def told(self, shop: Dataset) -> Dataset:
        return opinions(shop)


class TestStars(TestThumbs):
    objective = "rating"


@pytest.fixture(scope="module", params=["rating", "quantity", "thumbs"])
def learnt(request: pytest.FixtureRequest) -> tuple[FM, Dataset]:
    dataset = shop(request.param, ("fresh",))
    return FM(factors=4, epochs=12, objective=request.param).fit(dataset), dataset


def told(model: FM, dataset: Dataset) -> np.ndarray:
    """float32 [users, items]: what is predicted for each pair, as `endcap predict` has it."""
    scores = model.score(Queries.histories(dataset))
    chances = model.chances(scores)
    return (model.amounts(scores) if chances is None else chances)[:, :ITEMS]


def true(dataset: Dataset) -> np.ndarray:
    odd = np.array([int(name[1:]) % 2 for name in dataset.users.ids.to_pylist()])[:, None]
    items = np.arange(ITEMS)[None, :] % 5
    return np.where(odd, items, 4 - items)


def test_what_each_would_say_is_predicted_in_its_own_units(learnt: tuple[FM, Dataset]) -> None:
    model, dataset = learnt
    found, opinion = told(model, dataset), true(dataset)
    if model.objective == "thumbs":
        assert judge_clicks((opinion >= 3).ravel().astype(np.float32), found.ravel())["auc"].value > 0.98
        assert ((found >= 0.5) == (opinion >= 3)).mean() > 0.95
        return
    assert spearmanr(found.ravel(), opinion.ravel()).statistic > 0.95
    expected = opinion + 1 if model.objective == "rating" else 3.0**opinion
    np.testing.assert_allclose(found.mean(axis=0), expected.mean(axis=0), rtol=0.3)
    assert found.min() >= expected.min() and found.max() <= expected.max()
    assert model.chances(found) is None


def test_answers_are_what_is_expected_most(learnt: tuple[FM, Dataset]) -> None:
    model, dataset = learnt
    queries = Queries.histories(dataset)
    np.testing.assert_allclose(
        model.score(queries), model.query_vectors(queries) @ model.item_vectors.T, rtol=1e-4, atol=1e-4
    )
    best = model.recommend(queries, 4).items
    assert np.take_along_axis(np.pad(true(dataset), ((0, 0), (0, 1))), best, axis=1).mean() > 3.4


def test_a_new_user_of_known_taste_is_told_of(learnt: tuple[FM, Dataset]) -> None:
    model, dataset = learnt
    nobody = Queries.of([], dataset.items)
    nobody = replace(
        nobody, indptr=np.zeros(3, np.int64), now=np.full(2, dataset.last_time), current=np.full(2, -1, np.int32)
    )
    even, odd = model.score(replace(nobody, profiles=pa.table({"user_id": ["x", "y"], "taste": ["even", "odd"]})))
    assert even[[0, 5]].min() > even[[4, 9]].max() and odd[[0, 5]].max() < odd[[4, 9]].min()


def test_models_are_kept_with_what_their_scores_mean(learnt: tuple[FM, Dataset]) -> None:
    model, dataset = learnt
    again = load(*dump(model))
    assert isinstance(again, FM)
    np.testing.assert_array_equal(told(again, dataset), told(model, dataset))


def test_rows_of_features_score_as_questions_do(learnt: tuple[FM, Dataset]) -> None:
    model, _ = learnt
    row = np.zeros((1, model.n_features), np.float32)
    for name in ("user_id=u3", "taste=odd", "item_id=i4"):
        row[0, model.feature_names.index(name)] = 1
    found = model.score_features(sparse.csr_matrix(row))[0]
    row[0, model.feature_names.index("item_id=i4")], row[0, model.feature_names.index("item_id=i0")] = 0, 1
    assert found > model.score_features(sparse.csr_matrix(row))[0]


def test_disliked_items_that_nobody_took_are_learnt_as_well() -> None:
    """Each item is only liked or only disliked: those that nobody took lie below all others."""
    kinds = ["Like" if item % 2 else "Dislike" for item in ITEM]
    table = pa.table(
        {
            "user_id": [f"u{each}" for each in USER],
            "item_id": [f"i{each}" for each in ITEM],
            "timestamp": pa.array(START + np.arange(N) * MINUTE),
            "event_type": kinds,
        }
    )
    dataset = assemble(table, None, None, catalogue=pa.array([f"i{n}" for n in range(ITEMS)]), label="thumbs")
    assert not dataset.popularity()[0::2].any()
    found = told(FM(factors=4, epochs=10, objective="thumbs").fit(dataset), dataset)
    assert found[:, 1::2].min() > 0.8 and found[:, 0::2].max() < 0.2


def test_chances_of_a_thumb_are_as_frequent_as_they_say() -> None:
    """Three of ten thumbs are up, whatever the item."""
    kinds = np.where(np.random.default_rng(3).random(N) < 0.3, "Like", "Dislike")
    dataset = shop("rating")
    label = (kinds == "Like").astype(np.float32)
    events = replace(dataset.interactions, label=label[: len(dataset.interactions)])
    model = FM(factors=2, epochs=5, objective="thumbs").fit(replace(dataset, interactions=events, left_out=None))
    assert told(model, dataset).mean() == pytest.approx(0.3, abs=0.06)


def test_pieces_on_several_lines_of_an_order_are_one_number() -> None:
    table = pa.table(
        {
            "user_id": ["u", "u", "v"],
            "item_id": ["a", "a", "a"],
            "order_id": ["1", "1", "2"],
            "timestamp": pa.array([START, START, START]),
            "quantity": [2.0, 3.0, 5.0],
        }
    )
    model = FM(factors=2, epochs=5, objective="quantity", least=1).fit(Dataset.from_table(table, label="quantity"))
    assert model.odds_.tolist() == [5, 5]


def test_settings_of_other_recipes_reach_the_machine_inside() -> None:
    assert create("steered", {"base": "fm", "base_settings": {"objective": "rating"}}).label == "rating"
    assert create("fm").label == create("als").label == create("fm", {"objective": "weight"}).label == ""


def test_where_nothing_is_said_that_is_told() -> None:
    with pytest.raises(InputError, match="say no rating"):
        FM(objective="rating").fit(checkerboard())
    events = shop("rating").interactions
    liked = shop("rating").with_interactions(replace(events, label=np.ones(len(events), np.float32)))
    with pytest.raises(InputError, match="thumbs are up"):
        FM(objective="thumbs").fit(replace(liked, left_out=None))


def rows(n: int = 600, seed: int = 0) -> pa.Table:
    """An amount that two categories and a number make."""
    draws = np.random.default_rng(seed)
    kind, place, size = draws.integers(0, 4, n), draws.integers(0, 3, n), draws.random(n)
    amount = 2 + kind + 3 * place * (kind == 1) + size + 0.1 * draws.standard_normal(n)
    texts = {"kind": [f"k{each}" for each in kind], "place": [f"p{each}" for each in place]}
    return pa.table({**texts, "size": size.astype(np.float32), "amount": amount.astype(np.float32)})


@pytest.mark.parametrize("objective", ["weight", "quantity", "rating"])
def test_amounts_of_rows_are_learnt(objective: str) -> None:
    model = FM(factors=6, epochs=40, objective=objective).fit_table(rows(), "amount", rows(200, 1))
    test = rows(300, 2)
    true = test["amount"].to_numpy()
    assert np.square(model.expected(test) - true).mean() < 0.1 * true.var()
    with pytest.raises(StateError, match="have no probability"):
        model.probabilities(test)


def test_labels_of_rows_that_are_no_amounts_are_refused() -> None:
    def wrong(values: object) -> pa.Table:
        return rows().set_column(3, "amount", pa.array([values] * 600))

    for values, said in (
        ("a", "holds string"),
        (None, "600 of 600 empty"),
        (-1.0, "A quantity is -1"),
        (np.inf, "finite"),
    ):
        with pytest.raises(InputError, match=said):
            FM(objective="quantity").fit_table(wrong(values), "amount")
    clicks = rows().set_column(3, "amount", pa.array([True, False] * 300))
    model = FM(factors=2, epochs=1).fit_table(clicks, "amount")
    np.testing.assert_array_equal(model.expected(clicks), model.probabilities(clicks))


def test_other_objectives_do_not_look_at_labels() -> None:
    plain = random_shop(1)
    events = replace(plain.interactions, label=np.full(len(plain.interactions), np.nan, np.float32))
    made = [FM(factors=2, epochs=1).fit(each) for each in (plain, plain.with_interactions(events))]
    np.testing.assert_array_equal(made[0].item_vectors, made[1].item_vectors)
