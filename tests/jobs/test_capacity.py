"""`endcap capacity`: measured through the request path, planned with room to spare."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InputError, StateError
from endcap.jobs.capacity import LOAD, measure_capacity, workers_for
from jobs_shop import SmallShop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    return SmallShop(tmp_path_factory.mktemp("capacity"))


def test_nothing_published_says_what_to_do(shop: SmallShop) -> None:
    with pytest.raises(StateError, match="Nothing is published"):
        measure_capacity(shop.workspace, shop.shop)


def test_every_campaign_is_asked(shop: SmallShop) -> None:
    for name, recipe in (("front", "popularity"), ("personal", "als")):
        shop.workspace.campaigns.deploy(shop.shop, name, shop.train(recipe))
    found = measure_capacity(shop.workspace, shop.shop, wanted=1e6, seconds=0.2)
    assert [(each.name, each.recipe) for each in found.campaigns] == [("front", "popularity"), ("personal", "als")]
    for each in found.campaigns:
        assert 0 < each.p50 <= each.p99 and each.rate > 0 and each.asked > 8
        assert (each.items, each.shoppers) == (40, 60)
    slowest, fastest = sorted(each.rate for each in found.campaigns)
    assert slowest - 0.1 <= found.rate <= fastest + 0.1 and found.workers == workers_for(1e6, found.rate)


def test_the_measure_follows_the_clock_that_it_is_given(shop: SmallShop) -> None:
    ticks = iter(range(10**9))
    found = measure_capacity(shop.workspace, shop.shop, seconds=600, timer=lambda: next(ticks) * 1.0)
    for each in found.campaigns:
        # Each look at this clock takes a second: one request lasts one, a batch of eight one as well.
        assert each.p50 == each.p99 == 1000.0 and 4 < each.rate <= 9


@given(st.floats(0.1, 1e6), st.floats(0.1, 1e6))
def test_the_workers_hold_the_load_and_one_less_would_not(wanted: float, rate: float) -> None:
    workers = workers_for(wanted, rate)
    assert workers * rate * LOAD >= wanted * (1 - 1e-9)
    assert workers == 1 or (workers - 1) * rate * LOAD < wanted


def test_loads_and_times_that_make_no_sense(shop: SmallShop) -> None:
    for given_ in ({"wanted": 0.0}, {"wanted": float("nan")}, {"seconds": 0.0}, {"seconds": 1e9}):
        with pytest.raises(InputError):
            measure_capacity(shop.workspace, shop.shop, **given_)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command(shop: SmallShop, as_json: bool) -> None:
    command = [sys.executable, "-m", "endcap.cli", "capacity", "--rate", "100", "--seconds", "0.2"]
    told = subprocess.run(
        [*command, *(["--json"] if as_json else [])],
        env={**os.environ, "ENDCAP_HOME": str(shop.home)},
        cwd=Path(shop.home),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if as_json:
        assert json.loads(told)["workers"] >= 1
    else:
        assert "personal" in told and "100 requests a second need" in told
