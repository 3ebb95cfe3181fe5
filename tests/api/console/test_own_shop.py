"""A product file becomes a served shop before any traffic; in it, shoppers are made, tastes move, and a crowd comes."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from shop_server import Server, running

from endcap.settings import Settings

KINDS = ("mug", "teapot", "shirt", "jumper", "chair")
PATH = "/shop/api/own-shops"


def goods(count: int = 40) -> bytes:
    """A CSV of things of five kinds; the last row has no price, and a formula for a name."""
    colours, brands = ("red", "blue", "green"), ("Ola", "Bo")
    rows = [
        f"w{at},{colours[at % 3]} {KINDS[at % 5]} {at},{at + 1}.5,{KINDS[at % 5]}s,{brands[at % 2]}"
        for at in range(count)
    ]
    return "\n".join(["id,title,price,category,brand", *rows, "bad,=cmd(),cheap,none,x"]).encode()


def call(server: Server, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    """Status and JSON (bytes of anything else). A body of bytes is a file."""
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    url = server.address + path + (f"?{urlencode(query)}" if query else "")
    request = urllib.request.Request(url, raw, {"content-type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, said = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, said = error.code, error.read()
    try:
        return status, json.loads(said)
    except ValueError:
        return status, said


def opened(server: Server, name: str, seconds: float = 60) -> dict[str, Any]:
    """The shop once it is open, or has failed."""
    deadline = time.monotonic() + seconds
    while True:
        _, shop = call(server, "GET", f"{PATH}/{name}")
        if shop["stage"] in ("open", "failed", "stopped"):
            return shop
        assert time.monotonic() < deadline, f"{name} is at {shop}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(Settings(home=tmp_path_factory.mktemp("own") / "home", port=0)) as found:
        status, said = call(found, "POST", PATH, goods(), name="mine", file="../goods.csv")
        assert status == 200, said
        yield found


class TestOpening:
    def test_it_is_served_by_what_works_without_traffic(self, server: Server) -> None:
        shop = opened(server, "mine")
        assert (shop["stage"], shop["items"], shop["events"]) == ("open", 40, 0)
        recipes = {each["purpose"]: each["recipe"] for each in shop["stands"]}
        assert recipes | {"bought-together": ""} == recipes
        assert (recipes["for-you"], recipes["similar"], recipes["search"]) == ("knowledge", "content", "search")
        shelves = call(server, "POST", "/shop/api/shelves", {"shop": "mine", "page": "product", "item": "w0"})[1][
            "shelves"
        ]
        similar = next(each for each in shelves if each["key"] == "similar")
        assert "mug" in similar["items"][0]["card"]["title"]
        home = call(server, "POST", "/shop/api/shelves", {"shop": "mine", "page": "home"})[1]["shelves"]
        assert [each["title"] for each in home] == ["From the catalogue"]  # nothing happened that could be a trend

    def test_rejected_rows_are_told_and_can_be_taken_along(self, server: Server) -> None:
        shop = opened(server, "mine")
        assert (shop["brought"][0]["accepted"], shop["brought"][0]["rejected"]) == (40, 1)
        status, text = call(server, "GET", f"{PATH}/mine/rejects")
        assert status == 200
        assert b"PRICE is not a finite number" in text
        assert b"\n=" not in text and b",=cmd" not in text

    @pytest.mark.parametrize(
        ("query", "status", "said"),
        [
            ({"name": "a b", "file": "x.csv"}, 400, "name"),
            ({"name": "complete-journey", "file": "x.csv"}, 400, "already"),
            ({"name": "x", "file": "x.csv", "dialect": "../../etc"}, 404, "dialect"),
            ({"name": "x", "file": "x.csv", "kind": "actions"}, 404, "kind"),
            ({"name": "x", "file": "picture.png"}, 200, ""),
        ],
    )
    def test_what_cannot_be_is_said(self, server: Server, query: dict[str, str], status: int, said: str) -> None:
        found, answer = call(server, "POST", PATH, b"id,title\n", **query)
        assert found == status
        assert said in json.dumps(answer)

    def test_a_file_of_something_else_fails_with_the_reason(self, server: Server) -> None:
        call(server, "POST", PATH, b"<!DOCTYPE x><rss><item><id>1</id></item></rss>", name="broken", file="feed.xml")
        shop = opened(server, "broken")
        assert shop["stage"] == "failed"
        assert "document type" in shop["error"]
        assert "/uploads/" not in json.dumps(shop)

    def test_it_learns_from_what_happened(self, server: Server) -> None:
        opened(server, "mine")
        told = [{"event_type": "View", "item_id": f"w{at}"} for at in range(5)]
        assert (
            call(server, "POST", "/shop/api/events", {"shop": "mine", "session": "s", "events": told})[1]["accepted"]
            == 5
        )
        assert call(server, "POST", f"{PATH}/mine", {})[0] == 200
        shop = opened(server, "mine")
        assert (shop["stage"], shop["learns"]) == ("open", True)
        assert shop["events"] >= 5


class TestShoppers:
    def test_nobody_is_a_persona_where_nobody_was(self, server: Server) -> None:
        opened(server, "mine")
        assert call(server, "GET", "/shop/api/personas", shop="mine")[1]["personas"] == []
        assert call(server, "GET", "/shop/api/persona", shop="mine", user="nobody")[0] == 404

    def test_answers_are_followed_at_once(self, server: Server) -> None:
        opened(server, "mine")
        asked = call(server, "GET", "/shop/api/questions", shop="mine")[1]
        assert {"budget", "favourite_categories"} <= {each["field"] for each in asked["questions"]}
        answers = {"favourite_categories": ["shirts"], "budget": ["20,00 €"], "x|y=z": ["a|b=c"]}
        status, made = call(server, "POST", "/shop/api/shoppers", {"shop": "mine", "answers": answers})
        assert status == 200, made
        wanted = {"shop": "mine", "page": "home", "user": made["user"]}
        first = call(server, "POST", "/shop/api/shelves", wanted)[1]["shelves"][0]
        assert first["key"] == "told"
        cards = [each["card"] for each in first["items"]]
        assert cards and all(card["price"] <= 20 for card in cards)
        assert "shirt" in cards[0]["title"]

    def test_an_answer_that_no_rule_can_read_is_refused(self, server: Server) -> None:
        opened(server, "mine")
        for answers, told in (
            ({"budget": ["about 20"]}, "cannot read budget = 'about 20': expected a number such as 5"),
            ({"price_band": ["Cheap"]}, "cannot read price_band = 'cheap': expected one of low, middle, high"),
        ):
            status, said = call(server, "POST", "/shop/api/shoppers", {"shop": "mine", "answers": answers})
            assert status == 400 and told in json.dumps(said)

    def test_only_who_was_made_here_is_changed(self, server: Server) -> None:
        opened(server, "mine")
        for body in ({"user": "somebody", "items": ["w1"]}, {"items": []}, {"items": [f"w{at}" for at in range(30)]}):
            assert call(server, "POST", "/shop/api/shoppers", {"shop": "mine", **body})[0] == 400

    def test_tastes_move_with_a_click(self, server: Server) -> None:
        opened(server, "mine")
        user = call(server, "POST", "/shop/api/shoppers", {"shop": "mine", "items": ["w0", "w5"]})[1]["user"]
        before = call(server, "GET", "/shop/api/affinities", shop="mine", user=user)[1]
        assert [(each["name"], each["now"]) for each in before["categories"]] == [("mugs", 1.0)]
        event = {"event_type": "AddToCart", "item_id": "w2"}
        call(server, "POST", "/shop/api/events", {"shop": "mine", "user": user, "session": "t", "events": [event]})
        after = call(server, "GET", "/shop/api/affinities", shop="mine", user=user)[1]["categories"]
        assert {each["name"] for each in after} == {"mugs", "shirts"}
        assert after[0]["now"] < 1


class TestCrowd:
    @pytest.mark.parametrize("wrong", [{"rate": 500.0}, {"minutes": 600.0}, {"shoppers": 0}, {"purpose": "nothing"}])
    def test_too_much_is_refused(self, server: Server, wrong: dict[str, Any]) -> None:
        opened(server, "mine")
        assert call(server, "POST", "/shop/api/crowd", {"shop": "mine", **wrong})[0] == 400

    def test_it_comes_is_counted_and_goes(self, server: Server) -> None:
        opened(server, "mine")
        wanted = {"shop": "mine", "shoppers": 20, "rate": 20.0, "minutes": 0.5, "speed": 1000.0}
        assert call(server, "POST", "/shop/api/crowd", wanted)[0] == 200
        assert call(server, "POST", "/shop/api/crowd", wanted)[0] == 409
        deadline = time.monotonic() + 40
        while True:
            crowd = call(server, "GET", "/shop/api/crowd", shop="mine")[1]
            if crowd["events"] > 20 and crowd["risers"]:
                break
            assert crowd["runs"] and time.monotonic() < deadline, crowd
            time.sleep(0.05)
        assert crowd["answers"] and crowd["points"]
        assert crowd["risers"][0]["card"]["item"].startswith("w")
        gone = call(server, "DELETE", "/shop/api/crowd", shop="mine")[1]
        assert (gone["runs"], gone["error"]) == (False, "")


def test_the_uploaded_name_leads_nowhere(server: Server, tmp_path: Path) -> None:
    shop = opened(server, "mine")
    assert ".." not in json.dumps(shop["commands"])
