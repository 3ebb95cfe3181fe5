"""What a rule forbids is in no answer, whichever way it might have come in."""

from dataclasses import replace
from pathlib import Path

import policy_shop
import pyarrow as pa
import pytest
from shops import SHOP, Registry

from endcap.api.personalize.answers import reply
from endcap.errors import InputError
from endcap.lake.tables import Lake
from endcap.recipes.knowledge import Knowledge
from endcap.seams import FrozenClock
from endcap.serving.filters import parse
from endcap.serving.inspecting import inspect
from endcap.serving.live_shops import LiveShops
from endcap.serving.recommend import Promotion, Request, Slate, answer, recommend
from endcap.serving.restriction import Restriction
from endcap.serving.snapshot import Snapshot
from endcap.serving.why_not import why_not
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

[[rule]]
name = "plenty"
must = { stock = { min = "$least" } }
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    shop = policy_shop.shop(events=400)
    diets = [f"B{int(name[1:]) % 7}" if int(name[1:]) % 2 else None for name in shop.users.ids.to_pylist()]
    least = ["plenty" if name == "u0" else None for name in shop.users.ids.to_pylist()]
    users = pa.table({"user_id": shop.users.ids, "diet": diets, "least": pa.array(least, pa.string())})
    shop = replace(shop, user_metadata=users)
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


def test_an_answer_in_the_request_that_a_must_cannot_read_is_refused(snapshot: Snapshot) -> None:
    assert recommend(snapshot, Request(5, "u2", context={"LEAST": "5"})).items
    told = r"context: The rule 'plenty' cannot read least = 'a lot': expected a number such as 5"
    with pytest.raises(InputError, match=told):
        recommend(snapshot, Request(5, "u2", context={"LEAST": "a lot"}))


def test_one_that_is_known_of_the_shopper_lets_nothing_through_and_is_told_with_the_answer(snapshot: Snapshot) -> None:
    told = "The rule 'plenty' cannot read least = 'plenty': expected a number such as"
    first, second = answer([Slate(snapshot, Request(5, user), "0" * 16) for user in ("u0", "u2")])
    assert not first.items and first.unread[0].startswith(told)
    assert second.items and not second.unread
    assert told in inspect(snapshot, Request(5, "u0"), checks=0).notes[0]
    assert told in why_not(snapshot, Request(5, "u0"), "i4").said
    headers = dict(reply(first, "itemList", ()).headers)
    assert headers[b"x-endcap-unread"].startswith(told.encode())
    assert recommend(snapshot, Request(5, "u0", context={"least": "3 EUR"})).items


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
