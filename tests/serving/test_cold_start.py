"""Shoppers of whom nothing is known but who they are and where they ask from see what sells to their like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from shops import SHOP, Registry
from test_live import event, follow, lively, log  # noqa: F401

from endcap.errors import ArtefactError
from endcap.lake.dataset import Dataset
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.seams import rng
from endcap.serving.lake_shops import LakeShops
from endcap.serving.recommend import Request, recommend
from endcap.serving.segment_counts import STRENGTHS, evidence, segments_of
from endcap.serving.segment_rung import phrase
from endcap.serving.segments import Segments, value_of
from endcap.serving.shop import ShopState
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Log
from endcap.stream.collect import event_record, put_record
from endcap.stream.records import Put
from endcap.testing.datasets import START
from endcap.types import DAY, HOUR

REGIONS = ("Ohio", "Utah", "Iowa")
ITEMS = 60


def lines(users: int = 120, events: int = 20, seed: int = 5) -> pa.Table:
    """User n lives in region n % 3 and takes mostly that region's twenty items; phones take the first half in the
    evening, computers the second in the morning."""
    draw = rng(seed)
    user = np.repeat(np.arange(users), events)
    own = draw.random(len(user)) < 0.8
    phone = draw.random(len(user)) < 0.5
    local = user % 3 * 20 + draw.integers(0, 10, len(user)) + np.where(phone, 0, 10)
    item = np.where(own, local, draw.integers(0, ITEMS, len(user)))
    time = START + draw.integers(0, 20, len(user)) * DAY + np.where(phone, 19, 7) * HOUR
    return pa.table(
        {
            "user_id": [f"u{n}" for n in user],
            "item_id": [f"i{n}" for n in item],
            "timestamp": pa.array(time, pa.int64()),
            "event_type": ["purchase"] * len(user),
            "device": np.where(phone, "phone", "desktop").tolist(),
        }
    )


def users(names: list[str]) -> pa.Table:
    numbers = [int(name[1:]) for name in names]
    return pa.table(
        {
            "user_id": names,
            "location": [REGIONS[n % 3] for n in numbers],
            "gender": ["women" if n % 7 % 2 else "men" for n in numbers],
            "note": [f"only {n}" for n in numbers],
        }
    )


def shop() -> Dataset:
    data = Dataset.from_table(lines().drop_columns(["device"]))
    return replace(data, user_metadata=users(data.users.ids.to_pylist()))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    registry = Registry(tmp_path_factory.mktemp("home"), shop())
    made = registry.snapshot(create("als", {"factors": 8}))
    state = ShopState.of(registry.data, happened=lines())
    return replace(made, state=state, models={name: model.on(state) for name, model in made.models.items()})


def region(name: str) -> str:
    return REGIONS[int(name[1:]) // 20]


def test_columns_that_tell_are_kept_and_others_are_not() -> None:
    segments = segments_of(shop(), happened=lines())
    assert set(segments.columns) == {"location", "device", "hour"}
    assert segments.find({"location": " OHIO|x", "gender": "men", "device": "Phone"}) != ()
    assert segments.find({"location": "nowhere"}) == ()


def test_a_newcomer_of_a_region_sees_its_bestsellers(quiet: Snapshot, log: Log, tmp_path: Path) -> None:  # noqa: F811
    _, streamed = follow(log, tmp_path, quiet.state)
    snapshot = lively(quiet, streamed)
    assert recommend(snapshot, Request(6, "newcomer")).rung == "trending"
    log.append([put_record(SHOP, "user", Put(id="newcomer", time=5, properties={"location": "Utah"}))])
    told = recommend(snapshot, Request(6, "newcomer"))
    assert told.rung == "segment" and {region(name) for name in told.items} == {"Utah"}
    assert set(told.reasons) == {"Popular with shoppers in Utah"} and set(told.words) == {"Popular item"}
    assert told.recommendation_id and told.scores == [None] * 6
    elsewhere = recommend(snapshot, Request(6, "newcomer", context={"LOCATION": "Iowa"}))
    assert {region(name) for name in elsewhere.items} == {"Iowa"}, "the request goes before the table"
    now = quiet.state.histories.last_time + DAY
    log.append([event_record(SHOP, event("i1", "newcomer", now))])
    assert recommend(snapshot, Request(6, "newcomer")).rung == "personal", "one click takes over"


def test_context_alone_is_enough_and_the_hour_alone_is_not(quiet: Snapshot) -> None:
    now = quiet.state.histories.last_time + HOUR
    phone = recommend(quiet, Request(5, context={"DEVICE": "phone"}, asked=now // DAY * DAY + 19 * HOUR + DAY))
    assert phone.rung == "segment" and all(int(name[1:]) % 20 < 10 for name in phone.items)
    assert any("on phones" in reason for reason in phone.reasons)
    assert recommend(quiet, Request(5, asked=now)).rung == "trending"
    both = recommend(quiet, Request(5, context={"device": "desktop", "location": "Ohio"}))
    assert all(region(name) == "Ohio" and int(name[1:]) % 20 >= 10 for name in both.items)
    assert "Popular with shoppers in Ohio, on computers" in both.reasons


def test_filters_and_exclusions_hold_on_this_rung(quiet: Snapshot) -> None:
    allowed = np.zeros(len(quiet.state.listed), np.bool_)
    allowed[quiet.state.ordinals([f"i{n}" for n in (1, 2, 41, 42)])] = True
    found = recommend(quiet, Request(4, context={"LOCATION": "Iowa"}, allowed=allowed))
    assert set(found.items[:2]) == {"i41", "i42"} and set(found.items) == {"i1", "i2", "i41", "i42"}
    assert found.rungs[:2] == ["segment"] * 2
    assert all("Iowa" not in reason for reason in found.reasons[2:]), "they do not sell better there"


def test_a_known_shopper_and_a_list_are_answered_as_before(quiet: Snapshot) -> None:
    known = recommend(quiet, Request(4, "u3", context={"LOCATION": "Utah"}))
    assert known.rung == "personal" and known.segments == ()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 8))
def test_chance_is_no_evidence(seed: int, columns: int) -> None:
    draw = rng(seed)
    data = shop()
    names = data.users.ids
    dealt = {f"c{at}": draw.choice(["a", "b", "c"], len(names)).tolist() for at in range(columns)}
    made = segments_of(replace(data, user_metadata=pa.table({"user_id": names, **dealt})))
    # The regions are hidden here: a column dealt at random may lean on them, but never as a region does.
    assert len([name for name in made.columns if name != "hour"]) <= max(1, columns // 2)


def test_small_segments_lean_on_the_shop() -> None:
    data = shop()
    homes = [REGIONS[int(name[1:]) % 3] for name in data.users.ids.to_pylist()]
    moved = rng(0).choice(len(homes), 12, replace=False).tolist()
    table = pa.table(
        {"user_id": data.users.ids, "location": ["Alaska" if at in moved else home for at, home in enumerate(homes)]}
    )
    segments = segments_of(replace(data, user_metadata=table))
    few, many = (np.abs(segments.lift[segments.find({"location": name})[0]]) for name in ("Alaska", "Ohio"))
    assert few.mean() < many.mean() / 3, "twelve from everywhere are no region"
    among = np.array([20.0, 1000.0])
    gain, strength = evidence(sparse.csr_matrix([[5.0, 5.0], [500.0, 500.0]]), among)
    assert gain <= 0 and set(strength) == {STRENGTHS[-1]}, (
        "equal shares are no evidence, and lean on the shop as far as may be"
    )
    gain, strength = evidence(sparse.csr_matrix([[5.0, 500.0], [500.0, 5.0]]), np.array([1000.0, 1000.0]))
    assert gain > 100 and max(strength) < 1


def test_what_was_saved_is_what_was_built(tmp_path: Path) -> None:
    built = ShopState.of(shop(), happened=lines())
    (tmp_path / "x").write_bytes(built.pack())
    again = ShopState.open(tmp_path / "x").segments
    assert again.dimensions == built.segments.dimensions
    rows = again.find({"location": "Ohio"})
    np.testing.assert_array_equal(again.order(rows), built.segments.order(rows))
    arrays, text = built.segments.arrays()
    with pytest.raises(ArtefactError):
        Segments.from_arrays({**arrays, "lift": arrays["lift"][1:]}, text)
    with pytest.raises(ArtefactError):
        Segments.from_arrays(arrays, "[[")


def test_contexts_are_read_from_the_lake(tmp_path: Path) -> None:
    lake, table = Lake(tmp_path), lines()
    lake.commit(SHOP, "interactions", table, schema=table.schema, mode="FULL", job="a")
    assert "device" in LakeShops(lake).state(SHOP).segments.columns


def test_words() -> None:
    assert phrase("age", "30-39") == "with shoppers aged 30-39"
    assert phrase("shoe_size", "43") == "with shoppers of shoe size 43"
    assert phrase("channel", "in_store") == "in the store"
    assert value_of("age", "34.0") == "30-39" and value_of("age", "65+") == "65+" and value_of("hour", "23") == "21-24"
