"""The contract that every recipe passes. Subclass it, say how to make the recipe, done:

class TestMine(RecipeContract):
    def make(self) -> Recipe:
        return Mine()
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from endcap.errors import InputError, StateError, UnknownName
from endcap.lake.dataset import Dataset
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Exclusions, Queries
from endcap.testing.datasets import START, checkerboard, random_shop
from endcap.types import DAY, Query


class RecipeContract:
    """Behaviour that serving and evaluation rely on."""

    personal: ClassVar[bool] = True
    """Answers depend on the history (popularity's do not)."""
    discovers: ClassVar[bool] = True
    """Finds items the shopper has not had (own repeat purchases do not)."""

    def make(self) -> Recipe:
        raise AssertionError("say how to make the recipe")

    def brief(self) -> Recipe:
        """The same with little training, for what must hold whatever it has learned."""
        return self.make()

    def told(self, shop: Dataset) -> Dataset:
        """The shop with what the recipe needs of it beside events, such as prices of its items."""
        return shop

    @pytest.fixture(scope="class")
    @classmethod
    def shop(cls) -> Dataset:
        return cls().told(checkerboard())

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, shop: Dataset) -> Recipe:
        return cls().make().fit(shop)

    def test_finds_the_obvious_missing_item(self, model: Recipe, shop: Dataset) -> None:
        if not (self.personal and self.discovers):
            return
        queries = Queries.histories(shop)
        top = model.recommend(queries, 1, exclude=queries.seen()).items[:, 0]
        names = shop.items.names(top)
        assert names == [f"i{(user + 2) % 12}" for user in range(12)]

    @pytest.mark.parametrize("k", [1, 5, 12])
    def test_exactly_k_without_duplicates_descending(self, model: Recipe, shop: Dataset, k: int) -> None:
        ranking = model.recommend(Queries.histories(shop), k)
        assert ranking.items.shape == ranking.scores.shape == (shop.n_users, k)
        assert (ranking.items >= 0).all()
        for items, scores in zip(ranking.items, ranking.scores, strict=True):
            assert len(set(items.tolist())) == k
            known = scores[~np.isnan(scores)]
            assert (np.diff(known) <= 0).all()
            assert not np.isnan(scores[: len(known)]).any()

    def test_more_than_the_catalogue_ends_in_minus_one(self, model: Recipe, shop: Dataset) -> None:
        items = model.recommend(Queries.histories(shop), shop.n_items + 3).items
        assert (items[:, : shop.n_items] >= 0).all() and (items[:, shop.n_items :] == -1).all()

    def test_excluded_and_disallowed_are_absent_and_the_slate_is_full(self, model: Recipe, shop: Dataset) -> None:
        queries = Queries.histories(shop)
        for share in (0.08, 0.5):
            allowed = np.zeros(shop.n_items, np.bool_)
            allowed[: max(1, int(share * shop.n_items))] = True
            barred = Exclusions(np.arange(len(queries) + 1, dtype=np.int64), np.zeros(len(queries), np.int32))
            items = model.recommend(queries, 4, allowed=allowed, exclude=barred).items
            qualify = int(allowed[1:].sum())
            assert ((items >= 0).sum(axis=1) == min(4, qualify)).all()
            assert 0 not in items and allowed[items[items >= 0]].all()

    def test_batch_equals_single(self, shop: Dataset) -> None:
        shop = self.told(random_shop(3))
        model = self.brief().fit(shop)
        queries = Queries.histories(shop)
        whole = model.score(queries)
        for row in range(0, len(queries), 7):
            alone = model.score(queries.batch(row, row + 1))
            np.testing.assert_allclose(alone[0], whole[row], rtol=1e-4, atol=1e-5)

    def test_scores_of_some_items_equal_those_of_all(self, model: Recipe, shop: Dataset) -> None:
        queries = Queries.histories(shop)
        some = np.array([7, 2, 5], np.int32)
        np.testing.assert_allclose(model.score(queries, some), model.score(queries)[:, some], rtol=1e-4, atol=1e-5)

    def test_a_stranger_gets_a_full_slate(self, model: Recipe, shop: Dataset) -> None:
        nobody = Queries.of([Query()], shop.items, now=shop.last_time + 1)
        items = model.recommend(nobody, 5).items[0]
        assert len(set(items.tolist())) == 5 and (items >= 0).all()

    def test_a_live_history_of_an_unseen_user_changes_the_answer(self, model: Recipe, shop: Dataset) -> None:
        if not self.personal:
            return
        now = START + 30 * DAY  # nobody takes an item twice there: three of their kind are left to be shown
        even = Query(("i0", "i4", "i6"), tuple(now - (9 - n) * DAY for n in range(3)))
        odd = Query(("i1", "i5", "i7"), tuple(now - (9 - n) * DAY for n in range(3)))
        ranking = model.recommend(Queries.of([even, odd], shop.items, now=now), 3)
        names = [shop.items.names(row) for row in ranking.items]
        assert all(int(name[1:]) % 2 == 0 for name in names[0]), names
        assert all(int(name[1:]) % 2 == 1 for name in names[1]), names

    def test_a_stranger_between_others_changes_nothing_for_them(self, model: Recipe, shop: Dataset) -> None:
        now = shop.last_time + 1
        some = Query(("i0", "i4", "i6"), (now - 3 * DAY, now - 2 * DAY, now - DAY))
        among = model.score(Queries.of([Query(), some, Query()], shop.items, now=now))
        np.testing.assert_allclose(
            model.score(Queries.of([some], shop.items, now=now))[0], among[1], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(among[0], among[2])

    def test_what_it_cannot_score_follows_by_popularity(self, model: Recipe, shop: Dataset) -> None:
        ranking = model.recommend(Queries.histories(shop), shop.n_items)
        for items, scores in zip(ranking.items, ranking.scores, strict=True):
            rest = model.popularity_[items[np.isnan(scores)]]
            assert (np.diff(rest) <= 0).all()

    def test_asking_changes_neither_question_nor_model(self, model: Recipe, shop: Dataset) -> None:
        queries, again = Queries.histories(shop), Queries.histories(shop)
        first = model.score(queries)
        np.testing.assert_array_equal(model.score(queries), first)
        for name in ("indptr", "item", "time", "weight", "now", "current"):
            np.testing.assert_array_equal(getattr(queries, name), getattr(again, name))

    def test_no_queries_no_answers(self, model: Recipe, shop: Dataset) -> None:
        nobody = Queries.of([], shop.items)
        assert model.recommend(nobody, 3).items.shape == (0, 3)
        assert model.similar(np.zeros(0, np.int32), 3).items.shape == (0, 3)

    def test_unknown_items_in_the_history_do_no_harm(self, model: Recipe, shop: Dataset) -> None:
        now = START + 30 * DAY
        plain = Query(("i0", "i4"), (now - DAY, now - DAY))
        noisy = Query(("??", "i0", "i4", "new"), (now - DAY,) * 4)
        ranking = model.recommend(Queries.of([plain, noisy], shop.items, now=now), 6)
        assert ranking.items[0].tolist() == ranking.items[1].tolist()

    def test_similar_leaves_the_item_itself_out(self, model: Recipe, shop: Dataset) -> None:
        items = np.arange(shop.n_items, dtype=np.int32)
        ranking = model.similar(items, 3)
        assert ranking.items.shape == (shop.n_items, 3)
        assert (ranking.items >= 0).all() and not (ranking.items == items[:, None]).any()

    def test_same_seed_same_model(self, model: Recipe, shop: Dataset) -> None:
        assert dump(self.make().fit(shop)) == dump(model)

    def test_saved_and_loaded_answers_alike(self, model: Recipe, shop: Dataset) -> None:
        again = load(*dump(model))
        queries = Queries.histories(shop)
        np.testing.assert_array_equal(again.recommend(queries, 6).items, model.recommend(queries, 6).items)
        assert again.settings() == model.settings()

    def test_works_without_times_and_orders(self) -> None:
        shop = self.told(checkerboard(times=False, orders=False))
        items = self.brief().fit(shop).recommend(Queries.histories(shop), 4).items
        assert (items >= 0).all()

    def test_one_user_one_item(self) -> None:
        shop = self.told(random_shop(1, users=1, items=1, events=3))
        assert self.brief().fit(shop).recommend(Queries.histories(shop), 1).items.tolist() == [[0]]

    def test_nothing_to_learn_from_is_an_error(self, shop: Dataset) -> None:
        empty = shop.before(0)
        if self.make().fits_items_alone:
            assert self.make().fit(empty).n_items == empty.n_items
            return
        with pytest.raises(StateError, match="no interactions"):
            self.make().fit(empty)

    def test_not_fitted_is_an_error(self) -> None:
        with pytest.raises(StateError, match="not fitted"):
            self.make().similar(np.zeros(1, np.int32), 1)

    def test_hyper_parameters_are_documented_and_typed(self) -> None:
        made = self.make()
        for field in made.hyper_parameters():
            assert field.metadata.get("doc"), f"{field.name} has no documentation"
        with pytest.raises(UnknownName, match="no hyper-parameter"):
            type(made).from_settings({"no_such": 1})
        as_text = {name: str(value) for name, value in made.settings().items() if isinstance(value, (int, float, bool))}
        assert (
            type(made).from_settings(as_text).settings()
            == type(made)(**{name: made.settings()[name] for name in as_text}).settings()
        )
        for field in made.hyper_parameters():
            if field.metadata.get("low") is not None:
                with pytest.raises(InputError, match=field.name):
                    type(made)(**{field.name: field.metadata["low"] - 1})
