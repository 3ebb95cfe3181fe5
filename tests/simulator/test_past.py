import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from endcap.lake.dataset import Dataset
from endcap.lake.shop_schemas import SHOP
from endcap.simulator import History, Shop, history, open_shop
from endcap.simulator.events import TYPES
from endcap.types import DAY


def test_equal_seeds_make_equal_pasts(shop: Shop, past: History) -> None:
    again = history(open_shop("grocery", users=1_500, items=600, days=60, seed=11))
    assert again.interactions.equals(past.interactions)
    assert again.users.equals(past.users)
    assert np.array_equal(again.dues, past.dues)


def test_tables_have_the_columns_of_the_shop(past: History) -> None:
    for kind in ("interactions", "items", "users"):
        columns, table = SHOP[kind].arrow(), getattr(past, kind)
        for name in table.column_names:
            assert table.schema.field(name).type == columns.field(name).type, name
    assert set(pc.unique(past.interactions["event_type"]).to_pylist()) == set(TYPES)


def test_blocks_only_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = open_shop("home", users=400, items=300, days=30, seed=2)
    whole = history(shop)
    monkeypatch.setattr("endcap.simulator.past.BLOCK", 300)
    split = history(shop)
    a, b = whole.interactions.num_rows, split.interactions.num_rows
    assert abs(a - b) < 0.1 * a, "streams are drawn by block, the shop is the same"
    sessions = split.interactions.filter(pc.is_valid(split.interactions["session_id"])).select(["session_id", "device"])
    per = sessions.group_by("session_id").aggregate([("device", "count_distinct")])
    assert pc.max(per["device_count_distinct"]).as_py() == 1, "ids of sessions are unique over blocks"


def test_nothing_lies_outside_the_run_or_before_its_launch(shop: Shop, past: History) -> None:
    time = past.interactions["timestamp"].to_numpy()
    assert time.min() >= shop.start
    assert time.max() < shop.end
    item = pc.index_in(past.interactions["item_id"], value_set=shop.catalogue.ids).to_numpy()
    assert (shop.catalogue.created[item] <= time).all()
    listed = past.interactions.filter(pc.is_valid(past.interactions["impression"]))
    shown = pc.list_flatten(pc.split_pattern(listed["impression"], "|"))
    assert pc.all(pc.is_in(shown, value_set=shop.catalogue.ids)).as_py()


def test_an_order_is_paid_at_once_and_its_value_adds_up(past: History) -> None:
    bought = past.interactions.filter(pc.equal(past.interactions["event_type"], "Purchase"))
    orders = bought.group_by("order_id").aggregate([("timestamp", "max"), ("timestamp", "min"), ("item_id", "count")])
    spread = pc.subtract(orders["timestamp_max"], orders["timestamp_min"])
    assert pc.max(spread).as_py() <= DAY // 100
    assert pc.max(orders["item_id_count"]).as_py() > 1
    value = pc.multiply(bought["price"], bought["quantity"]).to_numpy()
    assert np.allclose(bought["event_value"].to_numpy(), value, atol=0.006)


def test_some_visits_begin_anonymous_and_log_in(past: History) -> None:
    table = past.interactions.filter(pc.is_valid(past.interactions["session_id"]))
    anonymous = pc.equal(table["user_id"], table["session_id"])
    sessions = pc.unique(table.filter(anonymous)["session_id"])
    known = pc.unique(table.filter(pc.invert(anonymous))["session_id"])
    share = len(sessions) / len(pc.unique(table["session_id"]))
    assert 0.15 < share < 0.25
    assert 0.1 < pc.mean(pc.is_in(sessions, value_set=known)).as_py() < 0.7


def test_a_dataset_is_made_of_it(past: History) -> None:
    dataset = Dataset.from_table(past.interactions)
    assert len(dataset.interactions) == past.interactions.num_rows
    assert (dataset.interactions.order >= 0).any()


def test_without_impressions_the_rest_is_the_same(shop: Shop, past: History) -> None:
    bare = history(shop, impressions=False).interactions
    kept = past.interactions.filter(pc.not_equal(past.interactions["event_type"], "Impression"))
    assert bare.select(["user_id", "item_id", "timestamp"]).equals(kept.select(["user_id", "item_id", "timestamp"]))


def test_a_shop_where_nobody_comes_has_an_empty_past() -> None:
    empty = history(open_shop(users=1, items=100, days=1, visits=0.0))
    assert isinstance(empty.interactions, pa.Table)
    assert empty.interactions.num_rows <= 20
