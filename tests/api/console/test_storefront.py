"""The storefront's operations against a real server: shelves that follow each click, lists, events, being forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from live_home import furnish
from shop_server import SHOP, Home, running

from endcap.recipes import create

PUBLISHED = {"for-you": "item-item", "similar": "content", "bought-together": "related", "search": "search"}


class Shop:
    """Calls of the storefront, of one shopper."""

    def __init__(self, http: httpx.Client, **who: str) -> None:
        self._http, self._who = http, who

    def get(self, path: str, **asked: Any) -> httpx.Response:
        return self._http.get(f"/shop/api/{path}", params={"shop": SHOP.group, **self._who, **asked})

    def post(self, path: str, **asked: Any) -> httpx.Response:
        return self._http.post(f"/shop/api/{path}", json={"shop": SHOP.group, **self._who, **asked})

    def shelves(self, page: str = "home", **asked: Any) -> dict[str, dict[str, Any]]:
        found = self.post("shelves", page=page, **asked)
        assert found.status_code == 200, found.text
        return {each["key"]: each for each in found.json()["shelves"]}

    def tell(self, *events: dict[str, Any]) -> dict[str, Any]:
        return self.post("events", events=list(events)).json()

    def view(self, *items: str) -> None:
        assert self.tell(*({"event_type": "View", "item_id": item} for item in items))["accepted"] == len(items)


def ids(shelf: dict[str, Any]) -> list[str]:
    return [each["card"]["item"] for each in shelf["items"]]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = Home(tmp_path_factory.mktemp("shop") / "home")
    home.stock()
    furnish(home)
    for purpose, recipe in PUBLISHED.items():
        home.campaigns.deploy(SHOP, SHOP.name_of(purpose), home.publish(create(recipe)), record=True)
    home.database.close()
    with running(home.settings) as server, httpx.Client(base_url=server.address, timeout=20) as client:
        while client.get("/shop/api/shop", params={"shop": SHOP.group}).status_code != 200:
            time.sleep(0.05)
        yield client


@pytest.fixture
def visitor(http: httpx.Client, request: pytest.FixtureRequest) -> Shop:
    """Somebody nobody knows."""
    return Shop(http, session=f"s-{request.node.name}"[:60])


class TestShelves:
    def test_a_stranger_is_told_what_the_shop_lacks_for_its_first_shelf(self, visitor: Shop):
        (shelf,) = visitor.shelves().values()
        assert (shelf["key"], shelf["items"]) == ("trending", [])
        assert shelf["missing"]["commands"] == [
            "endcap train trending --shop corner-shop",
            "endcap publish --shop corner-shop --campaign corner-shop-trending",
        ]

    def test_each_click_changes_for_you_and_what_was_viewed(self, visitor: Shop):
        visitor.view("i2")
        first = visitor.shelves()
        assert list(first) == ["for-you", "because", "recent"]
        assert first["because"]["title"] == "Because you viewed Item 2" and first["because"]["about"] == "i2"
        visitor.view("i4", "i3", "i9")
        then = visitor.shelves()
        assert ids(then["for-you"]) != ids(first["for-you"])
        assert set(ids(then["recent"])) == {"i2", "i3", "i4", "i9"}
        answered = then["for-you"]["answered"]
        assert answered["recommendationId"].startswith("RID-") and answered["counts"]["shown"] > 0
        assert answered["user"] == visitor._who["session"] and answered["recipe"] == "item-item"

    def test_no_product_stands_on_two_shelves_that_were_answered(self, visitor: Shop):
        visitor.view("i2", "i4")
        found = visitor.shelves()
        assert not set(ids(found["for-you"])) & set(ids(found["because"]))

    def test_a_product_has_what_goes_with_it_and_the_cart_has_neither_of_it(self, visitor: Shop):
        product = visitor.shelves("product", item="i2")
        assert list(product)[:2] == ["bought-together", "similar"]
        assert len(ids(product["bought-together"])) <= 3 and "i2" not in ids(product["similar"])
        visitor.tell({"event_type": "AddToCart", "item_id": "i2"})
        assert "i2" not in ids(visitor.shelves("cart", cart=["i2"])["goes-with"])

    def test_a_shop_that_is_not_there_and_a_question_that_is_none(self, http: httpx.Client):
        asked = {"shop": "nobody", "page": "home"}
        assert http.post("/shop/api/shelves", json=asked).status_code == 404
        assert http.post("/shop/api/shelves", json={**asked, "shop": "no/body"}).status_code == 400
        assert http.post("/shop/api/shelves", json={**asked, "page": "cellar"}).status_code == 400


class TestLists:
    def test_the_front_names_aisles_and_what_is_missing(self, http: httpx.Client):
        front = http.get("/shop/api/shop", params={"shop": SHOP.group}).json()
        assert [(each["name"], each["items"]) for each in front["aisles"]] == [("coats", 16), ("shoes", 8)]
        assert "trending" in [each["purpose"] for each in front["missing"]]

    def test_a_category_goes_on_where_its_first_page_ended(self, visitor: Shop):
        visitor.view("i3")
        first = visitor.get("category", category="shoes", size=5).json()["listing"]
        visitor.view("i9", "i12")
        second = visitor.get("category", category="shoes", size=5, page=1, order=first["order"]).json()["listing"]
        assert (first["total"], first["pages"]) == (8, 2)
        assert len({*ids(first), *ids(second)}) == 8
        assert all(each["was"] for each in first["items"]) and first["answered"]["operation"] == "ranking"

    def test_prices_and_names_order_it_too(self, visitor: Shop):
        dear = visitor.get("category", category="shoes", sort="price-down").json()["listing"]
        assert [each["card"]["price"] for each in dear["items"]][:3] == [21.0, 18.0, 15.0]
        assert visitor.get("category", category="hats").status_code == 404

    def test_search_finds_by_words_and_trails_nothing(self, visitor: Shop):
        found = visitor.get("search", q="item 7").json()
        assert ids(found)[0] == "i7" and found["total"] <= 24
        assert visitor.get("search", q="zzzz").json()["total"] == 0

    def test_a_product_that_is_not_there(self, http: httpx.Client):
        assert http.get("/shop/api/product", params={"shop": SHOP.group, "item": "i999"}).status_code == 404


class TestEvents:
    def test_a_bad_one_is_refused_with_its_reason_and_holds_up_no_other(self, visitor: Shop):
        told = visitor.tell({"event_type": "View", "item_id": "i1"}, {"item_id": "i2"}, {"event_type": "View"})
        assert told["accepted"] == 2 and told["ms"] > 0
        assert [(each["index"], each["reason"]) for each in told["rejected"]] == [(1, "The event has no type.")]

    def test_what_is_refused_by_the_shopper_sinks_until_it_is_taken_back(self, visitor: Shop):
        visitor.view("i2", "i4", "i6")
        before = ids(visitor.shelves(size=24)["for-you"])
        visitor.tell({"event_type": "NotInterested", "item_id": before[0]})
        after = visitor.shelves(size=24)
        assert before[0] not in ids(after["for-you"])[:3]
        account = visitor.get("account").json()
        assert [card["item"] for card in account["unwanted"]] == [before[0]]
        visitor.tell({"event_type": "Like", "item_id": before[0]})
        assert visitor.get("account").json()["unwanted"] == []

    def test_an_order_stands_in_the_account(self, visitor: Shop):
        visitor.tell(*({"event_type": "Purchase", "item_id": item, "order_id": "o-1"} for item in ("i5", "i8")))
        account = visitor.get("account").json()
        (order,) = account["orders"]
        assert {card["item"] for card in order["cards"]} == {"i5", "i8"} and account["purchases"] == 2


class TestForgetting:
    def test_a_shopper_is_gone_from_answers_at_once_and_from_the_tables_soon(self, http: httpx.Client):
        known = Shop(http, user="u3")
        assert known.get("account").json()["known"] and "for-you" in known.shelves()
        asked = known.post("forget").json()
        assert not known.get("account").json()["known"]
        assert list(known.shelves()) == ["trending"]
        deadline = time.monotonic() + 60
        while not (now := http.get("/shop/api/forget", params={"job": asked["job"]}).json())["done"]:
            assert time.monotonic() < deadline and now["status"] != "FAILED", now
            time.sleep(0.05)
        assert now["removed"] >= 12  # interactions, and the answers that were given
        assert not known.get("account").json()["known"] and list(known.shelves()) == ["trending"]

    def test_nobody_cannot_be_forgotten(self, http: httpx.Client):
        assert Shop(http).post("forget").status_code == 400
        assert http.get("/shop/api/forget", params={"job": "arn:aws:personalize:x"}).status_code == 404
