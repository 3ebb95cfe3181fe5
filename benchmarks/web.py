"""What the pages cost a person: weight of the first view, largest paint, shifts, and a click until a shelf has changed.

A simulated grocer (2,000 products, 2,000 shoppers) is served by the real server and opened in Debian's Chromium without
a cache, as on a first visit. A page is loaded seven times; its medians count. The click: an anonymous visitor opens a
product from the front page; from the press of the button until the front page, gone back to, shows another *For you*,
everything between counted (event, answer, drawing).
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from endcap.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
RUNS, NAME = 7, "corner"
DESKTOP, PHONE = (1280, 900), (390, 844)
"""Pixels of the window."""
WATCH = """
window.seen = { paint: 0, shift: 0 };
new PerformanceObserver(list => { for (const each of list.getEntries()) window.seen.paint = each.startTime; })
  .observe({ type: 'largest-contentful-paint', buffered: true });
new PerformanceObserver(list => { for (const each of list.getEntries()) window.seen.shift += each.value; })
  .observe({ type: 'layout-shift', buffered: true });
"""


def row(name: str, measured: float, must: float, unit: str, detail: str) -> None:
    """Print one result; all of them are better when lower."""
    line = {"row": name, "must": must, "aim": None, "better": "lower", "measured": round(measured, 3), "unit": unit}
    print(json.dumps({**line, "detail": detail}), flush=True)


def load(browser: Browser, url: str, size: tuple[int, int] = DESKTOP) -> dict[str, float]:
    """One first visit: bytes of script as sent, milliseconds of the largest paint, summed shifts."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.add_init_script(WATCH)
    page = context.new_page()
    sizes: dict[str, int] = {}
    client = context.new_cdp_session(page)
    client.send("Network.enable")
    names: dict[str, str] = {}
    client.on("Network.responseReceived", lambda said: names.update({said["requestId"]: said["response"]["url"]}))
    client.on("Network.loadingFinished", lambda said: sizes.update({said["requestId"]: said["encodedDataLength"]}))
    page.goto(url)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    seen = page.evaluate("window.seen")
    script = sum(size for each, size in sizes.items() if names.get(each, "").partition("?")[0].endswith(".js"))
    context.close()
    return {"script": float(script), "paint": seen["paint"], "shift": seen["shift"]}


def views(browser: Browser, address: str) -> None:
    """Rows of the first view of each page."""
    places = {
        "storefront, home": f"/shop/{NAME}",
        "storefront, product": f"/shop/{NAME}/p/P00001",
        "console, signing in": "/console",
    }
    for name, path in places.items():
        found = [load(browser, address + path) for _ in range(RUNS)]
        middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
        worst = max(each["paint"] for each in found)
        row(f"First view, {name}: script, gzipped", middle["script"] / 1000, 250, "kB", "as sent, headers included")
        row(f"First view, {name}: largest paint", middle["paint"], 1500, "ms", f"worst of {RUNS}: {worst:.0f} ms")
        row(f"First view, {name}: layout shift", max(each["shift"] for each in found), 0.01, "", f"worst of {RUNS}")
        narrow = max(load(browser, address + path, PHONE)["shift"] for _ in range(RUNS))
        row(f"First view, {name}, phone: layout shift", narrow, 0.01, "", f"worst of {RUNS}")


def clicks(browser: Browser, address: str) -> None:
    """The row of a click until the shelf has changed."""
    taken = []
    for _ in range(RUNS):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{address}/shop/{NAME}")
        page.wait_for_load_state("networkidle")
        for place in range(2):
            _open(page, place)
            page.go_back()
            page.wait_for_load_state("networkidle")
        before = _shown(page)
        started = time.perf_counter()
        _open(page, 2)
        page.go_back()
        while _shown(page) in (before, []):
            if time.perf_counter() - started > 10:
                sys.exit("The shelf did not change within 10 s.")
            page.wait_for_timeout(5)
        taken.append((time.perf_counter() - started) * 1e3)
        context.close()
    said = f"two page views lie between; worst of {RUNS}: {max(taken):.0f} ms"
    row("Click → changed shelf, storefront", statistics.median(taken), 1000, "ms", said)


def _open(page: Page, place: int) -> None:
    page.locator("main a[href*='/p/']").nth(place).click()
    page.get_by_role("heading", level=1).wait_for()


def _shown(page: Page) -> list[str]:
    shelf: list[Any] = page.eval_on_selector_all(
        "section[aria-label='For you'] a[href*='/p/'], section:has(h2:text('For you')) a[href*='/p/']",
        "links => links.map(each => each.getAttribute('href'))",
    )
    return [str(each) for each in shelf]


def main() -> None:
    """Build, serve, open, print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    binary = shutil.which("chromium") or sys.exit("error: there is no Chromium. Install it: apt-get install chromium")
    sys.path[:0] = [str(ROOT / "tests" / "web"), str(ROOT / "tests" / "api")]
    build, running = import_module("shop_home").build, import_module("shop_server").running
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        build(home, users=2000, items=2000, days=60)
        settings = Settings(home=home, port=0)
        with running(settings) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-gpu"])
            views(browser, server.address)
            clicks(browser, server.address)
            browser.close()


if __name__ == "__main__":
    main()
