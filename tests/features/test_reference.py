"""The reference groups against what one would count by hand, and that no row knows anything of its future."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import UnknownName
from endcap.features.reference import GROUPS, ShopTables, reference_group
from endcap.types import DAY, HOUR, MINUTE, SECOND, AccountKey

START = 19_700 * DAY
KINDS = ("Purchase", "View", "Click", "AddToCart", "Like", "SaveForLater", "Return", "Rating", "Search", "Impression")
ITEMS = pa.table(
    {
        "item_id": ["i0", "i1", "i2", "i3"],
        "category_l1": ["PRODUCE", "GROCERY", "GROCERY", None],
        "category_l2": ["BERRIES", "CANDY", "FRUIT SNACKS CANDY", None],
        "brand": ["a", "b", "a", None],
        "price": [2.0, 3.0, 5.0, 7.0],
        "margin": [0.2, 0.3, None, 0.1],
    }
)
USERS = pa.table({"user_id": ["u0", "u1"], "age": pa.array([17, 70], pa.int64()), "location": ["TX", None]})


def tables(rows: list[dict[str, object]]) -> ShopTables:
    names = (
        *("user_id", "item_id", "timestamp", "event_type", "order_id", "session_id", "price", "quantity"),
        *("duration", "rating", "search_query", "channel", "position"),
    )
    kinds = {"timestamp": pa.int64(), "price": pa.float64(), "quantity": pa.float64(), "duration": pa.float64(),
             "rating": pa.float64(), "position": pa.int64()}  # fmt: skip
    rows = sorted(rows, key=lambda row: (row["timestamp"], row["user_id"]))
    columns = [pa.array([row.get(name) for row in rows], kinds.get(name, pa.string())) for name in names]
    return ShopTables(pa.table(columns, list(names)), ITEMS, USERS)


def event(user: str, item: str | None, time: int, kind: str, **given: object) -> dict[str, object]:
    return {"user_id": user, "item_id": item, "timestamp": START + time, "event_type": kind, **given}


def by_id(table: pa.Table, identity: str) -> list[dict[str, object]]:
    return [row for row in table.to_pylist() if row[table.column_names[0]] == identity]


def test_customers_are_what_they_did_until_the_end_of_a_day():
    shop = tables(
        [
            event("u0", "i0", HOUR, "Purchase", order_id="o1", price=2.0, quantity=3.0, channel="app"),
            event("u0", "i1", HOUR, "Purchase", order_id="o1", price=4.0, quantity=1.0, channel="app"),
            event("u0", "i2", 2 * HOUR, "View", session_id="s1", duration=12.0),
            event("u0", "i0", 2 * DAY, "Purchase", order_id="o2", price=4.0, channel="web"),
            event("u0", "i0", 3 * DAY, "Return"),
            event("u1", None, 40 * DAY, "Search", search_query="tea"),
        ]
    )
    rows = by_id(GROUPS["customers"].rows(shop), "u0")
    assert [(int(str(row["event_time"])) - START) // DAY for row in rows] == [1, 3, 4, 29, 31, 32]
    first, third, late = rows[0], rows[2], rows[4]
    assert (first["age_band"], first["state"], first["orders"], first["visits"]) == ("-17", "TX", 1, 2)
    assert (first["average_basket"], first["items_per_order"], first["time_on_site"]) == (10.0, 2.0, 12.0)
    assert (first["health_index"], first["favourite_category"], first["channel"]) == (0.5, "PRODUCE", "app")
    assert (first["last_order_time"], first["days_between_orders"]) == (START + HOUR, None)
    assert (third["orders"], third["average_basket"], third["return_rate"], third["channel"]) == (2, 7.0, 1 / 3, "web")
    assert third["price_affinity"] == pytest.approx(np.log(2))
    assert third["days_between_orders"] == pytest.approx(2 - 1 / 24)
    assert (late["orders"], late["orders_28d"], late["spend_91d"]) == (2, 0, 14.0)
    assert by_id(GROUPS["customers"].rows(shop), "u1")[0]["searches_28d"] == 1


def test_products_are_bought_seen_and_judged():
    shop = tables(
        [
            event("u0", "i0", HOUR, "Purchase", price=2.5),
            event("u1", "i0", 2 * HOUR, "Purchase", price=3.0),
            event("u0", "i0", 5 * DAY + HOUR, "Purchase", price=2.0),
            event("u0", "i0", 5 * DAY, "View"),
            event("u0", "i0", 6 * DAY, "Rating", rating=5.0),
            event("u1", "i0", 6 * DAY, "Rating", rating=1.0),
            event("u1", "i0", 6 * DAY, "Rating", rating=4.0),
            event("u1", "i3", 60 * DAY, "View"),
        ]
    )
    rows = {(int(str(row["event_time"])) - START) // DAY: row for row in by_id(GROUPS["products"].rows(shop), "i0")}
    assert sorted(rows) == [1, 2, 6, 7, 8, 13, 14, 29, 34, 35]
    assert [rows[day]["popularity_1d"] for day in (1, 2, 6, 7)] == [2, 0, 1, 0]
    assert [rows[day]["popularity_7d"] for day in (1, 7, 8, 13)] == [2, 3, 1, 0]
    assert [rows[day]["popularity_28d"] for day in (14, 29, 34)] == [3, 1, 0]
    assert (rows[1]["price"], rows[6]["price"], rows[1]["margin"]) == (3.0, 2.0, 0.2)
    assert (rows[1]["repeat_interval"], rows[6]["repeat_interval"], rows[6]["buyers"]) == (None, 5.0, 2)
    assert (rows[7]["review_polarity"], rows[7]["average_rating"]) == (1 / 3, 10 / 3)
    assert (rows[7]["launch_time"], rows[7]["days_since_launch"]) == (START + HOUR, 7 - 1 / 24)
    assert rows[7]["conversion_28d"] == pytest.approx(4 / 21)


def test_orders_are_their_lines():
    shop = tables(
        [
            event("u0", "i1", 15 * HOUR, "Purchase", order_id="o1", price=4.0, quantity=2.0, position=3),
            event("u0", "i0", 15 * HOUR, "Purchase", order_id="o1", price=1.0, channel="app"),
            event("u1", "i0", 20 * DAY, "Purchase"),
            event("u1", "i0", 21 * DAY, "View"),
        ]
    )
    rows = GROUPS["orders"].rows(shop).to_pylist()
    assert sorted(row["order_line_id"] for row in rows) == ["o1/1", "o1/2", f"u1@{START + 20 * DAY}/1"]
    line = next(row for row in rows if row["product"] == "i1")
    assert line["order_line_id"] == "o1/2"
    assert (line["customer"], line["value"], line["quantity"], line["slot"]) == ("u0", 8.0, 2.0, 3)
    assert (line["season"], line["weekday"], line["hour"], line["channel"]) == ("winter", 6, 15, None)


def test_the_click_stream_is_recorded_when_a_window_closes():
    shop = tables(
        [
            event("u0", "i0", 0, "Like", session_id="s1"),
            event("u0", "i1", 30 * SECOND, "AddToCart", session_id="s1", duration=4.0),
            event("u0", "i1", 119 * SECOND, "SaveForLater", session_id="s2", channel="app"),
            event("u0", "i1", 120 * SECOND, "View", position=2),
            event("u0", "i2", 121 * SECOND, "View", position=4),
            event("u0", "i3", 300 * SECOND, "View"),
            event("u1", None, 0, "Search", search_query="Oat|Milk"),
            event("u1", None, SECOND, "Search", search_query="tea"),
        ]
    )
    rows = by_id(GROUPS["clickstream"].rows(shop), "u0")
    assert [(int(str(row["event_time"])) - START) // SECOND for row in rows] == [120, 240, 420]
    assert [row["activity"] for row in rows] == [5.0, 0.0, 0.0]
    assert [row["intent"] for row in rows] == ["buy", "browse", "browse"]
    assert (rows[0]["items"], rows[0]["categories"], rows[0]["session"], rows[0]["channel"]) == (2, 2, "s2", "app")
    assert (rows[0]["time_on_page"], rows[1]["mean_position"], rows[1]["time_on_page"]) == (4.0, 3.0, None)
    [searched] = by_id(GROUPS["clickstream"].rows(shop), "u1")
    assert (searched["intent"], searched["search_terms"], searched["searches"]) == ("search", "oat milk|tea", 2)


_happened = st.lists(
    st.builds(
        event,
        st.sampled_from(["u0", "u1", "u2"]),
        st.sampled_from(["i0", "i1", "i2", "i3"]),
        st.one_of(st.integers(0, 40 * 24).map(lambda n: n * HOUR), st.integers(0, 10).map(lambda n: n * MINUTE)),
        st.sampled_from(KINDS),
        order_id=st.sampled_from([None, "o1", "o2", "o3"]),
        session_id=st.sampled_from([None, "s1", "s2"]),
        price=st.sampled_from([None, 1.0, 2.0, 8.0]),
        rating=st.sampled_from([None, 1.0, 5.0]),
        channel=st.sampled_from([None, "app", "web"]),
    ),
    min_size=1, max_size=40,
)  # fmt: skip
_EVERY = [event("u9", "i3", -50 * DAY, kind, price=1.0, rating=3.0) for kind in KINDS]
"""So that the shop has a source for everything from the beginning."""


@given(rows=_happened)
@settings(max_examples=40, deadline=None)
def test_rows_are_what_a_loop_counts(rows):
    shop = tables(rows)
    for row in GROUPS["customers"].rows(shop).to_pylist():
        end = int(str(row["event_time"]))
        mine = [each for each in rows if each["user_id"] == row["user_id"] and int(str(each["timestamp"])) < end]
        bought = [each for each in mine if each["event_type"] == "Purchase"]
        assert row["orders"] == len({each["order_id"] or each["timestamp"] for each in bought})
        recent = [each for each in bought if int(str(each["timestamp"])) >= end - 28 * DAY]
        before = {each["order_id"] or each["timestamp"] for each in bought if each not in recent}
        fresh = {each["order_id"] or each["timestamp"] for each in recent} - before
        assert row["orders_28d"] == len(fresh)
        assert row["searches_28d"] == sum(
            each["event_type"] == "Search" and int(str(each["timestamp"])) >= end - 28 * DAY for each in mine
        )
        times = [int(str(each["timestamp"])) for each in bought]
        assert (row["first_order_time"], row["last_order_time"]) == (min(times, default=None), max(times, default=None))
    for row in GROUPS["products"].rows(shop).to_pylist():
        end = int(str(row["event_time"]))
        mine = [each for each in rows if each["item_id"] == row["item_id"] and int(str(each["timestamp"])) < end]
        ages = Counter(
            (end - 1 - int(str(each["timestamp"]))) // DAY for each in mine if each["event_type"] == "Purchase"
        )
        for days in (1, 7, 28):
            assert row[f"popularity_{days}d"] == sum(count for age, count in ages.items() if age < days)
        assert row["buyers"] == len({each["user_id"] for each in mine if each["event_type"] == "Purchase"})
        assert row["reviews"] == sum(each["event_type"] == "Rating" and each["rating"] is not None for each in mine)


@pytest.mark.parametrize("name", GROUPS)
@given(rows=_happened, cut=st.integers(1, 45))
@settings(max_examples=30, deadline=None)
def test_no_row_knows_what_came_after_it(name, rows, cut):
    whole = tables([*_EVERY, *rows])
    until = START + cut * DAY
    then = tables([row for row in [*_EVERY, *rows] if int(str(row["timestamp"])) < until])
    known = int(then.time.max()) // DAY * DAY + DAY
    key = GROUPS[name].identifier

    def told(shop: ShopTables) -> list[dict[str, object]]:
        found = GROUPS[name].rows(shop).to_pylist()
        return sorted(
            (row for row in found if row["event_time"] <= known), key=lambda row: (row["event_time"], row[key])
        )

    def past(found: list[dict[str, object]]) -> list[dict[str, object]]:
        """Windows that were open at the cut are other windows."""
        return [row for row in found if row.get("opened_at", 0) + 2 * MINUTE <= until]

    assert past(told(then)) == past(told(whole))


@pytest.mark.parametrize("name", GROUPS)
def test_what_a_shop_has_no_source_for_is_null(name):
    bare = pa.table(
        {"user_id": ["u"], "item_id": ["i"], "timestamp": pa.array([START], pa.int64()), "event_type": ["Purchase"]}
    )
    rows = GROUPS[name].rows(ShopTables(bare, None, None))
    group = GROUPS[name].of(AccountKey()).checked()
    assert rows.num_rows >= 1
    assert rows.column_names == [feature.name for feature in group.features]
    for feature in GROUPS[name].features:
        assert rows.schema.field(feature.name).type == feature.arrow
    absent = {"customers": "health_index", "products": "review_polarity", "orders": "price", "clickstream": "session"}
    assert rows[absent[name]].null_count == rows.num_rows


def test_an_unknown_group_is_refused():
    with pytest.raises(UnknownName, match="customers"):
        reference_group("suppliers")
