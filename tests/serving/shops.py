"""A small real registry for serving: published versions, campaigns, and a shop's data given instead of a lake."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe
from endcap.registry.campaigns import Campaigns
from endcap.registry.lineage import Lineage
from endcap.registry.versions import Version, Versions
from endcap.serving.model import ServedModel
from endcap.serving.shop import ShopState
from endcap.serving.snapshot import Snapshot
from endcap.storage.db import open_database
from endcap.testing.datasets import checkerboard
from endcap.types import AccountKey, ShopKey

SHOP = ShopKey(AccountKey(), "shop")


@dataclass
class Given:
    """A `Shops` that holds one dataset."""

    data: Dataset
    name: str = "given@1"

    def text(self, shop: ShopKey) -> str:
        return self.name

    def state(self, shop: ShopKey) -> ShopState:
        return ShopState.of(self.data)


@dataclass
class Registry:
    """Versions and campaigns of one shop under one home."""

    home: Path
    data: Dataset = field(default_factory=checkerboard)

    def __post_init__(self) -> None:
        self.database = open_database(f"sqlite:///{self.home / 'metadata.db'}")
        self.database.migrate()
        self.versions = Versions(self.database, self.home / "models")
        self.campaigns = Campaigns(self.database)

    def publish(self, recipe: Recipe, data: Dataset | None = None) -> Version:
        """Fit and publish."""
        shop = data or self.data
        lineage = Lineage(recipe="test", settings={}, seed=0, trained_until=shop.last_time, seconds=0.0)
        return self.versions.publish(SHOP, "test", recipe.fit(shop), shop, lineage)

    def snapshot(self, recipe: Recipe, data: Dataset | None = None) -> Snapshot:
        """What would serve this recipe."""
        deployment = self.campaigns.deploy(SHOP, "home", self.publish(recipe, data))
        state = ShopState.of(self.data)
        models = {
            variant.version_id: ServedModel.of(self.versions.load(variant.version_id), state)
            for variant in deployment.variants
        }
        return Snapshot(deployment, state, models)
