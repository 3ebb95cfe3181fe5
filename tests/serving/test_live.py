"""What is streamed is seen by the next request, in ordinals beside the state's own."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import SHOP, Registry

from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.seams import FrozenClock
from endcap.serving.live_shop import LiveShop
from endcap.serving.live_shops import LiveShops, Streamed
from endcap.serving.recommend import Request, answer, recommend
from endcap.serving.shop import ShopState
from endcap.serving.slate import Slate
from endcap.serving.snapshot import STALE, Snapshot
from endcap.storage.log import Log, Offset, open_log
from endcap.stream.collect import event_record, put_record
from endcap.stream.live import Live
from endcap.stream.records import Event, Put
from endcap.testing.datasets import random_shop
from endcap.types import DAY, Micros


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(tmp_path_factory.mktemp("home"), random_shop(1))


@pytest.fixture(scope="module")
def quiet(registry: Registry) -> Snapshot:
    return registry.snapshot(create("als", {"factors": 8}))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    yield log
    log.close()


def lively(quiet: Snapshot, streamed: Streamed) -> Snapshot:
    return Snapshot(quiet.deployment, quiet.state, quiet.models, streamed.items, fed=streamed)


def event(item: str, user: str, time: int, kind: str = "view", session: str = "") -> Event:
    return Event(
        event_id=f"{item}/{user}/{time}/{kind}",
        event_type=kind,
        time=time,
        item_id=item,
        user_id=user,
        session_id=session,
    )


def follow(log: Log, home: Path, state: ShopState) -> tuple[LiveShops, Streamed]:
    shops = LiveShops(log, Lake(home / "lake"), FrozenClock(Micros(0)))
    return shops, shops.follow(SHOP, state)


def test_replayed_or_live_the_same_is_known(quiet: Snapshot, log: Log, tmp_path: Path) -> None:
    now = quiet.state.histories.last_time + DAY
    early = [event_record(SHOP, event(f"i{n}", "new", now + n)) for n in range(3)]
    log.append(early)
    shops, first = follow(log, tmp_path, quiet.state)
    log.append([event_record(SHOP, event("i7", "new", now + 9)), event_record(SHOP, event("unheard", "new", now + 5))])
    _, second = follow(log, tmp_path, quiet.state)
    for streamed in (first, second):
        fresh = streamed.items.fresh("new")
        assert fresh is not None
        assert fresh.item.tolist()[:3] == quiet.state.ordinals(["i0", "i1", "i2"]).tolist()
        assert streamed.items.size == len(quiet.state.catalogue) + 1
        assert streamed.items.names(fresh.item) == ["i0", "i1", "i2", "unheard", "i7"]
        assert streamed.items.fresh("somebody else") is None
    shops.keep([])
    log.append([event_record(SHOP, event("later", "new", now + 20))])
    assert first.items.ordinal("later") >= 0, "it is held here"
    assert second.items.ordinal("later") >= 0


def test_what_is_let_go_is_fed_while_an_answer_holds_it_and_then_gone(
    quiet: Snapshot, log: Log, tmp_path: Path
) -> None:
    shops, streamed = follow(log, tmp_path, quiet.state)
    pinned = lively(quiet, streamed)
    now = quiet.state.histories.last_time + DAY
    shops.keep([shops.follow(SHOP, quiet.state, before=streamed)])
    log.append([event_record(SHOP, event("i1", "new", now, "Purchase"))])
    found = recommend(pinned, Request(100, "new", exclude_purchased=True)).items
    assert found and "i1" not in found, "acknowledged while another took its place"
    parts = [weakref.ref(each) for each in (streamed, streamed.live, streamed.items, streamed.items.places)]
    gc.disable()  # what serves is out of the collector's sight: a circle of references would stay for ever
    try:
        del pinned, streamed
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()


def test_answers_follow_events_and_those_of_others_stay(quiet: Snapshot, log: Log, tmp_path: Path) -> None:
    _, streamed = follow(log, tmp_path, quiet.state)
    snapshot = lively(quiet, streamed)
    before = recommend(snapshot, Request(6, "u3"), "0" * 16)
    assert recommend(snapshot, Request(6, "stranger")).rung == "trending"
    now = quiet.state.histories.last_time + DAY
    log.append([event_record(SHOP, event(item, "stranger", now, session="s")) for item in ("i1", "i2", "brand new")])
    answered = recommend(snapshot, Request(6, "stranger"))
    assert answered.rung == "personal" and answered.cause == ""
    assert recommend(snapshot, Request(6, "s")).items == answered.items
    others = recommend(snapshot, Request(6, "u3"), "0" * 16)
    assert others.items == before.items
    together = answer([Slate(snapshot, Request(6, user), "0" * 16) for user in ("stranger", "u3", "nobody", "s")])
    assert [slate.items for slate in together[:2]] == [answered.items, others.items]
    assert "brand new" in recommend(snapshot, Request(100, "u3")).items
    log.append([event_record(SHOP, event("i1", "stranger", now + 1, "Purchase"))])
    assert "i1" not in recommend(snapshot, Request(100, "stranger", exclude_purchased=True)).items


def test_put_items_have_ordinals_and_attributes(quiet: Snapshot, log: Log, tmp_path: Path) -> None:
    _, streamed = follow(log, tmp_path, quiet.state)
    puts = [Put(id="hat", time=5, properties={"kind": "hats"}), Put(id="i3", time=6, properties={"kind": "hats"})]
    log.append([put_record(SHOP, "item", put) for put in puts])
    snapshot = lively(quiet, streamed)
    assert snapshot.ordinal("hat") == len(quiet.state.catalogue)
    for name in ("hat", "i3"):
        assert snapshot.attributes.items.value(snapshot.ordinal(name), "kind") == "hats"
    ranked = recommend(snapshot, Request(3, "u3", candidates=("hat", "i3", "??")))
    assert set(ranked.items) == {"hat", "i3", "??"} and ranked.items[0] == "i3"


def test_what_is_left_out_of_learning_is_left_out_here(quiet: Snapshot, log: Log, tmp_path: Path) -> None:
    _, streamed = follow(log, tmp_path, quiet.state)
    now = quiet.state.histories.last_time + DAY
    log.append([event_record(SHOP, event("i1", "returner", now, "Return"))])
    assert recommend(lively(quiet, streamed), Request(3, "returner")).rung == "trending"


def test_now_is_the_clocks_unless_all_is_old(quiet: Snapshot) -> None:
    last = quiet.state.histories.last_time
    assert quiet.moment(0) == last + 1
    assert quiet.moment(last + 3 * DAY) == last + 3 * DAY
    assert quiet.moment(last + STALE + 1) == last + 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40), st.integers(0, 9)), max_size=30), st.randoms())
def test_any_order_and_any_repeats_give_the_same(
    quiet: Snapshot, told: list[tuple[int, int, int]], shuffle: object
) -> None:
    records = [
        (Offset(0, n + 1), event_record(SHOP, event(f"i{item}", f"user{user}", 10**15 + time)))
        for n, (user, item, time) in enumerate(told)
    ]
    mixed = [*records, *records[::2]]
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    made = []
    for order in (records, mixed):
        live = Live(SHOP)
        shop = LiveShop(quiet.state, live)
        for each in order:
            Streamed(live, shop).fold([each])
        made.append(shop)
    counts = [
        {shop.names(np.array([at]))[0]: shop.taken.of(np.array([at]))[0] for at in shop.taken.some()} for shop in made
    ]
    assert counts[0] == counts[1], "an event counts once, however often it is told"
    assert made[0].size == made[1].size and made[0].last_time == made[1].last_time
    for user in range(6):
        first, second = (shop.fresh(f"user{user}") for shop in made)
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            assert made[0].names(first.item) == made[1].names(second.item)
            np.testing.assert_array_equal(first.time, second.time)


def test_what_a_session_did_before_the_state_is_the_users_once_it_became_theirs(quiet: Snapshot) -> None:
    """The state holds the session's events as a stranger's: it was made before anybody signed in."""
    state, now = quiet.state, quiet.state.histories.last_time + DAY
    live = Live(SHOP)
    shop = LiveShop(state, live)
    streamed = Streamed(live, shop)
    snapshot = lively(quiet, streamed)
    asked = Request(6, "newcomer", exclude_purchased=True)
    streamed.fold([(Offset(0, 1), event_record(SHOP, event("i1", "somebody", now)))])
    assert recommend(snapshot, asked).rung == "trending"
    alone = recommend(snapshot, Request(6, "u3")).items
    signed_in = Event(event_id="in", event_type="login", time=now, user_id="newcomer", session_id="u3")
    streamed.fold([(Offset(0, 2), event_record(SHOP, signed_in))])
    assert recommend(snapshot, Request(6, "newcomer")).items == recommend(snapshot, Request(6, "u3")).items == alone
    streamed.fold([(Offset(0, 3), event_record(SHOP, event("i2", "newcomer", now + 1)))])
    fresh = shop.fresh("newcomer")
    assert fresh is not None and len(fresh.item) == len(state.histories.past.slice(state.histories.row("u3")).item) + 1
    assert shop.fresh("newcomer") is fresh, "made once"
