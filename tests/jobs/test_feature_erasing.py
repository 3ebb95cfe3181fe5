"""Deleted users are in no group that was made of their shop's data, neither in the lake nor online."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from endcap.features.groups import FeatureGroup
from endcap.features.offline import OnlineLoad
from endcap.features.online import BOUNDS, OnlineStore
from endcap.features.online_feed import OnlineFeed
from endcap.jobs.feature_backfill import backfill
from endcap.jobs.feature_erasing import erase_features
from endcap.jobs.feature_windows import add_window
from endcap.lake.feature_tables import FeatureTables
from endcap.registry.feature_groups import FeatureGroups
from endcap.settings import Settings
from endcap.storage.log import open_log
from endcap.storage.state import MemoryState, StateStore, open_state
from jobs_shop import SmallShop
from valkeys import Valkey, new_name

PAIRS = {"name": "taken", "key": "pair", "kind": "tumbling", "length": "7d", "aggregate": "count", "group": "pairs"}


@pytest.fixture
def small(tmp_path: Path) -> SmallShop:
    made = SmallShop(tmp_path, users=12, items=8)
    add_window(made.workspace, made.shop, PAIRS)
    backfill(made.workspace, made.shop)
    return made


def group(small: SmallShop, name: str) -> FeatureGroup:
    return FeatureGroups(small.workspace.database).get(small.shop.account, name)


def kept(small: SmallShop, name: str, column: str) -> set[str]:
    import pyarrow.parquet as pq  # noqa: PLC0415

    found = group(small, name)
    folder = Path(FeatureTables(small.workspace.lake).files(found.account, found.key)[0]).parent
    return {str(each) for file in folder.glob("*.parquet") for each in pq.read_table(file)[column].to_pylist()}


def test_rows_are_gone_from_every_group_and_from_older_versions(small: SmallShop) -> None:
    gone = sorted(kept(small, "shop-customers", "_record_id"))[:2]
    before = {name: kept(small, name, "_record_id") for name in ("shop-products", "shop-customers", "pairs")}
    assert set(gone) <= kept(small, "shop-orders", "customer")
    assert erase_features(small.workspace, small.shop, gone) > 0
    assert kept(small, "shop-products", "_record_id") == before["shop-products"]
    assert kept(small, "shop-customers", "_record_id") == before["shop-customers"] - set(gone)
    assert kept(small, "shop-orders", "customer").isdisjoint(gone)
    assert kept(small, "pairs", "_record_id") == {
        each for each in before["pairs"] if each.partition("|")[0] not in gone
    }
    assert erase_features(small.workspace, small.shop, gone) == 0
    assert [each.added for each in backfill(small.workspace, small.shop, ["products"], windows=False)] == [0]


def read(online: OnlineStore, found: FeatureGroup, ids: list[str]) -> list[bool]:
    return [each is not None for each in online.get_many([(found, identity) for identity in ids])]


def online_of(
    small: SmallShop, state: StateStore, fresh: Callable[[], StateStore] | None
) -> tuple[OnlineStore, OnlineFeed]:
    online = OnlineStore(state)
    load = OnlineLoad(small.workspace.lake, FeatureGroups(small.workspace.database).everywhere, shared=fresh is None)
    feed = OnlineFeed(open_log(small.workspace.settings.log), online, load, dict, fresh)
    feed.fill()
    return online, feed


def test_a_running_server_forgets_them(small: SmallShop) -> None:
    online, feed = online_of(small, MemoryState(BOUNDS), lambda: MemoryState(BOUNDS))
    found = group(small, "shop-customers")
    ids = sorted(kept(small, "shop-customers", "_record_id"))[:3]
    assert read(online, found, ids) == [True] * 3
    feed.renew()
    erase_features(small.workspace, small.shop, ids[:1])
    feed.renew()
    assert read(online, found, ids) == [False, True, True] and feed.is_ready
    assert np.isfinite(online.numbers(found, ids[1:], ["orders"])).all()


def test_a_shared_state_forgets_them(tmp_path: Path, small: SmallShop, valkey: Valkey) -> None:
    url = f"{valkey.url}?name={new_name()}"
    online, _ = online_of(small, open_state(url, bounds=BOUNDS), None)
    found, ids = group(small, "shop-customers"), sorted(kept(small, "shop-customers", "_record_id"))[:3]
    assert read(online, found, ids) == [True] * 3
    object.__setattr__(small.workspace, "settings", Settings(home=small.workspace.settings.home, state_url=url))
    erase_features(small.workspace, small.shop, ids[:1])
    assert read(online, found, ids) == [False, True, True]
