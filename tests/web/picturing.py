"""Screens looked at in every light and size: without an error, without scrolling sideways, nothing for axe to find; and
kept as pictures."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from screens import SCREENS, opened

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
COLOURS = ["color-contrast", "link-in-text-block"]
"""What axe finds that darkness may change; all else is asked in the light."""


def looked_at(page: Any, site: Any, axe: Any, folder: Path, app: str, size: str) -> dict[str, list[str]]:
    """What is wrong with each screen of an app, by its name. The shopper's light changes while a screen is open."""
    wrong = {}
    for screen in SCREENS:
        if screen.app == app:
            page.emulate_media(color_scheme="light", reduced_motion="reduce")
            opened(page, site, screen)
            found = axe(page) + _sideways(page)
            _keep(page, folder / f"{screen.name}-light-{size}.webp")
            page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            _darkened(page)
            found += axe(page, COLOURS)
            _keep(page, folder / f"{screen.name}-dark-{size}.webp")
            if found:
                wrong[screen.name] = found
    return wrong


def _darkened(page: Any) -> None:
    """Dark, and no colour on its way any more; what moves for ever is not waited for."""
    page.locator("html[data-mantine-color-scheme=dark]").wait_for(state="attached")
    page.evaluate(
        """async () => {
            await new Promise(requestAnimationFrame);
            const ended = Promise.allSettled(document.getAnimations().map((each) => each.finished));
            await Promise.race([ended, new Promise((after) => setTimeout(after, 500))]);
        }"""
    )


def _sideways(page: Any) -> list[str]:
    """What makes a page wider than its window."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"the page is {wide} px wider than its window"] if wide > 0 else []


def _keep(page: Any, path: Path) -> None:
    client = page.context.new_cdp_session(page)
    taken = client.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
    path.write_bytes(base64.b64decode(taken["data"]))
    client.detach()
