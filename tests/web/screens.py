"""The screens, once: where each is, and what must be there before it counts as shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SHOP, CONSOLE = "shop", "console"


def _nothing(page: Any, site: Any) -> None:
    """A screen that needs nothing done before it."""


@dataclass(frozen=True)
class Screen:
    """`path` may name `{shop}`, `{user}` and `{item}` of the test's shop; `prepare(page, site)` is done before."""

    name: str
    app: str
    path: str
    prepare: Callable[[Any, Any], None] = _nothing


def _browsed(page: Any, site: Any) -> None:
    """Three yoghurts looked at."""
    for item in ("P00001", "P00002", "P00003"):
        page.goto(f"{site.url}/shop/{site.name}/p/{item}")
        page.get_by_role("heading", level=1).first.wait_for()
        page.wait_for_load_state("networkidle")


def _filled(page: Any, site: Any) -> None:
    """Something in the cart."""
    page.goto(f"{site.url}/shop/{site.name}/p/{site.item}")
    page.get_by_role("button", name="Add to cart").first.click()
    page.wait_for_load_state("networkidle")


SCREENS: tuple[Screen, ...] = (
    Screen("shop-shops", SHOP, "/shop"),
    Screen("shop-new", SHOP, "/shop/new"),
    Screen("shop-first-visit", SHOP, "/shop/{shop}"),
    Screen("shop-home", SHOP, "/shop/{shop}", _browsed),
    Screen("shop-category", SHOP, "/shop/{shop}/c/Drinks"),
    Screen("shop-search", SHOP, "/shop/{shop}/search?q=yoghurt"),
    Screen("shop-product", SHOP, "/shop/{shop}/p/{item}"),
    Screen("shop-cart", SHOP, "/shop/{shop}/cart", _filled),
    Screen("shop-checkout", SHOP, "/shop/{shop}/checkout"),
    Screen("shop-account", SHOP, "/shop/{shop}/account?as={user}"),
    Screen("shop-side-by-side", SHOP, "/shop/{shop}/side-by-side?left={user}&right=U000002"),
    Screen("console-home", CONSOLE, "/console/home?shop={shop}"),
    Screen("console-inspector", CONSOLE, "/console/inspector?shop={shop}&user={user}"),
    Screen("console-data", CONSOLE, "/console/data?shop={shop}"),
    Screen("console-data-import", CONSOLE, "/console/data?shop={shop}&tab=import"),
    Screen("console-data-health", CONSOLE, "/console/data?shop={shop}&tab=health"),
    Screen("console-data-rows", CONSOLE, "/console/data?shop={shop}&tab=rows"),
    Screen("console-models", CONSOLE, "/console/models?shop={shop}"),
    Screen("console-models-train", CONSOLE, "/console/models?shop={shop}&tab=train"),
    Screen("console-models-serving", CONSOLE, "/console/models?shop={shop}&tab=serving"),
    Screen("console-runs", CONSOLE, "/console/runs?shop={shop}"),
)


def opened(page: Any, site: Any, screen: Screen) -> None:
    """Go there and wait until it has asked for all it shows."""
    screen.prepare(page, site)
    page.goto(site.url + screen.path.format(shop=site.name, user=site.user, item=site.item))
    page.get_by_role("heading", level=1).first.wait_for()
    page.wait_for_load_state("networkidle")
