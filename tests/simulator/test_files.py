import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.errors import DataError, InputError
from endcap.jobs.intake import bring_in
from endcap.jobs.workspace import open_workspace
from endcap.lake.schemas import Schema
from endcap.lake.shop_schemas import SHOP
from endcap.settings import Settings
from endcap.simulator import History, Shop, open_shop
from endcap.simulator.files import read_shop, write_files
from endcap.simulator.schemas import FIELDS, avro


@pytest.fixture(scope="module")
def small() -> Shop:
    return open_shop("fashion", users=300, items=200, days=30, seed=6)


@pytest.fixture(scope="module")
def folder(small: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written")
    write_files(small, path / "shop")
    return path / "shop"


def test_schemas_are_a_part_of_the_shops_own() -> None:
    for kind in FIELDS:
        schema = Schema.from_avro(avro(kind), "ECOMMERCE" if kind == "interactions" else None)
        for field in schema.fields:
            assert field == SHOP[kind][field.name]


def test_files_have_their_header_and_seconds(small: Shop, folder: Path) -> None:
    for kind, fields in FIELDS.items():
        with open(folder / f"{kind}.csv", newline="") as file:
            rows = csv.DictReader(file)
            first = next(rows)
        assert tuple(rows.fieldnames or ()) == fields
        for name in ("TIMESTAMP", "CREATION_TIMESTAMP"):
            if name in first:
                assert 1_500_000_000 < int(first[name]) < small.end // 1_000_000


def test_equal_seeds_write_equal_files(small: Shop, folder: Path, tmp_path: Path) -> None:
    write_files(open_shop("fashion", users=300, items=200, days=30, seed=6), tmp_path)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes(), path


def test_the_truth_tells_each_personas_conversion(small: Shop, folder: Path) -> None:
    truth = json.loads((folder / "truth" / "truth.json").read_text())
    assert truth["behaviour"]["position"] == small.behaviour.position
    assert sum(each["shoppers"] for each in truth["personas"]) == 300
    for each in truth["personas"]:
        assert 0 < each["purchases_a_visit"] < each["visits"]
        assert 0 < each["clicks_of_shown"] < 0.5
    assert truth["rows"]["items"] == 200


def test_expected_conversion_is_what_is_counted(shop: Shop, past: History, tmp_path: Path) -> None:
    write_files(shop, tmp_path)
    truth = json.loads((tmp_path / "truth" / "truth.json").read_text())
    views = sum(each["visits"] * each["purchases_a_visit"] for each in truth["personas"])
    kinds = np.array(past.interactions["event_type"].to_pylist())
    online = np.array(past.interactions["order_id"].is_valid().to_pylist()) & (kinds == "Purchase")
    restocks = sum(each["visits"] * each["restocks_a_visit"] for each in truth["personas"])
    assert online.sum() - restocks < views, "of staples there is no second one from a list"
    assert online.sum() - restocks == pytest.approx(views, rel=0.15)


def test_the_shop_is_opened_again_from_its_files(small: Shop, folder: Path) -> None:
    again = read_shop(folder)
    assert np.array_equal(again.catalogue.price, small.catalogue.price)
    assert np.array_equal(again.population.tastes, small.population.tastes)
    assert (again.start, again.end) == (small.start, small.end)


@pytest.mark.parametrize("text", ["no json", "[]", '{"format": 1}', '{"format": 9, "shop": {}}'])
def test_what_is_no_truth_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "truth.json").write_text(text)
    with pytest.raises(DataError, match=r"truth\.json"):
        read_shop(tmp_path)


def test_files_of_another_origin_are_not_overwritten(small: Shop, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("mine")
    with pytest.raises(InputError, match=r"items\.csv of another origin"):
        write_files(small, tmp_path)
    assert (tmp_path / "items.csv").read_text() == "mine"
    with pytest.raises(InputError, match="is a file"):
        write_files(small, tmp_path / "items.csv")
    with pytest.raises(InputError, match="There is no"):
        read_shop(tmp_path)


def test_the_folder_is_imported_without_a_mapping(small: Shop, folder: Path, tmp_path: Path) -> None:
    workspace = open_workspace(Settings(home=tmp_path / "home"))
    key = workspace.new_shop("simulated")
    report: dict[str, Any] = bring_in(workspace, key, [folder]).json()
    assert report["kinds"]["interactions"]["rejected"] == 0
    dataset = workspace.lake.dataset(key)
    metadata = dataset.item_metadata
    assert metadata is not None
    assert {"brand", "category_l3", "margin", "stock", "positive_review_count"} <= set(metadata.column_names)
    assert dataset.left_out is not None
    assert len(dataset.left_out) > 1000, "impressions are kept"
    assert dataset.time_kind == "micros"
    assert small.start <= int(dataset.interactions.time.min())
    assert dataset.last_time < small.end
    workspace.database.close()
