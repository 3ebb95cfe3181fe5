"""Counting what goes into the same order: with what, of which kind, and how much less often than by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.item_item_kernels import order_matrix, thinned
from endcap.recipes.nearest import nearest
from endcap.recipes.words import item_words
from endcap.seams import Tick
from endcap.types import DAY, Float32, Float64, Int32

KINDS_AT_ONCE, KIN = 256, 20
PSEUDO = 1.0
"""Expected meetings that two items are given beside those counted."""


@dataclass(frozen=True)
class Orders:
    """`held` float32 [orders, n] of ones: which items each order holds, and its `age` in days (float64 [orders])."""

    held: sparse.csr_matrix
    age: Float64

    @classmethod
    def of(cls, dataset: Dataset, cap: int) -> Orders:
        """The orders of a dataset; where it has none, each shopper's whole history is one."""
        events = dataset.interactions
        held = order_matrix(events.order, events.item, dataset.n_items)
        known = events.order >= 0
        unit = events.order[known]
        if not held.nnz:
            held = dataset.matrix()
            held.data[:] = 1.0
            held, unit, known = held[np.unique(events.user)], events.user.astype(np.int64), np.ones(len(events), bool)
        first = np.unique(unit, return_index=True)[1]
        timed = dataset.time_kind == "micros"
        age = (dataset.last_time - events.time[known][first]) / DAY if timed else np.zeros(len(first))
        return cls(thinned(held.tocsr(), cap), np.asarray(age, np.float64))

    def worth(self, half_life_days: float, damping: float) -> Float64:
        """float64 [orders]: 2^(-age / half-life) · size^-damping."""
        sizes = np.maximum(np.diff(self.held.indptr), 1.0)
        return np.asarray(np.exp2(-self.age / half_life_days) * sizes**-damping, np.float64)

    def share(self, half_life_days: float) -> Float64:
        """float64 [n]: share of orders with each item, one order more than there are."""
        worth = self.worth(half_life_days, 0.0)
        return np.asarray((worth @ self.held + 1.0) / (worth.sum() + 1.0), np.float64)

    def together(self, worth: Float64, keep: int, tick: Tick | None = None) -> sparse.csr_matrix:
        """float32 [n, n]: summed worth of the orders with both items, the `keep` largest of each row."""
        roots = (sparse.diags(np.sqrt(worth)) @ self.held).tocsr().astype(np.float32)
        roots.sort_indices()
        return nearest(roots, roots, keep, tick=tick)


@dataclass(frozen=True)
class Kinds:
    """`members` csr bool-like [orders, kinds]: how many items of each kind an order holds."""

    members: sparse.csr_matrix

    @classmethod
    def of(cls, orders: Orders, kind: Int32) -> Kinds:
        """By the kind int32 [n] of each item, -1 where unknown."""
        known = np.flatnonzero(kind >= 0)
        size = int(kind.max(initial=-1)) + 1
        place = (np.ones(len(known), np.float32), (known, kind[known]))
        return cls((orders.held @ sparse.csr_matrix(place, shape=(len(kind), max(size, 1)))).tocsr())

    def shares(self, orders: Orders, worth: Float64, keep: int) -> sparse.csr_matrix:
        """float32 [kinds, n]: of the worth of orders with something of a kind, the share of those that hold an item.

        The `keep` largest of each row; a kind that no order holds has an empty row.
        """
        has = self.members.copy()
        has.data[:] = 1.0
        total = np.maximum(worth @ has, 1e-9)
        weighted = (sparse.diags(worth) @ has).tocsc()
        rows = []
        for start in range(0, has.shape[1], KINDS_AT_ONCE):
            part = (weighted[:, start : start + KINDS_AT_ONCE].T @ orders.held).tocsr()
            rows.append(_largest(part, keep))
        shares = sparse.diags(1 / total) @ sparse.vstack(rows)
        return shares.tocsr().astype(np.float32)

    def meetings(self, orders: Orders, worth: Float64, kind: Int32) -> tuple[Float64, float]:
        """(float64 [kinds], float): how often two items of a kind meet in an order, as a multiple of what orders of
        their sizes let any two items meet; and that multiple of chance itself, which is above 1 as orders have sizes.
        """
        support = worth @ orders.held
        sizes = np.diff(orders.held.indptr).astype(np.float64)
        whole = worth.sum()
        by_chance = (support.sum() ** 2 - (support**2).sum()) / max(whole, 1e-9)
        usual = float(worth @ (sizes**2 - sizes)) / max(by_chance, 1e-9)
        squares = self.members.copy()
        squares.data = squares.data**2 - squares.data
        met = worth @ squares
        known = kind >= 0
        sums = np.bincount(kind[known], support[known], self.members.shape[1])
        own = np.bincount(kind[known], support[known] ** 2, self.members.shape[1])
        expected = usual * (sums**2 - own) / max(whole, 1e-9)
        return np.asarray((met + PSEUDO) / (expected + PSEUDO), np.float64), usual


def kin(dataset: Dataset, kind: Int32) -> sparse.csr_matrix:
    """float32 [n, n]: for each item whose kind is -1 the `KIN` items with the most alike words, rows that add up to 1.

    What stands for the kind of an item where a shop has no categories; empty rows where there are no words either.
    """
    words = item_words(dataset.item_metadata, dataset.n_items).T.tocsr()
    found = nearest(words, words, KIN)
    sums = np.asarray(found.sum(1)).ravel()
    scale = np.where(kind < 0, 1 / np.maximum(sums, 1e-9), 0)
    scaled = (sparse.diags(scale) @ found).tocsr().astype(np.float32)
    scaled.eliminate_zeros()
    return scaled


def _largest(matrix: sparse.csr_matrix, keep: int) -> sparse.csr_matrix:
    """The `keep` largest entries of each row."""
    lengths = np.diff(matrix.indptr)
    if lengths.max(initial=0) <= keep:
        return matrix
    row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((-matrix.data, row))
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], lengths)
    kept = np.sort(order[place < keep])
    indptr = np.concatenate(([0], np.cumsum(np.minimum(lengths, keep))))
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


def support_of(orders: Orders, worth: Float64) -> Float32:
    """float32 [n + 1]: worth of the orders with each item, and of all orders in the last place."""
    return np.append(worth @ orders.held, worth.sum()).astype(np.float32)


def of_type(dataset: Dataset, event_type: str) -> Dataset:
    """Only the events of a type, whatever its case; all where there are none of it."""
    names = tuple(name for name in dataset.event_types if name.lower() == event_type.lower())
    found = dataset.only(names)
    return found if len(found.interactions) else dataset
