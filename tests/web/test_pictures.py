"""Every screen, light and dark, on a desktop and on a phone: without an error, without scrolling sideways, nothing for
axe to find; and as pictures, into build/pictures or where `--pictures` says."""

from __future__ import annotations

import base64

import pytest
from screens import CONSOLE, SCREENS, SHOP, Screen, opened

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("app", [SHOP, CONSOLE])
def test_screens(watched_page, shop_site, axe, pictures, app, scheme, size):
    page = watched_page(SIZES[size], scheme)
    wrong = {}
    if app == CONSOLE:
        page.goto(shop_site.console)
        page.get_by_role("navigation", name="Screens").wait_for(state="attached")
    for screen in SCREENS:
        if screen.app == app:
            opened(page, shop_site, screen)
            found = axe(page) + _sideways(page)
            if found:
                wrong[screen.name] = found
            _keep(page, pictures / f"{screen.name}-{scheme}-{size}.webp", screen)
    assert wrong == {}


def _sideways(page) -> list[str]:
    """What makes a page wider than its window."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"the page is {wide} px wider than its window"] if wide > 0 else []


def _keep(page, path, screen: Screen) -> None:
    client = page.context.new_cdp_session(page)
    taken = client.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
    path.write_bytes(base64.b64decode(taken["data"]))
    client.detach()
