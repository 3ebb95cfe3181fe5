"""Ready-made schemas of a shop: every user, item and interaction field of the data model has a column here."""

from __future__ import annotations

from collections.abc import Mapping

from endcap.lake.schemas import DatasetKind, Field, Schema


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, nullable=True) for name in names)


def _categories(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, nullable=True, categorical=True) for name in names)


def _numbers(kind: str, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind, nullable=True) for name in names)


SHOP_INTERACTIONS = Schema(
    "interactions",
    (
        *(Field("USER_ID"), Field("ITEM_ID"), Field("TIMESTAMP", "long"), Field("EVENT_TYPE")),
        *_numbers("double", "EVENT_VALUE"),
        *_texts("IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE", "SESSION_ID", "ORDER_ID"),
        *_numbers("double", "QUANTITY", "PRICE", "DISCOUNT"),
        *_categories("CHANNEL", "STORE", "COUNTRY", "DEVICE"),
        *_numbers("double", "DURATION"),
        *_numbers("int", "POSITION"),
        *_categories("PLACE"),
        *_numbers("double", "RATING"),
        *_texts("REVIEW", "SEARCH_QUERY"),
    ),
)
"""DURATION in seconds; PRICE per unit; POSITION counts from 1 in the list that PLACE names."""

SHOP_ITEMS = Schema(
    "items",
    (
        Field("ITEM_ID"),
        Field("NAME", nullable=True, item_name=True),
        Field("PRODUCT_DESCRIPTION", nullable=True, textual=True),
        *_numbers("double", "PRICE"),
        *_texts("IMAGE_URL", "URL"),
        *_categories("CATEGORY_L1", "CATEGORY_L2", "CATEGORY_L3", "BRAND", "MANUFACTURER"),
        *_categories("COLOUR", "SIZE", "MATERIAL"),
        *_texts("USAGE_INSTRUCTIONS", "WARRANTY"),
        *_numbers("long", "STOCK"),
        *_numbers("double", "MARGIN", "AVERAGE_RATING"),
        *_numbers("long", "REVIEW_COUNT", "POSITIVE_REVIEW_COUNT", "NEGATIVE_REVIEW_COUNT"),
        *_categories("AGE_GROUP", "GENDER", "ADULT", "TAGS"),
        *_numbers("long", "CREATION_TIMESTAMP"),
    ),
)
"""MARGIN is a share of the price, 0-1; TAGS holds several values joined by `|`."""

SHOP_USERS = Schema(
    "users",
    (
        Field("USER_ID"),
        *_numbers("int", "AGE"),
        *_categories("AGE_GROUP", "GENDER", "LOCATION", "OCCUPATION", "EDUCATION_LEVEL", "INCOME"),
        *_categories("HOUSEHOLD", "HOUSEHOLD_SIZE", "CHILDREN", "MARITAL_STATUS", "HOME_OWNERSHIP"),
        *_categories("FAVOURITE_CATEGORIES", "WISH_LIST", "ALERTS", "NOTIFICATIONS"),
        *_texts("SEARCH_QUERIES", "QUESTIONNAIRE"),
        *_categories("MEMBERSHIP_STATUS"),
        *_numbers("double", "TIME_ON_SITE", "VISITS_PER_MONTH"),
        *_numbers("long", "CREATION_TIMESTAMP"),
    ),
)
"""FAVOURITE_CATEGORIES, WISH_LIST (item ids), ALERTS, NOTIFICATIONS and SEARCH_QUERIES join values by `|`;
TIME_ON_SITE in seconds; QUESTIONNAIRE holds the answers as JSON."""

SHOP: Mapping[DatasetKind, Schema] = {
    "interactions": SHOP_INTERACTIONS,
    "items": SHOP_ITEMS,
    "users": SHOP_USERS,
}


def narrowed(schema: Schema, names: set[str]) -> Schema:
    """The schema with only its keys, the fields that must be filled, and those named."""
    kept = tuple(field for field in schema.fields if field.name in names or not field.nullable)
    if schema.kind in ("items", "users") and len(kept) == 1:  # a schema needs one field besides the id
        kept += schema.fields[1:2]
    return Schema(schema.kind, kept, schema.domain)
