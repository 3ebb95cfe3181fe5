"""One contract: imported, streamed and sunk, replayed or live, the same events weigh the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shops import Registry

from endcap.lake.declarations import declare
from endcap.lake.signals import Signals
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.seams import Disk, FrozenClock
from endcap.serving.lake_shops import LakeShops
from endcap.serving.live_shops import LiveShops
from endcap.serving.shop import ShopState
from endcap.storage.log import open_log
from endcap.stream.collect import event_record
from endcap.stream.records import Event
from endcap.stream.sink import sink
from endcap.testing.datasets import checkerboard
from endcap.types import AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey(), "fair")
numbers = st.none() | st.sampled_from([-1.0, 0.0, 1.0, 2.5, 3, 5.0, 30, 99.5, 1e40, "4", "x"])
events = st.lists(
    st.tuples(st.sampled_from(["View", "Rating", "Purchase", "NotInterested"]), numbers, numbers, numbers),
    min_size=1,
    max_size=8,
)
Told = tuple[str, float, dict[str, object]]


def float_of(told: object) -> float | None:
    return float(told) if isinstance(told, int | float) else None


def record(at: int, kind: str, value: object, seconds: object, stars: object) -> Event:
    properties = {name: told for name, told in (("duration", seconds), ("rating", stars)) if told is not None}
    moment, amount = 1_000_000 * (at + 1), float_of(value)
    return Event(event_id=f"e{at}", event_type=kind, time=moment, item_id=f"i{at}", user_id="u", value=amount,
                 properties=properties)  # type: ignore[arg-type]  # fmt: skip


def table(told: list[Event]) -> pa.Table:
    columns = {"user_id": "user_id", "item_id": "item_id", "timestamp": "time", "event_type": "event_type"}
    named = {name: [getattr(each, held) for each in told] for name, held in columns.items()}
    named["event_value"] = pa.array([each.value for each in told], pa.float64())
    for name in ("duration", "rating"):
        given = [each.properties.get(name) for each in told]
        named[name] = pa.array([None if each is None else str(each) for each in given], pa.string())
    return pa.table(named)


def of_state(lake: Lake) -> tuple[dict[str, float], dict[str, float]]:
    """What counts for items and what speaks against them, by item."""
    state = LakeShops(lake).state(SHOP)
    histories, row = state.histories, state.histories.row("u")
    past = histories.past.slice(row)
    wanted = dict(zip(state.catalogue.names(past.item), past.weight.tolist(), strict=True))
    unwanted = histories.unwanted(row)
    return wanted, {state.catalogue.name(ordinal): far for ordinal, far in unwanted.items()}


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events)
def test_the_same_events_weigh_the_same_whichever_way_they_came(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[str, object, object, object]]
) -> None:
    root: Path = tmp_path_factory.mktemp("ways")
    told = [record(at, *each) for at, each in enumerate(given)]
    imported, lake = Lake(root / "imported"), Lake(root / "lake")
    for each in (imported, lake):
        declare(each.directory(SHOP), Signals.of({"DURATION": {"": "dwell"}}), Disk())
    imported.commit(SHOP, "interactions", table(told), schema=table(told).schema, mode="FULL", job="bulk")
    expected = of_state(imported)

    log = open_log(f"sqlite:///{root / 'log.db'}")
    first = Event(event_id="x", event_type="View", time=1, item_id="other", user_id="v")
    log.append([event_record(SHOP, first)])
    sink(log, lake)
    state = LakeShops(lake).state(SHOP)
    shops = LiveShops(log, lake, FrozenClock(Micros(0)))
    live = shops.follow(SHOP, state)
    log.append([event_record(SHOP, each) for each in told])
    replayed = LiveShops(log, lake, FrozenClock(Micros(0))).follow(SHOP, state)
    for way in (live, replayed):
        fresh = way.items.fresh("u")
        assert fresh is not None
        said = dict(zip(way.items.names(fresh.item), fresh.weight.tolist(), strict=True))
        assert {name: weight for name, weight in said.items() if weight > 0} == expected[0]
        assert {name: -weight for name, weight in said.items() if weight < 0} == expected[1]
    assert live.items.refused == replayed.items.refused == imported.dataset(SHOP).refused
    assert live.items.taken.of(live.items.ordinals([f"i{at}" for at in range(len(told))])).sum() == len(expected[0])
    sink(log, lake)
    assert of_state(lake) == expected, "sunk"
    log.close()


def test_what_was_refused_is_forgiven_by_what_came_later(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = [
        ("NotInterested", "a", 1),
        ("Purchase", "a", 2),
        ("Purchase", "b", 3),
        ("Return", "b", 4),
        ("Rating", "c", 5),
    ]
    kinds, items, times = (list(each) for each in zip(*rows, strict=True))
    told = pa.table({"user_id": ["u"] * 5, "item_id": items, "timestamp": times, "event_type": kinds,
                     "rating": [None, None, None, None, 1.0]})  # fmt: skip
    lake.commit(SHOP, "interactions", told, schema=told.schema, mode="FULL", job="bulk")
    assert of_state(lake)[1] == {"b": 0.5, "c": 1.0}
    assert np.array_equal(lake.dataset(SHOP).interactions.weight, [1, 1])


def test_a_version_is_asked_with_the_weights_that_it_was_taught(tmp_path: Path) -> None:
    data = checkerboard()
    registry = Registry(tmp_path, data)
    taught = replace(data, scales=(4.0,) * len(data.event_types))
    models = [registry.snapshot(create("popularity"), each).models for each in (data, taught)]
    state, asked = ShopState.of(data), []
    for (model,) in (each.values() for each in models):
        past = state.histories.past.take(np.arange(3, dtype=np.int32))
        asked.append(model.on(state).queries(past, 0).weight)
    assert np.array_equal(asked[1], 4 * asked[0]) and asked[0].any()
