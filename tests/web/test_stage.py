"""The storefront's second half: behind the scenes, other shoppers, the tour, the crowd, and shops of one's own."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

expect.set_options(timeout=20_000)  # how busy the machine is must not decide

MERCHANT = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
{items}<item><title>No id</title></item></channel></rss>"""
WARES = (
    ("Red ceramic mug", "Kitchen > Mugs", "Northwind", 9.5),
    ("Blue ceramic mug", "Kitchen > Mugs", "Northwind", 10.5),
    ("Green glass teapot", "Kitchen > Teapots", "Harbour", 24.0),
    ("Linen shirt", "Clothing > Shirts", "Ola", 49.0),
    ("Wool jumper", "Clothing > Jumpers", "Ola", 79.0),
    ("Oak chair", "Furniture > Chairs", "Timber", 120.0),
)


def merchant() -> bytes:
    """A Google Merchant feed, one entry of it without an id."""
    items = "".join(
        f"<item><g:id>{at}</g:id><title>{name}</title><g:price>{price} GBP</g:price><g:brand>{brand}</g:brand>"
        f"<g:product_type>{kind.replace('>', '&gt;')}</g:product_type></item>"
        for at, (name, kind, brand, price) in enumerate(WARES, 1)
    )
    return MERCHANT.format(items=items).encode()


def shopify() -> bytes:
    """A Shopify products.json, one product of it no object."""
    products = [
        {
            "id": at,
            "title": name,
            "product_type": kind.partition(" > ")[0],
            "vendor": brand,
            "variants": [{"price": str(price)}],
        }
        for at, (name, kind, brand, price) in enumerate(WARES, 1)
    ]
    return json.dumps({"products": [*products, 7]}).encode()


def table() -> bytes:
    """A CSV, one price of it no number."""
    rows = [f"{at},{name},{price},{kind}" for at, (name, kind, _, price) in enumerate(WARES, 1)]
    return "\n".join(["id,title,price,category", *rows, "7,Broken,cheap,Kitchen"]).encode()


def front(page: Page, site, user: str = "") -> None:
    """The shop's front page, with something on it."""
    page.goto(f"{site.url}/shop/{site.name}{f'?as={user}' if user else ''}")
    expect(page.locator("[data-item]").first).to_be_visible()


def view(page: Page, place: int) -> str:
    """Open a product of the first shelf, and wait until its view is taken; its id."""
    card = page.locator("[data-shelf] [data-item]").nth(place)
    item = card.get_attribute("data-item")
    with page.expect_response(
        lambda answer: answer.url.endswith("/shop/api/events") and "View" in (answer.request.post_data or "")
    ):
        card.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return item or ""


def home(page: Page) -> None:
    """Back to the front page without loading anew."""
    page.locator("header").get_by_role("link").first.click()
    expect(page.locator("[data-shelf]").first).to_be_visible()


class TestBehindTheScenes:
    def test_clicks_appear_and_the_shelf_is_explained_by_them(self, page, shop_site, axe):
        front(page, shop_site)
        page.get_by_role("button", name="Behind the scenes").click()
        drawer = page.locator("[data-stage]")
        seen = [view(page, 0)]
        expect(drawer.locator("[data-call=tellEvents]", has_text=seen[0]).first).to_contain_text("1 accepted")
        home(page)
        seen.append(view(page, 1))
        home(page)
        expect(page.locator("[data-shelf=for-you]")).to_be_visible()
        drawer.get_by_role("tab", name="Why").click()
        expect(drawer.locator("[data-why-item]").first).to_be_visible()
        explained = drawer.locator("[data-why-item]").evaluate_all("all => all.map(each => each.dataset.whyItem)")
        shelf = page.locator("[data-shelf=for-you] [data-item]").evaluate_all(
            "all => all.map(each => each.dataset.item)"
        )
        assert explained == shelf[: len(explained)]
        causes = drawer.locator("[data-cause]").evaluate_all("all => all.map(each => each.dataset.cause)")
        assert set(causes) & set(seen)
        assert axe(page) == []

    def test_tastes_move_and_the_shelves_before_and_now_are_compared(self, page, shop_site):
        front(page, shop_site)
        page.get_by_role("button", name="Behind the scenes").click()
        drawer = page.locator("[data-stage]")
        drawer.get_by_role("tab", name="Tastes").click()
        expect(drawer.get_by_text("Nothing is known of tastes yet")).to_be_visible()
        view(page, 0)
        expect(drawer.locator("[data-affinity]").first).to_contain_text("100%")
        home(page)
        view(page, 1)
        home(page)
        drawer.get_by_role("tab", name="Before · after").click()
        expect(drawer.locator("[data-before-after]")).to_contain_text("Now: For you")

    def test_every_call_can_be_copied(self, page, shop_site):
        front(page, shop_site)
        page.get_by_role("button", name="Behind the scenes").click()
        call = page.locator("[data-call=getShelves]").first
        call.get_by_role("button", name=re.compile("The same in")).click()
        expect(call.locator("pre")).to_contain_text(f"--shop {shop_site.name}")
        call.get_by_text("Python", exact=True).click()
        expect(call.locator("pre")).to_contain_text("get_recommendations")


class TestShoppers:
    def test_a_real_shopper_changes_the_shop(self, page, shop_site, axe):
        front(page, shop_site)
        page.get_by_role("button", name="Anonymous: be somebody else").click()
        persona = page.locator("[data-persona]").first
        expect(persona).to_be_visible()
        assert axe(page) == []
        user = persona.get_attribute("data-persona")
        persona.click()
        expect(page).to_have_url(re.compile(f"as={user}"))
        expect(page.locator("[data-shelf=for-you]")).to_be_visible()

    def test_five_products_make_somebody_new(self, page, shop_site):
        front(page, shop_site)
        page.get_by_role("button", name="Anonymous: be somebody else").click()
        page.get_by_role("tab", name="Five products").click()
        goods = page.get_by_role("dialog").locator("button[aria-pressed]")
        expect(goods.first).to_be_visible()
        for place in range(5):
            goods.nth(place).click()
        page.get_by_role("button", name="Shop as this person").click()
        expect(page).to_have_url(re.compile("as=me-[0-9a-f]{12}"))
        expect(page.locator("[data-shelf=for-you]")).to_be_visible()

    def test_answers_to_questions_are_followed(self, page, shop_site):
        front(page, shop_site)
        page.get_by_role("button", name="Anonymous: be somebody else").click()
        page.get_by_role("tab", name="A few questions").click()
        page.get_by_label("What is the most you want to spend?").fill("3")
        page.get_by_role("button", name="Shop as this person").click()
        shelf = page.locator("[data-shelf=told]")
        expect(shelf).to_be_visible()
        prices = [float(each) for each in re.findall(r"\d+\.\d\d", shelf.inner_text())]
        assert prices and max(prices) <= 3

    def test_two_shoppers_stand_side_by_side(self, page, shop_site):
        page.goto(f"{shop_site.url}/shop/{shop_site.name}/side-by-side")
        expect(page.locator("[data-side] [data-shelf=for-you]")).to_have_count(2)
        items = page.locator("[data-side] [data-shelf=for-you]").evaluate_all(
            "all => all.map(each => [...each.querySelectorAll('[data-item]')].map(item => item.dataset.item).join())"
        )
        assert items[0] != items[1]


class TestTour:
    def test_runs_to_its_end_and_goes_on_after_a_reload(self, page, shop_site):
        front(page, shop_site)
        page.get_by_role("button", name="Take the tour").click()
        step = page.locator("[data-tour-step]")

        def at(number: int) -> None:
            expect(page.locator(f"[data-tour-step='{number}']")).to_be_visible()

        at(1)
        step.get_by_role("button", name="Next").press("Enter")
        at(2)
        view(page, 0)
        at(3)
        page.reload()
        at(3)
        page.get_by_role("button", name="Behind the scenes").click()
        at(4)
        step.get_by_role("button", name="Next").click()
        at(5)
        for place in range(5):
            if page.locator("[data-tour-step='6']").count():
                break
            home(page)
            view(page, place)
            page.wait_for_timeout(400)  # a step that is done stays for a moment
        at(6)
        home(page)
        at(7)
        step.get_by_role("button", name="Next").click()
        at(8)
        page.get_by_role("tab", name="Why").click()
        at(9)
        page.get_by_role("tab", name="Tastes").click()
        at(10)
        page.get_by_role("button", name="Close behind the scenes").click()
        page.get_by_role("button", name="Anonymous: be somebody else").click()
        page.locator("[data-persona]").first.click()
        expect(page.locator("[data-tour-step=end]")).to_be_visible()
        page.locator("[data-tour-step=end]").get_by_role("button", name="Close").click()
        expect(step).to_have_count(0)


class TestCrowd:
    def test_moves_the_numbers_and_goes_home(self, page, shop_site):
        front(page, shop_site)
        page.get_by_role("button", name="Open the board").click()
        page.get_by_role("button", name="Let them come").click()
        events = page.locator("[data-number=events]")
        expect(events).not_to_have_text(re.compile("^0"))
        expect(page.locator("[data-crowd] li").first).to_be_visible()
        page.get_by_role("button", name="Send them home").click()
        expect(page.get_by_role("button", name="Let them come")).to_be_visible()


class TestOwnShop:
    @pytest.mark.parametrize(
        ("name", "file", "content"),
        [("feed", "feed.xml", merchant()), ("shopify", "products.json", shopify()), ("table", "goods.csv", table())],
    )
    def test_a_product_file_becomes_a_shop(self, page, shop_site, name, file, content):
        page.goto(f"{shop_site.url}/shop/new")
        page.set_input_files(
            "input[type=file]", {"name": file, "mimeType": "application/octet-stream", "buffer": content}
        )
        page.get_by_label("Name of the shop").fill(f"own-{name}")
        page.get_by_role("button", name="Open the shop").click()
        expect(page.locator("[data-stage-of=open]")).to_be_visible(timeout=60_000)
        expect(page.locator("[data-brought=items]")).to_contain_text("6 items accepted, 1 rejected")
        page.get_by_role("link", name="Go to the shop").click()
        expect(page.locator("[data-item]")).to_have_count(6)
        page.get_by_role("link", name=re.compile("Red ceramic mug")).first.click()
        expect(page.locator("[data-shelf=similar] [data-item]").first).to_contain_text("Blue ceramic mug")

    def test_what_cannot_be_read_is_told(self, page, shop_site, axe):
        page.goto(f"{shop_site.url}/shop/new")
        broken = {"name": "feed.xml", "mimeType": "text/xml", "buffer": b"<!DOCTYPE x [<!ENTITY a 'b'>]><rss>&a;</rss>"}
        page.set_input_files("input[type=file]", broken)
        page.get_by_label("Name of the shop").fill("own-broken")
        assert axe(page) == []
        page.get_by_role("button", name="Open the shop").click()
        expect(page.get_by_role("alert")).to_contain_text("declares a document type")
