"""`endcap simulate --live`: which shoppers of a history take part."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from endcap.cli.simulate_command import _simulated
from endcap.simulator import open_shop
from endcap.simulator.crowd import Pace
from endcap.simulator.files import write_files
from endcap.simulator.wire import Targets
from endcap.types import DAY, Micros


@pytest.mark.parametrize(("shoppers", "taking_part"), [(None, None), (5, range(5)), (99, range(12))])
def test_all_of_them_unless_fewer_are_asked_for(
    tmp_path: Path, shoppers: int | None, taking_part: range | None
) -> None:
    shop = open_shop("grocery", users=12, items=40, days=5, seed=1, until=Micros(20_000 * DAY))
    write_files(shop, tmp_path, impressions=False)
    crowd = _simulated(tmp_path, cast("Any", lambda: None), Targets("campaign", "tracker"), 1, Pace(), shoppers)
    assert crowd.shoppers == taking_part
