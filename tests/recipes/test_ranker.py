"""What a ranker learns from, how it learns it, what its scores mean, and what position does to clicks."""

import numpy as np
import pyarrow as pa
import pytest

from endcap.features.shop import ShopFeatures
from endcap.lake.dataset import Dataset
from endcap.lake.logged import LOGGED
from endcap.recipes.popularity import Popularity
from endcap.recipes.ranker import Growth, Ranker
from endcap.recipes.ranker_calibration import calibrate, probabilities
from endcap.recipes.ranker_examples import Examples, Judge, grades
from endcap.recipes.ranker_logged import logged_examples
from endcap.recipes.ranker_moments import Moments, at_the_cut, visits
from endcap.recipes.ranker_positions import Examination
from endcap.recipes.ranker_replay import Plan, Replay, before, past_of, replay
from endcap.seams import no_progress, rng
from endcap.testing.datasets import START, random_shop
from endcap.types import DAY, MINUTE, SECOND

NAMES = ("good", "noise", "spare")
NAMES_OF = ShopFeatures.of(random_shop(1)).names


def examples(queries: int = 300, per: int = 12, seed: int = 1, start: int = 0) -> Examples:
    """Candidates of which one is taken, mostly among those with a high first feature; the other two say nothing."""
    draws = rng(seed)
    block = draws.normal(size=(queries * per, 3)).astype(np.float32)
    block[draws.random(block.shape) < 0.05] = np.nan
    wish = np.nan_to_num(block[:, 0]).reshape(queries, per) * 2 + draws.gumbel(size=(queries, per))
    gain = np.zeros((queries, per), np.float32)
    gain[np.arange(queries), wish.argmax(axis=1)] = 3
    rows = queries * per
    return Examples(
        block,
        np.arange(0, rows + 1, per, dtype=np.int64),
        np.arange(rows, dtype=np.int32),
        gain.ravel(),
        np.ones(rows, np.float32),
        np.zeros(rows, np.int32),
        np.arange(start, start + queries, dtype=np.int64),
        np.ones(queries, np.int32),
    )


def test_grades_follow_the_weight_of_events() -> None:
    assert grades(np.array([0, 0.05, 0.1, 0.3, 0.5, 0.6, 1.0], np.float32)).tolist() == [0, 1, 1, 2, 2, 3, 3]


def test_queries_are_taken_and_joined_whole() -> None:
    both = Examples.join([examples(3, 4, 1), examples(2, 5, 2)])
    assert both.indptr.tolist() == [0, 4, 8, 12, 17, 22] and both.owner.tolist()[10:14] == [2, 2, 3, 3]
    some = both.take(np.array([False, True, False, True, False]))
    assert len(some) == 2 and some.indptr.tolist() == [0, 4, 9]
    np.testing.assert_array_equal(some.block[:4], both.block[4:8])


def test_ndcg_is_that_of_the_textbook() -> None:
    made = examples(2, 4)
    made.gain[:] = [3, 0, 1, 0, 0, 0, 0, 0]
    judge = Judge(made)
    found = judge.ndcg(np.array([0.1, 0.9, 0.5, 0.0, 1, 2, 3, 4], np.float32))
    ideal = 3 + 1 / np.log2(3)
    assert found[0] == pytest.approx((1 / np.log2(3) + 3 / 2) / ideal) and np.isnan(found[1])
    made.wanted[:] = [5, 1]
    whole = Judge(made, k=2, whole=True).ndcg(np.array([0.9, 0.5, 0.1, 0.0, 1, 2, 3, 4], np.float32))
    assert whole.tolist() == [pytest.approx(1 / (1 + 1 / np.log2(3))), 0]


@pytest.mark.parametrize("objective", ["rank:ndcg", "binary:logistic"])
def test_it_learns_the_same_order_each_time(objective: str) -> None:
    growth = Growth(objective, trees=40, depth=3, rising=("good",))  # type: ignore[arg-type]
    columns = np.array([0, 1], np.int32)
    first, second = (Ranker.fit(examples(), examples(seed=2), NAMES, columns, growth) for _ in range(2))
    assert first.model == second.model and first.forest is not None
    assert first.held_back["ranked"] > first.held_back["retrieved"] + 0.2
    assert first.gains[0] > 5 * first.gains[1]
    rising = np.full((50, 2), 0.3, np.float32)
    rising[:, 0] = np.linspace(-3, 3, 50)
    scores = first.forest.scores(rising)
    assert (np.diff(scores) >= 0).all() and scores[-1] > scores[0]


def test_where_nothing_can_be_learned_the_order_stands() -> None:
    growth, columns = Growth(trees=30, depth=3), np.array([1, 2], np.int32)
    assert Ranker.fit(examples(20), examples(300, seed=2), NAMES, columns, growth).forest is None
    best_first = examples(300, seed=3)
    order = np.lexsort((-best_first.gain, best_first.owner))
    best_first.gain[:] = best_first.gain[order]
    assert Ranker.fit(examples(), best_first, NAMES, columns, growth).forest is None


def test_calibrated_scores_are_shares() -> None:
    draws = rng(4)
    scores = draws.normal(size=20_000).astype(np.float32)
    truth = 1 / (1 + np.exp(-(2 * scores - 1)))
    knots = calibrate(scores, draws.random(len(scores)) < truth, np.ones(len(scores), np.float32))
    assert knots.shape[1] <= 64 and (np.diff(knots) >= 0).all()
    assert np.abs(probabilities(knots, scores) - truth).mean() < 0.02
    assert probabilities(knots, np.array([-99, 99], np.float32)).tolist() == knots[1, [0, -1]].tolist()
    none = calibrate(scores[:0], np.zeros(0, np.bool_), scores[:0])
    assert np.isnan(probabilities(none, scores[:3])).all()


def clicks(bias: float, answers: int = 3000, shown: int = 8):  # type: ignore[no-untyped-def]
    """(features, place, acted, answer, share looked at): a policy that shows better things further up, with noise."""
    draws = rng(5)
    features = draws.normal(size=(answers, 30, 4)).astype(np.float32)
    order = np.argsort(-(features[..., 0] + draws.normal(size=(answers, 30)) * 0.7), axis=1)[:, :shown]
    block = np.take_along_axis(features, order[..., None], 1).reshape(-1, 4)
    wanted = 1 / (1 + np.exp(-(block[:, 0] + 0.7 * block[:, 1] * block[:, 2] - 2)))
    place = np.tile(np.arange(1, shown + 1, dtype=np.int32), answers)
    seen = np.arange(1, shown + 1) ** -bias
    acted = draws.random(len(place)) < seen[place - 1] * wanted
    return block, place, acted, np.repeat(np.arange(answers, dtype=np.int32), shown), seen


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_position_bias_is_told_from_quality(bias: float) -> None:
    block, place, acted, answer, seen = clicks(bias)
    found = Examination.estimate(block, place, acted, answer).seen[:8]
    assert np.abs(found - seen).max() < 0.12
    raw = np.array([acted[place == one].mean() for one in range(1, 9)])
    assert np.abs(found - seen).mean() < 0.5 * np.abs(raw / raw[0] - seen).mean()


def test_without_places_or_actions_every_place_counts_alike() -> None:
    block, place, acted, answer, _ = clicks(1.0, answers=30)
    for places, actions in ((np.zeros_like(place), acted), (place, np.zeros_like(acted)), (np.ones_like(place), acted)):
        assert (Examination.estimate(block, places, actions, answer).at(places) == 1).all()


def logged(bias: float = 1.0, answers: int = 3000) -> pa.Table:
    block, place, acted, answer, _ = clicks(bias, answers)
    return pa.table(
        [
            pa.array([f"r{one}" for one in answer]),
            pa.array(START + answer.astype(np.int64) * MINUTE),
            pa.array(["u"] * len(place)),
            pa.array([f"i{one}" for one in range(len(place))]),
            pa.array(place),
            pa.array(np.ones(len(place))),
            pa.array(["set"] * len(place)),
            pa.array([row.astype("<f4").tobytes() for row in block], pa.large_binary()),
            pa.array(np.where(acted, 1.0, 0.0).astype(np.float32)),
        ],
        schema=LOGGED,
    )


def test_logged_answers_become_examples_corrected_for_position() -> None:
    table = logged()
    made = logged_examples(table, "set", 4, 0)
    assert made is not None and len(made) == 3000 and np.diff(made.indptr).tolist() == [8] * 3000
    assert (np.diff(made.block[:8, 0]) <= 0).all()  # the best of the retrieval first, wherever it was shown
    taken = made.gain > 0
    assert set(made.gain[taken & (made.position == 1)].tolist()) == {3.0}
    assert made.gain[taken & (made.position == 8)].mean() > 12
    assert (made.weight[taken] == 1).all() and made.weight[~taken & (made.position == 8)].mean() < 0.3
    assert logged_examples(table, "another set", 4, 0) is None
    assert logged_examples(table, "set", 5, 0) is None
    assert logged_examples(table.slice(0, 800), "set", 4, 0) is None
    assert logged_examples(None, "set", 4, 0) is None


def test_items_that_the_ranker_did_not_see_are_no_refusals() -> None:
    table = logged()
    blank = np.full(4, np.nan, "<f4").tobytes()
    features = [blank if row % 8 == 7 else each for row, each in enumerate(table["features"].to_pylist())]
    at = LOGGED.get_field_index("features")
    made = logged_examples(table.set_column(at, LOGGED.field(at), pa.array(features, pa.large_binary())), "set", 4, 0)
    assert made is not None and made.position.max() == 7


def shop_of(*events: tuple[str, int]) -> Dataset:
    """One shopper's purchases at minutes after START."""
    columns = {"user_id": ["u"] * len(events), "item_id": [item for item, _ in events]}
    return Dataset.from_table(pa.table({**columns, "timestamp": [START + minute * MINUTE for _, minute in events]}))


def spans(found: Moments) -> list[tuple[float, int, int]]:
    return [((t - START) / MINUTE, a, b) for t, a, b in zip(found.time, found.start, found.stop, strict=True)]


def test_moments_are_when_shoppers_came_back_or_went_on() -> None:
    shop = shop_of(("a", 0), ("b", 100), ("c", 100), ("d", 105), ("e", 105 + 3 * 24 * 60))
    found = visits(shop, START + MINUTE, START + 10 * DAY, 100)
    pause = SECOND / MINUTE
    assert spans(found) == [(100, 1, 4), (100 + pause, 3, 4), (105 + 3 * 24 * 60, 4, 5)]
    assert spans(at_the_cut(shop, START + 101 * MINUTE, START + 106 * MINUTE, 9)) == [(101, 3, 4)]
    assert not len(at_the_cut(shop, START, START + DAY, 9))  # nothing is known of anybody yet


def test_no_future_row_reaches_an_example() -> None:
    shop = random_shop(2, events=2000)
    cut, until = START + 50 * DAY, START + 70 * DAY
    asked = Moments.join(at_the_cut(shop, cut, until, 30), visits(shop, cut, until, 200))
    retrieval = Popularity().fit(before(shop, cut))
    early = asked.take(asked.time < START + 60 * DAY)
    plain = Replay(shop, cut).examples(retrieval, early, 20)
    events = shop.interactions
    late = events.time >= START + 60 * DAY
    for changed in (shop.with_interactions(events.take(~late)), shop.with_interactions(_doubled(shop, late))):
        again = Replay(changed, cut).examples(retrieval, _moments_in(changed, early), 20)
        np.testing.assert_array_equal(again.block, plain.block)
        np.testing.assert_array_equal(again.item, plain.item)


def _doubled(shop: Dataset, late: np.ndarray):  # type: ignore[no-untyped-def]
    """The same events, those of the future three times over."""
    rows = np.repeat(np.arange(len(late)), np.where(late, 3, 1))
    return shop.interactions.take(rows)


def _moments_in(shop: Dataset, asked: Moments) -> Moments:
    """The same questions among other rows."""
    events = shop.interactions
    mine = [np.flatnonzero(events.user == user) for user in asked.user]
    start = [rows[0] + np.searchsorted(events.time[rows], when) for rows, when in zip(mine, asked.time, strict=True)]
    rows = np.array(start, np.int64)
    return Moments(asked.user, asked.time, shop.indptr[asked.user], rows, rows)


def test_labels_are_what_was_done_after_the_question() -> None:
    shop = shop_of(("a", 0), ("b", 0), ("a", 60 * 24 * 40), ("a", 60 * 24 * 40 + 1), ("b", 60 * 24 * 60))
    asked = visits(shop, START + DAY, START + 90 * DAY, 9)
    made = Replay(shop, START + DAY).examples(Popularity(window_days=None).fit(shop), asked, 5)
    rows = {item: shop.items.rows([item])[0] for item in "ab"}
    gains = [
        dict(zip(made.item[a:b], made.gain[a:b], strict=True))
        for a, b in zip(made.indptr[:-1], made.indptr[1:], strict=True)
    ]
    assert [(gain[rows["a"]], gain[rows["b"]]) for gain in gains] == [(3, 0), (3, 0), (0, 3)]
    assert made.wanted.tolist() == [1, 1, 1]


def test_behind_a_filter_only_what_is_new_is_offered() -> None:
    shop = random_shop(4, events=1500)
    asked = at_the_cut(shop, START + 60 * DAY, START + 80 * DAY, 25)
    made = Replay(shop, START + 60 * DAY).examples(Popularity().fit(shop), asked, 10, only_new=True)
    assert len(made) == len(asked) and np.isnan(made.block[:, NAMES_OF.index("days_since_had")]).all()
    for query, (first, start) in enumerate(zip(asked.first, asked.start, strict=True)):
        mine = made.item[made.indptr[query] : made.indptr[query + 1]]
        assert len(mine) == 10 and not np.isin(mine, shop.interactions.item[first:start]).any()


def test_features_of_a_replay_are_those_of_the_shop_at_that_moment() -> None:
    shop = random_shop(4, events=1500)
    cut = START + 60 * DAY
    asked = at_the_cut(shop, cut, cut + 20 * DAY, 25)
    retrieval = Popularity().fit(before(shop, cut))
    made = Replay(shop, cut).examples(retrieval, asked, 10)
    features = ShopFeatures.of(before(shop, cut), until=cut)
    shown = [made.item[a:b] for a, b in zip(made.indptr[:-1], made.indptr[1:], strict=True)]
    past = past_of(asked.queries(shop))
    scores = np.take(retrieval.score(asked.queries(shop)), 0, axis=0)[made.item]
    expected = features.values(past, asked.time, np.concatenate(shown), made.indptr, scores)
    np.testing.assert_array_equal(made.block, expected)


def test_cuts_go_back_from_the_end() -> None:
    shop = random_shop(2, events=2000)
    edges = Plan(cuts=3, days=10).edges(shop)
    assert edges[-1] == shop.last_time + 1 and np.diff(edges).tolist() == [10 * DAY] * 3
    assert edges[-1] - Plan(cuts=2, days=400).edges(shop)[0] <= 45 * DAY  # never more than half of what there is
    few = Plan(cuts=3, days=10, enough=5).moments(shop)
    assert [cut for cut, _ in few] == edges[1:3]
    parts = replay(shop, Popularity, Plan(cuts=3, days=10, most=20, depth=8, filtered=2), no_progress)
    assert [len(part) for part in parts] == [60, 60, 60]  # every second question twice
    assert all(
        (part.time >= edge).all() and (part.time < edge + 10 * DAY).all()
        for part, edge in zip(parts, edges[:-1], strict=True)
    )
