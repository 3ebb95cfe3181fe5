"""The reference groups: customers, products, orders and click-stream, which any shop's tables give.

They are what training sets are joined from. What each shop lacks a source for is null.
"""

from __future__ import annotations

from collections.abc import Mapping

from endcap.errors import UnknownName
from endcap.features.reference_clickstream import CLICKSTREAM
from endcap.features.reference_customers import CUSTOMERS
from endcap.features.reference_orders import ORDERS
from endcap.features.reference_products import PRODUCTS
from endcap.features.reference_tables import ReferenceGroup, ShopTables

__all__ = ["GROUPS", "ReferenceGroup", "ShopTables", "reference_group"]

GROUPS: Mapping[str, ReferenceGroup] = {each.name: each for each in (CUSTOMERS, PRODUCTS, ORDERS, CLICKSTREAM)}
"""In the order in which they are filled."""


def reference_group(name: str) -> ReferenceGroup:
    """Raises `UnknownName`."""
    if name not in GROUPS:
        raise UnknownName("reference group", name, GROUPS)
    return GROUPS[name]
