"""GetSolutionMetrics against numbers computed by hand, and against plain counting."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from endcap.errors import DataError
from endcap.jobs.solution_metrics import held_out, judged, solution_metrics, trend_prediction_accuracy
from endcap.lake.dataset import Dataset
from endcap.lake.splits import Split
from endcap.recipes.action_rate import ActionRate
from endcap.recipes.affinity import Affinity
from endcap.recipes.popularity import Popularity
from endcap.recipes.queries import Queries
from endcap.recipes.related import Related
from endcap.recipes.trending import Trending
from endcap.registry.recipe_arns import native_offer, offer
from endcap.seams import rng
from endcap.testing.datasets import START, checkerboard, random_shop
from endcap.types import DAY

RECIPE = "arn:aws:personalize:::recipe/"


def events(dataset: Dataset, rows: list[tuple[str, str, str]]) -> Dataset:
    """Other events of the same users and items; times follow the order."""
    users, items, types = zip(*rows, strict=True)
    columns = {"user_id": users, "item_id": items, "event_type": types, "timestamp": np.arange(len(rows)) + 1000}
    return Dataset.from_table(pa.table(columns), users=dataset.users, items=dataset.items)


@pytest.fixture
def split() -> Split:
    """Popularity shows a, b, c, d, e in this order. u1 goes on to buy b; u2 to buy c and to view d."""
    sold = "aaaabbbccd"
    bought = [(f"t{n}", item, "Purchase") for n, item in enumerate(sold)]
    users = [user for user, _, _ in bought] + ["u1", "u2"]
    prices = pa.table({"item_id": list("abcde"), "price": [1.0, 2.0, 3.0, 4.0, 5.0]})
    whole = Dataset.from_table(pa.table({"user_id": [*users, "u1"], "item_id": [*sold, "e", "e", "e"]}))
    train = events(whole, bought)
    train = Dataset(train.users, train.items, train.interactions, train.event_types, "micros", prices)
    inputs = events(whole, [("u1", "e", "View"), ("u2", "e", "View")])
    test = events(whole, [("u1", "b", "Purchase"), ("u2", "c", "Purchase"), ("u2", "d", "View")])
    judged_users = whole.users.rows(["u1", "u2"])
    return Split(train, inputs, test, judged_users, np.full(2, 2000))


def test_by_hand(split: Split) -> None:
    found = judged(offer(RECIPE + "aws-popularity-count"), Popularity(window_days=None).fit(split.train), split)
    # u1 finds its item in place 2; u2 its two in places 3 and 4.
    first, second = 1 / np.log2(3), (1 / np.log2(4) + 1 / np.log2(5)) / (1 + 1 / np.log2(3))
    gain = round((first + second) / 2, 4)
    assert gain == 0.6008
    assert found == {
        "coverage": 1.0,
        "mean_reciprocal_rank_at_25": round((1 / 2 + 1 / 3) / 2, 4),
        "normalized_discounted_cumulative_gain_at_5": gain,
        "normalized_discounted_cumulative_gain_at_10": gain,
        "normalized_discounted_cumulative_gain_at_25": gain,
        "precision_at_5": round((1 / 5 + 2 / 5) / 2, 4),
        "precision_at_10": 0.15,
        "precision_at_25": 0.06,
    }
    assert list(map(type, found.values())) == [float] * len(found)


def test_event_weights_and_rewards_by_hand(split: Split) -> None:
    weights = {code: {"Purchase": 1.0, "View": 0.25}[name] for code, name in enumerate(split.test.event_types)}
    recipe = Popularity(window_days=None).fit(split.train)
    found = judged(offer(RECIPE + "aws-popularity-count"), recipe, split, weights=weights, reward="PRICE")
    # u2's ideal list has c (1) before d (¼); it is shown c in place 3 and d in place 4.
    second = (1 / np.log2(4) + 0.25 / np.log2(5)) / (1 + 0.25 / np.log2(3))
    expected = round((1 / np.log2(3) + second) / 2, 4)
    assert expected == 0.5779
    for k in (5, 10, 25):
        assert found[f"normalized_discounted_cumulative_gain_with_event_weights_at_{k}"] == expected
        assert found[f"average_rewards_at_{k}"] == 1.0  # all of b, c and d are within the first five


def test_what_the_shopper_took_is_left_out_where_the_recipe_hides_it(split: Split) -> None:
    hiding = offer(RECIPE + "aws-vod-top-picks")
    inputs = events(split.train, [("u1", "a", "Watch"), ("u2", "a", "View")])
    asked = Split(split.train, inputs, split.test, split.users, split.now)
    found = judged(hiding, Popularity(window_days=None).fit(split.train), asked)
    # For u1, a is gone, and b comes first; u2 only viewed a.
    assert found["mean_reciprocal_rank_at_25"] == round((1 + 1 / 3) / 2, 4)


def test_related_items_are_asked_about_the_newest_item(split: Split) -> None:
    shop = checkerboard()
    whole = Split(shop, shop, shop, np.arange(12, dtype=np.int32), np.full(12, shop.last_time + 1))
    found = judged(offer(RECIPE + "aws-sims"), Related().fit(shop), whole)
    assert found["precision_at_5"] > 0.5


def test_the_split_is_the_one_of_the_service() -> None:
    shop = random_shop(1, users=50, events=2000)
    lengths = np.diff(shop.indptr)
    split = held_out(offer(RECIPE + "aws-hrnn"), shop, 3)
    assert len(split.users) == 5
    targets = np.diff(split.test.indptr)[split.users]
    np.testing.assert_array_equal(targets, np.maximum(1, (0.1 * lengths[split.users]).astype(int)))
    assert not np.diff(split.train.indptr)[split.users].any()
    everyone = held_out(offer(RECIPE + "aws-item-affinity"), shop, 3)
    np.testing.assert_array_equal(np.diff(everyone.test.indptr), np.maximum(1, (0.2 * lengths).astype(int)))
    assert everyone.train is everyone.inputs and len(everyone.users) == 50
    last = shop.interactions.time[shop.indptr[1:] - 1]
    np.testing.assert_array_equal(everyone.test.interactions.time[everyone.test.indptr[1:] - 1], last)
    for recipe in ("aws-hrnn", "aws-item-affinity"):
        with pytest.raises(DataError, match="two interactions"):
            held_out(offer(RECIPE + recipe), shop.with_interactions(shop.interactions.take(shop.indptr[:-1])))


def test_segments_equal_plain_counting() -> None:
    shop = random_shop(2, users=300, items=12, events=4000)
    split = held_out(native_offer("affinity"), shop)
    model = Affinity(factors=8).fit(split.train)
    scores = model.score(Queries.histories(split.inputs))
    hits, recall = [], []
    for item in np.unique(split.test.interactions.item):
        named = set(np.argsort(-scores[:, item], kind="stable")[:3].tolist())
        takers = set(split.test.interactions.user[split.test.interactions.item == item].tolist())
        hits.append(len(named & takers))
        recall.append(len(named & takers) / len(takers))
    found = judged(native_offer("affinity"), model, split)
    assert found == {
        "hits_at_1_percent": round(float(np.mean(hits)), 4),
        "recall_at_1_percent": round(float(np.mean(recall)), 4),
    }


def test_auc_equals_comparing_all_pairs() -> None:
    draw = rng(3)
    rows = [
        (f"u{user}", "abc"[turn % 3], "TAKEN" if draw.random() < (0.6, 0.3, 0.1)[turn % 3] else "NOT_TAKEN")
        for user in range(60)
        for turn in draw.permutation(9)
    ]
    users, actions, kinds = zip(*rows, strict=True)
    columns = {"user_id": users, "item_id": actions, "event_type": kinds, "timestamp": START + np.arange(len(rows))}
    shop = Dataset.from_table(pa.table(columns))
    ours = native_offer("action-rate")
    split = held_out(ours, shop)
    model = ActionRate().fit(split.train)
    asked = split.test.interactions
    scores = model.score(Queries.histories(split.inputs))[asked.user, asked.item]
    taken = asked.event_type == shop.event_types.index("TAKEN")
    pairs = [(yes > no) + 0.5 * (yes == no) for yes in scores[taken] for no in scores[~taken]]
    found = judged(ours, model, split)
    assert found == {"auc": round(float(np.mean(pairs)), 4)} and found["auc"] > 0.6
    only = Split(split.train, split.inputs, split.test.only(("TAKEN",)), split.users, split.now)
    assert judged(ours, model, only) == {}


def test_trend_prediction_by_hand() -> None:
    counted = [("y", 0, 10), ("x", 1, 10), ("x", 2, 20), ("z", 2, 5)]
    rows = [(item, START + day * DAY + n) for item, day, count in counted for n in range(count)]
    rows.append(("y", START + 3 * DAY - 1))
    users = [f"u{n}" for n in range(len(rows))]
    items, times = zip(*rows, strict=True)
    shop = Dataset.from_table(pa.table({"user_id": users, "item_id": items, "timestamp": times}))

    def make() -> Trending:
        return Trending(window_days=1.0, baseline_days=1.0)

    # x (+10), z (+5) and y (+1) grew in the last day; before it, x trended, y was known and z was not.
    assert trend_prediction_accuracy(make, shop, 1.0, k=1) == 1.0
    assert trend_prediction_accuracy(make, shop, 1.0, k=2) == 0.5
    assert trend_prediction_accuracy(make, shop, 30.0) is None
    found = solution_metrics(offer(RECIPE + "aws-trending-now"), make, random_shop(4, users=30))
    assert 0 <= found["trend_prediction_accuracy"] <= 1
