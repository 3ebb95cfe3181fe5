"""The offline side: rows moved exactly once, joins that see no future, training sets of what was logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.errors import InputError, StateError
from endcap.features import online_feed
from endcap.features.groups import Feature, FeatureGroup
from endcap.features.offline import Lookup, OnlineLoad, examples, join, logged_examples, of_customers, of_products
from endcap.features.online import BOUNDS, OnlineStore
from endcap.features.online_feed import OnlineFeed
from endcap.lake.feature_tables import OWN, FeatureTables
from endcap.lake.tables import Lake
from endcap.seams import Disk, FrozenClock
from endcap.storage.log import open_log
from endcap.storage.state import MemoryState
from endcap.stream.collect import decision_record, event_record, feature_record
from endcap.stream.records import Decision, Event, FeatureRecord, Shown, encode
from endcap.stream.sink import sink
from endcap.types import ACCOUNT_LEVEL, SECOND, AccountKey, Micros, ShopKey

ACCOUNT = AccountKey()
SHOP = ShopKey(ACCOUNT, "corner-shop")
FEATURES = (
    *(Feature("id", "String"), Feature("at", "Fractional"), Feature("n", "Integral")),
    *(Feature("word", "String"), Feature("taste", "Fractional", "List")),
)
GROUP = FeatureGroup(ACCOUNT, "items", "id", "at", FEATURES, created=Micros(1))
LATER = GROUP.with_features([Feature("late", "Fractional")])


def groups(*known: FeatureGroup) -> Any:
    return lambda account, key: {(each.account, each.key): each for each in known}.get((account, key))


def put(identity: str, at: float, n: int, **more: Any) -> FeatureRecord:
    group = more.pop("group", GROUP)
    told = {"id": identity, "at": str(at), "n": str(n), **more.pop("values", {})}
    return group.record(told, **more)  # type: ignore[no-any-return]


class Moving:
    """A log and a lake; a second passes with each record."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self.log = open_log(f"sqlite:///{folder / 'log.db'}", partitions=2)
        self.lake = Lake(folder / "lake", disk)
        self.tables = FeatureTables(self.lake)
        self.written = 0

    def write(self, *records: FeatureRecord) -> None:
        made = []
        for record in records:
            self.written += 1
            made.append(feature_record(ACCOUNT, record, Micros(self.written * SECOND), index=self.written))
        self.log.append(made)

    def rows(self, identity: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.tables.history(ACCOUNT, GROUP.key, identity).to_pylist()
        return rows


@pytest.fixture
def moving(tmp_path: Path) -> Any:
    made = Moving(tmp_path)
    yield made
    made.log.close()


def test_records_are_moved_once_with_types_and_columns_are_added(moving: Moving) -> None:
    moving.write(put("a", 10, 1, values={"taste": ["1", "2"]}), put("b", 10, 2), put("a", 20, 3))
    report = sink(moving.log, moving.lake, groups=groups(GROUP))
    assert report.rows == {"features": 3} and not report.failures
    assert sink(moving.log, moving.lake, groups=groups(GROUP)).rows == {}
    moving.write(put("a", 30, 4, group=LATER, values={"late": "0.5"}), GROUP.deletion("a", "40", hard=False))
    assert sink(moving.log, moving.lake, groups=groups(LATER)).rows == {"features": 2}
    rows = moving.rows("a")
    assert [(row["n"], row["late"], row["is_deleted"]) for row in rows] == [
        (None, None, True), (4, 0.5, False), (3, None, False), (1, None, False),
    ]  # fmt: skip
    assert rows[-1]["taste"] == [1.0, 2.0] and rows[-1]["write_time"] == SECOND and rows[-1]["at"] == 10.0
    assert moving.lake.shops() == [] and moving.lake.snapshot(ShopKey(ACCOUNT, ACCOUNT_LEVEL)).versions == {}
    with pytest.raises(StateError, match="Nothing of feature group other"):
        moving.tables.history(ACCOUNT, "other.1", "a")


def test_without_groups_records_stay_in_the_log_and_deleted_groups_hold_up_nobody(moving: Moving) -> None:
    moving.write(put("a", 10, 1))
    stuck = sink(moving.log, moving.lake)
    assert list(stuck.failures) == [ShopKey(ACCOUNT, ACCOUNT_LEVEL)]
    assert sink(moving.log, moving.lake, shop=SHOP).failures == {}
    assert sink(moving.log, moving.lake, groups=groups()).rows == {"features": 0}
    assert sum(moving.lake.places.sunk(moving.log.identity).values()) == 1
    assert not moving.tables.exists(ACCOUNT, GROUP.key)


def test_many_small_commits_are_written_again_as_one_and_nothing_is_lost(moving: Moving) -> None:
    for n in range(40):
        moving.write(put(f"i{n % 3}", n + 1, n))
        sink(moving.log, moving.lake, groups=groups(GROUP))
    assert len(moving.tables.files(ACCOUNT, GROUP.key)) < 40
    assert sum(len(moving.rows(f"i{n}")) for n in range(3)) == 40


def test_features_may_have_any_names(moving: Moving) -> None:
    names = ("place", "last", "gone", "time", "asked", "asks", "row")
    group = FeatureGroup(
        ACCOUNT, "visits", "id", "at", (*FEATURES, *(Feature(name, "String") for name in names)), created=Micros(1)
    )
    moving.write(put("i1", 1, 1, group=group, values={name: f"the {name}" for name in names}))
    sink(moving.log, moving.lake, groups=groups(group))
    assert [batch.num_rows for batch in moving.tables.newest(ACCOUNT, group.key)] == [1]
    spine = pa.table({"item_id": ["i1"], "timestamp": [9 * SECOND]})
    joined = join(moving.lake, spine, [Lookup(group, "item_id", names, prefix="")]).to_pylist()[0]
    assert {name: joined[name] for name in names} == {name: f"the {name}" for name in names}


class FailingDisk(Disk):
    """Breaks at the n-th rename."""

    def __init__(self, at: int) -> None:
        self.left = at

    def rename(self, source: Path, target: Path) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError("power cut")
        super().rename(source, target)


@pytest.mark.parametrize("at", range(1, 8))
def test_a_run_that_breaks_anywhere_is_simply_run_again(tmp_path: Path, at: int) -> None:
    made = Moving(tmp_path, FailingDisk(at))
    made.write(*(put(f"i{n % 5}", n + 1, n) for n in range(20)))
    with suppress(OSError):
        sink(made.log, made.lake, groups=groups(GROUP), batch=6)
    whole = Lake(tmp_path / "lake")
    assert not sink(made.log, whole, groups=groups(GROUP)).failures
    rows = [row for n in range(5) for row in FeatureTables(whole).history(ACCOUNT, GROUP.key, f"i{n}").to_pylist()]
    assert sorted(row["n"] for row in rows) == list(range(20))
    made.log.close()


Row = tuple[str, int, int, bool, int]
"""id, event time in seconds, n, whether it is deleted, time to live in seconds."""
told = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 99), st.booleans(), st.sampled_from([0, 1, 3])),
    max_size=16,
)
asked = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 12)), min_size=1, max_size=10)


def naive(rows: Sequence[Row], identity: str, at: int, max_age: int) -> int | None:
    """By looking at every row: the newest not after `at`, the last written among equals."""
    best: Row | None = None
    for row in rows:
        if row[0] == identity and row[1] <= at and (best is None or row[1] >= best[1]):
            best = row
    if best is None or best[3] or (best[4] and at >= best[1] + best[4]) or (max_age and at - best[1] > max_age):
        return None
    return best[2]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told, asked, st.sampled_from([0, 2]))
def test_a_join_is_what_looking_at_every_row_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], spine: list[tuple[str, int]], max_age: int
) -> None:
    folder = tmp_path_factory.mktemp("join")
    lake = Lake(folder)
    made = [
        _row(n, GROUP.deletion(name, str(at), hard=False) if deleted else put(name, at, value, ttl=ttl * SECOND))
        for n, (name, at, value, deleted, ttl) in enumerate(rows, 1)
    ]
    if made:
        table = pa.Table.from_pylist(made, pa.schema([*OWN, *GROUP.arrow]))
        FeatureTables(lake).append(ACCOUNT, GROUP.key, GROUP.arrow, lambda _: table, log="x", partition=0, upto=1)
    given_rows = pa.table(
        {"who": [name for name, _ in spine], "timestamp": pa.array([at * SECOND for _, at in spine], pa.int64())}
    )
    found = join(lake, given_rows, [Lookup(GROUP, "who", ("n",), max_age * SECOND)])
    assert found["who"].to_pylist() == [name for name, _ in spine]
    assert found["items.n"].to_pylist() == [naive(rows, name, at, max_age) for name, at in spine]
    assert found.schema.field("items.n").type == pa.int64()


def _row(n: int, record: FeatureRecord) -> dict[str, Any]:
    return {
        **GROUP.columns(record.values), "_record_id": record.id, "_event_time": record.time, "write_time": n,
        "_order": n, "is_deleted": record.deleted, "_until": record.until or None, "_record": b"",
    }  # fmt: skip


def test_a_value_of_a_later_moment_is_never_joined(moving: Moving) -> None:
    moving.write(put("a", 10, 1), put("a", 20, 2), put("a", 15, 9, stores=["online"]))
    sink(moving.log, moving.lake, groups=groups(GROUP))
    times = [9 * SECOND, 10 * SECOND, 20 * SECOND - 1, 20 * SECOND, 99 * SECOND]
    spine = pa.table({"item_id": ["a"] * 5, "timestamp": times})
    found = join(moving.lake, spine, [Lookup(GROUP, "item_id"), Lookup(GROUP, "item_id", ("n",), prefix="again_")])
    assert found["items.n"].to_pylist() == [None, 1, 1, 2, 2] == found["again_n"].to_pylist()
    assert found.column_names == ["item_id", "timestamp", "items.n", "items.word", "items.taste", "again_n"]


def test_what_a_join_needs(moving: Moving) -> None:
    spine = pa.table({"item_id": ["a", None], "timestamp": pa.array([1, 2], pa.int64())})
    assert join(moving.lake, spine, [Lookup(GROUP, "item_id", ("n",))])["items.n"].to_pylist() == [None, None]
    with pytest.raises(InputError, match="have no column 'user_id'; they have item_id, timestamp"):
        join(moving.lake, spine, [Lookup(GROUP, "user_id")])
    with pytest.raises(InputError, match="has no feature 'price'; it has id, at, n"):
        join(moving.lake, spine, [Lookup(GROUP, "item_id", ("price",))])
    with pytest.raises(InputError, match=r"have a column 'items\.n' already"):
        join(moving.lake, spine, [Lookup(GROUP, "item_id", ("n",)), Lookup(GROUP, "item_id", ("n",))])


def online_of(moving: Moving, at: int = 100 * SECOND) -> OnlineStore:
    clock = FrozenClock(Micros(at))
    online = OnlineStore(MemoryState(BOUNDS, clock), clock)

    load = OnlineLoad(moving.lake, lambda: [LATER])
    feed = OnlineFeed(moving.log, online, load, lambda: moving.lake.places.sunk(moving.log.identity))
    assert not feed.is_ready
    feed.fill()
    assert feed.is_ready
    return online


def test_the_online_store_is_made_again_of_tables_and_log(moving: Moving) -> None:
    moving.write(
        put("a", 10, 1), put("a", 30, 2), put("a", 20, 3), put("b", 10, 4), GROUP.deletion("b", "11", hard=False),
        put("c", 10, 5), GROUP.deletion("c", "20", hard=True), put("c", 5, 6), put("d", 90, 7, ttl=5 * SECOND),
        put("e", 10, 8, stores=["offline"]), put("f", 10, 9, stores=["online"]),
    )  # fmt: skip
    before = online_of(moving)
    for moved in range(2):
        sink(moving.log, moving.lake, groups=groups(GROUP))
        for partition, n in moving.lake.places.sunk(moving.log.identity).items():
            moving.log.trim(partition, n)
        after = online_of(moving)
        for identity in "abcdef":
            want, got = before.get(LATER, identity), after.get(LATER, identity)
            assert (want and (want.time, want.values())) == (got and (got.time, got.values())), (moved, identity)
        moving.write(put("a", 40, 10 + moved), put("b", 9, 11))
        before = online_of(moving)
        assert (found := after.get(LATER, "a")) is not None, "an older store is fed on"
        assert found.values()["n"] == str(10 + moved)
    numbers = before.numbers(LATER, list("abcdef"), ["n"])[:, 0]
    np.testing.assert_array_equal(numbers, [11, np.nan, 6, np.nan, np.nan, 9])


def test_what_comes_while_the_store_is_filled_waits_for_its_turn(moving: Moving) -> None:
    clock = FrozenClock(Micros(100 * SECOND))
    online = OnlineStore(MemoryState(BOUNDS, clock), clock)
    sunk: list[dict[int, int]] = [{}, {9: 1}, {9: 1}, {9: 1}]

    class Load(OnlineLoad):
        def everything(self, store: OnlineStore) -> int:
            moving.write(put("a", 10 + moving.written, moving.written))
            assert store.get(GROUP, "a") is None or moving.written > 1
            return 0

    feed = OnlineFeed(moving.log, online, Load(moving.lake, list), lambda: sunk.pop(0))
    feed.fill()
    found = online.get(GROUP, "a")
    assert found is not None and found.values()["n"] == "1" and moving.written == 2, "filled again after a sink"


def test_when_too_much_comes_to_wait_it_is_read_from_the_log(moving: Moving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_feed, "MOST_WAITING", 2)
    online, asked = OnlineStore(MemoryState(BOUNDS)), list[int]()

    def sunk() -> dict[int, int]:
        asked.append(moving.written)
        if len(asked) == 2:  # the log has been read by now
            moving.write(*(put("a", 10 + n, n) for n in range(4)))
        return {}

    feed = OnlineFeed(moving.log, online, OnlineLoad(moving.lake, list), sunk)
    feed.fill()
    found = online.get(GROUP, "a")
    assert feed.is_ready and found is not None and found.values()["n"] == "3" and len(asked) == 4


def test_what_is_backfilled_beside_the_log_comes_online(moving: Moving) -> None:
    def fill(upto: int, *records: FeatureRecord) -> None:
        rows = [_row(upto * 10 + n, record) | {"_record": encode(record)} for n, record in enumerate(records)]
        table = pa.Table.from_pylist(rows, pa.schema([*OWN, *GROUP.arrow]))
        moving.tables.append(ACCOUNT, GROUP.key, GROUP.arrow, lambda _: table, log="backfill", partition=0, upto=upto)

    online, load = OnlineStore(MemoryState(BOUNDS)), OnlineLoad(moving.lake, lambda: [GROUP])
    assert load.everything(online) == 0 == load.backfilled(online)
    fill(1, put("a", 10, 1), put("b", 10, 2))
    assert load.backfilled(online) == 2 and load.backfilled(online) == 0
    fill(2, put("a", 5, 3), put("c", 10, 4))
    assert load.backfilled(online) == 3
    moving.write(put("d", 1, 1))
    sink(moving.log, moving.lake, groups=groups(GROUP))
    assert load.backfilled(online) == 0, "what came through the log was folded from there"
    np.testing.assert_array_equal(online.numbers(GROUP, list("abcd"), ["n"])[:, 0], [1, 2, 4, np.nan])


NAMES: Mapping[str, Sequence[str]] = {"v1": ("price", "clicks"), "v2": ("clicks",)}


def test_training_sets_hold_what_was_logged_and_what_became_of_it(moving: Moving) -> None:
    def decision(name: str, at: int, feature_set: str, block: list[list[float]]) -> Decision:
        shown = tuple(Shown(f"i{n}", n + 1, None, 0.5, "als", "because") for n in range(len(block)))
        return Decision(
            id=name, time=at * SECOND, operation="recommendations", target="arn", generation=1, variant="v",
            version="1", recipe="ranked", user_id="u1", k=2, shown=shown, feature_set=feature_set,
            features=np.array(block, "<f4").tobytes(),
        )  # fmt: skip

    customers = FeatureGroup(ACCOUNT, "customers", "id", "at", FEATURES, created=Micros(2))
    moving.write(
        put("i0", 100, 7), put("i0", 300, 8), put("u1", 100, 40, group=customers), put("u1", 250, 41, group=customers)
    )
    bought = Event(event_id="e", event_type="purchase", time=210 * SECOND, item_id="i1", user_id="u1",
                   recommendation_id="one")  # fmt: skip
    moving.log.append(
        [
            decision_record(SHOP, decision("one", 200, "v1", [[1.5, 2], [2.5, np.nan]])),
            decision_record(SHOP, decision("two", 400, "v2", [[3]])),
            decision_record(SHOP, decision("old", 10, "unknown", [[4]])),
            event_record(SHOP, bought),
        ]
    )
    sink(moving.log, moving.lake, groups=groups(GROUP, customers))
    found = examples(
        moving.lake, SHOP, [of_products(GROUP, "n"), of_customers(customers, "n")], names=NAMES.get, since=1
    ).sort_by([("timestamp", "ascending"), ("position", "ascending")])
    wanted = ["recommendation_id", "item_id", "price", "clicks", "items.n", "customers.n"]
    rows = [tuple(row.values()) for row in found.select(wanted).to_pylist()]
    assert rows == [
        ("old", "i0", None, None, None, None),
        ("one", "i0", 1.5, 2.0, 7, 40),
        ("one", "i1", 2.5, None, None, 40),
        ("two", "i0", None, 3.0, 8, 41),
    ]
    assert [response > 0 for response in found["response"].to_pylist()] == [False, False, True, False]
    assert logged_examples(moving.lake, ShopKey(ACCOUNT, "nobody"), NAMES.get).num_rows == 0
