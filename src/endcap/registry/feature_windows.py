"""Windows declared for shops: resources of the kind `feature-window`, as whoever reads or computes features asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from endcap.errors import EndcapError
from endcap.features.declared import Declaration
from endcap.registry.resources import Resources
from endcap.types import ShopKey

KIND = "feature-window"
REST = 1.0
"""Seconds for which what was declared is not looked up again."""
Documents = tuple[Mapping[str, Any], ...]


def declared_windows(resources: Resources, shop: ShopKey) -> list[Declaration]:
    """The windows that a shop has declared, the oldest first."""
    held = resources.list(shop.account, KIND, shop=shop.group)
    return [Declaration.of_document(each.document["declaration"]) for each in held]


def window_documents(resources: Resources, shop: ShopKey) -> Documents:
    """The same, as `Dataset.windows` has them."""
    return tuple(each.document() for each in declared_windows(resources, shop))


@dataclass(frozen=True)
class ShopWindows:
    """The same, for who asks many times a second. While the registry cannot be asked, what it said last stands."""

    resources: Resources
    tick: Callable[[], float] = time.monotonic
    _held: dict[ShopKey, tuple[float, Documents]] = field(default_factory=dict, repr=False)

    def __call__(self, shop: ShopKey) -> Documents:
        """Raises `EndcapError` where the registry cannot be asked and never was."""
        now, held = self.tick(), self._held.get(shop)
        if held is not None and now - held[0] < REST:
            return held[1]
        try:
            found = window_documents(self.resources, shop)
        except EndcapError:
            if held is None:
                raise
            found = held[1]
        self._held[shop] = now, found
        return found
