"""Frequently bought together: what completes a basket, asked by an item or by all that lies in a cart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy import sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.basket_counts import PSEUDO, Kinds, Orders, kin, of_type, support_of
from endcap.recipes.basket_questions import (
    CANDIDATES,
    Candidates,
    Questions,
    cart_codes,
    carts,
    climb,
    of_types,
    questions,
)
from endcap.recipes.item_facts import leaf_categories
from endcap.recipes.queries import Queries
from endcap.recipes.repeat import Repeat
from endcap.seams import Progress, Tick
from endcap.types import Bool, Float32, Float64, Int16, Int32

PRIOR = {"together": (1.0, 0.7), "lately": (0.3, 0.4), "kind": (0.4, 0.3), "rising": (0.4, 0.3), "own": (0.0, 1.1)}
"""The sources, in order, with their weights for a question by items alone and for one with a shopper's history, where
there is little to fit on."""
LATELY_DAYS, RECENT_DAYS = 30.0, 14.0
"""Half-lives of what goes together of late, and of what sells now."""
STEEPEST = 3.0
"""Log of the largest rise or fall that is told apart."""
ENTRIES = 15_000_000
"""About so many neighbours are kept by each source."""
KEPT_OF_KIND, LEAST_QUESTIONS = 400, 30
"""Items kept of a kind; questions without which the weights are not fitted."""
KIN_WORTH = 1.0
"""As many weighted orders is the word of an item's kind worth beside its own: all there is for a new item."""
LEAST_SUPPORT = 1.0
"""Weighted orders that an item is taken to have at least where it stands for another."""
RISING = 3
"""The place of `rising`, which says something of items only, and so finds none."""
FLOOR, SCALE = 0.1, 1000.0
"""Counts from which an order's word counts, and what shares of orders are multiplied with before their logarithm."""


@dataclass
class BoughtTogether(Recipe):
    """score(b) = Σ_s w_s · log(1 + x_s(b) / floor_s), over what is known of b and of the items in the cart.

    x are: orders with b and an item of the cart, each counting 2^(-age / half_life_days) / √size (`together`), the same
    with a month's half-life (`lately`); the share of orders with anything of the cart's kinds that hold b (`kind`: leaf
    categories, or the items with the most alike words where there are none), which also counts as one such order, so
    that new items are completed; what sells now over what sold before (`rising`); the shopper's own purchases
    (`own`, `repeat`'s score). The weights climb NDCG@10 of basket completion on the last `holdout_days`, once for
    questions by items alone and once for those of shoppers with a history; then everything is counted again.
    Substitutes are told by the data: items of the asked one's leaf category that are met in its orders less often than
    by chance lose `substitutes` · log of how much less.
    The cart is the item asked about and what was bought or put into a cart in the last `cart_minutes`.
    """

    title: ClassVar[str] = "Bought together"
    reason: ClassVar[str] = "Goes into the basket with it"
    related_to_shopper: ClassVar[bool] = True

    half_life_days: float = param(240.0, "Age at which an order counts half.", low=1.0, search=(30.0, 720.0), log=True)
    damping: float = param(0.5, "An order of s items adds s^-damping to each pair.", low=0.0, search=(0.0, 1.0))
    neighbours: int = param(300, "Neighbours kept of each item.", low=1)
    cap: int = param(500, "At most this many items of an order are joined.", low=2)
    memory_days: float = param(
        120.0, "Half-life of the shopper's own purchases.", low=1.0, search=(30.0, 365.0), log=True
    )
    substitutes: float = param(0.5, "How far substitutes are put back.", low=0.0, high=2.0, search=(0.0, 2.0))
    cart_minutes: float = param(60.0, "What was taken within this time is in the cart.", low=0.0)
    event_type: str = param("purchase", "Learned from these events only, where there are any.")
    holdout_days: float = param(28.0, "The weights are fitted on this much of the end of the training data.", low=0.01)
    max_queries: int = param(2000, "At most this many orders are asked to fit them.", low=1)
    seed: int = param(0, "Seed of the questions of the hold-out.", low=0)

    together_: sparse.csr_matrix = fitted()
    """float32 [n, n]: weighted orders with both items."""
    lately_: sparse.csr_matrix = fitted()
    kinds_: sparse.csr_matrix = fitted()
    """float32 [kinds, n]: share of the orders with something of a kind that hold each item."""
    kin_: sparse.csr_matrix = fitted()
    """float32 [n, n]: for items without a category those with the most alike words, rows that add up to 1."""
    kind_: Int32 = fitted()
    """int32 [n]: the leaf category of each item, -1 where none is known."""
    by_kind_: Int32 = fitted()
    """int32 [n]: items in order of their kind."""
    meetings_: Float32 = fitted()
    """float32 [kinds + 1]: how often two items of a kind meet, 1 as often as any two; last, that measure for all."""
    support_: Float32 = fitted()
    """float32 [n + 1]: weighted orders with each item, and of all together."""
    sells_: Float32 = fitted()
    """float32 [n]: share of the orders of now that hold each item."""
    rising_: Float32 = fitted()
    """float32 [n] ≥ 0: log of the share of orders now over that of before, moved to begin at 0."""
    own_: Recipe = fitted()
    """What the shopper buys again."""
    weights_: Float64 = fitted()
    """float64 [2, s]: of the sources; row 0 for items alone, row 1 for shoppers with a history."""
    carts_: Int16 = fitted()
    """int16: codes of the event types that put something into a cart."""
    clock_: Int32 = fitted()
    """int32 [1]: 1 where times are times."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        learned = of_type(dataset, self.event_type)
        self.carts_ = cart_codes(dataset.event_types)
        self.clock_ = np.array([dataset.time_kind == "micros"], np.int32)
        self.kind_ = leaf_categories(dataset.item_metadata, dataset.n_items)
        self.by_kind_ = np.argsort(self.kind_, kind="stable").astype(np.int32)
        self.weights_ = np.array([PRIOR[name] for name in PRIOR]).T.copy()
        self.kin_ = kin(dataset, self.kind_)
        asked = questions(learned, self.holdout_days, self.max_queries, self.seed)
        with progress("bought together", total=(4 if asked else 2) * dataset.n_items, unit="items") as tick:
            if asked is not None:
                self._count(asked.earlier, tick)
                self._fit_weights(asked)
            self._count(learned, tick)

    def _count(self, dataset: Dataset, tick: Tick) -> None:
        """Set everything that is counted."""
        orders, keep = Orders.of(dataset, self.cap), min(self.neighbours, max(50, ENTRIES // dataset.n_items))
        worth = orders.worth(self.half_life_days, self.damping)
        self.together_ = orders.together(worth, keep, tick)
        self.lately_ = orders.together(orders.worth(LATELY_DAYS, self.damping), keep, tick)
        kinds = Kinds.of(orders, self.kind_)
        self.kinds_ = kinds.shares(orders, worth, KEPT_OF_KIND)
        met, usual = kinds.meetings(orders, worth, self.kind_)
        self.meetings_ = np.append(met, usual).astype(np.float32)
        self.support_ = support_of(orders, worth)
        now = orders.share(RECENT_DAYS)
        self.sells_ = now.astype(np.float32)
        change = np.log(now / orders.share(self.half_life_days))
        self.rising_ = (np.clip(change, -STEEPEST, STEEPEST) + STEEPEST).astype(np.float32)
        self.own_ = Repeat(half_life_days=self.memory_days).fit(dataset)

    def _fit_weights(self, asked: Questions) -> None:
        alone = replace(Queries.about(asked.queries.current), now=asked.queries.now)
        for row, queries in enumerate((alone, asked.queries)):
            told = np.flatnonzero(_has_history(queries) == bool(row))
            if len(told) < LEAST_QUESTIONS:
                continue
            parts = Candidates.of(len(told), len(PRIOR))
            for place, at in enumerate(told.tolist()):
                self._lay_out(queries.batch(at, at + 1), asked.wanted[at].indices, parts, place)
            wanted = np.diff(asked.wanted.indptr)[told].astype(np.int32)
            self.weights_[row] = climb(parts, wanted, self.weights_[row])

    def _lay_out(self, queries: Queries, wanted: Int32, into: Candidates, place: int) -> None:
        """Write the best candidates of one question into a row of `into`."""
        parts = self._parts(queries)
        total = self._mixed(queries, parts)
        best = total.indices[np.argsort(-total.data, kind="stable")[:CANDIDATES]]
        best = best[best != queries.current[0]]
        rows = [np.zeros(self.n_items, np.float32) for _ in parts]
        for row, part in zip(rows, parts, strict=True):
            row[part.indices] = part.data
        rows.insert(RISING, self.rising_)
        *found, fixed = (row[best] for row in rows)
        into.features[:, place, : len(best)] = np.stack(found)
        into.fixed[place, : len(best)] = fixed
        into.taken[place, : len(best)] = np.isin(best, wanted)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        total = self._mixed(queries, self._parts(queries))
        scores = np.full(total.shape, np.nan, np.float32)
        scores[np.repeat(np.arange(total.shape[0]), np.diff(total.indptr)), total.indices] = total.data
        return scores if items is None else scores[:, items]

    def _mixed(self, queries: Queries, parts: list[sparse.csr_matrix]) -> sparse.csr_matrix:
        """float32 [q, n]: the scores of what a source with a weight knows."""
        *found, fixed = parts
        weights = self.weights_[_has_history(queries).astype(np.int64)]
        own = np.delete(weights, RISING, axis=1)
        total = sparse.csr_matrix(fixed.shape, dtype=np.float32)
        for place, part in enumerate(found):
            total = total + sparse.diags(own[:, place].astype(np.float32)) @ part
        known = total.copy()
        known.data[:] = 1.0
        total = (total + fixed.multiply(known)).tocsr()
        row = np.repeat(np.arange(len(queries)), np.diff(total.indptr))
        total.data += (weights[row, RISING] * self.rising_[total.indices]).astype(np.float32)
        return total

    def _parts(self, queries: Queries) -> list[sparse.csr_matrix]:
        """float32 [q, n] of each source but `rising`, in order, and what substitutes lose."""
        cart = carts(queries, self.n_items, self.carts_, self.cart_minutes if self.clock_[0] else None)
        known = self.kind_[cart.indices] >= 0
        place = (cart.data * known, np.maximum(self.kind_[cart.indices], 0), cart.indptr)
        kinds = sparse.csr_matrix(place, shape=(len(queries), self.kinds_.shape[0]))
        together = (cart @ self.together_).tocsr()
        by_kin = (cart @ self.kin_ @ sparse.diags(1 / np.maximum(self.support_[:-1], LEAST_SUPPORT))) @ self.together_
        shares = (sparse.diags(1 / np.maximum(np.diff(cart.indptr), 1)) @ (kinds @ self.kinds_ + by_kin)).tocsr()
        scores = self.own_.score(of_types(queries, self.carts_))
        row, item = np.nonzero(scores > 0)
        best = np.fmax.reduce(scores, axis=1, initial=1e-12)
        own = sparse.csr_matrix((scores[row, item] / best[row], (row, item)), shape=scores.shape, dtype=np.float32)
        return [
            _logs(self._completed(together, shares), 1 / FLOOR),
            _logs((cart @ self.lately_).tocsr(), 1 / FLOOR),
            _logs(shares, SCALE),
            _logs(own, 1 / FLOOR),
            self._substitutes(cart, together),
        ]

    def _completed(self, together: sparse.csr_matrix, shares: sparse.csr_matrix) -> sparse.csr_matrix:
        """The counts, and what the items' kinds and what sells now say, as `KIN_WORTH` orders each."""
        expected = shares.copy()
        expected.data = KIN_WORTH * (shares.data + self.sells_[shares.indices])
        return (together + expected).tocsr()

    def _substitutes(self, cart: sparse.csr_matrix, together: sparse.csr_matrix) -> sparse.csr_matrix:
        """float32 [q, n] ≤ 0: for each item of a kind that is in the cart, `substitutes` · log of how much less often
        they meet than any two items do; their own meetings count as far as there are some."""
        put_back: dict[tuple[int, int], tuple[Int32, Float32]] = {}
        sorted_kinds, usual, whole = self.kind_[self.by_kind_], self.meetings_[-1], self.support_[-1]
        owner = np.repeat(np.arange(cart.shape[0]), np.diff(cart.indptr))
        for row, item in zip(owner.tolist(), cart.indices.tolist(), strict=True):
            kind = self.kind_[item]
            if kind < 0 or not self.substitutes:
                continue
            low, high = np.searchsorted(sorted_kinds, (kind, kind + 1))
            same = self.by_kind_[low:high]
            met = np.zeros(self.n_items, np.float32)
            part = slice(together.indptr[row], together.indptr[row + 1])
            met[together.indices[part]] = together.data[part]
            expected = usual * self.support_[item] * self.support_[same] / whole
            ratio = (met[same] + PSEUDO * self.meetings_[kind]) / (expected + PSEUDO)
            less = np.minimum(self.substitutes * np.log(np.maximum(ratio, 1e-6)), 0).astype(np.float32)
            before = put_back.get((row, int(kind)), (same, less))[1]
            put_back[row, int(kind)] = (same, np.minimum(before, less))
        rows = np.repeat([row for row, _ in put_back], [len(same) for same, _ in put_back.values()])
        columns = np.concatenate([same for same, _ in put_back.values()]) if put_back else np.zeros(0, np.int32)
        lost = np.concatenate([value for _, value in put_back.values()]) if put_back else np.zeros(0)
        return sparse.csr_matrix((lost.astype(np.float32), (rows.astype(np.int64), columns)), shape=together.shape)


def _has_history(queries: Queries) -> Bool:
    """bool [q]: whether anything is known of the shopper but the item asked about."""
    return np.asarray(np.diff(queries.indptr) > 0, np.bool_)


def _logs(counts: sparse.csr_matrix, scale: float) -> sparse.csr_matrix:
    counts = counts.astype(np.float32)
    counts.data = np.log1p(counts.data * np.float32(scale))
    return counts
