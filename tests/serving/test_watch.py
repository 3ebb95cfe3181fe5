import time
from pathlib import Path

import pytest
from shops import SHOP, Given, Registry

from endcap.recipes import create
from endcap.serving.recommend import Request, recommend
from endcap.serving.shop import ShopStates
from endcap.serving.watch import RETRY_SECONDS, Watch
from endcap.storage.db import open_database
from endcap.testing.datasets import random_shop

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
    return Watch(registry.campaigns, registry.versions, states, tick=tick or Time(), swapped=lambda: None)


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
