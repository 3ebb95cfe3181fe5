"""A served shop with its pages, and a real Chromium that notices what a page must not do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright
from shop_home import NAME, home_of_a_shop
from shop_server import Server, running

from endcap.registry.first_run import first_run_token
from endcap.settings import Settings

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
HARMLESS = re.compile(r"Download the React DevTools|\[vite\]")


@dataclass(frozen=True)
class ShopSite:
    """A running server over a small simulated grocer."""

    server: Server
    settings: Settings
    name: str = NAME

    @property
    def url(self) -> str:
        return self.server.address

    user: str = "U000018"
    item: str = "P00001"

    @property
    def console(self) -> str:
        """The link that signs in to the console."""
        return f"{self.url}/console#token={first_run_token(self.settings)}"


@dataclass
class Watched:
    """What a page did that it must not: errors on its console, and requests to other places."""

    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@pytest.fixture(scope="package")
def site_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the shop, this worker's own copy."""
    base = tmp_path_factory.getbasetemp()
    is_worker = base.name.startswith("popen-")
    return home_of_a_shop(base.parent if is_worker else base, tmp_path_factory.mktemp("site") / "home")


@pytest.fixture(scope="package")
def shop_site(site_home: Path) -> Iterator[ShopSite]:
    """Serve it while tests of this folder run; its events and shoppers are shared by the tests of a worker, so each
    uses shoppers of its own."""
    settings = Settings(home=site_home, port=0)
    with running(settings) as server:
        yield ShopSite(server, settings)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, driven by Playwright. While it is, a loop runs in this thread, which would be in the way of
    tests that begin one: so it ends with each module."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("there is no Chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def watched_page(browser, shop_site: ShopSite):
    """`watched_page(size, scheme)` opens a page of a fresh profile; the test fails where one logged an error or asked
    another place for anything."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def open_one(size: tuple[int, int] = (1280, 900), scheme: str = "light") -> Page:
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
        context.set_default_timeout(10_000)
        page = context.new_page()
        opened.append((context, watch(page, shop_site.url)))
        return page

    yield open_one
    for context, _ in opened:
        context.close()
    assert [error for _, watched in opened for error in watched.errors] == []
    assert [url for _, watched in opened for url in watched.foreign] == []


@pytest.fixture
def page(watched_page) -> Page:
    """One of them, on a light desktop."""
    return watched_page()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where pictures of screens go: build/pictures, or what PICTURES says."""
    folder = ROOT / os.environ.get("PICTURES", "build/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def watch(opened, url: str) -> Watched:
    """Note what a page must not do, from now on."""
    watched, host = Watched(), urlsplit(url).netloc

    def said(message) -> None:
        if message.type == "error" and not HARMLESS.search(message.text) and "status of 4" not in message.text:
            watched.errors.append(message.text)

    def asked(request) -> None:
        where = urlsplit(request.url)
        if where.scheme in ("http", "https", "ws", "wss") and where.netloc != host:
            watched.foreign.append(request.url)

    opened.on("console", said)
    opened.on("pageerror", lambda error: watched.errors.append(str(error)))
    opened.on("request", asked)
    return watched


@pytest.fixture
def axe():
    """`axe(page)` gives what axe-core finds wrong with a page by WCAG 2.2 AA, one line each; `axe(page, ["RULE"])` by
    these rules alone."""
    source = AXE.read_text("utf-8")
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

    def check(opened, rules: list[str] = levels) -> list[str]:
        # Run in a world of its own is not possible with the page's policy; evaluate goes around it.
        opened.evaluate(f"() => {{ if (!window.axe) {{ {source} }} }}")
        options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
        found = opened.evaluate("options => axe.run(document, options)", options)
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    return check
