"""The console's Data and Models screens: a faulty CSV becomes rows, and rows a model that serves and is taken back."""

from __future__ import annotations

import csv
import re

import pytest
from playwright.sync_api import expect

ROWS = [
    "client,article,moment,kind,order no,units",
    *(
        f"N{user},P{(user * 7 + step * 3) % 24:05d},{1_760_000_000 + user * 977 + step * 86_400},Purchase,o{user},1"
        for user in range(40)
        for step in range(30)
    ),
    "N1,,1760000001,Purchase,o1,1",
    "N2,P00003,tomorrow,Purchase,o2,2",
    "N3,P00004,1760000003,Purchase,o3,many",
]
FAULTY = "\n".join(ROWS) + "\n"


@pytest.fixture
def console(page, shop_site):
    """Signed in. Jobs start a process each, so what they do is waited for longer than a page is."""
    expect.set_options(timeout=20_000)
    page.set_default_timeout(30_000)
    page.goto(shop_site.console)
    expect(page).to_have_url(re.compile("/console/home"))
    return page


def column(page, field: str, name: str) -> None:
    """Say which column a field is read from."""
    page.get_by_role("combobox", name=f"Column of {field}").click()
    page.get_by_role("option", name=name, exact=True).click()


def one_more(page, field: str) -> None:
    page.get_by_role("combobox", name="One more field").click()
    page.get_by_role("option", name=field, exact=True).click()


class TestData:
    def test_a_csv_with_errors_is_mapped_tried_imported_and_its_rejects_downloaded(self, console, shop_site, axe):
        page = console
        page.goto(f"{shop_site.url}/console/data?shop=newcomers&tab=import")
        page.get_by_label("Files to import").set_input_files(
            {"name": "orders.csv", "mimeType": "text/csv", "buffer": FAULTY.encode()}
        )
        page.get_by_role("combobox", name="Each row is").click()
        page.get_by_role("option", name="something a shopper did").click()
        expect(page.get_by_role("alert")).to_contain_text("Something is missing")
        assert axe(page) == []
        for field, name in (("user_id", "client"), ("item_id", "article"), ("timestamp", "moment")):
            column(page, field, name)
        expect(page.get_by_role("button", name="Try it first")).to_be_enabled()
        one_more(page, "order_id")
        column(page, "order_id", "order no")
        expect(page.get_by_role("table", name="First rows of orders.csv")).to_contain_text("2025-10-09")

        page.get_by_role("button", name="Try it first").click()
        expect(page.get_by_role("status")).to_contain_text("Tried: nothing was written")
        expect(page.get_by_text("1,200 accepted")).to_be_visible()
        expect(page.get_by_text("QUANTITY is not a finite number")).to_be_visible()
        assert axe(page) == []

        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Imported")
        with page.expect_download() as waited:
            page.get_by_role("link", name="Download rejected rows").click()
        with open(waited.value.path(), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["_reason"][:9] for row in rows] == ["ITEM_ID i", "TIMESTAMP", "QUANTITY "]
        assert rows[2]["units"] == "many"

        page.get_by_role("tab", name="Overview").click()
        expect(page.get_by_text("1,200").first).to_be_visible()

    def test_rows_are_sorted_and_filtered_by_their_address_alone(self, console, shop_site):
        page = console
        where = "%5B%5B%22event_type%22%2C%22%3D%22%2C%22Purchase%22%5D%5D"
        page.goto(f"{shop_site.url}/console/data?shop={shop_site.name}&tab=rows&sort=timestamp&where={where}")
        table = page.get_by_role("table", name="Rows of interactions")
        expect(table.get_by_role("row").nth(1)).to_contain_text("Purchase")
        first = [table.get_by_role("row").nth(place).inner_text() for place in (1, 2)]
        table.get_by_role("button", name="timestamp").click()
        expect(table.get_by_role("row").nth(1)).not_to_have_text(first[0])
        page.get_by_role("button", name="last page").click()
        expect(page).to_have_url(re.compile("page="))
        expect(table.get_by_role("row").nth(1)).to_contain_text("Purchase")

    def test_readiness_counts_what_is_missing(self, console, shop_site, axe):
        page = console
        page.goto(f"{shop_site.url}/console/data?shop={shop_site.name}&tab=readiness")
        card = page.get_by_role("article", name="bought-together")
        expect(card).to_contain_text(re.compile(r"Bought together needs [\d,]+ more orders of two items or more"))
        assert axe(page) == []


class TestModels:
    def test_train_compare_publish_and_roll_back(self, console, shop_site, axe):
        page, name = console, shop_site.name
        page.goto(f"{shop_site.url}/console/models?shop={name}&tab=train&recipe=popularity")
        page.get_by_role("button", name="Train popularity").click()
        expect(page.get_by_role("status").filter(has_text="is being trained")).to_be_visible()
        page.get_by_role("button", name="See the versions").click()
        made = page.get_by_role("row").filter(has_text="popularity").first
        expect(made).to_be_visible(timeout=60_000)
        version = re.search(r"[0-9a-f]{8}", made.inner_text())[0]

        made.get_by_role("checkbox").check()
        page.get_by_role("button", name="Compare 1").click()
        page.get_by_role("textbox", name="Days to judge on").fill("10")
        page.get_by_role("button", name="Compare", exact=True).click()
        forest = page.get_by_role("table", name="Differences to live")
        expect(forest).to_contain_text(version, timeout=90_000)
        expect(page.get_by_role("table", name="Slices")).to_contain_text("warm shoppers")
        assert axe(page) == []

        page.get_by_role("tab", name="Versions").click()
        made.get_by_role("button", name=f"Publish version {version}").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("combobox", name="Campaign").fill(f"{name}-trending")
        dialog.get_by_role("textbox", name="Share of shoppers").fill("20")
        dialog.get_by_role("button", name="Publish", exact=True).click()
        expect(made).to_contain_text("trending 20 %")

        page.get_by_role("tab", name="Serving").click()
        campaign = page.get_by_role("article", name=f"{name}-trending")
        expect(campaign.get_by_role("img")).to_have_attribute("aria-label", re.compile(f"{version}: 20 %"))
        campaign.get_by_role("button", name="Roll back").click()
        page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        expect(campaign.get_by_role("img")).not_to_have_attribute("aria-label", re.compile(version))
        expect(campaign).to_contain_text("rolled back to 1")
        assert axe(page) == []
