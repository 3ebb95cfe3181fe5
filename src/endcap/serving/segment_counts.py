"""Segments from a shop's history: which columns tell what sells, and how much likelier each item is in each segment.

Counted are distinct shoppers of an item, each by the strongest thing they did with it: n of the U of a segment, where e
would be expected if the segment took what the shop takes, as much as it takes. The chance that one of them takes it is
drawn from a beta distribution around e / U with a relative variance of about 1 / κ, so that the lift is
(n + κ) / (e + κ). One κ a segment, where the likelihood of the counts of the shop's best items is highest (empirical
Bayes): a segment that differs little gets a large one, and small segments and rare items lean on the shop. A column is
kept for the evidence it gives: by how much that likelihood exceeds the one without any lift, summed over its segments,
beyond what the same column, dealt anew at random, seems to tell; the best of both kinds stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.special import gammaln

from endcap.lake.dataset import Dataset
from endcap.lake.schemas import Schema
from endcap.seams import rng
from endcap.serving.segment_columns import Placed, attributes, contexts, hours
from endcap.serving.segments import NO_SEGMENTS, Segments
from endcap.types import DAY, Float32, Float64, Int32, Int64

WINDOW, LATELY = 365 * DAY, 28 * DAY
"""Events that tell segments apart, and those that tell what sells now."""
PEOPLE, CONTEXTS = 4, 3
"""Most columns kept of shoppers' attributes and of events' contexts."""
VALUES, COVERED = 64, 0.5
"""Most values of a column, those of most shoppers first, and the least share of what is known that they must be."""
SHOPPERS = 10
"""A segment of fewer is none."""
ITEMS, OF_EACH, POOL = 2_000, 100, 8_192
"""The shop's best, each segment's best, and most items of both together."""
STRENGTHS = np.logspace(-1, 5, 19)
"""Values of κ that are tried."""
EVENTS = 2_000_000
"""Of more events only the newest are counted."""


@dataclass(frozen=True)
class Column:
    """`counts` float64 csr [values, items], `shoppers` float64 [values]; `strength` float64 [values] is κ, `gain` the
    evidence for it in nats, that of chance taken off."""

    name: str
    values: tuple[str, ...]
    counts: sparse.csr_matrix
    shoppers: Float64
    strength: Float64
    gain: float


def segments_of(dataset: Dataset, schema: Schema | None = None, happened: pa.Table | None = None) -> Segments:
    """Of a shop's items by ordinal. `schema` says which columns of shoppers are categorical, `happened` are
    interactions with what they tell of where they happened (`segment_columns.wanted_of`)."""
    events = dataset.interactions
    if not len(events):
        return NO_SEGMENTS
    recent = np.flatnonzero(events.time > dataset.last_time - WINDOW)[-EVENTS:]
    user, item, worth = events.user[recent], events.item[recent], events.weight[recent].astype(np.float64)
    first = _strongest(np.zeros(len(user), np.int32), user, item, worth, dataset.n_items)
    people = [
        _column(
            Placed(each.name, each.values, each.codes[user[first]], user[first], item[first], worth[first]), dataset
        )
        for each in attributes(dataset.user_metadata, schema)
    ]
    around = [_column(each, dataset) for each in contexts(happened, dataset, dataset.last_time - WINDOW)]
    if dataset.time_kind == "micros":
        hour = hours(events.time[recent])
        around.append(_column(Placed(hour.name, hour.values, hour.codes, user, item, worth), dataset))
    known = _best(people, PEOPLE)
    # A column that both have says more of a shopper than of a visit.
    own = {column.name for column in known}
    where = _best([column for column in around if column is not None and column.name not in own], CONTEXTS)
    if not known and not where:
        return NO_SEGMENTS
    lately = events.time[recent] > dataset.last_time - LATELY
    if dataset.time_kind != "micros":
        lately[:] = True
    shop = _summed(np.zeros(len(user), np.int32), user, item, worth, 1, dataset.n_items)
    now = _summed(np.zeros(lately.sum(), np.int32), user[lately], item[lately], worth[lately], 1, dataset.n_items)
    return _made(
        known, where, np.asarray(shop.todense()).ravel(), np.asarray(now.todense()).ravel(), dataset.items.ordinals
    )


def _made(known: list[Column], where: list[Column], shop: Float64, now: Float64, ordinals: Int32) -> Segments:
    """Lifts over the pool of items, and the shares of the shop that they are lifts over."""
    kept, total = [*known, *where], shop.sum()
    # What sells now, with what sold in the year as a prior: an item that nobody took lately is still known.
    shares = (now + 0.1 * now.sum() * shop / total) / (1.1 * max(now.sum(), 1e-12))
    with np.errstate(divide="ignore"):
        base = np.log(shares)
    chosen = [np.argsort(-base, kind="stable")[:ITEMS]]
    for column in kept:
        for row in range(len(column.values)):
            part = slice(column.counts.indptr[row], column.counts.indptr[row + 1])
            items, counts = column.counts.indices[part], column.counts.data[part]
            chosen.append(items[np.argsort(-counts, kind="stable")[:OF_EACH]])
    pool = np.unique(np.concatenate(chosen))
    pool = pool[shop[pool] > 0]
    pool = np.sort(pool[np.argsort(-base[pool], kind="stable")[:POOL]])
    return Segments(
        tuple((column.name, column.values) for column in kept),
        sum(len(column.values) for column in known),
        ordinals[pool].astype(np.int32),
        base[pool].astype(np.float32),
        np.concatenate([_lift(column, pool) for column in kept]),
    )


def _lift(column: Column, items: Int64) -> Float32:
    """float32 [values, items]: log((n + κ) / (e + κ))."""
    expected = _expected(column.counts, column.shoppers, items)
    told = np.asarray(column.counts[:, items].todense())
    strength = column.strength[:, None]
    return np.log((told + strength) / (expected + strength)).astype(np.float32)


def _expected(counts: sparse.csr_matrix, shoppers: Float64, items: Int64) -> Float64:
    """float64 [values, items]: what each segment would take if it took what all take, as much as it does take."""
    sums, taken = np.asarray(counts.sum(1)).ravel(), np.asarray(counts.sum(0)).ravel()
    expected: Float64 = sums[:, None] * (taken[items] / max(taken.sum(), 1e-12))[None, :]
    return np.minimum(expected, 0.99 * shoppers[:, None])


def _best(columns: list[Column | None], most: int) -> list[Column]:
    told = [column for column in columns if column is not None and column.gain > 0.5 * np.log(column.counts.sum())]
    return sorted(told, key=lambda column: -column.gain / column.counts.sum())[:most]


def _column(given: Placed, dataset: Dataset) -> Column | None:
    """A column counted and weighed. None where it does not tell shoppers apart."""
    known = given.codes >= 0
    if not known.any():
        return None
    users = int(given.user.max()) + 1
    pairs = np.unique(given.codes[known].astype(np.int64) * users + given.user[known])
    shoppers = np.bincount(pairs // users, minlength=len(given.values))
    best = np.argsort(-shoppers, kind="stable")[:VALUES]
    best = np.sort(best[shoppers[best] >= SHOPPERS])
    if len(best) < 2 or shoppers[best].sum() < COVERED * shoppers.sum():
        return None
    place = np.full(len(given.values), -1, np.int32)
    place[best] = np.arange(len(best), dtype=np.int32)
    codes = np.where(known, place[given.codes], -1).astype(np.int32)
    known = codes >= 0
    codes, user, item, worth = codes[known], given.user[known], given.item[known], given.worth[known]
    counts = _summed(codes, user, item, worth, len(best), dataset.n_items)
    among = shoppers[best].astype(np.float64)
    gain, strength = evidence(counts, among)
    # Whatever is dealt at random among shoppers seems to tell a little.
    dealt = [_summed(_shuffled(codes, user, seed), user, item, worth, len(best), dataset.n_items) for seed in range(2)]
    gain -= max(evidence(each, among)[0] for each in dealt)
    return Column(given.name, tuple(given.values[at] for at in best.tolist()), counts, among, strength, gain)


def _shuffled(codes: Int32, user: Int32, seed: int) -> Int32:
    """The codes dealt anew: to shoppers, where each has but one, else to events."""
    draw = rng(seed)
    first = np.zeros(int(user.max()) + 1, np.int32)
    first[user] = codes
    if np.array_equal(first[user], codes):
        who = np.unique(user)
        first[who] = first[draw.permutation(who)]
        return first[user]
    return draw.permutation(codes)


def _summed(codes: Int32, user: Int32, item: Int32, worth: Float64, values: int, n_items: int) -> sparse.csr_matrix:
    """float64 csr [values, items]: distinct shoppers, each by the weightiest of their events."""
    first = _strongest(codes, user, item, worth, n_items)
    made = sparse.csr_matrix((worth[first], (codes[first], item[first])), shape=(values, n_items))
    made.sum_duplicates()
    return made


def _strongest(codes: Int32, user: Int32, item: Int32, worth: Float64, n_items: int) -> Int64:
    """int64: the weightiest event of each segment, shopper and item, ascending by segment, item and shopper."""
    key = (codes.astype(np.int64) * n_items + item) * (int(user.max(initial=0)) + 1) + user
    if (np.diff(key) > 0).all():  # nothing occurs twice
        return np.arange(len(key))
    order = np.argsort(key, kind="stable")
    edges = np.flatnonzero(np.diff(key[order], prepend=-1))
    if not len(edges) or worth.min() == worth.max():
        return order[edges]
    order = order[np.lexsort((-worth[order], key[order]))]
    return order[edges]


def evidence(counts: sparse.csr_matrix, shoppers: Float64) -> tuple[float, Float64]:
    """(by how many nats the beta-binomial beats no lift, float64 [values] κ) of float64 counts [values, items] of the
    shop's best items, none above the `shoppers` float64 [values] of its segment."""
    taken = np.asarray(counts.sum(0)).ravel()
    best = np.argsort(-taken, kind="stable")[:ITEMS]
    best = best[taken[best] > 0]
    told = np.asarray(counts[:, best].todense(), np.float64)
    all_of, chance = shoppers[:, None], _expected(counts, shoppers, best) / shoppers[:, None]
    equal = told * np.log(chance) + (all_of - told) * np.log1p(-chance)

    def likelihood(strength: float) -> Float64:
        others = strength * (1 / chance - 1)
        seen = gammaln(told + strength) + gammaln(all_of - told + others) - gammaln(all_of + strength + others)
        found: Float64 = (seen - gammaln(strength) - gammaln(others) + gammaln(strength + others) - equal).sum(axis=1)
        return found

    found = np.stack([likelihood(each) for each in STRENGTHS])
    return float(found.max(axis=0).sum()), STRENGTHS[found.argmax(axis=0)]
