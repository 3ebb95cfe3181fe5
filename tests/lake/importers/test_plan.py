"""Which file feeds which dataset: recognised headers, folders, companions, schemas that are given."""

from pathlib import Path

import pytest

from endcap.errors import InputError, SchemaError
from endcap.lake.importers import plan_import
from endcap.lake.schemas import Field, Schema
from importer_reading import read, written


def test_a_newcomers_own_file_is_recognised_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, "Customer No,SKU,Order Date,Qty,Unit Price,Basket ID\n7,ab-1,2023-07-14 10:00,2,3.5,o1\n")
    found = read(path, mapping={"user_id": "Customer No"})
    assert found.rows() == [
        {
            "user_id": "7",
            "item_id": "ab-1",
            "timestamp": 1_689_328_800_000_000,
            "event_type": "Purchase",
            "order_id": "o1",
            "quantity": 2.0,
            "price": 3.5,
        }
    ]
    said = " ".join(found.plan.notes)
    assert "user_id=Customer No" in said and "every row is taken for a Purchase" in said


def test_what_is_not_used_is_said(tmp_path: Path) -> None:
    plan = plan_import([written(tmp_path, "user_id,item_id,timestamp,shoe size\na,b,1600000000,43\n")])
    assert any("Not used: shoe size" in note for note in plan.notes)


def test_a_folder_of_many_files(tmp_path: Path) -> None:
    written(tmp_path, "user_id,item_id,timestamp\na,x,1600000000\n", "events-1.csv")
    written(tmp_path, "timestamp;item_id;user_id\n1600000001;y;a\n", "events-2.csv")
    written(tmp_path, "id,title,category\nx,Ex,letters\ny,Why,letters\n", "products.csv")
    written(tmp_path, '{"customer_id": "a", "age": 41, "gender": "F"}\n', "customers.jsonl")
    written(tmp_path, "not data", "notes.md")
    found = read(tmp_path)
    assert [row["item_id"] for row in found.rows()] == ["x", "y"]
    assert found.rows("items")[0] == {"item_id": "x", "name": "Ex", "category_l1": "letters"}
    assert found.rows("users") == [{"user_id": "a", "age": 41, "gender": "F"}]
    assert found.plan.kinds == ["items", "users", "interactions"]


def test_interactions_under_the_services_own_names_are_no_items_and_users(tmp_path: Path) -> None:
    written(tmp_path, "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,PRICE\na,x,1600000000,View,2\n", "interactions.csv")
    written(tmp_path, "ITEM_ID,PRICE\nx,2\n", "items.csv")
    written(tmp_path, "USER_ID,AGE\nb,41\n", "users.csv")
    found = read(tmp_path)
    assert len(found.rows()) == len(found.rows("items")) == 1
    assert [row["user_id"] for row in found.rows("users")] == ["b"]


def test_duplicates_are_kept_once_and_the_last_of_an_id_wins(tmp_path: Path) -> None:
    events = written(tmp_path, "user_id,item_id,timestamp\n" + "a,b,1600000000\n" * 3 + "a,b,1600000001\n")
    assert len(read(events).rows()) == 2
    assert read(events).counts["interactions"].duplicates == 2
    items = written(tmp_path, "item_id,name\nx,old\nx,old\ny,y\nx,new\n", "items.csv")
    found = read(items)
    assert found.rows("items") == [{"item_id": "y", "name": "y"}, {"item_id": "x", "name": "new"}]
    assert found.reasons("items") == {"superseded by a later row with the same id": 1}
    assert found.counts["items"].duplicates == 1
    assert "old" in found.rejects["items"][0]["raw"]


def test_a_schema_that_is_given_decides(tmp_path: Path) -> None:
    fields = (Field("USER_ID"), Field("ITEM_ID"), Field("TIMESTAMP", "long"), Field("EVENT_TYPE"), Field("GIFT", "int"))
    schemas = {"interactions": Schema("interactions", fields)}
    path = written(
        tmp_path,
        "EXTRA,TIMESTAMP,GIFT,ITEM_ID,USER_ID,EVENT_TYPE\n?,1600000000,1,i,u,View\n?,1600000000,2.5,i,u,View\n",
    )
    found = read(path, schemas=schemas)
    assert found.rows() == [
        {"user_id": "u", "item_id": "i", "timestamp": 1_600_000_000_000_000, "event_type": "View", "gift": 1}
    ]
    assert found.reasons() == {"GIFT is not a whole number": 1}
    short = written(tmp_path, "USER_ID,ITEM_ID,TIMESTAMP\nu,i,1600000000\n", "short.csv")
    with pytest.raises(SchemaError, match=r"missing the following columns: \[EVENT_TYPE, GIFT\]"):
        read(short, schemas=schemas)


def test_wrong_types_name_field_and_row(tmp_path: Path) -> None:
    lines = ["user_id,item_id,timestamp,quantity,position", "a,b,1600000000,two,1", "a,b,1600000001,1e400,1"]
    lines += ["a,b,1600000002,1,1.5", "a,b,1600000003,,", f"{'x' * 257},b,1600000004,1,1", "a,b,1600000005,nan,1"]
    found = read(written(tmp_path, "\n".join(lines)))
    assert [row["timestamp"] for row in found.rows()] == [1_600_000_003_000_000]
    assert [(row["row"], row["column"]) for row in found.rejects["interactions"]] == [
        (1, "QUANTITY"),
        (2, "QUANTITY"),
        (3, "POSITION"),
        (5, "USER_ID"),
        (6, "QUANTITY"),
    ]


@pytest.mark.parametrize(
    ("name", "message"), [("absent.csv", "no file or folder"), ("shop.pdf", "ending that is not known")]
)
def test_paths_that_cannot_be_imported(tmp_path: Path, name: str, message: str) -> None:
    written(tmp_path, "x", "shop.pdf")
    with pytest.raises(InputError, match=message):
        plan_import([tmp_path / name])


def test_an_empty_folder_and_no_path_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file"):
        plan_import([tmp_path])
    with pytest.raises(InputError, match="No file was given"):
        plan_import([])
