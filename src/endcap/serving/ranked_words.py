"""What the ranker's features mean to the shopper, in words that hold whenever they are said.

One line for each feature that can be a reason: its words are made of the value that the ranker was given, and where
that says nothing (nobody bought it this hour, however much the trees like that) there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from endcap.serving.memory import Memory
from endcap.serving.slate import Slate
from endcap.types import Float32, Int32

OFTEN = 3
"""Purchases from which on a rhythm is the shopper's own."""
NEW_DAYS = 30
WELL_RATED = 4.0


@dataclass(frozen=True)
class Subject:
    """One item of a slate: `row` are its features by column, `column` finds them, `codes` its category and brand."""

    slate: Slate
    memory: Memory
    ordinal: int
    row: Float32
    column: Mapping[str, int]
    codes: Int32

    def __getitem__(self, name: str) -> float:
        return float(self.row[self.column[name]])


Words = Callable[[Subject], str]


def _over(name: str, least: float, text: str) -> Words:
    """Where a feature is larger than that."""
    return lambda of: text if of[name] > least else ""


def _rhythm(of: Subject) -> str:
    since, due = of["days_since_had"], of["due"]
    if not (due > 0.8 and since > 0):
        return ""
    days = max(round(since / due), 1)
    often = f"every {days} days" if days > 1 else "every day"
    if of["had_times"] >= OFTEN:
        return f"Back in your rhythm: you buy this about {often}"
    return f"Usually bought again after about {days} days" if days > 1 else ""


def _category(of: Subject) -> str:
    return of.memory.of_category(int(of.codes[0]))


def _usual_category(of: Subject) -> str:
    name = of.slate.snapshot.category(int(of.codes[0]))
    return f"From {name}, where you often look" if name and of["category_share"] > 0.1 else ""


def _brand(of: Subject) -> str:
    name = of.slate.snapshot.brand(int(of.codes[2]))
    return f"By {name}, a brand that you know" if name and of["brand_share"] > 0 else ""


def _just(of: Subject) -> str:
    return of.memory.just_of_item(of.ordinal)


def _met(of: Subject) -> str:
    return of.memory.of_item(of.ordinal)


def _rated(of: Subject) -> str:
    return f"Rated {of['rating']:.1f}" if of["rating"] >= WELL_RATED else ""


def _in_range(of: Subject) -> str:
    return "In your price range" if abs(of["price_affinity"]) < 0.3 else ""


def _new(of: Subject) -> str:
    return "New in this shop" if 0 <= of["age_days"] <= NEW_DAYS else ""


WORDS: Mapping[str, Words] = {
    "popular_1h": _over("popular_1h", 0, "Popular this hour"),
    "popular_1d": _over("popular_1d", 0, "Popular today"),
    "popular_7d": _over("popular_7d", 0, "Popular this week"),
    "popular_28d": _over("popular_28d", 0, "Popular this month"),
    "bought_28d": _over("bought_28d", 0, "Often bought this month"),
    "popular_ever": _over("popular_ever", 0, "Popular in this shop"),
    "trend_1d": _over("trend_1d", 1, "Trending today"),
    "trend_7d": _over("trend_7d", 1, "Trending this week"),
    "purchase_rate": _over("purchase_rate", 0, "Often bought by those who look at it"),
    "review_polarity": _over("review_polarity", 0.3, "Well reviewed"),
    "rating": _rated,
    "age_days": _new,
    "had": _met,
    "had_times": _met,
    "met_before": _met,
    "days_since_met": _met,
    "days_since_had": _rhythm,
    "due": _rhythm,
    "viewed_in_session": _just,
    "activity_2min": _just,
    "category_share_in_session": _category,
    "category_activity_2min": _category,
    "category_share": _usual_category,
    "brand_share": _brand,
    "price_affinity": _in_range,
}
RETRIEVED = ("retrieval_score", "retrieval_rank", "retrieval_gap")
"""Features that speak for the retrieval: its own reason stands."""
TRIED = 3
"""So many of an item's strongest features are tried for words."""


def spoken(subject: Subject, names: tuple[str, ...], strongest: Int32, adds: Float32) -> str:
    """The words of the strongest of these features (columns) that adds to the score and has any; empty where the
    retrieval speaks louder, or none has."""
    for column in strongest.tolist():
        name = names[column]
        if adds[column] <= 0 or name in RETRIEVED:
            return ""
        words = WORDS[name](subject)
        if words:
            return words
    return ""


def columns_with_words(names: tuple[str, ...]) -> Int32:
    """int32 columns that can be a reason."""
    return np.array([at for at, name in enumerate(names) if name in WORDS or name in RETRIEVED], np.int32)
