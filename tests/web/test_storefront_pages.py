"""A shopper's journeys through the storefront, in Chromium against the real server."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from endcap.lake.tables import Lake

HOSTILE = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    '"><svg onload=window.ran=1>',
    "'-window.ran=1-'",
    "javascript:window.ran=1",
    "</title><script>window.ran=1</script>",
    "{{constructor.constructor('window.ran=1')()}}",
    "${window.ran=1}",
    "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "\u202ereversed \u0000 null",
]


def open_shop(page: Page, site: Any, path: str = "", **query: str) -> None:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    page.goto(f"{site.url}/shop/{site.name}{path}{'?' if asked else ''}{asked}")


def shelf(page: Page, key: str):
    return page.locator(f"[data-shelf='{key}']")


def shown(page: Page, key: str) -> list[str]:
    cards = shelf(page, key).locator("[data-item]")
    cards.first.wait_for()
    return cards.evaluate_all("all => all.map(each => each.dataset.item)")


def click_products(page: Page, key: str, count: int = 3) -> None:
    """Open so many products of a shelf, one after the other, and come back."""
    for place in range(count):
        shelf(page, key).locator("[data-item] a").nth(place).click()
        page.get_by_role("button", name="Add to cart", exact=True).wait_for()
        page.go_back()
        page.locator("[data-shelf] [data-item]").first.wait_for()


def told(page: Page) -> list[dict[str, Any]]:
    """What the page tells from now on, event by event."""
    events: list[dict[str, Any]] = []

    def heard(request: Any) -> None:
        if request.url.endswith("/shop/api/events"):
            events.extend(request.post_data_json["events"])

    page.on("request", heard)
    return events


@pytest.fixture
def household(site_home) -> str:
    """A shopper with a past; those whom other tests brought to the shop have names of another kind."""
    lake = Lake(site_home / "lake")
    (shop,) = [each for each in lake.shops() if each.group == "corner"]
    users = lake.read(shop, "interactions", columns=["user_id"])["user_id"].to_pylist()
    return next(user for user in users if user.startswith("U"))


class TestShelves:
    def test_a_stranger_sees_what_is_trending_and_three_clicks_make_a_shelf_for_them(self, page: Page, shop_site):
        events = told(page)
        open_shop(page, shop_site)
        assert len(shown(page, "trending")) == 12
        expect(page.locator("[data-shelf]")).to_have_count(1)
        with page.expect_request(lambda asked: "Impression" in (asked.post_data or "")):
            pass  # what stood in view for half a second was seen
        click_products(page, "trending", 1)
        first = shown(page, "for-you")
        expect(page.locator("[data-shelf]")).to_have_count(3)
        expect(page.get_by_role("heading", name=re.compile("Because you viewed"))).to_be_visible()
        click_products(page, "for-you", 2)
        page.wait_for_function(
            "first => document.querySelector(\"[data-shelf='for-you'] [data-item]\") !== null", arg=first
        )
        assert shown(page, "for-you") != first
        assert len(shown(page, "recent")) == 3
        views = [each for each in events if each["event_type"] == "View"]
        assert len(views) == 3 and all(each["recommendation_id"].startswith("RID-") for each in views)
        seen = [each for each in events if each["event_type"] == "Impression"]
        assert {each["place"] for each in seen} >= {"trending", "for-you"}
        assert all(each["recommendation_id"] and each["impression"] for each in seen)

    def test_what_is_looked_at_stays_where_it_is_until_it_is_asked_anew(self, page: Page, shop_site):
        open_shop(page, shop_site)
        click_products(page, "trending", 1)
        before = shown(page, "for-you")
        page.wait_for_timeout(700)  # long enough to have been seen
        shelf(page, "for-you").get_by_role("button", name=re.compile("^Add .* to the cart$")).first.click()
        anew = page.get_by_role("button", name="Your clicks changed these shelves")
        anew.wait_for()
        assert shown(page, "for-you") == before
        anew.click()
        expect(anew).not_to_be_visible()
        assert shown(page, "for-you") != before

    def test_no_shelf_moves_once_it_is_there(self, page: Page, shop_site):
        page.add_init_script(
            """window.moved = 0;
            const isShelf = source => source.node?.closest?.("[data-shelf]");
            new PerformanceObserver(list => {
              for (const each of list.getEntries()) if (each.sources.some(isShelf)) window.moved += each.value;
            }).observe({ type: "layout-shift", buffered: true });"""
        )
        for path in ("", "/c/Dairy", "/cart"):
            open_shop(page, shop_site, path)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("window.moved") < 0.01, path

    def test_not_interested_sinks_and_can_be_taken_back(self, page: Page, shop_site):
        open_shop(page, shop_site)
        click_products(page, "trending", 1)
        unwanted = shown(page, "for-you")[0]
        card = shelf(page, "for-you").locator(f"[data-item='{unwanted}']")
        card.get_by_role("button", name=re.compile("^More about")).click()
        page.get_by_role("menuitem", name="Not interested").click()
        expect(card.get_by_role("status")).to_contain_text("Not for you")
        open_shop(page, shop_site, "/account", tab="unwanted")
        page.get_by_role("button", name=re.compile("^Take back")).click()
        expect(page.get_by_text("Nothing refused so far")).to_be_visible()


class TestBuying:
    def test_a_bundle_goes_into_the_cart_and_through_the_checkout(self, page: Page, shop_site):
        events = told(page)
        open_shop(page, shop_site)
        shelf(page, "trending").locator("[data-item] a").first.click()
        page.get_by_role("button", name="Add bundle").click()
        page.get_by_role("button", name=re.compile("^Cart, [2-4] products")).click()
        drawer = page.get_by_role("dialog", name="Your cart")
        before = drawer.locator("[data-total]").inner_text()
        drawer.get_by_role("button", name=re.compile("^One more of")).first.click()
        expect(drawer.locator("[data-total]")).not_to_have_text(before)
        drawer.get_by_role("link", name="See the cart").click()
        shown(page, "goes-with")
        page.locator("main").get_by_role("link", name="Check out").click()
        expect(page.get_by_text("This is a demonstration")).to_be_visible()
        page.get_by_role("button", name="Place the demo order").click()
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        bought = [each for each in events if each["event_type"] == "Purchase"]
        assert len(bought) >= 2 and len({each["order_id"] for each in bought}) == 1
        assert bought[0]["quantity"] == 2 and bought[0]["value"] == pytest.approx(2 * bought[0]["price"])
        open_shop(page, shop_site, "/account", tab="orders")
        expect(page.get_by_text(f"{len(bought)} products")).to_be_visible()

    def test_what_is_sold_out_offers_others_in_its_place(self, page: Page, shop_site):
        client = shop_site.server.client("personalize-events")
        arn = f"arn:aws:personalize:us-east-1:000000000000:dataset/{shop_site.name}/ITEMS"
        client.put_items(datasetArn=arn, items=[{"itemId": "P00150", "properties": '{"stock": 0}'}])
        open_shop(page, shop_site, "/p/P00150")
        expect(page.get_by_role("heading", name="In stock instead")).to_be_visible()
        expect(page.get_by_role("button", name="Add to cart", exact=True)).to_be_disabled()
        assert "P00150" not in shown(page, "alternatives")
        expect(shelf(page, "bought-together")).to_have_count(0)
        shelf(page, "alternatives").get_by_role("button", name=re.compile("^Add .* to the cart$")).first.click()
        expect(page.get_by_role("button", name="Cart, 1 product")).to_be_visible()

    def test_categories_and_search_follow_the_shopper_or_do_not(self, page: Page, shop_site, household: str):
        open_shop(page, shop_site, "", **{"as": household})
        page.locator("section[aria-labelledby=aisles] a").first.click()
        mine = page.locator("main [data-item]")
        mine.first.wait_for()
        expect(page.get_by_text(re.compile("^Ordered by blend"))).to_be_visible()
        own = mine.evaluate_all("all => all.map(each => each.dataset.item)")
        page.get_by_role("switch", name="In my order").click()
        expect(page).to_have_url(re.compile("sort=popular"))
        page.wait_for_function(
            "own => { const now = [...document.querySelectorAll('main [data-item]')].map(each => each.dataset.item);"
            "return now.length && now.join() !== own.join(); }",
            arg=own,
        )
        page.get_by_role("searchbox").fill("milk")
        page.get_by_role("searchbox").press("Enter")
        expect(page.get_by_text(re.compile(r"^[1-9][0-9]* found"))).to_be_visible()
        expect(page.get_by_text("Ordered by search-personalised")).to_be_visible()


class TestAccount:
    def test_forget_me_takes_a_shopper_out_of_every_answer(self, page: Page, shop_site, household: str):
        open_shop(page, shop_site, "/account", tab="history", **{"as": household})
        page.locator("main li").first.wait_for()
        page.get_by_role("tab", name="Forget me").click()
        page.get_by_role("button", name="Forget me", exact=True).click()
        page.get_by_role("button", name="Forget me for good").click()
        expect(
            page.get_by_text("You are gone from every answer").or_(page.get_by_text("You are forgotten"))
        ).to_be_visible()
        open_shop(page, shop_site, "", **{"as": household})
        shown(page, "trending")
        expect(shelf(page, "for-you")).to_have_count(0)


class TestHostility:
    def test_forty_hostile_titles_run_nothing(self, page: Page, shop_site):
        """Put as items through the events API, looked at, searched for, and put into the cart."""
        client = shop_site.server.client("personalize-events")
        arn = f"arn:aws:personalize:us-east-1:000000000000:dataset/{shop_site.name}/ITEMS"
        titles = [f"{HOSTILE[n % len(HOSTILE)]} {n}" for n in range(40)]
        items = [
            {"itemId": f"evil/{n}?<b>#%", "properties": f'{{"name": {json.dumps(title)}, "price": 1}}'}
            for n, title in enumerate(titles)
        ]
        for start in range(0, 40, 10):
            client.put_items(datasetArn=arn, items=items[start : start + 10])
        page.add_init_script(
            "localStorage.setItem('endcap.visit.corner.', JSON.stringify("
            "{session: 's-evil', moves: 1, order: null, cart: ["
            + ",".join(f"{{item: {json.dumps(each['itemId'])}, quantity: 1}}" for each in items)
            + "]}))"
        )
        open_shop(page, shop_site, "/cart")
        expect(page.locator("main li")).to_have_count(40)
        page.get_by_text("onerror").first.wait_for()
        page.locator("main li a").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
        page.go_back()
        page.locator("main").get_by_role("link", name="Check out").click()
        page.get_by_role("button", name="Place the demo order").click()
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        open_shop(page, shop_site, "/search", q="%3Cscript%3Ewindow.ran=1%3C/script%3E")
        page.get_by_role("heading", level=1).wait_for()
        assert page.evaluate("window.ran") is None
