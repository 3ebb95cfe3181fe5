"""What answers one campaign: immutable, built off the request path, swapped whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from endcap.registry.campaigns import Deployment
from endcap.registry.variants import Variant
from endcap.serving.model import ServedModel
from endcap.serving.shop import ShopState


@dataclass(frozen=True)
class Snapshot:
    """One generation of one campaign, pinned by each request that it answers."""

    deployment: Deployment
    state: ShopState
    models: Mapping[str, ServedModel]
    """By version id."""

    @property
    def arn(self) -> str:
        return self.deployment.arn

    @property
    def generation(self) -> int:
        return self.deployment.generation

    def variant_for(self, key: str) -> tuple[int, Variant, ServedModel]:
        """(place among the variants, variant, model) of a shopper."""
        variants = self.deployment.variants
        variant = variants[0] if len(variants) == 1 else self.deployment.variant_for(key)
        return variants.index(variant), variant, self.models[variant.version_id]
