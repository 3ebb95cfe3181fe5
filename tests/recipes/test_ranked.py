"""Ranked passes the recipe contract; trained on visits it sees what the shopper is doing, and says why."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import InputError, UnknownName
from endcap.features.shop import ShopFeatures
from endcap.lake.dataset import Dataset
from endcap.recipes.artefact import dump, load
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.ranked import OF_THE_CLOCK, RETRIEVAL, Ranked
from endcap.recipes.ranker_moments import visits
from endcap.recipes.ranker_replay import Replay, before
from endcap.recipes.ranker_start import GAP, Start
from endcap.recipes.trees import Forest
from endcap.seams import rng
from endcap.testing.datasets import START
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, MINUTE, Float32


class TestRanked(RecipeContract):
    def make(self) -> Recipe:
        return Ranked()


def visited_shop(users: int = 150, items: int = 40, days: int = 40) -> Dataset:
    """Shoppers who look at two products and buy one of them three minutes later, most of the time."""
    draws = rng(11)
    rows: list[tuple[int, int, int, str]] = []
    for day in range(days):
        for user in np.flatnonzero(draws.random(users) < 0.25):
            time = START + day * DAY + int(draws.integers(0, 10 * 60)) * MINUTE
            seen = np.minimum(draws.geometric(0.08, 2) - 1, items - 1)
            rows += [(int(user), int(item), time + place * MINUTE, "view") for place, item in enumerate(seen)]
            bought = seen[int(draws.integers(2))] if draws.random() < 0.85 else draws.integers(items)
            rows.append((int(user), int(bought), time + 4 * MINUTE, "purchase"))
    user, item, time, kind = zip(*rows, strict=True)
    weight = np.where(np.array(kind) == "purchase", 1.0, 0.1).astype(np.float32)
    columns = {
        "user_id": [f"u{one}" for one in user],
        "item_id": [f"i{one}" for one in item],
        "timestamp": pa.array(time, pa.int64()),
        "event_type": list(kind),
        "weight": weight,
    }
    return Dataset.from_table(pa.table(columns))


SMALL = {"retrieval": "popularity", "depth": 25, "trees": 60, "cut_days": 5.0, "levels": 4}


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return visited_shop()


@pytest.fixture(scope="module")
def model(shop: Dataset) -> Ranked:
    return Ranked.from_settings(SMALL).fit(before(shop, START + 35 * DAY))


def block_of(model: Ranked, shop: Dataset) -> Float32:
    asked = visits(shop, START + 35 * DAY, START + 40 * DAY, 200)
    return Replay(shop, START + 35 * DAY).examples(model.inner, asked, model.depth).block


def test_it_ranks_what_is_looked_at_above_best_sellers(model: Ranked, shop: Dataset) -> None:
    assert model.held_back_[0] > model.held_back_[1] + 0.1
    now = shop.last_time + 1
    history = Dataset.from_table(
        pa.table({"user_id": ["u"], "item_id": ["i12"], "timestamp": [now - MINUTE], "event_type": ["view"]}),
        items=shop.items,
    )
    queries = Queries.histories(history, now=now)
    queries.event_type[:] = shop.event_types.index("view")
    assert shop.items.names(model.recommend(queries, 1).items[0]) == ["i12"]
    assert shop.items.names(model.inner.recommend(queries, 1).items[0]) != ["i12"]


def test_score_and_recommend_agree(model: Ranked, shop: Dataset) -> None:
    queries = Queries.histories(shop, np.arange(12, dtype=np.int32))
    scores = model.score(queries)
    top = model.recommend(queries, 40)
    found = np.take_along_axis(scores, top.items, 1)
    assert (np.diff(found, axis=1) <= 0).all()
    np.testing.assert_allclose(top.scores, found, rtol=1e-5)


def test_what_may_not_be_shown_takes_no_place_among_the_ranked(shop: Dataset, model: Ranked) -> None:
    queries = Queries.histories(shop, np.arange(5, dtype=np.int32))
    allowed = np.zeros(shop.n_items, np.bool_)
    allowed[model.inner.recommend(queries, 40).items[0, -6:]] = True  # beyond the depth
    plain = model.inner.recommend(queries, 6, allowed=allowed).items
    found = model.recommend(queries, 6, allowed=allowed)
    assert (np.sort(found.items, axis=1) == np.sort(plain, axis=1)).all()
    assert not np.isnan(found.scores).any()


def test_contributions_and_propensities_explain_a_score(model: Ranked, shop: Dataset) -> None:
    block = block_of(model, shop)
    scores, parts = model.rank(block), model.contributions(block)
    assert parts.shape == block.shape
    assert np.ptp(scores - parts.sum(axis=1)) < 1e-3
    chances = model.propensities(np.sort(scores))
    assert (np.diff(chances) >= 0).all() and 0 < chances[0] < chances[-1] < 1
    gains = model.importances()
    assert next(iter(gains)) in ("viewed_in_session", "category_share_in_session", "popular_1h", RETRIEVAL)
    assert sum(gains.values()) == pytest.approx(1)
    told = {name for name, column in zip(model.feature_names, block.T, strict=True) if not np.isnan(column).all()}
    assert set(gains) <= told - set(OF_THE_CLOCK)


def test_trees_add_to_what_the_retrieval_said(model: Ranked, shop: Dataset) -> None:
    start = Start(*(float(each) for each in model.start_))
    assert start.gap > 0 or start.rank > 0
    block = block_of(model, shop)
    forest = Forest.read(model.model_.tobytes())
    expected = forest.scores(block[:, model.columns_]) + start.margins(block, model.feature_names)
    np.testing.assert_array_equal(model.rank(block), expected)
    behind = block.copy()
    gap = behind[:, model.feature_names.index(GAP)]
    gap -= 1
    assert (model.rank(behind) <= model.rank(block) + 1e-5).all()


def test_features_left_out_are_not_read(shop: Dataset, model: Ranked) -> None:
    live = ",".join(ShopFeatures.of(shop).live_names)
    still = Ranked.from_settings({**SMALL, "without": live}).fit(before(shop, START + 35 * DAY))
    assert not set(still.importances()) & set(live.split(","))
    assert np.nan_to_num(still.held_back_[0]) < model.held_back_[0] - 0.05


def test_a_trained_model_is_the_same_again_and_survives_a_file(model: Ranked, shop: Dataset) -> None:
    data, manifest = dump(model)
    again = Ranked.from_settings(SMALL).fit(before(shop, START + 35 * DAY))
    assert dump(again) == (data, manifest)
    assert manifest["fitted"]["feature_names_"]["words"] == list(model.feature_names)
    read, block = load(data, manifest), block_of(model, shop)
    assert isinstance(read, Ranked) and read.signature == model.signature == ShopFeatures.of(shop).signature
    np.testing.assert_array_equal(read.rank(block), model.rank(block))
    queries = Queries.histories(shop)
    np.testing.assert_array_equal(read.recommend(queries, 9).items, model.recommend(queries, 9).items)


def test_without_trees_the_order_of_the_retrieval_stands(shop: Dataset) -> None:
    plain = Ranked.from_settings({**SMALL, "trees": 0}).fit(shop)
    queries = Queries.histories(shop)
    expected = plain.inner.recommend(queries, 7)
    np.testing.assert_array_equal(plain.recommend(queries, 7).items, expected.items)
    block = np.full((3, len(plain.feature_names)), np.nan, np.float32)
    block[:2, plain.feature_names.index(RETRIEVAL)] = 1, 2
    assert plain.rank(block).argsort().tolist() == [2, 0, 1]
    assert np.isnan(plain.propensities(plain.rank(block))).all() and plain.importances() == {}
    assert not plain.contributions(block).any()


def test_settings_that_make_no_ranker_are_refused() -> None:
    with pytest.raises(InputError, match="binary:logistic"):
        Ranked(objective="pairwise")
    with pytest.raises(InputError, match="needs no other"):
        Ranked(retrieval="ranked")
    with pytest.raises(UnknownName, match="feature"):
        Ranked(retrieval="popularity", without="prise").fit(visited_shop(5, 5, 5))
