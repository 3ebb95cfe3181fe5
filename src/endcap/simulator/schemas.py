"""Avro schemas of what is written: the same fields as the shop's ready-made ones, of which these are a part."""

from __future__ import annotations

import json
from collections.abc import Mapping

RECORDS: Mapping[str, str] = {"interactions": "Interactions", "items": "Items", "users": "Users"}
REQUIRED = frozenset({"USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"})
TIMES = frozenset({"TIMESTAMP", "CREATION_TIMESTAMP"})
"""Seconds in files, microseconds in tables."""
_CATEGORICAL = frozenset(
    {
        *("CHANNEL", "DEVICE", "PLACE", "CATEGORY_L1", "CATEGORY_L2", "CATEGORY_L3", "BRAND", "TAGS", "AGE_GROUP"),
        *("GENDER", "LOCATION", "FAVOURITE_CATEGORIES", "MEMBERSHIP_STATUS"),
    }
)
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("TIMESTAMP", "CREATION_TIMESTAMP", "STOCK", "REVIEW_COUNT"), "long"),
    **dict.fromkeys(("POSITIVE_REVIEW_COUNT", "NEGATIVE_REVIEW_COUNT"), "long"),
    **dict.fromkeys(("EVENT_VALUE", "QUANTITY", "PRICE", "DURATION", "RATING", "MARGIN", "AVERAGE_RATING"), "double"),
    **dict.fromkeys(("POSITION", "AGE"), "int"),
}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "interactions": (
        *("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE", "IMPRESSION", "SESSION_ID", "ORDER_ID"),
        *("QUANTITY", "PRICE", "CHANNEL", "DEVICE", "DURATION", "POSITION", "PLACE", "RATING", "SEARCH_QUERY"),
    ),
    "items": (
        *("ITEM_ID", "NAME", "PRODUCT_DESCRIPTION", "PRICE", "CATEGORY_L1", "CATEGORY_L2", "CATEGORY_L3", "BRAND"),
        *("STOCK", "MARGIN", "AVERAGE_RATING", "REVIEW_COUNT", "POSITIVE_REVIEW_COUNT", "NEGATIVE_REVIEW_COUNT"),
        *("TAGS", "CREATION_TIMESTAMP"),
    ),
    "users": (
        *("USER_ID", "AGE", "AGE_GROUP", "GENDER", "LOCATION", "FAVOURITE_CATEGORIES", "MEMBERSHIP_STATUS"),
        "CREATION_TIMESTAMP",
    ),
}
"""Columns of each file, in order."""


def avro(kind: str) -> str:
    """The schema of a file, as CreateSchema takes it."""
    fields = [_field(name) for name in FIELDS[kind]]
    namespace = "com.amazonaws.personalize.schema"
    record = {"type": "record", "name": RECORDS[kind], "namespace": namespace, "fields": fields, "version": "1.0"}
    return json.dumps(record, indent=1)


def _field(name: str) -> dict[str, object]:
    kind = _TYPES.get(name, "string")
    field: dict[str, object] = {"name": name, "type": kind if name in REQUIRED else [kind, "null"]}
    if name in _CATEGORICAL:
        field["categorical"] = True
    if name == "PRODUCT_DESCRIPTION":
        field["textual"] = True
    if name == "NAME":
        field["itemName"] = True
    return field
