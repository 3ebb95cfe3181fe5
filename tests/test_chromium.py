"""The pages, in a real Chromium: they show what they should, load nothing from outside and complain about nothing."""

import re
from pathlib import Path

import pytest

from browser import Page, open_page
from endcap.evaluation.report import write_report
from endcap.evaluation.shop import judge
from endcap.lake.checks import run_checks
from endcap.lake.checks.report import write_html
from endcap.lake.tables import Lake
from endcap.seams import no_progress
from endcap.testing.datasets import random_shop
from endcap.types import AccountKey, ShopKey

OUTSIDE = re.compile(r"""(src|href)=["']?(https?:)?//""")


def is_sound(page: Page) -> None:
    assert not page.console
    assert not OUTSIDE.search(page.dom)
    assert "<script" not in page.dom
    assert page.colours() > 8, "a blank page"


@pytest.mark.parametrize("width", [1280, 420])
def test_the_evaluation_report(tmp_path: Path, width: int) -> None:
    page, numbers = tmp_path / "evaluation.html", tmp_path / "evaluation.json"
    write_report(judge(random_shop(4, users=80, events=1500), {}, days=20), "corner-shop", page, numbers)
    shown = open_page(page.as_uri(), tmp_path, width=width)
    is_sound(shown)
    assert "corner-shop" in shown.dom and "NDCG@20" in shown.dom and "<svg" in shown.dom


@pytest.mark.parametrize("width", [1280, 420])
def test_the_data_check(tmp_path: Path, width: int) -> None:
    shop, lake = ShopKey(AccountKey(), "corner-shop"), Lake(tmp_path / "lake")
    table = random_shop(4, users=80, events=1500).table().drop_columns(["weight", "event_type"])
    lake.commit(shop, "interactions", table, schema=table.schema, mode="FULL", job="one")
    page = tmp_path / "check.html"
    write_html(page, lake, shop, run_checks(lake, shop, no_progress), no_progress)
    shown = open_page(page.as_uri(), tmp_path, width=width)
    is_sound(shown)
    assert "corner-shop" in shown.dom and "<svg" in shown.dom
