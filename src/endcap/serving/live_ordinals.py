"""Ordinals of items that a state does not know: after those of its catalogue, in the order in which they came up."""

from __future__ import annotations

import numpy as np

from endcap.serving.shop import ShopState
from endcap.types import Int32


class LiveOrdinals:
    """One state's and those given since. Given by one thread at a time, read by any; what is given stays.

    Apart from the shop that is served, so that what asks for ordinals need not hold it: a circle would never be let go
    (`serving.watch` takes what serves out of the collector's sight).
    """

    def __init__(self, state: ShopState) -> None:
        self._state = state
        self.base = len(state.catalogue)
        """The first ordinal that is given."""
        self._places: dict[str, int] = {}
        self._names: list[str] = []
        self._born: list[int] = []

    def __len__(self) -> int:
        return self.base + len(self._names)

    def give(self, name: str, time: int) -> int:
        """An ordinal to an item without one, first heard of at a time."""
        # Names first: whoever finds an ordinal must find its name.
        self._born.append(time)
        self._names.append(name)
        ordinal = self._places[name] = len(self) - 1
        return ordinal

    def ordinal(self, item_id: str) -> int:
        """Ordinal of an item, -1 where unknown."""
        place = self._state.ordinal(item_id)
        return place if place >= 0 else self._places.get(item_id, -1)

    def ordinals(self, item_ids: list[str]) -> Int32:
        """int32 ordinals of items, -1 where unknown."""
        places = self._state.ordinals(item_ids)
        if self._places:
            for at in np.flatnonzero(places < 0).tolist():
                places[at] = self._places.get(item_ids[at], -1)
        return places

    def names(self, ordinals: Int32) -> list[str]:
        """External ids of ordinals."""
        if not len(ordinals) or int(ordinals.max()) < self.base:
            return self._state.catalogue.names(ordinals)
        found = self._state.catalogue
        return [
            found.name(place) if place < self.base else self._names[place - self.base] for place in ordinals.tolist()
        ]

    def newest(self, size: int) -> Int32:
        """int32 ordinals below `size` that were given, the newest first."""
        return np.arange(size - 1, self.base - 1, -1, dtype=np.int32)

    def born(self, ordinal: int) -> int:
        """When an item whose ordinal was given was first heard of."""
        return self._born[ordinal - self.base]
