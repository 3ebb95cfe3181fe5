"""A small shop's attributes for tests of filters: tables from the lake, what was put since, and what users did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from endcap.lake.schemas import Field, Schema
from endcap.serving.attributes import AttributeTable
from endcap.serving.filters import Attributes, Overlay

ITEMS = Schema(
    "items",
    (
        Field("ITEM_ID"),
        Field("NAME", nullable=True, item_name=True),
        Field("GENRE", nullable=True, categorical=True),
        Field("BRAND", nullable=True),
        Field("PRICE", "float", nullable=True),
        Field("WEIGHT", "double", nullable=True),
        Field("STOCK", "long", nullable=True),
        Field("SALE", "boolean", nullable=True),
        Field("CREATION_TIMESTAMP", "long", nullable=True),
        Field("PRODUCT_DESCRIPTION", nullable=True, textual=True),
    ),
)
USERS = Schema(
    "users",
    (
        Field("USER_ID"),
        Field("AGE", "int", nullable=True),
        Field("MEMBERSHIP_STATUS", nullable=True, categorical=True),
        Field("IS_STAFF", "boolean", nullable=True),
    ),
)
ACTIONS = Schema(
    "actions", (Field("ACTION_ID"), Field("CATEGORY", nullable=True), Field("VALUE", "int", nullable=True))
)
INTERACTIONS = Schema(
    "interactions", (Field("USER_ID"), Field("ITEM_ID"), Field("TIMESTAMP", "long"), Field("EVENT_TYPE"))
)
ACTION_INTERACTIONS = Schema(
    "action_interactions", (Field("USER_ID"), Field("ACTION_ID"), Field("EVENT_TYPE"), Field("TIMESTAMP", "long"))
)
SCHEMAS = {schema.kind: schema for schema in (ITEMS, USERS, ACTIONS, INTERACTIONS, ACTION_INTERACTIONS)}


@dataclass
class Put:
    """What was put since the lake was read, with a revision."""

    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def put(self, name: str, **properties: Any) -> None:
        self.rows[name] = {**self.rows.get(name, {}), **properties}
        self.log.append(name)

    def overlay(self) -> Overlay:
        return Overlay(lambda: len(self.log), lambda since: [(name, self.rows[name]) for name in self.log[since:]])


def table(schema: Schema, rows: list[dict[str, Any]]) -> AttributeTable:
    """Row r of `rows` (columns in lower case) is about ordinal r."""
    arrow = schema.arrow()
    columns = [pa.array([row.get(name) for row in rows], arrow.field(name).type) for name in arrow.names]
    return AttributeTable.of(
        pa.table(columns, arrow.names), np.arange(len(rows), dtype=np.int32), size=len(rows), schema=schema
    )


def attributes(schema: Schema, rows: list[dict[str, Any]], put: Put | None = None) -> Attributes:
    """Attributes in which "0", "1", … are the ids of the ordinals 0, 1, …"""
    given = put or Put()
    return Attributes(
        table(schema, rows), given.overlay(), int, lambda: max([len(rows), *(int(name) + 1 for name in given.rows)])
    )
