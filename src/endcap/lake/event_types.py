"""What one event of each type says about interest, by default; written once.

Names are compared without case and punctuation, so `AddToCart`, `add_to_cart` and `add to cart` are one.
"""

from __future__ import annotations

import re
from functools import cache

DEFAULT_WEIGHTS = {
    "purchase": 1.0,
    "order": 1.0,
    "checkout": 0.6,
    "startcheckout": 0.6,
    "begincheckout": 0.6,
    "addtocart": 0.5,
    "addtowishlist": 0.4,
    "wishlist": 0.4,
    "favorite": 0.4,
    "like": 0.4,
    "thumbsup": 0.4,
    "upvote": 0.4,
    "rating": 0.4,
    "review": 0.4,
    "share": 0.3,
    "watch": 0.3,
    "subscribe": 0.3,
    "click": 0.15,
    "selectitem": 0.15,
    "detailpageview": 0.1,
    "view": 0.1,
    "viewitem": 0.1,
    "viewcart": 0.1,
    "search": 0.05,
}
"""Weight of one event relative to a purchase. Chosen as an order of commitment, not tuned: a solution may override."""

LEFT_OUT = frozenset(
    {
        "return",
        "returned",
        "refund",
        "cancel",
        "cancelled",
        "canceled",
        "dislike",
        "thumbsdown",
        "downvote",
        "notinterested",
        "removefromcart",
        "removefromwishlist",
        "impression",
        "viewitemlist",
    }
)
"""Events that are no sign of interest (taken back, refused, or merely shown): left out unless asked for by name."""

AGAINST = {
    "notinterested": 1.0,
    "dislike": 1.0,
    "thumbsdown": 1.0,
    "downvote": 1.0,
    "return": 0.5,
    "returned": 0.5,
    "refund": 0.5,
    "cancel": 0.25,
    "cancelled": 0.25,
    "canceled": 0.25,
    "removefromcart": 0.25,
    "removefromwishlist": 0.25,
}
"""How far one event of these types speaks against its item, 1 most: of those left out, the ones that say no."""

UNKNOWN = 0.3
"""A type this table does not know, between a view and a cart."""


def plain(name: str) -> str:
    """Without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_left_out(name: str) -> bool:
    """Whether events of this type are left out of learning by default."""
    return plain(name) in LEFT_OUT


def weight(name: str) -> float:
    """Weight of one event of this type, > 0; 1 where no type is recorded or where it was asked for by name only."""
    known = plain(name)
    if not known or known in LEFT_OUT:
        return 1.0
    return DEFAULT_WEIGHTS.get(known, UNKNOWN)


@cache
def against(name: str) -> float:
    """How far one event of this type speaks against its item, 0 … 1."""
    return AGAINST.get(plain(name), 0.0)
