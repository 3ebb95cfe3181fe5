"""What every ranking feature must do. A family's test subclasses `FeatureContract` and says which family it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from endcap.features.facts import INTERVAL, ItemFacts
from endcap.features.family import Family
from endcap.features.shop import ShopFeatures
from endcap.seams import rng
from endcap.stream.histories import Past
from endcap.types import DAY, HOUR, MINUTE, SECOND, Float32, Int32, Int64

START = 1_700_000_000_000_000 // DAY * DAY
EVENT_TYPES = ("view", "click", "add_to_cart", "like", "Save for later", "Purchase", "return", "impression", "riddle")
SIZE = 30


def catalogue(size: int = SIZE) -> pa.Table:
    """Items of which everything is known."""
    at = np.arange(size)
    return pa.table(
        {
            "PRICE": 5.0 + at % 11,
            "CATEGORY_L1": [f"c{place % 4}|other" for place in at],
            "CATEGORY_L2": [f"s{place % 9}" for place in at],
            "BRAND": [f"b{place % 5}" for place in at],
            "MARGIN": 0.1 + at / 100,
            "AVERAGE_RATING": 1.0 + at % 5,
            "POSITIVE_REVIEW_COUNT": at % 13,
            "NEGATIVE_REVIEW_COUNT": at % 3,
            "STOCK": at % 7,
            "CREATION_TIMESTAMP": START - at * HOUR,
        }
    )


def empty(size: int = SIZE) -> ShopFeatures:
    """A shop in which everything is known of items, and nothing happened yet."""
    facts = ItemFacts.of(catalogue(size), size)
    facts.numbers[:, INTERVAL] = 9.0
    return ShopFeatures.empty(facts, EVENT_TYPES)


def stream(seed: int, events: int = 400, users: int = 6, days: int = 45) -> tuple[Int32, Past]:
    """(users, one `Past` of all their events), sorted by time: bursts within minutes, many at the same second."""
    random = rng(seed)
    time = START + random.integers(0, days, events) * DAY + random.integers(0, 3, events) * HOUR
    time += random.integers(0, 5, events) * MINUTE // 2 + random.integers(0, 4, events) * 15 * SECOND
    time.sort()
    past = Past(
        np.array([0, events]),
        random.integers(0, SIZE, events).astype(np.int32),
        time,
        random.integers(0, len(EVENT_TYPES), events).astype(np.int16),
        random.choice(np.array([0.1, 0.15, 0.5, 1.0], np.float32), events),
        np.where(random.random(events) < 0.5, time // HOUR, -1),
    )
    return random.integers(0, users, events).astype(np.int32), past


def taken(past: Past, rows: np.ndarray) -> Past:
    """One shopper with these rows of a `Past`."""
    columns = (past.item, past.time, past.event_type, past.weight, past.order)
    return Past(np.array([0, len(past.item[rows])]), *(column[rows] for column in columns))


def joined(pasts: list[Past]) -> Past:
    """Several shoppers' as one."""
    indptr = np.concatenate(([0], np.cumsum([len(past.item) for past in pasts]))).astype(np.int64)
    names = ("item", "time", "event_type", "weight", "order")
    return Past(indptr, *(np.concatenate([getattr(past, name) for past in pasts]) for name in names))


@dataclass(frozen=True)
class Questions:
    """A stream of events (whose they are, and what), and questions about their shoppers at moments within it."""

    user: Int32
    past: Past
    now: Int64
    asker: Int32
    items: Int32
    indptr: Int64
    retrieval: Float32

    @classmethod
    def about(cls, seed: int, many: int = 8) -> Questions:
        """Of shoppers who did something up to a minute and a half ago."""
        random = rng(1000 + seed)
        user, past = stream(seed)
        picked = np.sort(random.choice(np.arange(150, len(user)), many, replace=False))
        lengths = random.integers(1, 12, many)
        items = np.concatenate([random.permutation(SIZE)[:length] for length in lengths]).astype(np.int32)
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        now = past.time[picked] + random.integers(0, 90, many) * SECOND
        return cls(user, past, now, user[picked], items, indptr, random.random(len(items)).astype(np.float32))

    def history(self, query: int) -> Past:
        """What the shopper had done."""
        return taken(self.past, (self.user == self.asker[query]) & (self.past.time <= self.now[query]))

    def ask(self, shop: ShopFeatures) -> Float32:
        """All together."""
        pasts = joined([self.history(query) for query in range(len(self.now))])
        return shop.values(pasts, self.now, self.items, self.indptr, self.retrieval)

    def ask_one(self, shop: ShopFeatures, query: int, history: Past | None = None) -> Float32:
        """One of them."""
        part = slice(self.indptr[query], self.indptr[query + 1])
        ends = np.array([0, self.indptr[query + 1] - self.indptr[query]])
        past, now = history or self.history(query), self.now[query : query + 1]
        return shop.values(past, now, self.items[part], ends, self.retrieval[part])


def folded(
    past: Past, order: np.ndarray | None = None, blocks: int = 1, into: ShopFeatures | None = None
) -> ShopFeatures:
    """A shop with the events in an order, in so many blocks; 0 for one at a time."""
    shop = into or empty()
    rows = np.arange(len(past.item)) if order is None else order
    for part in np.array_split(rows, blocks or len(rows)):
        shop.fold(past.item[part], past.time[part], past.event_type[part], past.weight[part])
    return shop


class FeatureContract:
    """Subclass it as `TestX` and name the family."""

    family: Family
    seeds = (1, 2, 3)

    def same(self, ours: Float32, theirs: Float32) -> None:
        """Compare the family's columns, and name what differs."""
        names = list(empty().names)
        for feature in self.family.features:
            at = names.index(feature.name)
            np.testing.assert_array_equal(ours[:, at], theirs[:, at], err_msg=feature.name)

    def test_a_block_is_its_events_one_by_one_and_in_any_order(self) -> None:
        for seed in self.seeds:
            questions = Questions.about(seed)
            told = questions.ask(folded(questions.past))
            self.same(told, questions.ask(folded(questions.past, blocks=0)))
            order = rng(seed).permutation(len(questions.user))
            self.same(told, questions.ask(folded(questions.past, order, blocks=7)))

    def test_late_events_count_as_if_they_had_come_in_time(self) -> None:
        for seed in self.seeds:
            questions = Questions.about(seed)
            late = rng(seed).random(len(questions.user)) < 0.3
            shop = folded(questions.past, np.flatnonzero(~late))
            questions.ask(shop)
            folded(questions.past, np.flatnonzero(late), blocks=3, into=shop)
            self.same(questions.ask(folded(questions.past)), questions.ask(shop))

    def test_many_questions_are_each_of_them_alone(self) -> None:
        for seed in self.seeds:
            questions = Questions.about(seed)
            shop = folded(questions.past)
            together = questions.ask(shop)
            for query in reversed(range(len(questions.now))):
                part = slice(questions.indptr[query], questions.indptr[query + 1])
                self.same(together[part], questions.ask_one(shop, query))

    def test_what_comes_later_changes_nothing(self) -> None:
        for seed in self.seeds:
            questions = Questions.about(seed)
            past, whole = questions.past, folded(questions.past)
            for query, moment in enumerate(questions.now):
                everything = taken(past, questions.user == questions.asker[query])
                told = questions.ask_one(whole, query, everything)
                self.same(told, questions.ask_one(folded(past, np.flatnonzero(past.time <= moment)), query))

    def test_what_is_known_is_told(self) -> None:
        shop = empty()
        kinds = [shop.code(name) for name in ("impression", "view", "add to cart", "purchase", "return", "like")]
        days = np.repeat(np.arange(3), len(kinds)) * 12 * DAY
        item, event_type = np.zeros(len(days), np.int32), np.tile(np.array(kinds, np.int16), 3)
        mine = Past(np.array([0, len(days)]), item, START + days, event_type, np.full(len(days), 0.5, np.float32), days)
        folded(mine, into=shop)
        context = [{"Channel": "web", "DEVICE": "phone"}]
        now = np.array([START + 24 * DAY + MINUTE])
        told = shop.values(mine, now, item[:1], np.array([0, 1]), np.ones(1, np.float32), context)
        self.same(np.isnan(told).astype(np.float32), np.zeros_like(told))

    def test_what_is_saved_and_loaded_is_the_same_and_goes_on(self) -> None:
        for seed in self.seeds:
            questions = Questions.about(seed)
            half = len(questions.user) // 2
            shop = folded(questions.past, np.arange(half))
            questions.ask(shop)
            loaded = folded(questions.past, np.arange(half, 2 * half), into=ShopFeatures.from_arrays(*shop.arrays()))
            whole = folded(questions.past)
            self.same(questions.ask(whole), questions.ask(loaded))
            self.same(questions.ask(whole), questions.ask(folded(questions.past, np.arange(half, 2 * half), into=shop)))

    def test_nobody_and_unknown_items_have_values_too(self) -> None:
        questions = Questions.about(1)
        shop = folded(questions.past)
        nobody = taken(questions.past, np.zeros(0, np.int64))
        stranger = replace(taken(questions.past, np.zeros(1, np.int64)), item=np.full(1, -1, np.int32))
        for past in (nobody, replace(stranger, event_type=np.full(1, -1, np.int16))):
            items = np.array([-1, SIZE + 5, 3], np.int32)
            told = shop.values(past, questions.now[-1:], items, np.array([0, 3]), np.full(3, np.nan, np.float32))
            self.same(told[:1], told[1:2])
