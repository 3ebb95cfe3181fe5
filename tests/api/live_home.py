"""A home with everything that live traffic needs: items with attributes, schemas, datasets, a tracker and filters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from shop_server import SHOP, Home

from endcap.api.personalize.validation import nonconformities
from endcap.lake.schemas import Field, Schema
from endcap.recipes import create
from endcap.registry.campaigns import CampaignConfig
from endcap.registry.resources import Resource, Resources
from endcap.testing.datasets import START
from endcap.types import DAY

TRACKING = "11111111-2222-3333-4444-555555555555"
ACTION_TRACKING = TRACKING
SCHEMAS: Mapping[str, Schema] = {
    "INTERACTIONS": Schema(
        "interactions",
        (
            *(Field("USER_ID"), Field("ITEM_ID"), Field("TIMESTAMP", "long"), Field("EVENT_TYPE")),
            *(Field("DEVICE", nullable=True, categorical=True), Field("QUANTITY", "double", nullable=True)),
        ),
    ),
    "ITEMS": Schema(
        "items",
        (
            *(Field("ITEM_ID"), Field("CATEGORY_L1", categorical=True), Field("PRICE", "float")),
            *(Field("NAME", nullable=True, item_name=True), Field("CREATION_TIMESTAMP", "long", nullable=True)),
        ),
    ),
    "USERS": Schema("users", (Field("USER_ID"), Field("MEMBERSHIP", nullable=True, categorical=True))),
    "ACTIONS": Schema(
        "actions",
        (
            *(Field("ACTION_ID"), Field("VALUE", "long", nullable=True)),
            *(Field("EXPIRATION_TIMESTAMP", "long", nullable=True), Field("REPEAT_FREQUENCY", "long", nullable=True)),
        ),
    ),
    "ACTION_INTERACTIONS": Schema(
        "action_interactions",
        (Field("USER_ID"), Field("ACTION_ID"), Field("EVENT_TYPE"), Field("TIMESTAMP", "long")),
    ),
}
FILTERS = {
    "shoes": 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoes")',
    "of-kind": "INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ($KIND)",
    "not-bought": 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")',
    "new-kind": 'INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("hats")',
    "cheaper": "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE",
    "for-gold": 'EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ("shoes") IF CurrentUser.MEMBERSHIP = "gold"',
    "an-action": "INCLUDE ActionID WHERE Actions.VALUE > 5",
}


def items(count: int = 24) -> pa.Table:
    """Every third item is a shoe, the others are coats; the price is the number, the first five are new."""
    numbers = range(count)
    return pa.table(
        {
            "item_id": [f"i{n}" for n in numbers],
            "category_l1": ["shoes" if n % 3 == 0 else "coats|warm" for n in numbers],
            "price": pa.array([float(n) for n in numbers], pa.float32()),
            "name": [f"Item {n}" for n in numbers],
            "creation_timestamp": pa.array([START + (11 if n < 5 else -400) * DAY for n in numbers], pa.int64()),
        }
    )


def furnish(home: Home) -> Resources:
    """The records that the control plane and its jobs would have made."""
    table = items()
    home.lake.commit(SHOP, "items", table, schema=table.schema, mode="FULL", job="items")
    records = Resources(home.database)
    group = SHOP.arn("dataset-group", SHOP.group)
    account = SHOP.account
    for kind, schema in SCHEMAS.items():
        name = f"schema-{kind.lower()}"
        made = records.create(Resource(account, "schema", name, document={"name": name, "schema": schema.to_avro()}))
        document = {"name": kind.lower(), "datasetType": kind, "schemaArn": made.arn, "datasetGroupArn": group}
        records.create(Resource(account, "dataset", f"{SHOP.group}/{kind}", SHOP.group, document=document))
    records.create(
        Resource(account, "event-tracker", "0a1b2c3d", SHOP.group, document={"name": "t", "trackingId": TRACKING})
    )
    for name, text in FILTERS.items():
        add_filter(records, name, text)
    return records


def furnished(path: Path, recipe: str) -> Home:
    """A home with all of it, and a campaign that this recipe answers."""
    home = Home(path)
    home.stock()
    furnish(home)
    home.campaigns.deploy(SHOP, "home", home.publish(create(recipe)), config=config())
    return home


def add_filter(records: Resources, name: str, text: str) -> Resource:
    """One more filter of the shop."""
    document: Mapping[str, Any] = {"name": name, "filterExpression": text}
    return records.create(Resource(SHOP.account, "filter", name, SHOP.group, document=document))


def checked(client: Any) -> Any:
    """The client, every answer to which is held against the service model's output shape."""

    def hold(http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code != 200:
            return
        if model.output_shape is None:
            assert http_response.content == b""
        else:
            assert nonconformities(json.loads(http_response.content), model.output_shape) == []

    client.meta.events.register("after-call", hold)
    return client


def config(**members: Any) -> CampaignConfig:
    """A campaign's configuration with metadata on."""
    return CampaignConfig(metadata=True, **members)
