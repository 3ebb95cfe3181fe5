"""Plots and pages: well-formed whatever the numbers, nothing active, nothing fetched."""

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.lake.page import Section, page, tiles
from endcap.lake.plots import bars, heat, histogram, intervals, line, number, percent, rows_table

numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 10**15)
labels = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


def checked(figure: str) -> ElementTree.Element:
    root = ElementTree.fromstring(figure)
    svg = root.find("svg")
    assert svg is not None
    named = svg.get("aria-labelledby", "").split()
    assert [element.get("id") for element in (svg.find("title"), svg.find("desc")) if element is not None] == named
    assert root.find("details/div/table") is not None, "no table for those who cannot see the plot"
    assert "nan" not in ElementTree.tostring(svg, encoding="unicode").split("<desc")[0]
    return root


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(labels, numbers, numbers, numbers), max_size=12), labels)
def test_any_numbers_and_labels_give_well_formed_figures(
    rows: list[tuple[str, float, float, float]], title: str
) -> None:
    names, values = [row[0] for row in rows], [row[1] for row in rows]
    checked(bars(title, list(zip(names, values, strict=True))))
    checked(bars(title, list(zip(names, values, strict=True)), share=True))
    checked(line(title, names, {"a": values, "b<": values}))
    checked(histogram(title, names, values))
    checked(histogram(title, [*names, "end"], values))
    checked(heat(title, names, ["x", "y"], [[row[1], row[2]] for row in rows]))
    checked(intervals(title, rows))


def test_long_series_show_few_labels_and_a_short_table() -> None:
    root = checked(line("Activity", [f"2024-01-{day:02d}" for day in range(1, 400)], {"events": [1.0] * 399}))
    assert len(root.findall("svg/text")) < 14
    assert len(root.findall("details/div/table/tbody/tr")) == 60


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234, "1,234"), (12_345, "12.3k"), (4.5e6, "4.5M"), (0.0123, "0.0123"), (123.45, "123.5"), (3e9, "3G")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_percent() -> None:
    assert percent(0.1234) == "12.3 %"


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


def test_a_page_is_self_contained_and_inert() -> None:
    evil = "<script>alert(1)</script>"
    body = tiles([(evil, evil)]) + rows_table([evil], [[evil, evil]]) + bars(evil, [(evil, 1)], description=evil)
    html = page(evil, [Section(evil, body)], subtitle=evil, footer=evil)
    reader = Reader()
    reader.feed(html)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "href")]
    assert "http:" not in html and "https:" not in html and "url(" not in html and "@import" not in html
    assert "default-src 'none'" in html and "prefers-color-scheme:dark" in html
