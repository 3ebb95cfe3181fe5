import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from endcap.errors import InputError, UnavailableError, UnknownName
from endcap.seams import FrozenClock
from endcap.simulator import Crowd, History, Pace, Shop, Targets, expected
from endcap.simulator.minds import Mind, Minds
from endcap.simulator.outcomes import CLICKS, EXPECTED_CLICKS, EXPECTED_PURCHASES, PURCHASES, SLATES, Outcomes
from endcap.simulator.transport import Answer
from endcap.simulator.worth import chances, goal_weights
from endcap.types import DAY, Micros

TARGETS = Targets("arn:home", "track", k=10)


@dataclass
class Shopfront:
    """A server in this process: half of the users get what their visit lists, the others anything."""

    shop: Shop
    seed: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    broken: int = 0

    def __post_init__(self) -> None:
        self.random = np.random.Generator(np.random.PCG64(self.seed))

    async def post(self, path: str, body: bytes) -> Answer:
        given = json.loads(body)
        self.calls[path] += 1
        if self.broken and self.calls[path] % self.broken == 0:
            raise UnavailableError("away")
        if path == "/events":
            assert 1 <= len(given["eventList"]) <= 10
            self.events += [{**given, **event} for event in given["eventList"]]
            return Answer(200, {}, b"")
        return self._slate(given["userId"], given.get("inputList"), given.get("itemId", ""))

    def _slate(self, user: str, listed: list[str] | None, item: str) -> Answer:
        good = sum(user.encode()) % 2 == 0
        ids = self.shop.catalogue.ids
        if listed is not None:
            chosen = listed
        elif good and user.startswith("U"):
            taste = self.shop.population.tastes[int(user[1:]) - 1]
            places = np.flatnonzero(np.isin(self.shop.catalogue.type, taste))
            chosen = [ids[int(at)].as_py() for at in self.random.choice(places, 10, replace=False)]
        else:
            chosen = [ids[int(at)].as_py() for at in self.random.choice(len(ids), 10, replace=False)]
        member = "personalizedRanking" if listed is not None else "itemList"
        told = {member: [{"itemId": each} for each in chosen], "recommendationId": f"RID-0000000{int(good)}-x"}
        named = {"x-endcap-variant": "good" if good else "bad", "x-endcap-rung": "personal"}
        return Answer(200, named, json.dumps(told).encode())


def crowd(shop: Shop, past: History, front: Shopfront, **given: Any) -> Crowd:
    options = {"seed": 3, "clock": FrozenClock(Micros(shop.end)), "pace": Pace(at_once=8), **given}
    return Crowd(shop, front, options.pop("targets", TARGETS), minds=Minds.after(shop, past), **options)


def test_a_better_slate_sells_more_and_the_truth_says_how_much(shop: Shop, past: History) -> None:
    outcomes = asyncio.run(crowd(shop, past, Shopfront(shop)).run(700))
    for measure in (CLICKS, PURCHASES, EXPECTED_CLICKS, EXPECTED_PURCHASES):
        assert outcomes.difference("good", "bad", measure).low > 0
    for variant in ("good", "bad"):
        found, true = (outcomes.table(variant)[:, each].sum() for each in (CLICKS, EXPECTED_CLICKS))
        assert found == pytest.approx(true, rel=0.15)
    report = outcomes.json()
    assert (
        report["variants"]["good"]["per_slate"]["clicks"]["mean"]
        > report["variants"]["bad"]["per_slate"]["clicks"]["mean"]
    )
    assert report["differences"][0]["of"] == "good"


def test_a_shadow_is_weighed_and_not_shown(shop: Shop, past: History) -> None:
    front = Shopfront(shop)
    targets = Targets("arn:home", "track", shadow="arn:shadow")
    outcomes = asyncio.run(crowd(shop, past, front, targets=targets).run(200))
    slates = sum(outcomes.table(name)[:, SLATES].sum() for name in ("good", "bad"))
    assert front.calls["/recommendations"] == 2 * slates
    lead = outcomes.over_shadow("good")
    assert lead.low < 0 < lead.high, "the same hands made both"
    assert lead.high - lead.low < 0.2


def test_the_same_crowd_does_the_same(shop: Shop, past: History) -> None:
    fronts = [Shopfront(shop), Shopfront(shop)]
    one, same = (asyncio.run(crowd(shop, past, front, pace=Pace(at_once=1)).run(60)) for front in fronts)
    assert fronts[0].events == fronts[1].events
    assert one.json()["variants"] == same.json()["variants"]


def test_events_say_where_they_come_from(shop: Shop, past: History) -> None:
    front = Shopfront(shop)
    targets = Targets("arn:home", "track", similar="arn:similar", ranking="arn:ranking")
    outcomes = asyncio.run(crowd(shop, past, front, targets=targets).run(200))
    assert front.calls["/personalize-ranking"] > 50
    assert front.calls["/recommendations"] > 400
    kinds = Counter(event["eventType"] for event in front.events)
    assert {"View", "AddToCart", "Purchase", "Impression"} <= set(kinds)
    clicks = [event for event in front.events if event["eventType"] == "View" and "recommendationId" in event]
    shown = [event for event in clicks if "impression" in event]
    assert all(event["itemId"] in event["impression"] for event in shown)
    assert len(shown) > len(clicks) / 2
    assert {json.loads(event["properties"])["place"] for event in clicks} >= {"recommended", "similar"}
    bought = [event for event in front.events if event["eventType"] == "Purchase"]
    assert all(event["eventValue"] > 0 and json.loads(event["properties"])["orderId"] for event in bought)
    assert len({event["eventId"] for event in front.events}) == len(front.events)
    assert sorted(outcomes.acknowledged) == sorted(event["eventId"] for event in front.events)


def test_nobody_is_known_before_logging_in(shop: Shop, past: History) -> None:
    front = Shopfront(shop)
    asyncio.run(crowd(shop, past, front).run(300))
    sessions: dict[str, list[str]] = {}
    for event in front.events:
        sessions.setdefault(event["sessionId"], []).append(event.get("userId", ""))
    assert any(not users[0] and users[-1] for users in sessions.values()), "some log in on the way"
    assert all(len(set(users) - {""}) <= 1 for users in sessions.values())
    assert all(users == sorted(users) for users in sessions.values()), "and nobody is forgotten again"


def test_a_server_that_is_away_is_counted_and_survived(shop: Shop, past: History) -> None:
    outcomes = asyncio.run(crowd(shop, past, Shopfront(shop, broken=3)).run(100))
    assert outcomes.visits >= 98, "but for machines"
    assert outcomes.refused > 0
    assert outcomes.answers["no answer"] > 50
    assert not set(outcomes.json()["variants"]) - {"good", "bad"}


def test_visits_begin_at_the_rate_asked_for_and_stop_in_time(shop: Shop, past: History) -> None:
    limited = crowd(shop, past, Shopfront(shop), pace=Pace(rate=1_000.0))
    outcomes = asyncio.run(limited.run(100_000, seconds=0.2))
    assert 0 < outcomes.visits < 1_000
    with pytest.raises(InputError, match="above 0"):
        Pace(rate=0.0)


def test_expected_is_the_mean_of_what_happens(shop: Shop) -> None:
    items = np.flatnonzero(shop.catalogue.type == 3)[:5].astype(np.int32)
    mind, random = Mind(7), np.random.Generator(np.random.PCG64(2))
    found = chances(shop, mind, items, 3, shop.end)
    drawn = random.random((3, 40_000, 5))
    bought = (drawn[0] < found.look * found.click) & (drawn[1] < found.cart) & (drawn[2] < found.buy)
    slate = [shop.catalogue.ids[int(item)].as_py() for item in items]
    told = expected(shop, "U000008", slate, shop.end, goal=3)
    assert told.purchases.sum() == pytest.approx(bought.mean(0).sum(), rel=0.1)
    assert told.clicks[0] > 0


def test_what_a_visit_is_after_makes_the_slate_worth_more(shop: Shop) -> None:
    goal = int(shop.population.tastes[7][0])
    there = np.flatnonzero(shop.catalogue.type == goal)[:5]
    slate = [shop.catalogue.ids[int(item)].as_py() for item in there]
    known = expected(shop, "U000008", slate, shop.end, goal=goal)
    unknown = expected(shop, "U000008", slate, shop.end)
    other = expected(shop, "U000008", slate, shop.end, goal=(goal + 20) % len(shop.theme.types))
    assert other.purchases.sum() < unknown.purchases.sum() < known.purchases.sum()
    assert goal_weights(shop, 7, shop.end).sum() == pytest.approx(1)
    with pytest.raises(UnknownName, match="nobody"):
        expected(shop, "nobody", slate, shop.end)


def test_fatigue_ownership_and_what_has_run_out(shop: Shop) -> None:
    who = int(np.flatnonzero((shop.population.staples >= 0).any(1))[0])
    slot = int(np.flatnonzero(shop.population.staples[who] >= 0)[0])
    staple = shop.population.staples[who][slot : slot + 1]
    goal = int(shop.catalogue.type[staple[0]])
    stocked, short = Mind(who), Mind(who)
    short.dues[slot] = shop.end
    assert chances(shop, stocked, staple, goal, shop.end).cart[0] == 0
    assert chances(shop, short, staple, goal, shop.end).cart[0] > 0.1
    lasting = np.flatnonzero(shop.consumable[shop.catalogue.type] == 0)[:1].astype(np.int32)
    fresh, tired = Mind(who), Mind(who, owned={int(lasting[0])})
    for _ in range(5):
        tired.see(lasting, shop.end)
    a, b = (chances(shop, mind, lasting, goal, shop.end + 1) for mind in (fresh, tired))
    assert b.click[0] < a.click[0]
    assert b.buy[0] < 0.1 * a.buy[0]
    assert chances(shop, tired, lasting, goal, shop.end + 8 * DAY).click[0] == pytest.approx(a.click[0], rel=0.2)


def test_intervals_come_from_shoppers_not_from_slates() -> None:
    outcomes = Outcomes()
    random = np.random.Generator(np.random.PCG64(0))
    for unit in range(400):
        for variant, mean in (("a", 1.0), ("b", 1.0)):
            for _ in range(1 + unit % 4):
                outcomes.add(variant, f"{variant}{unit}", 0)
                outcomes.add(variant, f"{variant}{unit}", CLICKS, float(random.poisson(mean)))
    per_slate = outcomes.per_slate("a", CLICKS)
    assert per_slate.low < 1.0 < per_slate.high
    assert per_slate.high - per_slate.low < 0.2
    same = outcomes.difference("b", "a", CLICKS)
    assert same.low < 0 < same.high
    empty = Outcomes()
    empty.add("a", "u", CLICKS)
    assert np.isnan(empty.per_shopper("a", CLICKS).low)
