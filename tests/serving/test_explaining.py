"""Reasons say what happened, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from shops import SHOP, Registry

import click_shop
from endcap.features.kinds import NAMED
from endcap.features.shop import FEATURES
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.seams import FrozenClock
from endcap.serving.live_shops import LiveShops
from endcap.serving.memory import Memory
from endcap.serving.ranked_words import RETRIEVED, WORDS
from endcap.serving.recommend import Request, recommend
from endcap.serving.slate import Slate
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import Log, open_log
from endcap.stream.collect import event_record
from endcap.stream.records import Event
from endcap.types import DAY, HOUR, SECOND, Micros


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("home"), click_shop.dataset())


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    yield log
    log.close()


def live(registry: Registry, log: Log, recipe: str, **settings: object) -> Snapshot:
    quiet = registry.snapshot(create(recipe, settings))
    shops = LiveShops(log, Lake(registry.home / "lake"), FrozenClock(Micros(0)))
    return replace(quiet, live=shops.follow(SHOP, quiet.state).items)


def tell(log: Log, user: str, item: str, time: int, kind: str) -> None:
    given = Event(event_id=f"{user}{item}{time}{kind}", event_type=kind, time=time, item_id=item, user_id=user)
    log.append([event_record(SHOP, given)])


def reasons(slate: Slate) -> dict[str, str]:
    return dict(zip(slate.items, slate.reasons, strict=True))


def test_who_only_looked_is_not_told_that_they_bought(registry: Registry, log: Log) -> None:
    snapshot = live(registry, log, "repeat")
    now = snapshot.state.histories.last_time + DAY
    did = {"i1": "View", "i2": "Purchase", "i3": "AddToCart", "i4": "AddToWishlist", "i5": "Productviewed", "i6": "Odd"}
    for step, (item, kind) in enumerate(did.items()):
        tell(log, "stranger", item, now + step * SECOND, kind)
    tell(log, "stranger", "i2", now + HOUR, "View")
    told = reasons(recommend(snapshot, Request(6, "stranger", asked=now + DAY)))
    assert told == {
        "i1": "You looked at this",
        "i2": "You bought this before",
        "i3": "You put this in your cart",
        "i4": "You put this on your wish list",
        "i5": "You looked at this",
        "i6": "You took an interest in this",
    }


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("View",), "Goes with what you looked at"),
        (("Click", "View"), "Goes with what you looked at"),
        (("Purchase",), "Goes with what you bought"),
        (("Purchase", "View"), "Goes with what you bought or looked at"),
        (("Purchase", "View", "AddToCart"), "Goes with what you took an interest in"),
        (("AddToCart",), "Goes with what you put in your cart"),
    ],
)
def test_what_goes_with_it_was_bought_or_only_looked_at(
    registry: Registry, log: Log, kinds: tuple[str, ...], expected: str
) -> None:
    snapshot = live(registry, log, "ease")
    now = snapshot.state.histories.last_time + DAY
    for step, kind in enumerate(kinds):
        tell(log, "stranger", f"i{step}", now + step * SECOND, kind)
    assert set(recommend(snapshot, Request(5, "stranger", asked=now + HOUR)).reasons) == {expected}


def test_every_source_of_a_blend_speaks_the_truth(registry: Registry, log: Log) -> None:
    snapshot = live(registry, log, "blend")
    now = snapshot.state.histories.last_time + DAY
    for step in range(4):
        tell(log, "stranger", f"i{step}", now + step * SECOND, "View")
    for reason in recommend(snapshot, Request(40, "stranger", asked=now + HOUR)).reasons:
        assert "bought" not in reason
    known = recommend(snapshot, Request(40, "u3", asked=now))
    bought = set(snapshot.state.catalogue.names(snapshot.state.histories.purchases(known.row)))
    for item, reason in reasons(known).items():
        assert (reason == "You bought this before") <= (item in bought)


def test_the_ranker_says_what_moved_it(registry: Registry, log: Log) -> None:
    snapshot = live(registry, log, "ranked", **click_shop.SETTINGS)
    now = snapshot.state.histories.last_time + DAY
    tell(log, "u5", "i14", now, "View")
    tell(log, "u5", "i15", now + SECOND, "AddToCart")
    told = reasons(recommend(snapshot, Request(10, "u5", asked=now + 2 * SECOND)))
    mine = [reason for item, reason in told.items() if click_shop.category(item) == "c1"]
    assert "Because you just put c1 in your cart" in mine
    for item, reason in told.items():
        assert ("c1" in reason) <= (click_shop.category(item) == "c1")
        assert ("just now" in reason) <= (item in ("i14", "i15"))
    later = recommend(snapshot, Request(10, "u5", asked=now + 2 * HOUR))
    assert not any("just" in reason for reason in later.reasons), "that was two hours ago"
    memory = Memory(later)
    assert memory.of_item(later.snapshot.ordinal("i15")) == "You put this in your cart"
    assert memory.just_of_item(later.snapshot.ordinal("i15")) == "" == memory.of_category(1)


def test_words_are_of_features_that_there_are() -> None:
    names = {feature.name for feature in FEATURES}
    assert WORDS.keys() <= names and set(RETRIEVED) <= names
    about_all = {feature.name for feature in FEATURES if feature.key in ("user", "session", "context")}
    assert not WORDS.keys() & about_all, "what is the same for all candidates is no reason for one"
    assert "view" in NAMED
