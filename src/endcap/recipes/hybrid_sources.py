"""The sources of `hybrid`: which recipes, and what they say of the candidates of a query, in columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from endcap.errors import EndcapError
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.base import InnerProductRecipe, Recipe
from endcap.recipes.graph_filter import BESIDE_POPULARITY
from endcap.recipes.mixing import add_feature, normalise
from endcap.recipes.queries import Queries
from endcap.recipes.topk import top_k
from endcap.seams import Progress
from endcap.types import DAY, Bool, Float32, Float64, Int32

SOURCES: dict[str, tuple[str, dict[str, Any], float, float]] = {
    "repeat": ("repeat", {"half_life_days": 240.0}, 0.9, 0.0),
    "together": ("item-item", {"trend_half_life_days": 10.0}, 0.5, 0.0),
    "popularity": ("popularity", {"window_days": 14.0}, 0.2, 0.0),
    "next": (
        "item-item",
        {"trend_half_life_days": 10.0, "first_only": True, "shrinkage": 5.0, "half_life_days": 365.0},
        0.0,
        2.5,
    ),
    "graph": ("graph-filter", {"rank": 128, "half_life_days": 60.0, **BESIDE_POPULARITY}, 0.0, 0.3),
    "arrivals": ("popularity", {"window_days": 14.0, "first_only": True}, 0.2, 0.3),
    "als": ("als", {"factors": 32, "iterations": 6}, 0.0, 0.0),
    "content": ("content", {}, 0.0, 0.0),
    "knowledge": ("knowledge", {}, 0.0, 0.0),
}
"""name: (recipe, settings, weight for items had before, weight for new ones) where there is little to learn from."""
NEIGHBOURS = {"item-item", "graph-filter"}
ENTRIES = 10_000_000
"""About so many neighbours are kept by each source, 100 to 1,000 of an item."""
CELLS = 4_000_000
"""At most so many scores of each source are held at once."""
OWN = 5
"""Columns beside those of sources, vectors and metadata: had, times had, age, place, score of the sources."""


def fitted_sources(
    dataset: Dataset, left_out: tuple[str, ...], progress: Progress
) -> tuple[dict[str, Recipe], tuple[str, ...]]:
    """(every source that can learn from this shop, those named left out; of those that cannot, "name: why")."""
    kept = int(np.clip(ENTRIES // max(dataset.n_items, 1), 100, 1000))
    found: dict[str, Recipe] = {}
    unheard: list[str] = []
    for name, (recipe, settings, _, _) in SOURCES.items():
        if name in left_out:
            continue
        extra = {"neighbours": kept} if recipe in NEIGHBOURS else {}
        try:
            found[name] = create(recipe, {**settings, **extra}).fit(dataset, progress)
        except EndcapError as error:  # what a source cannot learn here is no reason to have none
            unheard.append(f"{name}: {error.message}")
            with progress(f"without {unheard[-1]}"):
                continue
    return found, tuple(unheard)


@dataclass(frozen=True)
class Mix:
    """How sources are added up: `weights` float64 [2, s] (row 0: items had before, row 1: new ones), log-odds `odds` of
    an item had before, the share `floor` of the best from which a score counts. See `blend`."""

    weights: Float64
    odds: float
    floor: float


@dataclass(frozen=True)
class Candidates:
    """The d best items of q queries by the mix: `items` int32 [q, d] (-1: none), `base` float32 [q, d] log-probability,
    `block` float32 [q, d, c] what is known of each, 0 where there is none."""

    items: Int32
    base: Float32
    block: Float32

    @classmethod
    def join(cls, parts: list[Candidates]) -> Candidates:
        """One after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("items", "base", "block")))


def batches(queries: Queries, n_items: int) -> Iterator[Queries]:
    """The queries in parts whose scores fit into memory."""
    size = max(1, CELLS // max(n_items, 1))
    for start in range(0, len(queries), size):
        yield queries.batch(start, min(start + size, len(queries)))


def mixed(sources: dict[str, Recipe], mix: Mix, queries: Queries) -> tuple[Float32, list[Float32], Bool]:
    """(log-probabilities float32 [q, n], NaN without a word; each source's own word float32 [q, n] ≥ 0; had bool)."""
    had = had_before(queries, next(iter(sources.values())).n_items)
    total = np.zeros(had.shape, np.float32)
    words = []
    for place, source in enumerate(sources.values()):
        word = np.zeros(had.shape, np.float32)
        scores = source.score(queries)
        for value in (True, False):
            add_feature(scores, had, value, mix.floor, 1.0, word)
        weight = mix.weights[:, place].astype(np.float32)
        total += word * np.where(had, weight[0], weight[1])
        words.append(word)
    normalise(total, had, mix.odds)
    return total, words, had


def had_before(queries: Queries, n_items: int) -> Bool:
    """bool [q, n]: the item is in the history."""
    had = np.zeros((len(queries), n_items), np.bool_)
    had[queries.owner(), queries.item] = True
    return had


def candidates(
    sources: dict[str, Recipe],
    total: Float32,
    words: list[Float32],
    queries: Queries,
    depth: int,
    facts: Callable[[Int32], Float32],
) -> Candidates:
    """The best of `total`, with what sources, vectors and `facts` (of int32 [q, d] items float32 [q, d, c]) say."""
    items, base = top_k(total, min(depth, total.shape[1]))
    there = items >= 0
    rows = np.maximum(items, 0)
    columns = [np.take_along_axis(word, rows, 1)[:, :, None] for word in words]
    columns += [*_products(sources, queries, rows), _own(queries, rows, base, there)]
    columns.append(facts(rows))
    block = np.concatenate(columns, axis=2).astype(np.float32)
    block[~there] = 0.0
    return Candidates(items, np.where(there, base, np.float32(-1e4)), np.nan_to_num(block, nan=0.0))


def _products(sources: dict[str, Recipe], queries: Queries, items: Int32) -> Iterator[Float32]:
    """float32 [q, d, k] of each source that has vectors: theirs and the query's, number by number."""
    for source in sources.values():
        if isinstance(source, InnerProductRecipe):
            asked, known = source.query_vectors(queries), source.item_vectors
            yield asked[:, None, :] * known[items]


def _own(queries: Queries, items: Int32, base: Float32, there: Bool) -> Float32:
    """float32 [q, d, OWN]."""
    n = int(max(items.max(initial=0), queries.item.max(initial=0))) + 1
    owner = queries.owner()
    times, last = np.zeros((len(queries), n), np.float32), np.zeros((len(queries), n), np.int64)
    np.add.at(times, (owner, queries.item), 1.0)
    np.maximum.at(last, (owner, queries.item), queries.time)
    often = np.take_along_axis(times, items, 1)
    age = (queries.now[:, None] - np.take_along_axis(last, items, 1)) / DAY
    known = often > 0
    place = 1 / np.log2(np.arange(2, items.shape[1] + 2, dtype=np.float32))
    best = np.where(there, base, np.nan) - base[:, :1]
    return np.stack(
        (
            known,
            np.log1p(often),
            np.where(known, np.log1p(np.clip(age, 0, 3650)), 0),
            np.broadcast_to(place, items.shape),
            np.nan_to_num(best, nan=0.0),
        ),
        axis=2,
    ).astype(np.float32)
