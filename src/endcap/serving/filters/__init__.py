"""Filters: which items, users or actions an answer may hold, said in Personalize's language.

`parse` reads an expression, `Filter.check` holds it against a shop's schemas, `evaluate` turns it into a bitmap.
"""

from endcap.serving.filters.evaluation import Events, Everyone, FilterView, evaluate, matching_users, verdicts
from endcap.serving.filters.overlay import Attributes, GrowingIndex, Overlay
from endcap.serving.filters.parser import parse
from endcap.serving.filters.tree import Filter

__all__ = [
    "Attributes",
    "Events",
    "Everyone",
    "Filter",
    "FilterView",
    "GrowingIndex",
    "Overlay",
    "evaluate",
    "matching_users",
    "parse",
    "verdicts",
]
