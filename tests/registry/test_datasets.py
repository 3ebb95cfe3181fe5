from endcap.lake.schemas import Field, Schema
from endcap.registry.datasets import describe_datasets
from endcap.registry.resources import Resource, Resources
from endcap.storage.db import Database
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "mine")
ITEMS = Schema("items", (Field("ITEM_ID"), Field("PRICE", "float", nullable=True)))
WIDER = Schema("items", (Field("ITEM_ID"), Field("BRAND", nullable=True)))


def schema_of(resources: Resources) -> Schema:
    (dataset,) = resources.list(SHOP.account, "dataset", shop="mine")
    return Schema.from_avro(resources.find(dataset.document["schemaArn"]).document["schema"])


def test_an_imported_dataset_is_described_once_and_its_schema_grows(database: Database) -> None:
    resources = Resources(database)
    resources.create(Resource(SHOP.account, "schema", "mine-items", document={"name": "mine-items"}))
    for schema in (ITEMS, ITEMS, WIDER):
        describe_datasets(resources, SHOP, {"items": schema})
    assert [field.name for field in schema_of(resources).fields] == ["ITEM_ID", "PRICE", "BRAND"]
    (dataset,) = resources.list(SHOP.account, "dataset")
    assert dataset.id == "mine/ITEMS" and dataset.document["schemaArn"].endswith("schema/mine-items-2")


def test_a_schema_that_a_client_made_stays_as_it_is(database: Database) -> None:
    resources = Resources(database)
    schema = resources.create(
        Resource(SHOP.account, "schema", "own", document={"name": "own", "schema": ITEMS.to_avro()})
    )
    document = {"name": "i", "datasetType": "ITEMS", "schemaArn": schema.arn}
    resources.create(Resource(SHOP.account, "dataset", "mine/ITEMS", "mine", document=document))
    describe_datasets(resources, SHOP, {"items": WIDER})
    assert schema_of(resources) == ITEMS
