"""What the ranker's features mean to the shopper, in words that hold whenever they are said.

One line for each feature that can be a reason: its words are made of the value that the ranker was given, and where
that says nothing (nobody bought it this hour, however much the trees like that) there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from endcap.features.family import Extra
from endcap.serving.memory import Memory
from endcap.serving.slate import Slate
from endcap.types import Float32, Int32

OFTEN = 3
"""Purchases from which on a rhythm is the shopper's own."""
NEW_DAYS = 30
WELL_RATED = 4.0


@dataclass(slots=True)  # not frozen: one is made for every item shown, which would take four times as long
class Subject:
    """One item of a slate: `row` are its features by column, `column` finds them, `codes` its category, sub-category
    and brand."""

    slate: Slate
    memory: Memory
    ordinal: int
    row: Float32
    column: Mapping[str, int]
    codes: Sequence[int]

    def __getitem__(self, name: str) -> float:
        return self.row.item(self.column[name])


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
    return of.memory.of_category(of.codes[0])


def _usual_category(of: Subject) -> str:
    name = of.slate.snapshot.category(of.codes[0])
    return f"From {name}, where you often look" if name and of["category_share"] > 0.1 else ""


def _brand(of: Subject) -> str:
    name = of.slate.snapshot.brand(of.codes[2])
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


def spoken(subject: Subject, names: tuple[str, ...], strongest: Sequence[int]) -> str:
    """The words of the strongest of these features (columns of the ranker, -1 for one that adds nothing) that has any;
    empty where the retrieval speaks louder, or none has."""
    for column in strongest:
        name = names[column]
        if column < 0 or name in RETRIEVED:
            return ""
        words = WORDS[name](subject) if name in WORDS else _declared(subject, name)
        if words:
            return words
    return ""


def _declared(subject: Subject, name: str) -> str:
    """Of a feature that the shop has declared."""
    features = subject.slate.snapshot.features
    if features is None or not subject[name] > 0:
        return ""
    return next((each.said for extra in features.extras for each in extra.features if each.name == name), "")


def columns_with_words(names: tuple[str, ...], extras: Sequence[Extra] = ()) -> Int32:
    """int32 columns that can be a reason, declared ones among them."""
    return _with_words(names, frozenset(each.name for extra in extras for each in extra.features if each.said))


@lru_cache(64)
def _with_words(names: tuple[str, ...], declared: frozenset[str]) -> Int32:
    can = [at for at, name in enumerate(names) if name in WORDS or name in RETRIEVED or name in declared]
    return np.array(can, np.int32)


@lru_cache(64)
def places_of(names: tuple[str, ...]) -> Mapping[str, int]:
    """Where each of these is."""
    return {name: at for at, name in enumerate(names)}
