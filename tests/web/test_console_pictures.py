"""Every screen of the console in light and dark, on a desktop and on a phone, as in test_shop_pictures.py."""

from __future__ import annotations

import pytest
from picturing import SIZES, looked_at
from screens import CONSOLE


@pytest.mark.parametrize("size", SIZES)
def test_the_console(watched_page, shop_site, axe, pictures, size):
    page = watched_page(SIZES[size])
    page.goto(shop_site.console)
    page.get_by_role("navigation", name="Screens").wait_for(state="attached")
    assert looked_at(page, shop_site, axe, pictures, CONSOLE, size) == {}
