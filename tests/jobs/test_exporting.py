"""Exports: what was imported, streamed, or both; importing the file gives the same table."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv

from endcap.errors import InputError, StateError, UnknownName
from endcap.jobs.exporting import run_export
from endcap.jobs.importing import import_source
from endcap.jobs.progress import Cancelled
from endcap.registry.resources import Resource
from endcap.types import ShopKey
from jobs_shop import SmallShop
from s3 import S3Server

FIELDS = {
    "interactions": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_TYPE", "type": "string"},
        {"name": "EVENT_VALUE", "type": ["float", "null"]},
    ],
    "items": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "GENRES", "type": ["string", "null"], "categorical": True},
        {"name": "PRICE", "type": "double"},
        {"name": "NAME", "type": ["null", "string"], "textual": True},
        {"name": "FRAGILE", "type": ["boolean", "null"]},
        {"name": "CREATION_TIMESTAMP", "type": ["long", "null"]},
    ],
}
ODD = ["plain, with a comma", 'a "quoted" word', "two\nlines", "=1+1", "ü🛒", None]


class Exporting(SmallShop):
    """A shop with datasets and schemas in the control plane, and odd values in its catalogue."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind, fields in FIELDS.items():
            record = {"type": "record", "name": kind.capitalize(), "fields": fields}
            schema = Resource(self.shop.account, "schema", kind, document={"schema": json.dumps(record)})
            schema = self.workspace.resources.create(schema)
            document = {"schemaArn": schema.arn, "datasetType": kind.capitalize()}
            identity = f"shop/{kind.upper()}"
            self.workspace.resources.create(Resource(self.shop.account, "dataset", identity, "shop", document=document))

    def catalogue(self) -> pa.Table:
        table, n = super().catalogue(), self.items
        table = table.set_column(3, "name", pa.array([ODD[each % len(ODD)] for each in range(n)], pa.string()))
        table = table.append_column(
            "fragile", pa.array([(True, False, None)[each % 3] for each in range(n)], pa.bool_())
        )
        times = [None if each % 4 == 0 else 1_700_000_000_000_000 + each * 1_000_000 for each in range(n)]
        return table.append_column("creation_timestamp", pa.array(times, pa.int64()))

    def stream(self) -> None:
        """Three events as the sink writes them."""
        table = pa.table(
            {
                "user_id": ["u1", "s-anonymous", "u2"],
                "item_id": ["i1", "i2", "i3"],
                "timestamp": pa.array([1_750_000_000_000_000 + n * 1_000_000 for n in range(3)]),
                "event_type": ["View"] * 3,
                "event_value": pa.array([0.5, None, 19.99], pa.float32()),
                "ingestion": ["PUT"] * 3,
            }
        )
        lake = self.workspace.lake
        lake.commit(self.shop, "interactions", table, schema=table.schema, mode="INCREMENTAL", job="streamed")

    def export(self, kind: str, mode: str | None = None, name: str = "export") -> list[dict[str, Any]]:
        document: dict[str, Any] = {"jobOutput": {"s3DataDestination": {"path": f"s3://shop/{kind}/"}}}
        document |= {"ingestionMode": mode} if mode else {}
        identity = f"shop/{kind.upper()}"
        record = Resource(self.shop.account, "dataset-export-job", name, "shop", identity, document=document)
        self.exported = run_export(self.workspace, self.workspace.resources.create(record))
        return csv.read_csv(self.place(f"s3://shop/{kind}/{name}.csv")).to_pylist()


@pytest.fixture
def shop(tmp_path: Path) -> Exporting:
    return Exporting(tmp_path, users=20)


def test_modes_tell_what_was_streamed_from_what_was_imported(shop: Exporting) -> None:
    assert len(shop.export("interactions", "PUT", "none-yet")) == 0
    imported = shop.workspace.lake.read(shop.shop, "interactions").num_rows
    shop.stream()
    rows = sorted(shop.export("interactions"), key=lambda row: row["TIMESTAMP"])  # PUT is the default
    assert [row["USER_ID"] for row in rows] == ["u1", "s-anonymous", "u2"] and shop.exported.rows == 3
    assert rows[0] == {
        "USER_ID": "u1",
        "ITEM_ID": "i1",
        "TIMESTAMP": 1_750_000_000,
        "EVENT_TYPE": "View",
        "EVENT_VALUE": 0.5,
    }
    assert [row["EVENT_VALUE"] for row in rows] == [0.5, None, 19.99]
    assert len(shop.export("interactions", "BULK", "bulk")) == imported
    assert len(shop.export("interactions", "ALL", "all")) == imported + 3


@pytest.mark.parametrize("kind", ["interactions", "items"])
def test_importing_the_file_gives_the_same_table(shop: Exporting, kind: Any) -> None:
    shop.stream()
    shop.export(kind, "ALL")
    other = ShopKey(shop.shop.account, "other")
    schema = json.dumps({"type": "record", "name": kind.capitalize(), "fields": FIELDS[kind]})
    file = shop.place(f"s3://shop/{kind}/export.csv")
    import_source(shop.workspace.settings, other, [file], kind=kind, schemas={kind: schema})
    names = [each["name"].lower() for each in FIELDS[kind]]
    lake = shop.workspace.lake
    there = {name: lake.read(key, kind) for name, key in (("old", shop.shop), ("new", other))}
    rows = {}
    for name, table in there.items():
        held = [column for column in names if column in table.column_names]
        keys = [(column, "ascending") for column in ("user_id", "item_id", "timestamp") if column in held]
        rows[name] = table.select(held).sort_by(keys).to_pylist()
    assert rows["new"] == rows["old"] and len(rows["new"])


def test_to_a_server_s_bucket(s3: S3Server, tmp_path: Path) -> None:
    settings = {"s3_endpoint": s3.url, "s3_access_key": "test", "s3_secret_key": "test"}
    shop = Exporting(tmp_path, users=20, settings=settings)
    document = {"ingestionMode": "ALL", "jobOutput": {"s3DataDestination": {"path": "s3://exported/to"}}}
    record = Resource(shop.shop.account, "dataset-export-job", "x", "shop", "shop/ITEMS", document=document)
    record = shop.workspace.resources.create(record)
    with pytest.raises(InputError, match="bucket does not exist: exported"):
        run_export(shop.workspace, record)
    s3.client().create_bucket(Bucket="exported")
    run_export(shop.workspace, record)
    body = s3.client().get_object(Bucket="exported", Key="to/x.csv")["Body"].read().decode()
    assert body.startswith("ITEM_ID,GENRES,PRICE,NAME,FRAGILE,CREATION_TIMESTAMP\n") and "Comedy" in body


def test_what_cannot_be_exported_says_why(shop: Exporting) -> None:
    with pytest.raises(UnknownName, match="Known: ALL, BULK, PUT"):
        shop.export("interactions", "SOME", "wrong-mode")
    identity = "shop/ACTIONS"
    shop.workspace.resources.create(Resource(shop.shop.account, "dataset", identity, "shop"))
    with pytest.raises(StateError, match="no actions yet"):
        shop.export("actions", "ALL", "no-table")
    record = Resource(shop.shop.account, "dataset-export-job", "lost", "shop", "shop/ITEMS", document={})
    with pytest.raises(InputError, match="path is missing"):
        run_export(shop.workspace, shop.workspace.resources.create(record))


def test_a_stopped_export_leaves_no_file(shop: Exporting) -> None:
    document = {"ingestionMode": "ALL", "jobOutput": {"s3DataDestination": {"path": "s3://shop/stopped"}}}
    record = Resource(shop.shop.account, "dataset-export-job", "s", "shop", "shop/ITEMS", document=document)
    with pytest.raises(Cancelled):
        run_export(shop.workspace, shop.workspace.resources.create(record), cancelled=lambda: True)
    folder = shop.place("s3://shop/stopped")
    assert not folder.exists() or not list(folder.iterdir())
