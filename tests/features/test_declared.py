"""Windows declared as data: parsed, refused, kept, folded from history and from the log, and what they amount to."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.features.declared import DECLARED_KEYS, Declaration, duration, weights
from endcap.features.declared_columns import RankingWindows, can_rank
from endcap.features.declared_events import categories_of, events_of_records, events_of_table
from endcap.features.declared_live import LiveWindows
from endcap.features.declared_state import DeclaredWindows
from endcap.seams import FrozenClock
from endcap.stream.collect import event_record
from endcap.stream.histories import Past
from endcap.stream.records import Event
from endcap.types import DAY, HOUR, MINUTE, SECOND, AccountKey, Micros, ShopKey

START = 1_700_000_000_000_000
SHOP = ShopKey(AccountKey(), "corner")
ACTIVITY = Declaration.parse(
    "activity",
    key="user",
    kind="stagger",
    length="2m",
    aggregate="sum",
    weights="like=1,add_to_cart=2,wish_list=1,save_for_later=2",
    group="clickstream",
)
RATE = Declaration.parse(
    "click-rate", key="item", kind="sliding", length="7d", aggregate="rate",
    weights="click", per="impression", prior="0.02", strength="50", group="shelf",
)  # fmt: skip
LAST = Declaration.parse("seen", key="user", kind="session", gap="30m", aggregate="last", of="item", n="3")
VISITED = Declaration.parse("pages", key="session", kind="session", gap="30m", aggregate="count", weights="view")
BREADTH = Declaration.parse("breadth", key="user", kind="tumbling", length="1d", aggregate="distinct", of="category")
SINCE = Declaration.parse("since", key="pair", kind="sliding", length="30d", aggregate="recency", weights="view")
SOLD = Declaration.parse("sold", key="category", kind="sliding", length="1d", aggregate="count", weights="purchase")
ALL = (ACTIVITY, RATE, LAST, VISITED, BREADTH, SINCE, SOLD)
CATEGORIES = {"i1": "fruit", "i2": "fruit", "i3": "bread"}


def test_a_declaration_says_what_was_written():
    assert (ACTIVITY.key, ACTIVITY.kind, ACTIVITY.length, ACTIVITY.aggregate) == ("user", "stagger", 2 * MINUTE, "sum")
    assert ACTIVITY.weights == {"like": 1.0, "add_to_cart": 2.0, "wish_list": 1.0, "save_for_later": 2.0}
    assert LAST.length == 30 * MINUTE
    assert (RATE.step, RATE.window().panes) == (7 * DAY // 50, True)
    assert not ACTIVITY.window().panes
    assert [duration(text) for text in ("30s", "2m", "1h", "7d", "2w")] == [
        30 * SECOND, 2 * MINUTE, HOUR, 7 * DAY, 14 * DAY,
    ]  # fmt: skip
    assert weights(" view , buy=2.5,") == {"view": 1.0, "buy": 2.5}


@pytest.mark.parametrize("declared", ALL, ids=lambda each: each.name)
def test_a_declaration_survives_json(declared):
    import json  # noqa: PLC0415

    assert Declaration.of_document(json.loads(json.dumps(declared.document()))) == declared


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"key": "basket"}, "key 'basket' is none of user, session"),
        ({"kind": "hopping"}, "kind 'hopping' is none of"),
        ({"aggregate": "median"}, "aggregate 'median' is none of"),
        ({"length": ""}, "needs a length, or a gap"),
        ({"gap": "2m"}, "needs a length, or a gap"),
        ({"length": "2 minutes"}, "'2 minutes' is no duration"),
        ({"length": "0m"}, "no duration"),
        ({"length": "600d"}, "at most|1 microsecond to 366 days"),
        ({"step": "1m"}, "does not divide"),
        ({"weights": "like=much"}, "'much' is no number"),
        ({"weights": "like=1,Like=2"}, "names 'Like' twice"),
        ({"weights": "like=nan"}, "no finite number"),
        ({"weights": "=2"}, "as an event type"),
        ({"aggregate": "rate"}, "needs weights and per"),
        ({"prior": "0.5"}, "are a rate's"),
        ({"aggregate": "distinct"}, "need of: item or category"),
        ({"aggregate": "last", "of": "item"}, "needs n, 1 to 50"),
        ({"of": "item"}, "need of: item or category"),
        ({"group": "-x-"}, "no name of a feature group"),
        ({"colour": "red"}, "has no 'colour'"),
    ],
)
def test_what_cannot_be_is_refused_saying_why(changed, told):
    texts = {"key": "user", "kind": "stagger", "length": "2m", "aggregate": "sum", "weights": "like=1"}
    with pytest.raises(InputError, match=told):
        Declaration.parse("activity", **{**texts, **changed})
    with pytest.raises(InputError, match="a name is"):
        Declaration.parse("no name", **texts)


def test_every_fault_is_named_at_once():
    with pytest.raises(InputError, match=r"key 'x'.*kind 'y'.*aggregate 'z'"):
        Declaration.parse("activity", key="x", kind="y", length="1m", aggregate="z")


def test_event_types_are_the_same_when_their_names_or_meanings_are():
    assert ACTIVITY.kinds(["Like", "AddToCart", "AddToWishList", "Saved for later", "View", ""]).tolist() == [
        0, 1, 2, 3, -1, -1,
    ]  # fmt: skip
    assert LAST.kinds(["anything", ""]).tolist() == [0, 0]


def _table(rows: list[tuple[str, str, str, int, str]]) -> pa.Table:
    names = ("user_id", "session_id", "item_id", "timestamp", "event_type")
    return pa.table({name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})


ROWS = [
    ("u1", "s1", "i1", START, "View"),
    ("u1", "s1", "i1", START + 10 * SECOND, "AddToCart"),
    ("u1", "s1", "i3", START + 20 * SECOND, "Like"),
    ("u1", "s1", "i2", START + 150 * SECOND, "Purchase"),
    ("u2", "s2", "i1", START + 151 * SECOND, "Click"),
    ("u2", "s2", "i2", START + 152 * SECOND, "Impression"),
]


def test_history_amounts_to_what_it_says():
    clock = FrozenClock(Micros(START + 160 * SECOND))
    windows = DeclaredWindows(ALL, clock=clock)
    windows.fold_history(events_of_table(_table(ROWS), CATEGORIES))
    assert windows.names == ("activity", "click-rate", "seen", "pages", "breadth", "since", "sold")
    assert windows.amounts("activity", ["u1"], START + 30 * SECOND) == [3.0]
    assert windows.amounts("activity", ["u1", "u9"]) == [0.0, 0.0]
    assert windows.amounts("seen", ["u1", "u2", "u9"]) == ["i2|i3|i1", "i2|i1", None]
    assert windows.amounts("pages", ["s1", "s2"]) == [1.0, 0.0]
    assert windows.amounts("breadth", ["u1", "u2"]) == [2.0, 1.0]
    assert windows.amounts("since", ["u1|i1", "u1|i2", "u2|i1"]) == [160.0, None, None]
    assert windows.amounts("sold", ["fruit", "bread"]) == [1.0, 0.0]
    rates = windows.of_group("shelf", ["i1", "i2", "i3"])
    assert rates == [{"click-rate": 2 / 50}, {"click-rate": 1 / 51}, {"click-rate": 1 / 50}]
    assert {name: [each.name for each in of] for name, of in windows.groups().items()} == {
        "clickstream": ["activity"], "shelf": ["click-rate"],
    }  # fmt: skip


def test_a_table_read_again_changes_nothing():
    clock = FrozenClock(Micros(START + 160 * SECOND))
    once, twice = DeclaredWindows(ALL, clock=clock), DeclaredWindows(ALL, clock=clock)
    table = _table([*ROWS, ROWS[1]])
    once.fold_history(events_of_table(table, CATEGORIES))
    for _ in range(2):
        twice.fold_history(events_of_table(table, CATEGORIES))
    at = START + 30 * SECOND
    assert once.amounts("activity", ["u1"], at) == twice.amounts("activity", ["u1"], at) == [5.0]
    assert once.amounts("sold", ["fruit"]) == twice.amounts("sold", ["fruit"])


@given(order=st.permutations(range(len(ROWS))), cut=st.integers(0, len(ROWS)))
@settings(max_examples=25, deadline=None)
def test_the_log_gives_what_history_does_in_any_order(order, cut):
    clock = FrozenClock(Micros(START + 160 * SECOND))
    events = [
        Event(event_id=f"e{place}", event_type=kind, time=time, item_id=item, user_id=user, session_id=session)
        for place, (user, session, item, time, kind) in enumerate(ROWS)
    ]
    records = [((0, place + 1), event_record(SHOP, event)) for place, event in enumerate(events)]
    live = LiveWindows(SHOP, ALL, clock=clock, category=lambda item: CATEGORIES.get(item, ""))
    shuffled = [records[place] for place in order]
    table = _table(ROWS).append_column("event_id", pa.array([f"e{place}" for place in range(len(ROWS))]))
    live.prime(events_of_table(table.slice(0, cut), CATEGORIES))
    live.fold(shuffled[:3])
    live.fold(shuffled)
    history = DeclaredWindows(ALL, clock=clock)
    history.fold_history(events_of_table(_table(ROWS), CATEGORIES))
    for name, ids in {
        "activity": ["u1"], "seen": ["u1", "u2"], "pages": ["s1"], "breadth": ["u1"], "since": ["u1|i1"],
        "sold": ["fruit"], "click-rate": ["i1", "i2"],
    }.items():  # fmt: skip
        assert live.windows.amounts(name, ids) == history.amounts(name, ids), name


def test_bots_other_shops_and_broken_records_are_passed_over():
    clock = FrozenClock(Micros(START))
    live = LiveWindows(SHOP, ALL, clock=clock)
    event = Event(event_id="e", event_type="Like", time=START, item_id="i1", user_id="u1")
    bot = Event(event_id="b", event_type="Like", time=START, item_id="i1", user_id="u1", traffic="bot")
    other = event_record(ShopKey(AccountKey(), "other"), event)
    broken = event_record(SHOP, event)._replace(payload=b"\xc1")
    live.fold([((0, n), each) for n, each in enumerate((event_record(SHOP, bot), other, broken))])
    assert live.windows.amounts("activity", ["u1"]) == [0.0]
    assert live.poisoned == 1
    live.fold([((0, 9), event_record(SHOP, event))])
    assert live.windows.amounts("activity", ["u1"]) == [1.0]


def test_an_event_of_a_session_that_became_a_user_is_the_users():
    class Known:
        def linked_user(self, session_id: str) -> str | None:
            return "u1" if session_id == "s1" else None

    live = LiveWindows(SHOP, ALL, clock=FrozenClock(Micros(START)), linking=Known())
    for number, session in enumerate(("s1", "s2")):
        event = Event(event_id=f"e{number}", event_type="Like", time=START, item_id="i1", session_id=session)
        live.fold([((0, number), event_record(SHOP, event))])
    assert live.windows.amounts("activity", ["u1", "s1", "s2"]) == [1.0, 0.0, 1.0]


def test_windows_that_closed_are_records_once():
    clock = FrozenClock(Micros(START + 30 * SECOND))
    windows = DeclaredWindows((ACTIVITY, SINCE), clock=clock, listed=True)
    events, _ = events_of_records(
        ((0, 1), event_record(SHOP, Event(event_id="e", event_type="Like", time=START, item_id="i", user_id="u")))
        for _ in range(2)
    )
    windows.fold(events)
    assert list(windows.closed()) == []
    clock.at = Micros(START + 2 * MINUTE)
    [(declared, rows)] = windows.closed()
    assert declared == ACTIVITY
    assert rows.to_pylist() == [{"record_id": "u", "event_time": START + 2 * MINUTE, "opened": START, "value": 1.0}]
    assert list(windows.closed()) == []


def test_a_saved_state_is_restored():
    clock = FrozenClock(Micros(START + 160 * SECOND))
    first = DeclaredWindows((ACTIVITY, RATE), clock=clock)
    first.fold_history(events_of_table(_table(ROWS), CATEGORIES))
    second = DeclaredWindows((ACTIVITY, RATE), clock=clock).restore(first.arrays())
    at = START + 30 * SECOND
    assert second.amounts("activity", ["u1"], at) == [3.0]
    assert second.of_group("shelf", ["i1"]) == first.of_group("shelf", ["i1"])


def test_categories_are_found_where_shops_keep_them():
    items = pa.table({"item_id": ["a", "b", "c"], "genres": ["Comedy|Drama", None, "Crime"]})
    assert categories_of(items) == {"a": "Comedy", "c": "Crime"}
    assert categories_of(items, "item_id")["b"] == "b"
    assert categories_of(items.select(["item_id"])) == categories_of(None) == {}


# --- as ranking features -------------------------------------------------------------------------------------------

TYPES = ("View", "AddToCart", "Like", "Purchase", "Click", "Impression")


def _past(rows: list[tuple[int, int, int]]) -> Past:
    item, time, kind = (np.array(column) for column in zip(*rows, strict=True))
    size = len(rows)
    return Past(
        np.array([0, size]), item.astype(np.int32), time.astype(np.int64), kind.astype(np.int16),
        np.ones(size, np.float32), np.full(size, -1, np.int64),
    )  # fmt: skip


def test_only_single_numbers_with_a_history_or_panes_rank():
    assert [each.name for each in ALL if can_rank(each)] == ["activity", "click-rate", "breadth", "since", "sold"]
    assert {each.key for each in ALL} == set(DECLARED_KEYS)


def test_columns_of_a_question_say_what_the_windows_do():
    category = np.array([0, 0, 1, -1], np.int64)
    columns = RankingWindows(ALL, TYPES, lambda items: category[items])
    assert [(each.name, each.key, each.live) for each in columns.features] == [
        ("activity", "user", True),
        ("click-rate", "item", False),
        ("breadth", "user", False),
        ("since", "user-item", False),
        ("sold", "category", False),
    ]
    now = START + 2 * DAY
    pane = now // (DAY // 50) * (DAY // 50)
    columns.fold(
        np.array([0, 1, 2, 0, 0, -1], np.int32),
        np.array([pane - 1, pane - SECOND, pane - 1, pane + 1, pane - 2 * DAY, pane - 1]),
        np.array([3, 3, 3, 3, 3, 3], np.int16),
    )
    past = _past([(0, now - 90 * SECOND, 2), (2, now - 60 * SECOND, 0), (0, now - SECOND, 1), (0, now + SECOND, 1)])
    items = np.array([0, 2, 3, -1], np.int32)
    found = columns.values(past, np.array([now]), items, np.array([0, 4]))
    assert found.dtype == np.float32
    assert found[:, 0].tolist() == [3.0] * 4
    assert found[:, 2].tolist() == [2.0] * 4
    assert np.nan_to_num(found[:, 3], nan=-1).tolist() == [-1.0, 60.0, -1.0, -1.0]
    assert np.nan_to_num(found[:, 4], nan=-1).tolist() == [2.0, 1.0, -1.0, -1.0]


_rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40 * 60).map(lambda n: START + n * SECOND), st.integers(0, 5)),
    min_size=1, max_size=40, unique_by=lambda row: row[1],
)  # fmt: skip


@given(rows=_rows, asked=st.lists(st.integers(0, 50 * 60), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_window_over_a_history_is_the_one_that_is_folded(rows, asked):
    rows.sort(key=lambda row: row[1])
    mine = (ACTIVITY, BREADTH, SINCE, *(_of_user(kind) for kind in ("tumbling", "sliding", "session")))
    columns = RankingWindows(mine, TYPES, lambda items: np.where(items >= 0, items // 2, -1).astype(np.int64))
    state = DeclaredWindows(mine)
    table = _table([("u", "", f"i{item}", time, TYPES[kind]) for item, time, kind in rows])
    state.fold_history(events_of_table(table, {f"i{item}": f"c{item // 2}" for item in range(3)}))
    for offset in asked:
        now = START + offset * SECOND
        found = columns.values(_past(rows), np.array([now]), np.arange(3, dtype=np.int32), np.array([0, 3]))
        for place, declared in enumerate(mine):
            ids = [f"u|i{item}" for item in range(3)] if declared.key == "pair" else ["u"] * 3
            wanted = [np.nan if value is None else value for value in state.amounts(declared.name, ids, now)]
            assert np.allclose(found[:, place], wanted, equal_nan=True), declared


def _of_user(kind: str) -> Declaration:
    length = {"gap": "3m"} if kind == "session" else {"length": "10m"}
    return Declaration.parse(kind, key="user", kind=kind, aggregate="rate", weights="click,view=2", per="view,like",
                             prior="0.1", strength="10", **length)  # fmt: skip
