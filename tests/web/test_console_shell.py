"""The console's frame: signing in and out, its screens by link, keyboard and palette, and what axe says of them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

SCREENS = ("home", "inspector", "data", "models", "runs")


@pytest.fixture
def console(page, shop_site):
    """Signed in, on the first screen."""
    page.goto(shop_site.console)
    expect(page).to_have_url(re.compile("/console/home"))
    return page


class TestSigningIn:
    def test_the_printed_link_signs_in_and_its_token_leaves_the_address(self, console, shop_site):
        assert "token" not in console.url
        expect(console.get_by_role("navigation", name="Screens")).to_be_visible()

    def test_a_wrong_token_is_told_and_a_key_signs_in(self, page, shop_site):
        page.goto(shop_site.url + "/console")
        page.get_by_role("textbox", name="Token or access key").fill("guessed")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("neither the token nor an access key")
        key = shop_site.server.key
        page.get_by_role("textbox", name="Token or access key").fill(f"{key.id}:{key.secret}")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Screens")).to_be_visible()

    def test_signing_out_asks_for_the_token_again(self, console):
        console.get_by_role("button", name="Account").click()
        console.get_by_role("menuitem", name="Sign out").click()
        expect(console.get_by_role("button", name="Sign in")).to_be_visible()


class TestScreens:
    @pytest.mark.parametrize("name", SCREENS)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_opens_by_its_link_and_axe_finds_nothing(self, console, shop_site, axe, name, scheme):
        console.emulate_media(color_scheme=scheme)
        console.goto(f"{shop_site.url}/console/{name}?shop={shop_site.name}")
        expect(console.get_by_role("heading", level=1)).to_be_visible()
        console.wait_for_load_state("networkidle")
        assert axe(console) == []

    def test_the_palette_goes_there_by_the_keyboard(self, console):
        expect(console.get_by_role("heading", level=1)).to_be_visible()
        console.keyboard.press("Control+k")
        box = console.get_by_label("Go to", exact=True)
        expect(box).to_be_focused()
        box.press_sequentially("Models")
        expect(console.get_by_text("Train, compare, publish, roll back")).to_be_visible()
        console.keyboard.press("Enter")
        expect(console).to_have_url(re.compile("/console/models"))
