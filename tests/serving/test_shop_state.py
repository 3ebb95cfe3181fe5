from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shops import SHOP, Given

from endcap.errors import ArtefactError
from endcap.serving.shop import FILE, ShopState, ShopStates
from endcap.testing.datasets import random_shop


def test_built_once_for_each_snapshot_and_read_as_a_map(tmp_path: Path) -> None:
    given = Given(random_shop(4))
    states = ShopStates(given, tmp_path)
    first = states.load(SHOP)
    given.data = random_shop(5)
    assert np.array_equal(states.load(SHOP).histories.past.item, first.histories.past.item)
    given.name = "given@2"
    assert not np.array_equal(states.load(SHOP).histories.past.item, first.histories.past.item)
    for version in range(3, 6):
        given.name = f"given@{version}"
        states.load(SHOP)
    assert len(list(tmp_path.glob(f"*/*/*/*/{FILE}"))) == 2
    assert first.histories.past.item.sum() >= 0  # the map outlives its file


def test_what_was_saved_is_what_was_built(tmp_path: Path) -> None:
    built = ShopState.of(replace(random_shop(6), snapshot="interactions@3"))
    (tmp_path / "x").write_bytes(built.pack())
    again = ShopState.open(tmp_path / "x")
    assert again.snapshot == "interactions@3" and again.histories.event_types == built.histories.event_types
    for name in ("listed", "trending", "popular"):
        np.testing.assert_array_equal(getattr(again, name), getattr(built, name))
    assert again.ordinals(["i1", "??"]).tolist() == [built.ordinal("i1"), -1]


def test_a_shop_without_interactions_still_has_its_catalogue() -> None:
    empty = random_shop(7).before(0)
    state = ShopState.of(empty)
    assert len(state.popular) == len(state.trending) == 0 and state.ordinal("i3") >= 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_damaged_file_is_named(tmp_path: Path, share: float) -> None:
    data = ShopState.of(random_shop(6)).pack()
    (tmp_path / "x").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ArtefactError):
        ShopState.open(tmp_path / "x")
