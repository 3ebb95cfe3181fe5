"""What one commit of the log brings for the features of a shop, gathered to be folded in one go."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from endcap.features.shop import ShopFeatures
from endcap.stream.records import Value


class News:
    """Events about items and properties of items, by place. A fold of many costs hardly more than a fold of one."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._times: list[int] = []
        self._codes: list[int] = []
        self._weights: list[float] = []
        self._puts: list[tuple[int, Mapping[str, Value]]] = []

    def event(self, place: int, time: int, code: int, weight: float) -> None:
        """One event about the item at a place; see `ShopFeatures.code`."""
        self._places.append(place)
        self._times.append(time)
        self._codes.append(code)
        self._weights.append(weight)

    def put(self, place: int, properties: Mapping[str, Value]) -> None:
        """Properties of the item at a place."""
        self._puts.append((place, properties))

    def fold_into(self, features: ShopFeatures) -> None:
        """Hand it all over."""
        for place, properties in self._puts:
            features.put(place, properties)
        if self._places:
            features.fold(
                np.array(self._places, np.int32),
                np.array(self._times, np.int64),
                np.array(self._codes, np.int16),
                np.array(self._weights, np.float32),
            )
