"""Backfill: what history gives goes into the offline tables once, however often it is run and wherever it stops."""

import pyarrow as pa
import pytest

from endcap.errors import InputError, UnknownName
from endcap.features.groups import Feature, FeatureGroup
from endcap.features.offline import BACKFILLED, OnlineLoad, join, of_customers, of_products
from endcap.features.online import OnlineStore
from endcap.jobs import feature_backfill
from endcap.jobs.feature_backfill import backfill
from endcap.jobs.feature_windows import add_window, list_windows, remove_window
from endcap.lake.feature_tables import FeatureTables
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.resources import Exists
from endcap.storage.state import Bounds, MemoryState
from endcap.types import DAY, ShopKey
from jobs_shop import START, SmallShop

WINDOW = {
    "name": "looked", "key": "user", "kind": "stagger", "length": "1d", "aggregate": "count",
    "weights": "view", "group": "looks",
}  # fmt: skip


@pytest.fixture
def small(tmp_path):
    return SmallShop(tmp_path, users=12, items=8)


def _group(small: SmallShop, name: str) -> FeatureGroup:
    return FeatureGroups(small.workspace.database).get(small.shop.account, name)


def _rows(small: SmallShop, name: str) -> list[dict[str, object]]:
    import pyarrow.parquet as pq  # noqa: PLC0415

    group = _group(small, name)
    files = FeatureTables(small.workspace.lake).files(group.account, group.key)
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_history_goes_into_the_offline_store_once(small):
    assert feature_backfill.LOG == BACKFILLED
    first = backfill(small.workspace, small.shop)
    assert [each.group for each in first] == ["shop-customers", "shop-products", "shop-orders", "shop-clickstream"]
    assert all(each.rows == each.added > 0 for each in first)
    assert [each.added for each in backfill(small.workspace, small.shop)] == [0, 0, 0, 0]
    for each in first:
        held = _rows(small, each.group)
        assert len(held) == each.rows
        assert len({(row["_record_id"], row["_event_time"]) for row in held}) == each.rows


def test_new_data_adds_what_is_new(small):
    [before] = backfill(small.workspace, small.shop, ["orders"], windows=False)
    more = small.events(seed=2).slice(0, 30)
    small.workspace.lake.commit(small.shop, "interactions", more, schema=more.schema, mode="INCREMENTAL", job="more")
    [after] = backfill(small.workspace, small.shop, ["orders"], windows=False)
    held = _rows(small, "shop-orders")
    assert after.rows > before.rows
    assert after.added == len(held) - before.rows
    assert after.added >= after.rows - before.rows


def test_what_strangers_do_writes_no_row_again(small):
    backfill(small.workspace, small.shop, ["customers"], windows=False)
    events = small.events(seed=3).to_pylist()
    more = pa.Table.from_pylist([{**row, "user_id": f"a-{row['user_id']}"} for row in events])
    small.workspace.lake.commit(small.shop, "interactions", more, schema=more.schema, mode="INCREMENTAL", job="more")
    [after] = backfill(small.workspace, small.shop, ["customers"], windows=False)
    held = _rows(small, "shop-customers")
    assert after.added == sum(str(row["_record_id"]).startswith("a-") for row in held)


class Killed(Exception):
    pass


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_run_that_was_killed_is_done_by_the_next(small, monkeypatch, after):
    monkeypatch.setattr(feature_backfill, "ROWS", 20)
    calls = [0]

    def check() -> None:
        calls[0] += 1
        if calls[0] > after:
            raise Killed

    with pytest.raises(Killed):
        backfill(small.workspace, small.shop, check=check)
    done = backfill(small.workspace, small.shop)
    assert 20 * (after - 1) < sum(each.rows - each.added for each in done) <= 20 * after  # a group ends with fewer
    for each in done:
        held = [(row["_record_id"], row["_event_time"]) for row in _rows(small, each.group)]
        assert len(held) == len(set(held)) == each.rows


def test_training_rows_are_joined_with_what_was_known_then(small):
    backfill(small.workspace, small.shop)
    events = small.events()
    spine = events.select(["user_id", "item_id", "timestamp"])
    lookups = [
        of_customers(_group(small, "shop-customers"), "orders"),
        of_products(_group(small, "shop-products"), "popularity_28d", "category"),
    ]
    joined = join(small.workspace.lake, spine, lookups).to_pylist()
    bought = [row for row in events.to_pylist() if row["event_type"] == "Purchase"]
    for row in joined:
        end = row["timestamp"] // DAY * DAY
        mine = {each["timestamp"] for each in bought if each["user_id"] == row["user_id"] and each["timestamp"] < end}
        sold = [each for each in bought if each["item_id"] == row["item_id"] and each["timestamp"] < end]
        assert (row["shop-customers.orders"] or 0) == len(mine)
        assert (row["shop-products.popularity_28d"] or 0) == len(sold)
    assert {row["shop-products.category"] for row in joined} <= {None, "Comedy", "Drama", "Crime|Drama"}


def test_the_newest_row_of_each_record_is_for_the_online_store(small):
    backfill(small.workspace, small.shop, ["customers"], windows=False)
    group = _group(small, "shop-customers")
    store = OnlineStore(MemoryState(Bounds()), small.workspace.clock)
    load = OnlineLoad(small.workspace.lake, lambda: [group])
    assert load.everything(store) == small.users
    assert load.backfilled(store) == 0
    newest = max(
        (row for row in _rows(small, group.name) if row["_record_id"] == "u3"), key=lambda row: row["_event_time"]
    )
    found = store.get(group, "u3")
    assert found is not None
    assert found.time == newest["_event_time"]
    assert found.values()["orders"] == str(newest["orders"])


def test_declared_windows_are_recorded_at_their_closes(small):
    add_window(small.workspace, small.shop, WINDOW)
    done = {each.group: each for each in backfill(small.workspace, small.shop, [])}
    rows = [row for row in _rows(small, "looks") if row["_record_id"] == "u0"]
    times = sorted(
        row["timestamp"] for row in small.events().to_pylist() if (row["user_id"], row["event_type"]) == ("u0", "View")
    )
    wanted: list[list[int]] = []
    for time in times:
        if wanted and time < wanted[-1][0] + DAY:
            wanted[-1].append(time)
        else:
            wanted.append([time])
    told = sorted((row["_event_time"], row["looked"]) for row in rows)
    assert told == [(each[0] + DAY, float(len(set(each)))) for each in wanted]
    assert done["looks"].added == len(_rows(small, "looks"))
    assert sum(each.added for each in backfill(small.workspace, small.shop, [])) == 0
    assert told[0][0] > START


def test_windows_are_declared_listed_and_removed(small):
    workspace, shop = small.workspace, small.shop
    made = add_window(workspace, shop, WINDOW)
    assert list_windows(workspace, shop) == [made]
    assert list_windows(workspace, ShopKey(shop.account, "other")) == []
    assert _group(small, "looks").by_name["looked"].type == "Fractional"
    assert _group(small, "looks").identifier == "user_id"
    with pytest.raises(Exists):
        add_window(workspace, shop, WINDOW)
    second = {**WINDOW, "name": "last", "aggregate": "last", "of": "item", "n": "3"}
    add_window(workspace, shop, second)
    assert _group(small, "looks").by_name["last"] == Feature("last", "String")
    with pytest.raises(UnknownName, match=r"no declared window 'lost'.*last, looked"):
        remove_window(workspace, shop, "lost")
    remove_window(workspace, shop, "looked")
    assert [each.name for each in list_windows(workspace, shop)] == ["last"]
    with pytest.raises(InputError, match="that is Fractional"):
        add_window(workspace, shop, {**second, "name": "looked"})
    with pytest.raises(InputError, match="no duration"):
        add_window(workspace, shop, {**WINDOW, "length": "2 minutes"})


def test_unknown_groups_are_refused_before_anything_is_done(small):
    with pytest.raises(UnknownName, match="reference group 'suppliers'"):
        backfill(small.workspace, small.shop, ["customers", "suppliers"])
    assert FeatureGroups(small.workspace.database).list(small.shop.account) == []
