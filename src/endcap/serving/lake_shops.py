"""Shops' data from the lake, the newest snapshot each time."""

from __future__ import annotations

from dataclasses import dataclass

from endcap.lake.dataset import Dataset
from endcap.lake.tables import Lake
from endcap.types import ShopKey


@dataclass(frozen=True)
class LakeShops:
    """A `Shops` over a lake."""

    lake: Lake

    def text(self, shop: ShopKey) -> str:
        """Names the newest snapshot."""
        return self.lake.snapshot(shop).text

    def dataset(self, shop: ShopKey) -> Dataset:
        """The newest snapshot, read."""
        return self.lake.dataset(shop)
