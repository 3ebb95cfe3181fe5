"""What a rule forbids is in no answer, whichever way it might have come in."""

from dataclasses import replace
from pathlib import Path

import policy_shop
import pyarrow as pa
import pytest
from shops import SHOP, Registry

from endcap.lake.tables import Lake
from endcap.recipes.knowledge import Knowledge
from endcap.seams import FrozenClock
from endcap.serving.filters import parse
from endcap.serving.live_shops import LiveShops
from endcap.serving.recommend import Promotion, Request, recommend
from endcap.serving.restriction import Restriction
from endcap.serving.snapshot import Snapshot
from endcap.storage.log import open_log
from endcap.stream.collect import put_record
from endcap.stream.records import Put
from endcap.types import Micros

RULES = """
[[rule]]
name = "diet"
when = { diet = { known = true } }
must = { brand = "$diet" }
because = "Fits your diet"

[[rule]]
name = "kind"
prefer = { category_l1 = "c1" }
weight = 30.0
because = "What we make best"
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    shop = policy_shop.shop(events=400)
    diets = [f"B{int(name[1:]) % 7}" if int(name[1:]) % 2 else None for name in shop.users.ids.to_pylist()]
    shop = replace(shop, user_metadata=pa.table({"user_id": shop.users.ids, "diet": diets}))
    return Registry(tmp_path_factory.mktemp("home"), shop).snapshot(Knowledge(rules=RULES))


def brand(name: str) -> int:
    return int(name[1:]) % 7


def allowed_to(user: int) -> set[str]:
    return {f"i{each}" for each in range(policy_shop.ITEMS) if each % 7 == user % 7}


@pytest.mark.parametrize("explores", [0.0, 0.9])
def test_answers_of_any_length_hold_only_what_passes(snapshot: Snapshot, explores: float) -> None:
    asked = policy_shop.under(
        snapshot, exploration_weight=explores, exploration_ranked=explores, exploration_days=400.0
    )
    for user in range(1, 15, 2):
        for k in (3, policy_shop.ITEMS):
            items = recommend(asked, Request(k, f"u{user}")).items
            assert set(items) <= allowed_to(user) and len(items) == min(k, len(allowed_to(user)))
    assert len({brand(item) for item in recommend(asked, Request(40, "u2")).items}) == 7


def test_lists_promotions_related_items_and_strangers(snapshot: Snapshot) -> None:
    listed = Request(9, "u3", candidates=("never seen", *(f"i{each}" for each in range(30))))
    assert set(recommend(snapshot, listed).items) == {f"i{each}" for each in range(30) if each % 7 == 3}
    assert set(recommend(snapshot, Request(9, "u3", item_id="i4")).items) <= allowed_to(3)
    answer = recommend(snapshot, Request(9, "somebody", context={"DIET": "b5"}))
    assert set(answer.items) <= allowed_to(5) and len(answer.items) == 9
    assert len({brand(item) for item in recommend(snapshot, Request(20, "somebody")).items}) > 3
    promotion = Promotion("p", 50, Restriction("f", parse("INCLUDE ItemID WHERE Items.STOCK <= 5")))
    promoted = recommend(snapshot, Request(8, "u3", promotion=promotion))
    assert set(promoted.items) <= allowed_to(3) and "p" in promoted.promotions


def test_reasons_are_the_rules_words(snapshot: Snapshot) -> None:
    answer = recommend(snapshot, Request(12, "u3"))
    for item, reason in zip(answer.items, answer.reasons, strict=True):
        assert (reason == "What we make best") == (policy_shop.category(item) == 1)
    assert "Fits your diet" in answer.reasons or len(answer.items) < 12


def test_what_was_put_since_counts_and_so_do_new_items(snapshot: Snapshot, tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    shops = LiveShops(log, Lake(tmp_path / "lake"), FrozenClock(Micros(0)))
    live = replace(snapshot, live=shops.follow(SHOP, snapshot.state).items)
    for item, now in (("i3", "b9"), ("i4", "b3"), ("fresh", "B3"), ("other", "b1")):
        log.append([put_record(SHOP, "item", Put(id=item, time=5, properties={"brand": now}))])
    items = set(recommend(live, Request(policy_shop.ITEMS + 2, "u3")).items)
    assert items == (allowed_to(3) - {"i3"}) | {"i4", "fresh"}
    log.append([put_record(SHOP, "item", Put(id="i4", time=6, properties={"brand": "b0"}))])
    assert "i4" not in recommend(live, Request(policy_shop.ITEMS, "u3")).items
    log.close()
