"""What a shopper does not want sinks with its kin, at once and after the next import, until they take it up again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from shops import SHOP, Registry

from endcap.lake.dataset import Dataset, Interactions
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.seams import FrozenClock
from endcap.serving.live_shops import LiveShops
from endcap.serving.recommend import Request, recommend
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Log, open_log
from endcap.stream.collect import event_record
from endcap.stream.records import Event
from endcap.testing.datasets import random_shop
from endcap.types import DAY, SECOND, Micros

KINDS = ("red wine", "green tea", "brown bread", "white cheese")


def shop() -> Dataset:
    data = random_shop(3, users=30, items=24, events=500)
    numbers = [int(name[1:]) for name in data.items.ids.to_pylist()]
    names = [f"{KINDS[at % 4]} of maker {at % 3}" for at in numbers]
    return replace(data, event_types=("Purchase",), item_metadata=pa.table({"item_id": data.items.ids, "name": names}))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("home"), shop())


@pytest.fixture(scope="module")
def quiet(registry: Registry) -> Snapshot:
    return registry.snapshot(create("item-item"))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    yield log
    log.close()


def kind(item: str) -> int:
    return int(item[1:]) % 4


def test_live_events_against_an_item(registry: Registry, quiet: Snapshot, log: Log) -> None:
    snapshot = replace(
        quiet, live=LiveShops(log, Lake(registry.home / "lake"), FrozenClock(Micros(0))).follow(SHOP, quiet.state).items
    )
    now = quiet.state.histories.last_time + DAY

    def tell(what: str, item: str, at: int) -> None:
        given = Event(event_id=f"{what}{at}", event_type=what, time=now + at * SECOND, item_id=item, user_id="u3")
        log.append([event_record(SHOP, given)])

    def asked() -> list[str]:
        return recommend(snapshot, Request(24, "u3", asked=now + DAY)).items

    before = asked()
    worst = before[2]
    kin = [item for item in before if kind(item) == kind(worst) and item != worst]
    tell("RemoveFromCart", worst, 1)
    mild = asked()
    assert mild.index(worst) > 2
    tell("NotInterested", worst, 2)
    after = asked()
    assert after.index(worst) > mild.index(worst) and set(after) == set(before)
    assert np.mean([after.index(item) for item in kin]) > np.mean([before.index(item) for item in kin])
    listed = recommend(snapshot, Request(9, "u3", candidates=tuple(before), asked=now + DAY)).items
    assert listed.index(worst) > before.index(worst)
    tell("Purchase", worst, 3)
    assert asked().index(worst) < after.index(worst)


def test_imported_events_against_an_item(registry: Registry, quiet: Snapshot, tmp_path: Path) -> None:
    before = recommend(quiet, Request(24, "u3")).items
    data = shop()
    user, item = int(data.users.rows(["u3"])[0]), int(data.items.rows([before[0]])[0])
    one = Interactions(
        *(np.array([each], kind) for each, kind in ((user, np.int32), (item, np.int32), (data.last_time, np.int64))),
        np.array([1], np.int16),
        np.array([-1.0], np.float32),
        np.array([-1], np.int64),
    )
    told = replace(data, event_types=("Purchase", "Not interested"), left_out=one)
    after = recommend(Registry(tmp_path, told).snapshot(create("item-item")), Request(24, "u3")).items
    assert before[0] not in after[:5] and set(after) == set(before)
