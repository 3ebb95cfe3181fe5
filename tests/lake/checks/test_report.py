"""The check report as a file."""

from pathlib import Path

import pyarrow as pa

from endcap.lake.checks import run_checks
from endcap.lake.checks.finding import Finding
from endcap.lake.checks.report import render_html, write_html
from endcap.lake.tables import Lake
from endcap.seams import FrozenClock
from endcap.types import DAY, AccountKey, Micros, ShopKey

SHOP = ShopKey(AccountKey(), "corner-shop")
START = 1_700_000_000_000_000


def filled(root: Path, size: int, step: int) -> Lake:
    lake = Lake(root / "lake")
    table = pa.table(
        {
            "user_id": [f"<u{n % 7}>" for n in range(size)],
            "item_id": [f"i{n % 5}" for n in range(size)],
            "timestamp": [START + n * step for n in range(size)],
            "event_type": ["View", "Purchase", "</svg>"] * (size // 3),
            "price": [1.5] * size,
        }
    )
    lake.commit(SHOP, "interactions", table, schema=table.schema, mode="FULL", job="a")
    items = pa.table({"item_id": ["i1", "i2"], "brand": ["x", None]})
    lake.commit(SHOP, "items", items, schema=items.schema, mode="FULL", job="a")
    return lake


def test_the_report_holds_findings_and_plots(tmp_path: Path) -> None:
    clock = FrozenClock(Micros(START + 300 * DAY))
    lake = filled(tmp_path, 300, DAY)
    path = tmp_path / "deep" / "report.html"
    write_html(path, lake, SHOP, run_checks(lake, SHOP, clock=clock), clock=clock)
    html = path.read_text("utf-8")
    for word in ("Activity", "by week", "Time of day and weekday", "Interactions per user", "Missing values: items",
                 "Price of interactions", "few-interactions", "interactions@0,items@0"):  # fmt: skip
        assert word.replace("by week", "per week") in html, word
    assert "<script" not in html and "</svg>:" not in html and "http" not in html.replace("http-equiv", "")
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_the_same_data_give_the_same_report(tmp_path: Path) -> None:
    clock = FrozenClock(Micros(START + 9 * DAY))
    pages = []
    for name in ("a", "b"):
        lake = filled(tmp_path / name, 30, 1)
        write_html(tmp_path / f"{name}.html", lake, SHOP, run_checks(lake, SHOP, clock=clock), clock=clock)
        pages.append((tmp_path / f"{name}.html").read_text("utf-8"))
    assert pages[0] == pages[1]


def test_examples_are_escaped_and_silence_is_said() -> None:
    finding = Finding("x", "warning", "A <b>.", "Why.", "Do.", 1, 2, ("<img src=x>",))
    html = render_html(SHOP, [finding], [])
    assert "<img" not in html and "1 warning<" in html
    assert "Nothing to remark." in render_html(SHOP, [], [])
