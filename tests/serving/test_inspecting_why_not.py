"""Of each thing that can take an item out of an answer, the inspector names the one that did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from policy_shop import category, served, under
from shops import SHOP, Registry

import click_shop
from endcap.lake.tables import Lake
from endcap.recipes import create
from endcap.registry.recipe_arns import offer
from endcap.seams import FrozenClock
from endcap.serving.filters import parse
from endcap.serving.live_shops import LiveShops
from endcap.serving.recommend import Promotion, Request, recommend
from endcap.serving.restriction import Restriction
from endcap.serving.snapshot import Snapshot
from endcap.serving.why_not import WhyNot, why_not
from endcap.storage.log import open_log
from endcap.stream.collect import event_record
from endcap.stream.records import Event
from endcap.types import DAY, Micros

TOKEN = "0123456789abcdef"
USER = "u3"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return served(tmp_path_factory.mktemp("home"))


def asked(snapshot: Snapshot, item: str, request: Request | None = None) -> WhyNot:
    return why_not(snapshot, request or Request(8, USER), item, token=TOKEN)


def bought(snapshot: Snapshot) -> list[str]:
    return snapshot.names(snapshot.state.histories.purchases(snapshot.state.histories.row(USER)))


def order(snapshot: Snapshot, k: int = 80, request: Request | None = None) -> list[str]:
    return recommend(snapshot, request or Request(k, USER), TOKEN).items


def test_shown_is_not_missing(quiet: Snapshot) -> None:
    third = order(quiet, 8)[2]
    found = asked(quiet, third)
    assert (found.verdict, found.place, found.candidate) == ("shown", 3, 3)


def test_bought_sold_out_and_where_it_would_be(quiet: Snapshot) -> None:
    snapshot = under(quiet, hide_bought="always", hide_out_of_stock=True)
    item = next(each for each in order(quiet, 8) if each in bought(quiet))
    found = asked(snapshot, item)
    assert found.verdict == "bought" and "bought" in found.bars
    without = [each for each in order(snapshot) if each != item]
    better = order(quiet).index(item)
    others = [each for each in order(quiet)[:better] if each in without]
    assert found.otherwise == len(others) + 1
    assert f"at place {found.otherwise}." in found.said
    empty = next(f"i{n}" for n in range(80) if n % 8 == 3 and f"i{n}" not in bought(quiet))
    assert asked(snapshot, empty).verdict == "sold-out"
    both = next(f"i{n}" for n in range(80) if n % 8 == 3 and f"i{n}" in bought(quiet))
    assert asked(snapshot, both).bars == ("bought", "sold-out")


def test_what_the_request_leaves_out(quiet: Snapshot) -> None:
    item = bought(quiet)[0]
    assert asked(quiet, item, Request(8, USER, exclude_purchased=True)).verdict == "bought"
    seen = under(quiet, exclude_seen=True)
    past = quiet.state.histories.past.slice(quiet.state.histories.row(USER))
    looked = next(name for name in quiet.names(past.item) if name not in bought(quiet))
    assert asked(seen, looked).verdict == "seen"
    assert asked(quiet, item, Request(8, USER, item)).verdict == "looked-at"


def test_not_due_and_done(quiet: Snapshot) -> None:
    waiting = under(quiet, hide_bought="until-due")
    never_again = next(item for item in bought(quiet) if item not in order(waiting))
    assert asked(waiting, never_again).verdict == "not-due"
    hiding = replace(quiet, offer=replace(offer("arn:aws:personalize:::recipe/endcap-als"), hides=("View",)))
    past = quiet.state.histories.past.slice(quiet.state.histories.row(USER))
    codes = list(quiet.state.histories.event_types)
    looked = quiet.names(past.item[past.event_type == codes.index("View")])[0]
    assert asked(hiding, looked).verdict == "done"


def test_a_filter_by_its_rule(quiet: Snapshot) -> None:
    text = 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("c1","c2") | EXCLUDE ItemID WHERE Items.BRAND = "b1"'
    request = Request(8, USER, restriction=Restriction("", parse(text)))
    outside = next(f"i{n}" for n in range(80) if n % 5 == 3)
    found = asked(quiet, outside, request)
    assert found.verdict == "filter"
    assert [rule.removes for rule in found.rules] == [True, False]
    assert 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("c1", "c2")' in found.said
    excluded = next(f"i{n}" for n in range(80) if n % 5 == 1 and n % 7 == 1)
    assert [rule.removes for rule in asked(quiet, excluded, request).rules] == [False, True]
    inside = order(quiet, 80, replace(request, k=80))[0]
    assert asked(quiet, inside, request).verdict == "shown"


def test_the_cap_and_diversity(quiet: Snapshot) -> None:
    capped = under(quiet, category_cap=1)
    plain, shown = order(quiet, 8), order(capped, 8)
    stepped = next(item for item in plain if item not in shown)
    assert asked(capped, stepped).verdict == "cap"
    assert category(stepped) in {category(item) for item in shown}
    diverse = under(quiet, diversity=0.7)
    pushed = next(item for item in plain if item not in order(diverse, 8))
    found = asked(diverse, pushed)
    assert found.verdict == "diversify"
    places = {step.name: step.place for step in found.path}
    assert (places["place"] or 99) <= 8 < (places["diversify"] or 99)


def test_exploration_takes_places(quiet: Snapshot) -> None:
    exploring = under(quiet, exploration_weight=0.9, exploration_days=4000.0)
    pushed = next(item for item in order(quiet, 8) if item not in order(exploring, 8))
    assert asked(exploring, pushed).verdict == "explore"


def test_outranked_unscored_unlearned_and_unknown(quiet: Snapshot) -> None:
    everything = order(quiet)
    found = asked(quiet, everything[30])
    assert (found.verdict, found.among, found.place) == ("outranked", 31, 31)
    assert "31 of" in found.said
    assert asked(quiet, "nothing of the kind").verdict == "unknown"
    stranger = why_not(quiet, Request(8, "nobody"), everything[-1], token=TOKEN)
    assert stranger.verdict == "unscored" and "we do not know this shopper yet" in stranger.said
    assert asked(quiet, "i7", Request(3, USER, candidates=("i1", "i2", "i3"))).verdict == "not-given"


def test_what_came_after_the_version(quiet: Snapshot, tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    live = LiveShops(log, Lake(tmp_path / "lake"), FrozenClock(Micros(0))).follow(SHOP, quiet.state).items
    snapshot, now = replace(quiet, live=live), quiet.state.histories.last_time + DAY
    told = Event(event_id="e", event_type="View", time=now, item_id="brand new", user_id="someone else")
    log.append([event_record(SHOP, told)])
    found = asked(snapshot, "brand new")
    log.close()
    assert (found.verdict, found.among) == ("unlearned", None)


def test_a_refusal_holds_it_down(quiet: Snapshot, tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    live = LiveShops(log, Lake(tmp_path / "lake"), FrozenClock(Micros(0))).follow(SHOP, quiet.state).items
    snapshot, now = replace(quiet, live=live), quiet.state.histories.last_time + DAY
    item = order(snapshot, 8)[0]
    refused = Event(event_id="e", event_type="NotInterested", time=now, item_id=item, user_id=USER)
    log.append([event_record(SHOP, refused)])
    found = asked(snapshot, item)
    log.close()
    assert found.verdict == "aversion"
    assert next(part.value for part in found.parts if part.name == "aversion") < 0


def test_a_promotion_takes_places(quiet: Snapshot) -> None:
    promoted = Restriction("", parse('INCLUDE ItemID WHERE Items.CATEGORY_L1 = "c4"'))
    request = Request(8, USER, promotion=Promotion("sale", 50, promoted))
    pushed = next(item for item in order(quiet, 8) if item not in order(quiet, 8, request))
    assert asked(quiet, pushed, request).verdict == "promote"


def test_the_ranker_put_it_further_down(tmp_path: Path) -> None:
    snapshot = Registry(tmp_path, click_shop.dataset()).snapshot(create("ranked", click_shop.SETTINGS))
    request = Request(5, USER)
    shown = order(snapshot, 5)
    slate_order = why_not(snapshot, request, shown[0], token=TOKEN)
    assert slate_order.verdict == "shown" and slate_order.ranked is not None
    for item in order(snapshot, 60)[5:]:
        found = why_not(snapshot, request, item, token=TOKEN)
        if found.candidate is not None and found.candidate <= 5:
            assert found.verdict == "rerank"
            assert found.ranked is not None and found.features
            return
    pytest.fail("the ranker moved nothing out of the first five")
