"""The data model: the page is current, and every field of it can be imported and found again."""

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.lake.data_model import HOMES, Home, render
from endcap.lake.importers.generic import HEADERS
from endcap.lake.shop_schemas import SHOP
from importer_reading import Read, read

PAGE = Path(__file__).parents[2] / "docs/reference/data-model.md"
NUMBERS = {"int": 7, "long": 1_600_000_000, "double": 0.25, "string": "some, “text” 🛒"}


def test_the_page_is_current() -> None:
    note, _, page = PAGE.read_text("utf-8").partition("\n")
    assert note.startswith("<!--") and page == render()


def test_every_column_has_headers_and_every_home_exists() -> None:
    for kind, schema in SHOP.items():
        assert set(HEADERS[kind]) == {field.name for field in schema.fields}
    for home in HOMES:
        assert home.columns or home.events
        for kind, name in home.columns:
            assert name in SHOP[kind]


def value(kind: str, name: str, type_: str) -> Any:
    return name.lower() + "-1" if name.endswith("_ID") else NUMBERS[type_]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """A shop in which every field is present: one user, one item, one event of every type, all columns filled."""
    folder = tmp_path_factory.mktemp("shop")
    events = sorted({name for home in HOMES for name in home.events})
    for kind, schema in SHOP.items():
        rows = [{HEADERS[kind][field.name][0]: value(kind, field.name, field.type) for field in schema.fields}]
        if kind == "interactions":
            rows = [rows[0] | {"event_type": name, "timestamp": 1_600_000_000 + n} for n, name in enumerate(events)]
        (folder / f"{kind}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return read(folder)


@pytest.mark.parametrize("home", HOMES, ids=lambda home: f"{home.group}: {home.field}")
def test_the_field_is_imported_and_found_again(shop: Read, home: Home) -> None:
    for kind, name in home.columns:
        field = SHOP[kind][name]
        found = shop.tables[kind][field.column].to_pylist()
        expected = value(kind, name, field.type)
        if field.is_time:
            assert min(found) == 1_600_000_000_000_000
        else:
            assert set(found) == {expected}
    assert set(home.events) <= set(shop.tables["interactions"]["event_type"].to_pylist())


def test_nothing_was_left_out(shop: Read) -> None:
    for kind, schema in SHOP.items():
        assert shop.plan.schemas[kind] == schema
        assert shop.counts[kind].rejected == ()
