"""Every screen of the storefront in light and dark, on a desktop and on a phone; the pictures go into build/pictures,
or where PICTURES says."""

from __future__ import annotations

import pytest
from picturing import SIZES, looked_at
from screens import SHOP


@pytest.mark.parametrize("size", SIZES)
def test_the_storefront(watched_page, shop_site, axe, pictures, size):
    page = watched_page(SIZES[size])
    assert looked_at(page, shop_site, axe, pictures, SHOP, size) == {}
