from pathlib import Path

import pyarrow as pa
import pytest
from shops import SHOP

from endcap.errors import ArtefactError
from endcap.lake.tables import Lake
from endcap.serving import lake_shops
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
