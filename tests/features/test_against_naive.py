"""Windows, sessions and staggers of the kernels are those of a few lines of plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_features import Happened, of_shop, of_shopper

from endcap.features.facts import CATEGORY, ItemFacts
from endcap.features.shop import ShopFeatures
from endcap.stream.histories import Past
from endcap.testing.features import EVENT_TYPES, START
from endcap.types import DAY, HOUR, MINUTE, SECOND

ITEMS = 4
GAPS = (0, 1, 15 * SECOND, MINUTE, 2 * MINUTE - 1, 2 * MINUTE, 29 * MINUTE, 30 * MINUTE, HOUR, DAY, 5 * DAY, 28 * DAY)
events = st.lists(
    st.tuples(
        st.integers(0, ITEMS - 1), st.sampled_from(GAPS), st.sampled_from(EVENT_TYPES), st.sampled_from((0.1, 0.5, 1.0))
    ),
    max_size=40,
)


def told(drawn: list[tuple[int, int, str, float]]) -> list[Happened]:
    """Each comes its gap after the one before; items 0 and 1 are of one category, 2 and 3 of another."""
    found, time = [], START
    for item, gap, event_type, weight in drawn:
        time += gap
        found.append(Happened(time, item, event_type, weight, item // 2))
    return found


def columns(happened: list[Happened], shop: ShopFeatures) -> Past:
    """As arrays."""
    return Past(
        np.array([0, len(happened)]),
        np.array([event.item for event in happened], np.int32),
        np.array([event.time for event in happened], np.int64),
        np.array([shop.code(event.event_type) for event in happened], np.int16),
        np.array([event.weight for event in happened], np.float32),
        np.full(len(happened), -1, np.int64),
    )


def shop_of(happened: list[Happened]) -> ShopFeatures:
    facts = ItemFacts.unknown(ITEMS)
    for place in range(ITEMS):
        facts.put(place, {"category_l1": f"c{place // 2}"})
    shop = ShopFeatures.empty(facts, EVENT_TYPES)
    past = columns(happened, shop)
    shop.fold(past.item, past.time, past.event_type, past.weight)
    return shop


def compared(names: tuple[str, ...], values: np.ndarray, expected: dict[str, float]) -> None:
    for name, value in expected.items():
        np.testing.assert_allclose(values[names.index(name)], value, rtol=1e-5, err_msg=name)


@settings(max_examples=150, deadline=None)
@given(events, st.sampled_from(GAPS), st.randoms())
def test_of_a_shopper(drawn, pause, random):
    happened = told(drawn)
    now = (happened[-1].time if happened else START) + pause
    mixed = sorted(happened, key=lambda event: (event.time, random.random()))  # ties in any order
    shop = shop_of([])
    items = np.arange(ITEMS, dtype=np.int32)
    ends = np.array([0, ITEMS])
    values = shop.values(columns(mixed, shop), np.array([now]), items, ends, np.zeros(ITEMS, np.float32))
    for item in range(ITEMS):
        compared(shop.names, values[item], of_shopper(happened, now, item, item // 2))
    again = shop.values(columns(happened, shop), np.array([now]), items, ends, np.zeros(ITEMS, np.float32))
    np.testing.assert_allclose(values, again, rtol=1e-6)


@settings(max_examples=150, deadline=None)
@given(events, st.lists(st.sampled_from(GAPS), min_size=1, max_size=6), st.randoms())
def test_of_the_shop_at_any_moments_in_any_order(drawn, pauses, random):
    happened = told(drawn)
    mixed = list(happened)
    random.shuffle(mixed)
    half = len(mixed) // 2
    shop = shop_of(mixed[:half])
    items, ends = np.arange(ITEMS, dtype=np.int32), np.array([0, ITEMS])
    nobody = columns([], shop)
    first = (happened[-1].time if happened else START) + pauses[0]
    for turn, pause in enumerate(pauses):
        # Moments may lie up to 8 days before the newest that was asked about.
        now = first + (random.choice((-1, 1)) * min(pause, 3 * DAY) if turn else 0)
        values = shop.values(nobody, np.array([now]), items, ends, np.zeros(ITEMS, np.float32))
        for item in range(ITEMS):
            compared(shop.names, values[item], of_shop(mixed if turn else mixed[:half], now, item))
        if not turn:  # the others come late
            late = columns(mixed[half:], shop)
            shop.fold(late.item, late.time, late.event_type, late.weight)


def test_an_item_that_changes_its_category_takes_its_counts_along():
    happened = told([(0, HOUR, "view", 1.0), (1, HOUR, "view", 0.5), (2, HOUR, "view", 0.5)])
    moved, fresh = shop_of(happened), shop_of([])
    asked = (columns([], moved), np.array([START + 4 * HOUR]), np.arange(ITEMS, dtype=np.int32), np.array([0, ITEMS]))
    moved.values(*asked, np.zeros(ITEMS, np.float32))
    moved.put(0, {"category_l1": "c1"})
    fresh.facts.codes[0, CATEGORY] = 1
    past = columns(happened, fresh)
    fresh.fold(past.item, past.time, past.event_type, past.weight)
    ours, theirs = moved.values(*asked, np.zeros(ITEMS, np.float32)), fresh.values(*asked, np.zeros(ITEMS, np.float32))
    np.testing.assert_array_equal(ours, theirs)
    share = moved.names.index("category_share_of_shop")
    np.testing.assert_allclose(ours[:, share], [0.75, 0.25, 0.75, 0.75])
