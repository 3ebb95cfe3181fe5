"""What event types mean to features: one table of plain names, compared without case and punctuation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from endcap.stream.histories import PURCHASES
from endcap.types import Float64, Int16

OTHER, VIEW, CLICK, CART, REMOVE, WISH, LIKE, SAVE, PURCHASE, RETURN, SHOWN, RATING, SEARCH, REFUSE = range(14)
KIND_NAMES = (
    *("other", "view", "click", "add to cart", "remove", "wish list", "like", "save for later"),
    *("purchase", "return", "impression", "rating", "search", "refusal"),
)
"""In words, by code."""

Kinds = NDArray[np.int8]

NAMED: Mapping[str, int] = {
    **dict.fromkeys(("view", "viewitem", "detailpageview", "productviewed", "pageview", "watch"), VIEW),
    **dict.fromkeys(("click", "selectitem", "productclicked"), CLICK),
    **dict.fromkeys(("addtocart", "cart", "productadded", "addedtocart"), CART),
    **dict.fromkeys(("removefromcart", "removefromwishlist", "productremoved"), REMOVE),
    **dict.fromkeys(("addtowishlist", "wishlist", "favorite", "favourite", "productaddedtowishlist"), WISH),
    **dict.fromkeys(("like", "liked", "thumbsup", "upvote", "share", "productshared"), LIKE),
    **dict.fromkeys(("saveforlater", "savedforlater"), SAVE),
    **dict.fromkeys((*sorted(PURCHASES), "ordercompleted"), PURCHASE),
    **dict.fromkeys(("return", "returned", "refund", "cancel", "cancelled", "canceled", "orderrefunded"), RETURN),
    **dict.fromkeys(("impression", "viewitemlist", "productlistviewed"), SHOWN),
    **dict.fromkeys(("rating", "review", "rate", "productreviewed"), RATING),
    **dict.fromkeys(("search", "productssearched", "viewsearchresults"), SEARCH),
    **dict.fromkeys(("dislike", "thumbsdown", "downvote", "notinterested"), REFUSE),
}
"""Kind of each plain event type; a name that is not here is OTHER."""

VIEWING: Float64 = np.zeros(len(KIND_NAMES))
"""float64 [kinds]: 1 for what shows that an item was looked at."""
VIEWING[[VIEW, CLICK]] = 1.0
ACTIVITY: Float64 = np.zeros(len(KIND_NAMES))
"""float64 [kinds]: what an event adds to the activity of two minutes: liked 1, wish list 1, cart 2, saved 2."""
ACTIVITY[[LIKE, WISH, CART, SAVE]] = 1.0, 1.0, 2.0, 2.0

NO_INTEREST = frozenset({REMOVE, RETURN, SHOWN, REFUSE})
"""Kinds that are no sign of interest."""
INTEREST = np.array([kind not in NO_INTEREST for kind in range(len(KIND_NAMES))], np.bool_)
"""bool [kinds]: the others."""


def plain(event_type: str) -> str:
    """Without case and punctuation."""
    return "".join(filter(str.isalnum, event_type.lower()))


def kind_of(event_type: str) -> int:
    """Kind of an event type by its name; no type at all means a purchase."""
    return NAMED.get(plain(event_type), OTHER) if event_type else PURCHASE


def kinds_of(event_types: Sequence[str]) -> Kinds:
    """int8 [types + kinds + 1]: the kind of each code. After the codes of types come those of the kinds themselves; the
    last place, which code -1 finds, is OTHER.

    No type at all means a purchase, as in `stream.histories.is_purchase`; also next to types, for orders are imported
    without any and streamed with one.
    """
    return np.array([*(kind_of(name) for name in event_types), *range(len(KIND_NAMES)), OTHER], np.int8)


def kinds_at(table: Kinds, codes: Int16) -> Kinds:
    """int8 [n]: the kind of each code; OTHER for a code that the table does not hold."""
    return table[np.where((codes >= 0) & (codes < len(table) - 1), codes, -1)]
