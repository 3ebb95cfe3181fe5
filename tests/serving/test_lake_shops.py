from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from shops import SHOP

from endcap.errors import ArtefactError
from endcap.lake.schemas import Field, Schema
from endcap.lake.tables import Lake
from endcap.serving import lake_shops
from endcap.serving.filters import Attributes, Events, FilterView, evaluate, parse
from endcap.serving.lake_shops import LakeShops
from endcap.serving.shop import ShopStates
from endcap.testing.datasets import START


def stocked(root: Path) -> Lake:
    lake = Lake(root)
    table = pa.table(
        {
            "user_id": ["u1", "u2"],
            "item_id": ["i1", "i2"],
            "timestamp": pa.array([START, START + 1], pa.int64()),
            "event_type": ["view", "purchase"],
        }
    )
    lake.commit(SHOP, "interactions", table, schema=table.schema, mode="FULL", job="events")
    actions = pa.table({"action_id": ["a1", "a2"], "value": pa.array([1, None], pa.int64())})
    lake.commit(SHOP, "actions", actions, schema=actions.schema, mode="FULL", job="actions")
    return lake


def test_actions_without_answers_have_their_attributes(tmp_path: Path) -> None:
    state = ShopStates(LakeShops(stocked(tmp_path / "lake"), "actions"), tmp_path / "state").load(SHOP)
    assert state.ordinals(["a1", "a2", "i1"]).tolist() == [0, 1, -1]
    assert state.items.value(0, "value") == 1 and state.items.value(1, "value") is None


def test_actions_are_found_by_their_own_id_and_three_hundred_answers_back(tmp_path: Path) -> None:
    lake, shown = stocked(tmp_path / "lake"), 305
    names = [f"old{number}" for number in range(shown - 300)] + [f"a{number}" for number in range(300)]
    answers = pa.table(
        {
            "user_id": ["u1"] * shown,
            "action_id": names,
            "timestamp": pa.array([START + number for number in range(shown)], pa.int64()),
            "event_type": ["VIEWED"] * shown,
        }
    )
    lake.commit(SHOP, "action_interactions", answers, schema=answers.schema, mode="FULL", job="answers")
    state = LakeShops(lake, "actions").state(SHOP)
    actions = Attributes(state.items)
    events = Events(*state.histories.interacted(state.histories.row("u1")), state.histories.event_types)
    view = FilterView(actions=actions, action_events=events)
    seen = evaluate(parse('INCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("viewed")'), view)
    assert sorted(state.catalogue.names(np.flatnonzero(seen))) == sorted(names[-300:])
    one = evaluate(parse('INCLUDE ActionID WHERE Actions.ACTION_ID IN ("a2")'), view)
    assert state.catalogue.names(np.flatnonzero(one)) == ["a2"]


SCHEMA = Schema(
    "items",
    (
        Field("ITEM_ID"),
        Field("STYLE", nullable=True, categorical=True),
        Field("NAME", nullable=True),
        Field("IN_STOCK", "boolean", nullable=True),
    ),
)


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_the_shops_schema_says_what_columns_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_elsewhere: bool
) -> None:
    lake = stocked(tmp_path / "lake")
    table = pa.table({"item_id": ["i1", "i2"], "style": ["red|old", "new"], "name": ["Salt | pepper", "Oil"]})
    lake.commit(SHOP, "items", table, schema=table.schema, mode="FULL", job="items")
    if is_elsewhere:
        monkeypatch.setattr(lake_shops, "SMALL", 0)
    shops = LakeShops(lake, schemas=lambda _, kind: SCHEMA if kind == "items" else None)
    states = ShopStates(shops, tmp_path / "state")
    items = states.wait(SHOP, states.newest(SHOP)).items
    states.close()

    def found(text: str) -> list[bool]:
        return evaluate(parse(f"INCLUDE ItemID WHERE {text}"), FilterView(Attributes(items))).tolist()

    assert found('Items.STYLE IN ("old")') == [True, False]
    assert found('Items.NAME IN ("Salt ")') == [False, False] and found('Items.NAME IN ("Salt | pepper")') == [
        True,
        False,
    ]
    assert found("Items.IN_STOCK != TRUE") == [True, True], "a field that nobody filled is a boolean all the same"


def test_a_shop_without_interactions_is_served_from_its_catalogue(tmp_path: Path) -> None:
    lake = stocked(tmp_path / "lake")
    table = pa.table({"item_id": ["i1", "i9"], "price": [1.0, 2.0]})
    lake.commit(SHOP, "items", table, schema=table.schema, mode="FULL", job="items")
    before = lake.snapshot(SHOP).text
    lake.drop(SHOP, "interactions")
    shops = LakeShops(lake)
    state = shops.state(SHOP)
    assert state.ordinal("i9") >= 0 and state.items.value(state.ordinal("i9"), "price") == 2.0
    assert len(state.histories) == 0 and shops.takes_away(SHOP, before, state.snapshot)
    lake.drop_shop(SHOP)
    assert len(LakeShops(lake).state(SHOP).catalogue) == 0


def test_what_takes_users_away_is_told_from_what_adds(tmp_path: Path) -> None:
    lake = stocked(tmp_path / "lake")
    texts = [lake.snapshot(SHOP).text]
    more = pa.table(
        {"user_id": ["u3"], "item_id": ["i1"], "timestamp": pa.array([START], pa.int64()), "event_type": ["view"]}
    )
    lake.commit(SHOP, "interactions", more, schema=more.schema, mode="INCREMENTAL", job="more")
    texts.append(lake.snapshot(SHOP).text)
    lake.remove_users(SHOP, ["u1", "u2", "u3"], "gone")
    texts.append(lake.snapshot(SHOP).text)
    shops = LakeShops(lake)
    assert [shops.takes_away(SHOP, *pair) for pair in pairwise(texts)] == [False, True]
    assert len(shops.state(SHOP).histories) == 0, "everybody is gone, and the shop is served"


@pytest.mark.parametrize("about", ["items", "actions"])
def test_a_large_state_is_built_by_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: lake_shops.About
) -> None:
    lake = stocked(tmp_path / "lake")
    monkeypatch.setattr(lake_shops, "SMALL", 0)
    answers = pa.table(
        {"user_id": ["u1"], "action_id": ["a1"], "timestamp": pa.array([START]), "event_type": ["TAKEN"]}
    )
    lake.commit(SHOP, "action_interactions", answers, schema=answers.schema, mode="FULL", job="answers")
    states = ShopStates(LakeShops(lake, about), tmp_path / "state")
    text = states.newest(SHOP)
    assert states.ready(SHOP, text) is None, "asked for, not waited for"
    state = states.wait(SHOP, text)
    assert len(state.catalogue) == 2 and state.snapshot == text
    assert states.ready(SHOP, text) is not None
    states.close()


def test_a_process_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = stocked(tmp_path / "lake")
    monkeypatch.setattr(lake_shops, "SMALL", 0)
    states = ShopStates(LakeShops(lake), tmp_path / "state")
    with pytest.raises(ArtefactError, match="could not be built") as caught:
        states.wait(SHOP, "interactions@0,items@7")
    assert "items" in str(caught.value)
    states.close()
