"""What a ranking feature is, and the block of questions that a family of them answers at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from endcap.features.kinds import Kinds
from endcap.stream.histories import Past
from endcap.types import Float32, Int32, Int64

Key = Literal["candidate", "item", "category", "user-item", "user-category", "user-brand", "user", "session", "context"]


@dataclass(frozen=True)
class Feature:
    """One column of a block. `live` says that it reads the session or the last minutes or hour. `meaning` tells two
    features of one name apart: windows are declared, removed, and declared otherwise. `said` is what a value above 0
    is to the shopper, as a reason; empty where it is none."""

    name: str
    key: Key
    doc: str
    live: bool = False
    meaning: str = ""
    said: str = ""


@dataclass(frozen=True)
class Block:
    """q questions about m candidates: those of question i are `items[indptr[i]:indptr[i + 1]]`, asked at `now[i]`.

    `past` holds each shopper's events, `kinds` int8 what each means; places that are not known are -1 in both.
    `numbers`, `codes` are those of `ItemFacts`, `since` int64 [size] when items were created (`UNKNOWN_TIME` where that
    is not known) and when they first met anybody (`FAR` where they did not). `of_item` int32 and `of_category` int64
    [m, COLUMNS] are the counts of each candidate, `of_shop` int64 [q, COLUMNS] those of the shop.
    """

    past: Past
    kinds: Kinds
    now: Int64
    items: Int32
    indptr: Int64
    retrieval: Float32
    contexts: Sequence[Mapping[str, str]]
    numbers: Float32
    codes: Int32
    since: tuple[Int64, Int64]
    of_item: Int32
    of_category: Int64
    of_shop: Int64


@dataclass(frozen=True)
class Family:
    """Features that one pass gives: `fill` writes all of float32 [m, len(features)], NaN where unknown."""

    features: tuple[Feature, ...]
    fill: Callable[[Block, Float32], None]


class Extra(Protocol):
    """Further features of the same candidates, such as declared windows."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """What `values` gives, column by column."""

    def values(self, past: Past, now: Int64, items: Int32, indptr: Int64) -> Float32:
        """float32 [m, len(features)], NaN where unknown."""
