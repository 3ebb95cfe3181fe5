"""Session kNN passes the recipe contract, equals its formula, and keeps to its caps."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from endcap.evaluation import protocols
from endcap.lake.dataset import Dataset
from endcap.recipes.alike import alike
from endcap.recipes.base import Recipe
from endcap.recipes.queries import Queries
from endcap.recipes.session_knn import BACK, GAPS, LENGTH, TRUST, SessionKNN, drifts
from endcap.testing.datasets import random_shop
from endcap.testing.recipes import RecipeContract
from endcap.types import DAY, Query


class TestSessionKNN(RecipeContract):
    def make(self) -> Recipe:
        return SessionKNN()


def sessions(*lines: str, gap: int = 0) -> Dataset:
    """One session a line, one item a letter; `gap` µs between sessions makes times of them."""
    rows = [(f"s{row}", item, row * gap + place) for row, line in enumerate(lines) for place, item in enumerate(line)]
    names = ("session_id", "item_id", "timestamp" if gap else "pos")
    columns = dict(zip(names, (pa.array(column) for column in zip(*rows, strict=True)), strict=True))
    return Dataset.from_table(pa.table({"user_id": columns.pop("session_id"), **columns}))


def asked(data: Dataset, prefix: str) -> Queries:
    return Queries.of([Query(tuple(prefix))], data.items)


def naive(data: Dataset, model: SessionKNN, prefix: str) -> np.ndarray:
    """The formula of the class, with sets and loops."""
    n, lines = (
        data.n_items,
        [data.interactions.item[a:b].tolist() for a, b in zip(data.indptr[:-1], data.indptr[1:], strict=True)],
    )
    history = [int(row) for row in data.items.rows(list(prefix))]
    weights = {item: model.step_decay**steps for steps, item in reversed(list(enumerate(reversed(history))))}
    rarity = [np.log1p(len(lines) / max(sum(item in line for line in lines), 1)) for item in range(n)]
    votes, near, met = np.zeros(n), np.zeros(n), 0
    for line in lines:
        shared = set(line) & weights.keys()
        met += bool(shared)
        if not shared:
            continue
        similarity = sum(weights[item] * rarity[item] for item in shared) * len(line) ** -LENGTH
        newest = next(item for item in reversed(history) if item in shared)
        at = max(place for place, item in enumerate(line) if item == newest)
        for place, item in enumerate(line):
            apart = model.distance_decay ** max(abs(place - at) - 1, 0)
            votes[item] += similarity * apart * (BACK if place < at else 1)
    for item, weight in weights.items():
        near += weight * model.alike_[item].toarray()[0]
    share = model.share * TRUST / (TRUST + met)
    return np.sqrt(votes / max(votes.max(), 1e-12)) + share * near / max(near.max(), 1e-12)


@pytest.mark.parametrize("prefix", ["a", "ba", "abda", "ec"])
def test_equals_the_formula_written_with_loops(prefix: str) -> None:
    data = sessions("abc", "bca", "cad", "dab", "aab", "ee", "ce", "bd")
    model = SessionKNN(share=0.7).fit(data)
    assert not drifts(data.interactions.item, data.interactions.user / data.n_users)
    found = np.nan_to_num(model.score(asked(data, prefix))[0])
    np.testing.assert_allclose(found, naive(data, model, prefix), rtol=1e-4, atol=1e-5)


def test_a_newer_session_counts_more() -> None:
    data = sessions("ab", "xy", "ac", gap=60 * DAY)
    scores = SessionKNN(share=0.0).fit(data).score(asked(data, "a"))[0]
    b, c = data.items.rows(["b", "c"])
    assert scores[b] < scores[c]


def test_without_times_order_counts_only_where_it_tells_of_drift() -> None:
    drifting = sessions(*["ab"] * 20, *["cd"] * 20, *["ef"] * 20)
    assert SessionKNN().fit(drifting).worth_.min() < 0.5 * SessionKNN().fit(drifting).worth_.max()
    steady = SessionKNN().fit(sessions(*["ab", "cd", "ef"] * 20)).worth_
    assert steady.min() == steady.max()


def test_histories_are_cut_where_the_shopper_paused() -> None:
    times = [0, 60, 120, 2 * 3600, 2 * 3600 + 60]
    rows = {"user_id": ["u"] * 5, "item_id": list("abcde"), "timestamp": np.array(times) * 1_000_000}
    data = Dataset.from_table(pa.table(rows))
    assert np.diff(SessionKNN().fit(data).session_ptr_).tolist() == [3, 2]
    assert np.diff(SessionKNN(gap_hours=3.0).fit(data).session_ptr_).tolist() == [5]


def test_the_gap_widens_until_events_are_in_company() -> None:
    daily = pa.table({"user_id": ["u"] * 4, "item_id": list("abcd"), "timestamp": np.arange(4) * DAY})
    events = Dataset.from_table(daily).interactions
    assert SessionKNN()._gap(events.user, events.time, events.item) == GAPS[1]


def test_postings_hold_the_newest_sessions_and_the_rest_is_dropped() -> None:
    data = sessions(*["ab"] * 5, "ac", "ad", gap=DAY)
    model = SessionKNN(sessions_per_item=2).fit(data)
    lists = np.split(model.postings_, model.index_ptr_[1:-1])
    names = [
        {data.items.names(model.session_items_[model.session_ptr_[s] : model.session_ptr_[s + 1]])[1] for s in held}
        for held in lists
    ]
    assert names[data.items.rows(["a"])[0]] == {"c", "d"} and max(map(len, lists)) == 2
    assert len(model.worth_) == 4


def test_neighbours_that_share_nothing_speak_through_what_they_are_near() -> None:
    data = sessions("ax", "bx", "ay", "by", "pq")
    b, p = data.items.rows(["b", "p"])
    assert np.isnan(SessionKNN(share=0.0).fit(data).score(asked(data, "a"))[0, b])
    scores = SessionKNN().fit(data).score(asked(data, "a"))[0]
    assert scores[b] > 0 and np.isnan(scores[p])


def test_likeness_is_the_cosine_of_rows() -> None:
    rows = np.abs(random_shop(8).matrix().toarray()[:20, :20]) * (1 - np.eye(20))
    found = alike(sparse.csr_matrix(rows, dtype=np.float32), 20, itself=0.5).toarray()
    own = rows + 0.5 * np.diag(np.linalg.norm(rows, axis=1))
    norms = np.linalg.norm(own, axis=1)
    expected = own @ own.T / np.where(norms > 0, norms, 1)[:, None] / np.where(norms > 0, norms, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_hub_compares_only_what_is_nearest_to_it() -> None:
    # Items 1 … 5 have item 0 alone as a neighbour, each a little nearer than the one before.
    rows = np.zeros((6, 6), np.float32)
    rows[1:, 0] = np.arange(1, 6)
    found = alike(sparse.csr_matrix(rows), 6, itself=0.1, hub=2).toarray()
    assert found[4, 5] > 0.9 and found[1, 5] == found[2, 3] == 0
    assert np.diag(found)[1:] == pytest.approx(1.0)


def test_few_similar_sessions_are_heard_alone() -> None:
    data = sessions("abc", "ad", "ae")
    model = SessionKNN(neighbours=1, share=0.0).fit(data)
    scores = model.score(asked(data, "abc"))[0]
    assert np.isnan(scores[data.items.rows(["d"])[0]]) and scores[data.items.rows(["a"])[0]] > 0


def test_the_protocol_keeps_the_order_of_sessions_without_times() -> None:
    train = pa.table({"session_id": ["9", "10", "10", "2", "9"], "item_id": list("abcab"), "pos": [2, 1, 2, 1, 1]})
    test = pa.table({"prefix": [["a"]], "target": ["b"]})
    learned = protocols.sessions(train, test).split.train
    assert learned.users.ids.to_pylist() == ["9", "10", "2"]
    assert learned.items.names(learned.interactions.item) == ["b", "a", "b", "c", "a"]
