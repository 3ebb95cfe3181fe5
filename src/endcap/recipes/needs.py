"""What each recipe needs of a shop's data: counts below which it cannot learn, or says little. One line a recipe.

`required` needs stand in the way of training, the others of being good. Where a number is not a limit of the code it is
an order of magnitude below which our measurements' intervals hold nothing but chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Measure = Literal[
    "interactions",
    "shoppers",
    "orders",
    "views",
    "sessions",
    "clicks",
    "again",
    "texts",
    "profiles",
    "searches",
    "answers",
    "actions",
    "days",
    "items",
]
MEASURES: Mapping[Measure, str] = {
    "interactions": "interactions",
    "shoppers": "shoppers with two interactions or more",
    "orders": "orders of two items or more",
    "views": "views of items",
    "sessions": "shoppers who looked at two items or more",
    "clicks": "clicks, views or carts beside purchases",
    "again": "items bought a second time by the same shopper",
    "texts": "items with a name or a description",
    "profiles": "shoppers or items with more than an id",
    "searches": "searches that somebody typed",
    "answers": "logged answers, to learn from what was shown",
    "actions": "answers of shoppers to actions",
    "days": "days of history",
    "items": "items in the catalogue",
}
"""What is counted, in words that follow a number."""


@dataclass(frozen=True)
class Need:
    """At least so much of one measure, and what it is for."""

    measure: Measure
    least: int
    why: str
    required: bool = False


_ENOUGH = (
    Need("interactions", 1_000, "below this, what is learned would be chance", required=True),
    Need("shoppers", 25, "taste is learned from shoppers with a history", required=True),
)
_TASTE = (*_ENOUGH, Need("interactions", 10_000, "whose taste is like whose shows in many histories"))
_ORDER = (*_ENOUGH, Need("sessions", 1_000, "what follows what is learned from sequences"))
_TIMES = (*_ENOUGH, Need("days", 56, "four weeks are held out to choose between sources"))
_WORDS = (*_ENOUGH, Need("texts", 100, "likeness is read from words", required=True))
_FIELDS = (*_TASTE, Need("profiles", 100, "fields of shoppers and items are what it learns beside ids"))

NEEDS: Mapping[str, tuple[Need, ...]] = {
    "action-rate": (Need("actions", 100, "rates are counted from answers", required=True),),
    "affinity": _TASTE,
    "als": _TASTE,
    "also-viewed": (*_ENOUGH, Need("views", 10_000, "pairs of looks make what else is looked at")),
    "blend": (*_TIMES, Need("interactions", 10_000, "it learns which of its sources to trust")),
    "bought-together": (*_ENOUGH, Need("orders", 2_000, "a pair must occur in several orders to be told from chance")),
    "buy-it-again": (*_ENOUGH, Need("again", 1_000, "intervals are measured between repeated purchases")),
    "content": _WORDS,
    "dcn": _FIELDS,
    "deepfm": _FIELDS,
    "ease": _TASTE,
    "ensemble": _TASTE,
    "ffnn": _FIELDS,
    "fm": _FIELDS,
    "graph-filter": _TASTE,
    "hrnn": (*_ORDER, Need("interactions", 50_000, "networks need many sequences")),
    "hybrid": (*_FIELDS, Need("days", 56, "it is trained on the newest weeks, its sources before")),
    "item-item": _TASTE,
    "knowledge": (*_ENOUGH, Need("profiles", 25, "rules ask for what is known of shoppers and items")),
    "next-item": (*_ORDER, Need("interactions", 50_000, "networks need many sequences")),
    "popularity": (Need("interactions", 1_000, "below this, what is learned would be chance", required=True),),
    "ranked": (*_TIMES, Need("clicks", 5_000, "what is done now decides the order")),
    "related": _TASTE,
    "repeat": (*_ENOUGH, Need("again", 1_000, "shoppers must take the same things again")),
    "rp3beta": _TASTE,
    "sasrec": (*_ORDER, Need("interactions", 50_000, "networks need many sequences")),
    "search": (Need("texts", 25, "words are searched in names and descriptions", required=True), *_ENOUGH),
    "search-personalised": (*_WORDS, Need("interactions", 10_000, "taste puts hits in order")),
    "semantic": _WORDS,
    "session-knn": _ORDER,
    "steered": _TASTE,
    "svd": _TASTE,
    "trending": (
        Need("interactions", 1_000, "below this, what is learned would be chance", required=True),
        Need("days", 14, "one week is compared with the one before"),
    ),
    "updated": (),
}
"""Recipe → what it needs."""
