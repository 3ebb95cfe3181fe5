"""Shoppers for a shop that nobody simulated: they know its goods under its ids, and visit it."""

from __future__ import annotations

import asyncio
import json

import pytest

from endcap.errors import DataError
from endcap.simulator.borrowed import borrow, minds_of
from endcap.simulator.crowd import Crowd
from endcap.simulator.transport import Answer
from endcap.simulator.wire import Targets

NOW = 1_760_000_000_000_000


def told(count: int = 24, kinds: int = 6) -> dict[str, object]:
    """What a server tells of a shop of goods `g0` …"""
    items = [
        {"id": f"g{at}", "category": f"kind {at % kinds}", "group": f"group {at % 2}", "price": 3.0 + at, "weight": at}
        for at in range(count)
    ]
    return {"items": items, "tastes": [{"group 0": 9.0, "group 1": 0.1}, {}], "repeats": True}


class Shelf:
    """Answers each question with the same eight goods, and keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []

    async def post(self, path: str, body: bytes) -> Answer:
        if path == "/events":
            self.events += json.loads(body)["eventList"]
            return Answer(200, {}, b"")
        listed = {"itemList": [{"itemId": f"g{at}"} for at in range(8)], "recommendationId": "r"}
        return Answer(200, {}, json.dumps(listed).encode())


def test_goods_keep_their_ids_and_shoppers_have_their_own() -> None:
    shop = borrow(told(), users=30, seed=1, now=NOW)
    assert sorted(shop.places) == sorted(f"g{at}" for at in range(24))
    assert set(shop.population.ids.to_pylist()) == {f"crowd-{at:05d}" for at in range(1, 31)}
    assert not shop.population.bot.any()


@pytest.mark.parametrize("kinds", [1, 2, 24])
def test_they_visit_and_what_they_do_is_told(kinds: int) -> None:
    shop, shelf = borrow(told(kinds=kinds), users=30, seed=1, now=NOW), Shelf()
    crowd = Crowd(shop, shelf, Targets("arn", "tracking"), 1, minds=minds_of(shop, NOW))
    outcomes = asyncio.run(crowd.run(20))
    assert outcomes.visits == 20
    assert {event["itemId"] for event in shelf.events} <= set(shop.places)
    assert {"View", "Impression"} <= {event["eventType"] for event in shelf.events}


@pytest.mark.parametrize("wrong", [{}, {"items": []}, {"items": [{"id": "a"}] * 3}, {"items": [{"name": "x"}] * 20}])
def test_what_is_no_shop_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DataError):
        borrow(wrong, users=5, seed=1, now=NOW)
