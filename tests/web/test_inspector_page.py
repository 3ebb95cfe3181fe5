"""The inspector in a browser: a shopper explained, an event left out, a filter, an item missed, two versions."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def inspector(page, shop_site):
    """Signed in, on the inspector, with the shopper that it begins with."""
    page.goto(shop_site.console)
    expect(page).to_have_url(re.compile("/console/home"))
    page.goto(f"{shop_site.url}/console/inspector?shop={shop_site.name}")
    expect(page.get_by_role("button", name=re.compile("^Leave out this")).first).to_be_visible(timeout=20_000)
    return page


def items(page):
    """The recommendations, in order."""
    return page.get_by_role("region", name="Recommendations").locator("button[aria-pressed]")


def title(item) -> str:
    """What an item is called."""
    return item.locator("p").first.inner_text()


def test_reasons_are_run_and_put_back(inspector, axe, pictures):
    assert axe(inspector) == []
    inspector.screenshot(path=pictures / "console-inspector.png", full_page=True)
    why = inspector.get_by_role("region", name="Why", exact=True)
    expect(why.get_by_role("list", name="Parts of the score")).to_be_visible()
    before = title(items(inspector).first)
    why.get_by_role("button", name=re.compile("^Run it: Without")).first.click()
    expect(inspector).to_have_url(re.compile("without="))
    expect(inspector.get_by_text("What moved is marked")).to_be_visible()
    expect(items(inspector).first).not_to_contain_text(before, timeout=15_000)
    inspector.get_by_role("button", name="Put back", exact=True).click()
    expect(items(inspector).first).to_contain_text(before, timeout=15_000)


def test_a_filter_is_told_what_is_wrong_and_then_applied(inspector):
    box = inspector.get_by_role("textbox", name="Filter")
    box.fill("INCLUDE ItemID WHERE")
    expect(inspector.get_by_text(re.compile("Invalid input symbol|expected"))).to_be_visible(timeout=15_000)
    assert "filter=" not in inspector.url
    box.fill("EXCLUDE ItemID WHERE Items.PRICE > 0")
    expect(inspector).to_have_url(re.compile("filter="), timeout=15_000)
    expect(inspector.get_by_text("out by the filter")).to_be_visible(timeout=15_000)


def test_an_item_is_missed(inspector):
    shown = title(items(inspector).first)
    box = inspector.get_by_role("combobox", name="The item that you miss")
    box.fill("no such item")
    box.press("Enter")
    expect(inspector.get_by_text("The shop has no item of this id.")).to_be_visible(timeout=15_000)
    box.fill(shown)
    inspector.get_by_role("option").first.click()
    expect(inspector.get_by_text(re.compile("It is shown, at place"))).to_be_visible(timeout=15_000)


def test_two_versions_as_of_an_earlier_moment(inspector, pictures):
    inspector.get_by_role("combobox", name="Beside it").click()
    inspector.get_by_role("option").filter(has_not_text="blend").first.click()
    expect(inspector).to_have_url(re.compile("against="))
    shown = inspector.get_by_role("region", name="Recommendations")
    expect(shown.get_by_text("new", exact=True).first).to_be_visible(timeout=20_000)
    inspector.screenshot(path=pictures / "console-inspector-two.png", full_page=True)
    slider = inspector.get_by_role("slider", name="As of")
    slider.focus()
    slider.press("ArrowLeft")
    expect(inspector).to_have_url(re.compile("asof="))
    expect(inspector.get_by_text(re.compile("the clock are those of then"))).to_be_visible(timeout=15_000)
