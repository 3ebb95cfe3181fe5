"""Datasets of shops that were imported by hand, described like those that the API made: every client sees them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from endcap.lake.schemas import DatasetKind, Schema
from endcap.registry.resources import Resource, Resources
from endcap.types import ShopKey

BY_IMPORT = "_byImport"
"""Member of a schema that an import has made: later imports may widen it."""


def describe_datasets(resources: Resources, shop: ShopKey, schemas: Mapping[DatasetKind, Schema]) -> None:
    """A dataset with a schema for each kind that was imported; what is described already stays, or gets new fields."""
    for kind, schema in schemas.items():
        identity = f"{shop.group}/{kind.upper()}"
        there = {dataset.id: dataset for dataset in resources.list(shop.account, "dataset", shop=shop.group)}
        if identity in there:
            _widen(resources, str(there[identity].document.get("schemaArn", "")), schema)
            continue
        document = {
            "name": f"{shop.group}-{kind}"[:63],
            "datasetType": kind.upper(),
            "datasetGroupArn": shop.arn("dataset-group", shop.group),
            "schemaArn": _new_schema(resources, shop, schema).arn,
        }
        resources.create(Resource(shop.account, "dataset", identity, shop.group, document=document))


def _new_schema(resources: Resources, shop: ShopKey, schema: Schema) -> Resource:
    """Under the first name that is free in the account."""
    taken = {each.id for each in resources.list(shop.account, "schema")}
    names = (f"{shop.group}-{schema.kind}"[:56] + (f"-{number}" if number > 1 else "") for number in count(1))
    name = next(name for name in names if name not in taken)
    document = {"name": name, "schema": schema.to_avro(), BY_IMPORT: True}
    return resources.create(Resource(shop.account, "schema", name, document=document))


def _widen(resources: Resources, arn: str, schema: Schema) -> None:
    record = resources.find(arn)
    if not record.document.get(BY_IMPORT):
        return
    known = Schema.from_avro(str(record.document["schema"]))
    fresh = tuple(field for field in schema.fields if field.name not in known)
    if fresh:
        wider = Schema(known.kind, known.fields + fresh)
        resources.change(record, document={"schema": wider.to_avro()})
