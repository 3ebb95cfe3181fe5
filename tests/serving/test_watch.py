import gc
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from shops import SHOP, Given, Registry

from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.registry.servers import Servers
from endcap.registry.snapshots import Snapshots
from endcap.seams import FrozenClock
from endcap.serving.lease import Lease
from endcap.serving.live_shops import LiveShops
from endcap.serving.loading import Loader
from endcap.serving.recommend import Request, recommend
from endcap.serving.shop import ShopState, ShopStates
from endcap.serving.watch import RETRY_SECONDS, TRIM_SECONDS, Watch
from endcap.storage.db import open_database
from endcap.storage.log import open_log
from endcap.testing.datasets import random_shop
from endcap.types import Micros, ShopKey

ARN = SHOP.arn("campaign", "home")


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path, random_shop(1))


def watch_of(registry: Registry, tick: Time | None = None) -> Watch:
    states = ShopStates(Given(registry.data), registry.home / "states")
    return Watch(registry.campaigns, Loader(registry.versions, states), tick=tick or Time(), swapped=lambda: None)


def test_follows_deployments_and_rollbacks(registry: Registry) -> None:
    watch = watch_of(registry)
    watch.poll()
    assert watch.status.ready and not watch.snapshots
    first = registry.publish(create("popularity"))
    registry.campaigns.deploy(SHOP, "home", first)
    watch.poll()
    held = watch.snapshots[ARN]
    second = registry.publish(create("repeat"))
    registry.campaigns.deploy(SHOP, "home", second)
    watch.poll()
    assert watch.snapshots[ARN].generation == 2 and list(watch.snapshots[ARN].models) == [second.id]
    assert recommend(held, Request(3, "u1")).model.version == first.id, "a request keeps the snapshot it began with"
    registry.campaigns.rollback(SHOP, "home")
    watch.poll()
    assert watch.snapshots[ARN].generation == 3 and list(watch.snapshots[ARN].models) == [first.id]
    assert watch.status.swaps == 3 and watch.status.failed_swaps == 0


def test_a_model_that_serves_already_is_not_loaded_again(registry: Registry) -> None:
    watch = watch_of(registry)
    version = registry.publish(create("popularity"))
    registry.campaigns.deploy(SHOP, "home", version)
    watch.poll()
    model = watch.snapshots[ARN].models[version.id]
    registry.campaigns.deploy(SHOP, "other", version)
    watch.poll()
    assert watch.snapshots[SHOP.arn("campaign", "other")].models[version.id] is model


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(registry: Registry) -> None:
    tick = Time()
    watch = watch_of(registry, tick)
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("popularity")))
    watch.poll()
    held = watch.snapshots[ARN]
    broken = registry.publish(create("repeat"))
    file = registry.home / "models" / broken.path / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"!")
    registry.campaigns.deploy(SHOP, "home", broken)
    watch.poll()
    assert watch.snapshots[ARN] is held
    assert watch.status.ready and "SHA-256" in watch.status.failures[ARN].message
    watch.poll()
    assert watch.status.failed_swaps == 1, "not tried again at once"
    file.write_bytes(whole)
    tick.now += RETRY_SECONDS
    watch.poll()
    assert watch.snapshots[ARN].generation == 2 and not watch.status.failures


def test_a_database_that_is_away_changes_nothing(registry: Registry) -> None:
    watch = watch_of(registry)
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("popularity")))
    watch.poll()
    held = watch.snapshots
    watch._campaigns = type(registry.campaigns)(open_database("sqlite:////proc/none.db"), clock=None)
    watch.poll()
    assert watch.snapshots is held and watch.status.ready and watch.status.error
    watch._campaigns = registry.campaigns
    watch.poll()
    assert not watch.status.error


def test_polls_in_a_thread_until_stopped(registry: Registry) -> None:
    watch = watch_of(registry)
    watch.start()
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("popularity")))
    deadline = time.monotonic() + 10
    while ARN not in watch.snapshots and time.monotonic() < deadline:
        time.sleep(0.02)
    watch.stop()
    assert ARN in watch.snapshots


class Slow(Given):
    """A shop whose next state is being built for as long as it is told."""

    built = True

    deleted = False

    def state(self, shop: ShopKey) -> ShopState:
        return ShopState.of(replace(self.data, snapshot=self.name))

    def takes_away(self, shop: ShopKey, before: str, after: str) -> bool:
        return self.deleted

    def at(self, text: str) -> Given:
        return Slow(self.data, text)

    def command(self, shop: ShopKey, text: str, root: Path) -> list[str] | None:
        return None if self.built else [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_deployment_does_not_wait_for_the_next_state_and_nothing_is_trimmed_meanwhile(registry: Registry) -> None:
    tick, trimmed = Time(), []
    shops = Slow(registry.data)
    states = ShopStates(shops, registry.home / "states")
    announced = Snapshots(registry.database)
    watch = Watch(
        registry.campaigns,
        Loader(registry.versions, states),
        announced=announced,
        trim=lambda: trimmed.append(tick.now),
        tick=tick,
        swapped=lambda: None,
    )
    version = registry.publish(create("popularity"))
    registry.campaigns.deploy(SHOP, "home", version)
    watch.poll(wait=False)
    first = watch.snapshots[ARN]
    shops.built = False
    announced.announce(SHOP, "interactions@9")
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("repeat")))
    for _ in range(3):
        tick.now += TRIM_SECONDS
        watch.poll(wait=False)
    assert watch.snapshots[ARN].generation == 2 and watch.snapshots[ARN].state is first.state
    assert trimmed == []
    watch.stop()
    shops.built = True
    tick.now += TRIM_SECONDS
    watch.poll(wait=False)
    assert trimmed == [tick.now] and watch.snapshots[ARN].state is not first.state


@pytest.mark.parametrize("deleted", [False, True])
def test_a_state_rests_unless_something_was_deleted(registry: Registry, deleted: bool) -> None:
    tick, shops = Time(), Slow(registry.data)
    announced, servers = Snapshots(registry.database), Servers(registry.database)
    watch = Watch(
        registry.campaigns,
        Loader(registry.versions, ShopStates(shops, registry.home / "states")),
        announced=announced,
        lease=Lease(servers),
        tick=tick,
        swapped=lambda: None,
    )
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("popularity")))
    announced.announce(SHOP, "interactions@1")
    watch.poll()
    watch._rested[SHOP] = tick.now + 1000
    shops.deleted = deleted
    generation, group = announced.announce(SHOP, "interactions@2"), SHOP.arn("dataset-group", SHOP.group)
    assert not servers.have_left(group, generation) and servers.have_left(group, generation - 1)
    watch.poll()
    assert watch.snapshots[ARN].state.snapshot == ("interactions@2" if deleted else "interactions@1")
    assert servers.have_left(group, generation) == deleted
    watch.stop()


def test_nothing_ends_the_thread_that_watches(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = Loader(registry.versions, ShopStates(Given(registry.data), registry.home / "states"))
    watch = Watch(registry.campaigns, loader, swapped=lambda: None)
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("popularity")))
    asked = registry.campaigns.list
    monkeypatch.setattr(registry.campaigns, "list", lambda: 1 / 0)
    watch.start()
    deadline = time.monotonic() + 10
    while not watch.status.error and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "ZeroDivisionError" in watch.status.error
    monkeypatch.setattr(registry.campaigns, "list", asked)
    while ARN not in watch.snapshots and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ARN in watch.snapshots
    watch.stop()


def test_this_server_is_known_while_it_lives(registry: Registry) -> None:
    servers = Servers(registry.database)
    states = ShopStates(Given(registry.data), registry.home / "states")
    lease = Lease(servers)
    loader = Loader(registry.versions, states)
    watch = Watch(registry.campaigns, loader, lease=lease, tick=Time(), swapped=lambda: None)
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("popularity")))
    watch.start()
    deadline = time.monotonic() + 10
    while (ARN not in watch.snapshots or not servers.have_loaded(ARN, 1)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert servers.have_loaded(ARN, 1) and not servers.have_loaded(ARN, 2)
    watch.stop()
    assert servers.have_loaded(ARN, 2), "nobody is left to wait for"


def test_nothing_of_what_served_before_stays(registry: Registry) -> None:
    log, announced = open_log(f"sqlite:///{registry.home / 'log.db'}"), Snapshots(registry.database)
    live = LiveShops(log, Lake(registry.home / "lake"), FrozenClock(Micros(0)))
    states = ShopStates(Slow(registry.data), registry.home / "states")
    watch = Watch(registry.campaigns, Loader(registry.versions, states, live=live), announced=announced, tick=Time())
    registry.campaigns.deploy(SHOP, "home", registry.publish(create("als", {"factors": 8})))

    def served(text: str) -> list[Callable[[], object]]:
        announced.announce(SHOP, text)
        watch._rested.clear()
        watch.poll()
        held = watch.snapshots[ARN]
        assert held.state.snapshot == text and held.live is not None
        assert recommend(held, Request(3, "u1")).items
        return [weakref.ref(each) for each in (held, held.live, held.state, *held.models.values())]

    parts = served("interactions@1")
    gc.disable()  # a circle of references would stay for ever: what serves is out of the collector's sight
    try:
        served("interactions@2")
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()
        gc.unfreeze()
        watch.stop()
        log.close()
