"""A seeded synthetic shop of any size, for speed and memory only, never for quality claims.

Item popularity follows Zipf–Mandelbrot, 1 / (rank + q)^a; user activity is lognormal; items fall into latent clusters,
each user has three tastes, most draws stay inside them, some repeat one of the user's last few items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Events = tuple[NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Shop:
    """What the generator draws from; the defaults are a mid-sized general shop."""

    users: int = 200_000
    items: int = 50_000
    events: int = 10_000_000
    seed: int = 42
    exponent: float = 0.75
    offset: float = 100.0
    clusters: int = 500
    tastes: int = 3
    inside: float = 0.7
    repeats: float = 0.1
    activity_sigma: float = 1.2


def events(shop: Shop) -> Events:
    """(user, item) int32 [about shop.events], sorted by user, in each user's order of time."""
    rng = np.random.Generator(np.random.PCG64(shop.seed))
    popularity = 1.0 / (np.arange(1, shop.items + 1) + shop.offset) ** shop.exponent
    cluster = rng.integers(0, shop.clusters, shop.items)
    by_cluster = np.argsort(cluster, kind="stable")
    ends = np.cumsum(popularity[by_cluster])
    sizes = np.bincount(cluster, minlength=shop.clusters)
    last = np.cumsum(sizes)
    high = np.where(last > 0, ends[np.maximum(last - 1, 0)], 0.0)
    low = np.concatenate(([0.0], high[:-1]))

    activity = rng.lognormal(0.0, shop.activity_sigma, shop.users)
    counts = np.maximum(2, np.round(activity / activity.sum() * shop.events)).astype(np.int64)
    user = np.repeat(np.arange(shop.users, dtype=np.int32), counts)
    n = len(user)
    taste = rng.choice(shop.clusters, (shop.users, shop.tastes), p=(high - low) / ends[-1])
    chosen = taste[user, rng.integers(0, shop.tastes, n)]
    personal = rng.random(n) < shop.inside
    draw = rng.random(n)
    place = np.where(personal, low[chosen] + draw * (high - low)[chosen], draw * ends[-1])
    item = by_cluster[np.minimum(np.searchsorted(ends, place), shop.items - 1)].astype(np.int32)

    within = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    back = rng.integers(1, 6, n)
    again = np.flatnonzero((rng.random(n) < shop.repeats) & (within >= back))
    item[again] = item[again - back[again]]
    shuffled = rng.permutation(shop.items).astype(np.int32)
    return user, shuffled[item]


def matrices(shop: Shop, test_share: float = 0.1) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """(train, test) binary float32 [users, items]: a random share of each user's distinct items is held out."""
    user, item = events(shop)
    shape = (shop.users, shop.items)
    whole = sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=shape)
    whole.data[:] = 1.0
    rows = np.repeat(np.arange(shop.users), np.diff(whole.indptr))
    test = np.random.Generator(np.random.PCG64(shop.seed + 1)).random(whole.nnz) < test_share
    parts = (
        sparse.csr_matrix((whole.data[part], (rows[part], whole.indices[part])), shape=shape) for part in (~test, test)
    )
    train, held_out = parts
    return train, held_out
