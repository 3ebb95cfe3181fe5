"""Rows of a history as columns of numbers, before they become texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from endcap.types import Float32, Int16, Int32, Int64

TYPES = (
    "Impression",
    "Search",
    "View",
    "AddToCart",
    "RemoveFromCart",
    "AddToWishList",
    "Like",
    "SaveForLater",
    "Share",
    "NotInterested",
    "Purchase",
    "Rating",
    "Return",
)
"""Event types, in the order in which they sort at the same second."""
IMPRESSION, SEARCH, VIEW, ADD_TO_CART, REMOVE_FROM_CART, ADD_TO_WISH_LIST = range(6)
LIKE, SAVE_FOR_LATER, SHARE, NOT_INTERESTED, PURCHASE, RATING, RETURN = range(6, 13)
IN_STORE = 3
CHANNELS = ("mobile", "online", "online", "in store")
"""By device, then in a branch."""


@dataclass
class Rows:
    """Equal-length columns; -1 or NaN where there is nothing. `session` and `page` are places in the block, `shopper`
    is -1 - session where the shop does not know who it is; `order` an int64 number."""

    shopper: Int64
    item: Int32
    time: Int64
    type: Int16
    session: Int64
    order: Int64
    quantity: Float32
    channel: Int16
    duration: Float32
    position: Int16
    place: Int16
    rating: Float32
    page: Int64

    def __len__(self) -> int:
        return len(self.shopper)

    def take(self, keep: Any) -> Rows:
        """Some rows, by index or mask."""
        return Rows(*(getattr(self, each.name)[keep] for each in fields(self)))


_EMPTY = {"quantity": np.nan, "duration": np.nan, "rating": np.nan}
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("shopper", "time", "session", "order", "page"), np.int64),
    **dict.fromkeys(("type", "channel", "position", "place"), np.int16),
    **dict.fromkeys(("quantity", "duration", "rating"), np.float32),
    "item": np.int32,
}


def rows(kind: int, item: Int32, **columns: Any) -> Rows:
    """Rows of one event type; columns not given hold nothing."""
    count = len(item)
    given = {"type": kind, "item": item, **columns}
    made = {
        name: np.broadcast_to(np.asarray(given.get(name, _EMPTY.get(name, -1))), count).astype(dtype)
        for name, dtype in _KINDS.items()
    }
    return Rows(**made)


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows, sorted by time, type and where they stood."""
    whole = Rows(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Rows)))
    return whole.take(np.argsort(whole.time * 16 + whole.type, kind="stable"))
