"""A shop's features as a whole: from datasets, live items, types that are new, mapped files, threads, wrong shapes."""

import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from endcap.cli.reference import NOTE, ROOT
from endcap.errors import ArtefactError, InputError
from endcap.features import counts, page
from endcap.features.facts import INTERVAL
from endcap.features.family import Feature
from endcap.features.intervals import ENOUGH
from endcap.features.kinds import CART, KIND_NAMES, LIKE, OTHER, PURCHASE, kind_of, kinds_of
from endcap.features.shop import FEATURES, ShopFeatures
from endcap.lake.dataset import Dataset
from endcap.stream.arrays import map_arrays, pack
from endcap.stream.histories import Histories, Past
from endcap.testing.datasets import START, checkerboard, random_shop
from endcap.testing.features import SIZE, Questions, empty, folded
from endcap.types import DAY, HOUR, MINUTE, SECOND, Float32, Int32, Int64

NOBODY = Past(
    np.zeros(2, np.int64), *(np.zeros(0, kind) for kind in (np.int32, np.int64, np.int16, np.float32, np.int64))
)


def value(shop: ShopFeatures, name: str, now: int, places: list[int], past: Past = NOBODY) -> Float32:
    items = np.array(places, np.int32)
    told = shop.values(past, np.array([now]), items, np.array([0, len(items)]), np.zeros(len(items), np.float32))
    return told[:, shop.names.index(name)]


def one(shop: ShopFeatures, place: int, time: int, event_type: str, weight: float = 1.0) -> None:
    code = np.array([shop.code(event_type)], np.int16)
    shop.fold(np.array([place], np.int32), np.array([time]), code, np.array([weight], np.float32))


def test_the_page_says_what_the_table_says():
    assert (ROOT / "docs/reference/ranking-features.md").read_text() == NOTE + page.render()


def test_names_are_distinct_and_documented():
    assert len({each.name for each in FEATURES}) == len(FEATURES) >= 36
    assert all(each.doc.endswith(".") for each in FEATURES)
    shop = empty()
    assert set(shop.live_names) == {each.name for each in FEATURES if each.live} and len(shop.live_names) >= 8


def test_event_types_mean_the_same_however_they_are_written():
    for name in ("AddToCart", "add_to_cart", "ADD TO CART", "add-to-cart"):
        assert kind_of(name) == CART
    assert kind_of("Order") == kind_of("") == PURCHASE and kind_of("yodel") == OTHER and kind_of("share") == LIKE
    kinds = kinds_of(("view", ""))
    assert kinds[1] == PURCHASE and kinds[-1] == OTHER and len(kinds) == 2 + len(KIND_NAMES) + 1


def test_a_dataset_in_rows_or_in_ordinals():
    data = random_shop(3)
    rows = ShopFeatures.of(data)
    places = np.arange(data.n_items, dtype=np.int32)[::-1] + 7
    moved = ShopFeatures.of(data, places.astype(np.int32), 60)
    now = data.last_time + MINUTE + 10 * SECOND
    ours = value(rows, "popular_28d", now, list(range(data.n_items)))
    np.testing.assert_array_equal(ours, value(moved, "popular_28d", now, places.tolist()))
    lately = data.interactions.time >= counts.boundary(np.array([now]))[0] - 28 * DAY
    np.testing.assert_allclose(ours, np.bincount(data.interactions.item[lately], minlength=data.n_items))


def test_events_that_nobody_learns_from_are_counted():
    data = checkerboard()
    aside = data.interactions.take(np.arange(3))
    kept = replace(data, left_out=replace(aside, event_type=aside.event_type + 1), event_types=("", "return"))
    item = int(aside.item[0])
    now = data.last_time + HOUR
    with_returns, without = (value(ShopFeatures.of(each), "return_rate", now, [item])[0] for each in (kept, data))
    assert with_returns > without == 0


def test_purchases_repeat_after_their_own_days():
    rows = [(f"u{user}", "i0", START + user * HOUR + turn * 10 * DAY) for user in range(12) for turn in range(3)]
    rows += [("u0", "i1", START), ("u0", "i1", START + 50 * DAY), ("u1", "i2", START)]
    columns = dict(zip(("user_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True))
    data = Dataset.from_table(pa.table(columns))
    told = ShopFeatures.of(data, until=START + 60 * DAY).facts.numbers[:, INTERVAL]
    assert 9 < told[0] < 11
    assert told[1] == told[2] == told[0], "one shopper tells nothing: the shop's"
    early = ShopFeatures.of(data, until=START + 5 * DAY).facts.numbers[:, INTERVAL]
    assert np.isnan(early).all() and ENOUGH > 1
    history = Histories.of(data).past
    mine = history.take(np.array([1], np.int32))
    due = value(ShopFeatures.of(data, until=START + 60 * DAY), "due", int(mine.time[-1]) + 10 * DAY, [0], mine)
    assert due[0] == pytest.approx(1.0, abs=0.01), "three purchases: the shopper's own ten days"


def test_new_items_and_new_types_come_live():
    shop = ShopFeatures.of(checkerboard())
    now = START + 30 * DAY
    one(shop, 500, now - 5 * MINUTE, "AddToCart", 0.5)
    one(shop, 500, now - 4 * MINUTE, "save for later", 0.3)
    shop.put(500, {"price": 7.5, "category_l1": "new"})
    assert value(shop, "popular_1h", now, [500])[0] == pytest.approx(0.8)
    assert value(shop, "price", now, [500])[0] == 7.5
    assert value(shop, "category_share_of_shop", now, [500])[0] == pytest.approx(1.0)
    assert value(shop, "age_days", now, [500])[0] == pytest.approx(5 * MINUTE / DAY)
    mine = Past(
        np.array([0, 1]),
        np.array([500], np.int32),
        np.array([now - 5 * SECOND]),
        np.array([shop.code("save for later")], np.int16),
        np.ones(1, np.float32),
        np.full(1, -1, np.int64),
    )
    assert value(shop, "activity_2min", now, [500], mine)[0] == 2
    assert value(shop, "activity_2min", now + 2 * MINUTE, [500], mine)[0] == 0
    one(shop, -1, now, "View")  # of an item that has no place


def test_one_event_of_a_wrong_clock_spoils_nothing():
    data = random_shop(4)
    right, wrong = ShopFeatures.of(data), ShopFeatures.of(data)
    one(wrong, 3, START + 40_000 * DAY, "purchase")
    now = data.last_time + HOUR
    names = ("popular_1d", "popular_28d", "popular_ever", "age_days")
    loaded = ShopFeatures.from_arrays(*wrong.arrays())
    for name in names:
        expected = value(right, name, now, [1, 2, 3])
        np.testing.assert_array_equal(expected, value(loaded, name, now, [1, 2, 3]))


def test_large_blocks_are_counted_without_a_copy(monkeypatch):
    questions = Questions.about(5)
    expected = questions.ask(folded(questions.past))
    monkeypatch.setattr(counts, "_MANY", 20)
    monkeypatch.setattr(counts, "_FEW", 5)
    held = questions.past.time.copy()
    for blocks in (1, 3, 40):
        np.testing.assert_array_equal(expected, questions.ask(folded(questions.past, blocks=blocks)))
        order = np.random.default_rng(blocks).permutation(len(questions.user))
        np.testing.assert_array_equal(expected, questions.ask(folded(questions.past, order, blocks)))
        saved = ShopFeatures.from_arrays(*folded(questions.past, order, blocks).arrays())
        last = questions.now[-1] == questions.past.time.max()
        np.testing.assert_array_equal(expected[-1] if last else expected[-1:], questions.ask(saved)[-1:])
    np.testing.assert_array_equal(held, questions.past.time)


def test_mapped_from_a_file_and_asked_about_mapped_histories(tmp_path):
    questions = Questions.about(2)
    shop = folded(questions.past)
    arrays, notes = shop.arrays()
    (tmp_path / "features").write_bytes(pack(arrays, notes))
    mapped, notes = map_arrays(tmp_path / "features")
    loaded = ShopFeatures.from_arrays(mapped, notes)
    np.testing.assert_array_equal(questions.ask(shop), questions.ask(loaded))
    history = questions.history(3)
    for column in (history.time, history.weight, history.order, history.event_type, history.item):
        column.setflags(write=False)
    np.testing.assert_array_equal(questions.ask_one(shop, 3, history), questions.ask_one(shop, 3))
    mapped["counts.place"] = mapped["counts.place"] + 10_000
    with pytest.raises(ArtefactError):
        ShopFeatures.from_arrays(mapped, notes)
    with pytest.raises(ArtefactError):
        ShopFeatures.from_arrays(arrays, {})


def test_folds_beside_questions_lose_nothing():
    questions = Questions.about(6)
    shop, done = empty(), threading.Event()

    def ask() -> None:
        while not done.is_set():
            questions.ask(shop)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    folded(questions.past, blocks=0, into=shop)
    done.set()
    for thread in asking:
        thread.join()
    np.testing.assert_array_equal(questions.ask(shop), questions.ask(folded(questions.past)))


def test_what_does_not_fit_is_refused():
    shop, items = empty(), np.arange(4, dtype=np.int32)
    now, ends, scores = np.array([START]), np.array([0, 4]), np.zeros(4, np.float32)
    with pytest.raises(InputError, match="do not fit together"):
        shop.values(NOBODY, now, items, np.array([0, 3]), scores)
    with pytest.raises(InputError, match="float32"):
        shop.values(NOBODY, now, items, ends, scores, out=np.zeros((4, 2), np.float32))
    out = np.full((4, len(shop.names)), 9, np.float32)
    assert shop.values(NOBODY, now, items, ends, scores, out=out) is out and not (out == 9).all()
    assert shop.values(NOBODY, now, items[:0], np.zeros(2, np.int64), scores[:0]).shape == (0, len(shop.names))


class Twice:
    """An extra feature: twice the item's place."""

    features = (Feature("twice", "item", "Twice the place.", live=True),)

    def values(self, past: Past, now: Int64, items: Int32, indptr: Int64) -> Float32:
        return (items[:, None] * 2).astype(np.float32)


def test_extras_are_further_columns():
    shop = empty()
    before = shop.signature
    shop.extras = (Twice(),)
    assert shop.names[-1] == "twice" == shop.live_names[-1] and shop.signature != before
    np.testing.assert_array_equal(value(shop, "twice", START, [3, SIZE - 1]), [6, 2 * SIZE - 2])
