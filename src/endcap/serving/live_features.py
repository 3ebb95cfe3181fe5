"""What one commit of the log brings for the features of a shop, gathered to be folded in one go."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from endcap.features.shop import ShopFeatures
from endcap.stream.records import Value


class Happened:
    """Events about items and properties of items, by place. A fold of many costs hardly more than a fold of one."""

    def __init__(self) -> None:
        self._events: list[tuple[int, int, int, float]] = []
        self._puts: list[tuple[int, Mapping[str, Value]]] = []

    def event(self, place: int, time: int, code: int, weight: float) -> None:
        """One event about the item at a place; see `ShopFeatures.code`."""
        self._events.append((place, time, code, weight))

    def put(self, place: int, properties: Mapping[str, Value]) -> None:
        """Properties of the item at a place."""
        self._puts.append((place, properties))

    def fold_into(self, features: ShopFeatures) -> None:
        """Hand it all over."""
        for place, properties in self._puts:
            features.put(place, properties)
        if self._events:
            columns = zip(*self._events, strict=True)
            kinds = (np.int32, np.int64, np.int16, np.float32)
            features.fold(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))
