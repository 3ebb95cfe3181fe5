"""Segments from a shop's history: which columns tell what sells, and how much likelier each item is in each segment.

Counted are distinct shoppers of an item, each by the strongest thing they did with it. The shares p_s of a segment are
those of a Dirichlet-multinomial around the shares p of all: p_s = (n_s + α p) / (Σ n_s + α). One α a column, where the
marginal likelihood of the counts is highest (empirical Bayes): a column that tells little gets a large one, and a small
segment leans on the shop. A column is kept for the evidence it gives: by how much that likelihood exceeds the one of
equal shares, beyond what the same column, shuffled, seems to tell; the best of both kinds stay.
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
STRENGTHS = np.logspace(1, 7, 13)
"""Values of α that are tried."""
EVENTS = 2_000_000
"""Of more events only the newest are counted."""


@dataclass(frozen=True)
class Column:
    """`counts` float64 csr [values, items]; `gain` is the evidence for it in nats, shuffled evidence taken off."""

    name: str
    values: tuple[str, ...]
    counts: sparse.csr_matrix
    strength: float
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
    kept = [*_best(people, PEOPLE), *_best(around, CONTEXTS)]
    if not kept:
        return NO_SEGMENTS
    lately = events.time[recent] > dataset.last_time - LATELY
    if dataset.time_kind != "micros":
        lately[:] = True
    shop = _summed(np.zeros(len(user), np.int32), user, item, worth, 1, dataset.n_items)
    now = _summed(np.zeros(lately.sum(), np.int32), user[lately], item[lately], worth[lately], 1, dataset.n_items)
    return _made(kept, np.asarray(shop.todense()).ravel(), np.asarray(now.todense()).ravel(), dataset.items.ordinals)


def _made(kept: list[Column], shop: Float64, now: Float64, ordinals: Int32) -> Segments:
    """Lifts over the pool of items, and the shares of the shop that they are lifts over."""
    total = shop.sum()
    # What sells now, with what sold in the year as a prior: an item that nobody took lately is still known.
    shares = (now + 0.1 * now.sum() * shop / total) / (1.1 * max(now.sum(), 1e-12))
    with np.errstate(divide="ignore"):
        base = np.log(shares)
    chosen = [np.argsort(-base, kind="stable")[:ITEMS]]
    lifts = [_lift(column) for column in kept]
    for lift in lifts:
        chosen += [np.argsort(-(base + row), kind="stable")[:OF_EACH] for row in lift]
    pool = np.unique(np.concatenate(chosen))
    pool = pool[shop[pool] > 0]
    pool = np.sort(pool[np.argsort(-base[pool], kind="stable")[:POOL]])
    return Segments(
        tuple((column.name, column.values) for column in kept),
        ordinals[pool].astype(np.int32),
        base[pool].astype(np.float32),
        np.concatenate([lift[:, pool] for lift in lifts]).astype(np.float32),
    )


def _lift(column: Column) -> Float32:
    """float32 [values, items]: log(p_s / p), 0 where nobody took an item."""
    counts, strength = column.counts, column.strength
    share = _shares(counts)
    known = share > 0
    lift = np.zeros(counts.shape, np.float32)
    for row in range(counts.shape[0]):
        told = counts[row].toarray().ravel()[known]
        lift[row, known] = np.log((told + strength * share[known]) / ((told.sum() + strength) * share[known]))
    return lift


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
    gain, strength = evidence(counts)
    # Whatever is dealt at random among shoppers seems to tell a little.
    dealt = [_summed(_shuffled(codes, user, seed), user, item, worth, len(best), dataset.n_items) for seed in range(2)]
    gain -= max(evidence(each)[0] for each in dealt)
    return Column(given.name, tuple(given.values[at] for at in best.tolist()), counts, strength, gain)


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


def evidence(counts: sparse.csr_matrix) -> tuple[float, float]:
    """(by how many nats the Dirichlet-multinomial beats one share for all, its α) of float64 counts [values, items]."""
    share = _shares(counts)
    expected, told = share[counts.indices], counts.data
    sums = np.asarray(counts.sum(1)).ravel()
    equal = float(told @ np.log(expected))

    def likelihood(strength: float) -> float:
        rows = gammaln(strength) - gammaln(strength + sums)
        return float(rows.sum() + (gammaln(told + strength * expected) - gammaln(strength * expected)).sum())

    found = [likelihood(each) - equal for each in STRENGTHS]
    best = int(np.argmax(found))
    return found[best], float(STRENGTHS[best])


def _shares(counts: sparse.csr_matrix) -> Float64:
    sums: Float64 = np.asarray(counts.sum(0), np.float64).ravel()
    return sums / sums.sum()
