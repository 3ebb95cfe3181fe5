"""What a shop's datasets hold, as the control plane has it."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.errors import UnknownName
from endcap.lake.schemas import DatasetKind, Schema
from endcap.registry.resources import Resources
from endcap.types import ShopKey


@dataclass(frozen=True)
class ShopSchemas:
    """The schema of each dataset."""

    resources: Resources

    def __call__(self, shop: ShopKey, kind: DatasetKind) -> Schema | None:
        """None where there is no such dataset, or it was imported without one."""
        try:
            dataset = self.resources.get(shop.account, "dataset", f"{shop.group}/{kind.upper()}")
            held = self.resources.find(str(dataset.document["schemaArn"])).document
        except (UnknownName, KeyError):
            return None
        return Schema.from_avro(str(held["schema"]), held.get("domain"))
