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


SCREENS: tuple[Screen, ...] = (
    Screen("console-home", CONSOLE, "/console/home?shop={shop}"),
    Screen("console-inspector", CONSOLE, "/console/inspector?shop={shop}&user={user}"),
    Screen("console-data", CONSOLE, "/console/data?shop={shop}"),
    Screen("console-models", CONSOLE, "/console/models?shop={shop}"),
    Screen("console-runs", CONSOLE, "/console/runs?shop={shop}"),
    Screen("shop-home", SHOP, "/shop/{shop}"),
)


def opened(page: Any, site: Any, screen: Screen) -> None:
    """Go there and wait until it has asked for all it shows."""
    screen.prepare(page, site)
    page.goto(site.url + screen.path.format(shop=site.name, user=site.user, item=site.item))
    page.get_by_role("heading", level=1).first.wait_for()
    page.wait_for_load_state("networkidle")
