"""Questions about baskets: what is in a cart now, and orders of the past of which one item is left in the cart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.mixing import LEAST_GAIN, climbed
from endcap.recipes.queries import Queries
from endcap.seams import rng
from endcap.types import DAY, MINUTE, Bool, Float32, Float64, Int16, Int32

CANDIDATES = 300
"""So many of the best of each question are looked at."""
CUT = 10
"""Weights are judged by NDCG at this length."""
CART_EVENTS = frozenset({"purchase", "order", "buy", "addtocart", "cart", "ordercompleted", "transaction", ""})
"""Event types that put something into a cart or take it home, in lower case and without punctuation."""


@dataclass(frozen=True)
class Questions:
    """q orders of the end of the training data, asked by one item each: `queries` with the shoppers' histories of
    before and that item as the current one, `wanted` csr bool [q, n] the others of the order."""

    earlier: Dataset
    queries: Queries
    wanted: sparse.csr_matrix


@dataclass(frozen=True)
class Candidates:
    """Of q questions and s sources: `features` float32 [s, q, c], `fixed` float32 [q, c] what is added to their mix
    (-inf past the last candidate), `taken` bool [q, c]."""

    features: Float32
    fixed: Float32
    taken: Bool

    @classmethod
    def of(cls, size: int, sources: int) -> Candidates:
        """Room for `size` questions."""
        shape = (size, CANDIDATES)
        return cls(np.zeros((sources, *shape), np.float32), np.full(shape, -np.inf, np.float32), np.zeros(shape, bool))


def questions(dataset: Dataset, days: float, most: int, seed: int) -> Questions | None:
    """The orders of the last `days` (at most a fifth of the time) with two items known before, `most` of them.

    None where there are no times, no orders, or no such order.
    """
    events = dataset.interactions
    if dataset.time_kind != "micros" or not (events.order >= 0).any():
        return None
    now = dataset.last_time + 1
    now -= min(int(days * DAY), (now - int(events.time.min())) // 5)
    earlier = dataset.with_interactions(events.take(events.time < now))
    counted = (events.time >= now) & (events.order >= 0) & (earlier.popularity()[events.item] > 0)
    pairs, first = np.unique(np.stack([events.order[counted], events.item[counted]]), axis=1, return_index=True)
    buyer = events.user[counted][first]
    _, starts, sizes = np.unique(pairs[0], return_index=True, return_counts=True)
    several = np.flatnonzero(sizes > 1)
    if not len(several) or not len(earlier.interactions):
        return None
    draws = rng(seed)
    if len(several) > most:
        several = np.sort(draws.choice(several, most, replace=False))
    chosen = starts[several] + draws.integers(0, sizes[several])
    owner = np.repeat(np.arange(len(several)), sizes[several])
    place = np.arange(len(owner)) - np.repeat(np.cumsum(sizes[several]) - sizes[several], sizes[several])
    rows = np.repeat(starts[several], sizes[several]) + place
    others = rows != chosen[owner]
    shape = (len(several), dataset.n_items)
    wanted = sparse.csr_matrix((np.ones(int(others.sum()), np.bool_), (owner[others], pairs[1][rows[others]])), shape)
    held = Queries.histories(earlier, buyer[chosen].astype(np.int32), now=now)
    return Questions(earlier, replace(held, current=pairs[1][chosen].astype(np.int32)), wanted)


def cart_codes(event_types: tuple[str, ...]) -> Int16:
    """int16: codes of the event types that fill a cart; of all types where none of them is known to."""
    plain = ["".join(letter for letter in name.lower() if letter.isalnum()) for name in event_types]
    found = [code for code, name in enumerate(plain) if name in CART_EVENTS]
    return np.array(found or range(len(event_types)), np.int16)


def of_types(queries: Queries, codes: Int16) -> Queries:
    """The same questions with only those events in their histories."""
    kept = np.isin(queries.event_type, codes)
    if kept.all():
        return queries
    columns = {name: getattr(queries, name)[kept] for name in ("item", "time", "event_type", "weight", "order")}
    return replace(queries, indptr=np.concatenate(([0], np.cumsum(kept)))[queries.indptr], **columns)


def carts(queries: Queries, n_items: int, codes: Int16, minutes: float | None) -> sparse.csr_matrix:
    """float32 [q, n] of ones: the current item and what the last `minutes` put into the cart.

    Where neither is known, what came last stands for it: all of the newest visit (`minutes` None: times are none,
    the newest event).
    """
    owner = queries.owner()
    fits = np.isin(queries.event_type, codes)
    newest = np.full(len(queries), np.iinfo(np.int64).min)
    steps = queries.steps_back()
    if minutes is None:
        recent, last = np.zeros(len(owner), np.bool_), steps == 0
    else:
        span = int(minutes * MINUTE)
        np.maximum.at(newest, owner, queries.time)
        recent = fits & (queries.now[owner] - queries.time <= span)
        last = queries.time >= newest[owner] - span
    asked = queries.current >= 0
    asked[owner[recent]] = True
    taken = recent | (last & ~asked[owner])
    told = np.flatnonzero(queries.current >= 0)
    rows = np.concatenate((owner[taken], told))
    items = np.concatenate((queries.item[taken], queries.current[told]))
    found = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, items)), shape=(len(queries), n_items))
    found.sum_duplicates()
    found.data[:] = 1.0
    return found


def climb(asked: Candidates, wanted: Int32, weights: Float64) -> Float64:
    """Weights float64 [s] ≥ 0 with a higher mean NDCG@10: one at a time larger, smaller or zero while that helps.

    `wanted` int32 [q] items are to be found.
    """
    gains = 1 / np.log2(np.arange(2, CUT + 2))
    ideal = np.cumsum(gains)[np.minimum(np.maximum(wanted, 1), CUT) - 1]

    def value(tried: Float64) -> float:
        scores = np.tensordot(tried.astype(np.float32), asked.features, 1) + asked.fixed
        top = np.argpartition(-scores, CUT, axis=1)[:, :CUT]
        top = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable"), 1)
        return float(np.mean(np.take_along_axis(asked.taken, top, 1) @ gains / ideal))

    return climbed(value, weights, LEAST_GAIN / len(wanted) ** 0.5, (2.0, 1.5, 1.25))
