"""Home and runs in a browser: the next step, the numbers, a training followed to its end and a failure told."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect


@pytest.fixture
def signed_in(page, shop_site):
    """On Home."""
    page.goto(shop_site.console)
    expect(page).to_have_url(re.compile("/console/home"))
    return page


def test_home_names_the_next_step_and_shows_numbers(signed_in, axe, pictures):
    setup = signed_in.get_by_role("region", name="Set up")
    expect(setup.get_by_text(re.compile(r"\d of 6 done"))).to_be_visible()
    expect(setup.get_by_text("Bring in data")).to_be_visible()
    expect(signed_in.get_by_text("Catalogue shown")).to_be_visible()
    expect(setup.get_by_text(re.compile("findings|Nothing odd|serious"))).to_be_visible(timeout=20_000)
    assert axe(signed_in) == []
    signed_in.screenshot(path=pictures / "console-home.png", full_page=True)


def test_a_run_is_followed(signed_in, shop_site, axe, pictures):
    asked = {"shop": shop_site.name, "recipe": "popularity"}
    made = httpx.post(f"{shop_site.url}/console/api/models", json=asked, headers=dict(shop_site.server.headers))
    assert made.status_code == 200, made.text
    signed_in.goto(f"{shop_site.url}/console/runs?shop={shop_site.name}")
    row = signed_in.get_by_role("row").filter(has_text="Training").first
    expect(row).to_be_visible()
    row.get_by_role("button", name="Training").click()
    panel = signed_in.get_by_role("dialog")
    expect(panel.get_by_role("log", name="Log")).to_be_visible()
    expect(panel.get_by_text(re.compile("^(pending|running|done)$")).first).to_be_visible()
    assert axe(signed_in) == []
    signed_in.screenshot(path=pictures / "console-runs.png")
