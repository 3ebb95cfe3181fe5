"""When an item is bought again: intervals between one shopper's purchases of it, and what a history says of each pair.

Days between purchases are log-normal about a mean of the pair's own, which lies about the item's, which lies about
its category's, which lies about the shop's: each level is shrunk to the next by how much the levels differ (empirical
Bayes, Robbins 1956).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from endcap.recipes.queries import Queries
from endcap.types import Bool, Float64, Int64

LEAST_SPREAD = 0.2
"""Standard deviation of log-days below which no interval is believed to lie."""
YEAR = 365.0


@dataclass(frozen=True)
class Pairs:
    """What p pairs of query and item have in their purchases, ascending by query and item; an item counts once a day.

    float64 [p] each: `bought` on how many days, the age in days of the `newest` and the `oldest`, `intervals` the sum
    of the logs of days between them, `squares` that of their squares.
    """

    owner: Int64
    item: Int64
    bought: Float64
    newest: Float64
    oldest: Float64
    intervals: Float64
    squares: Float64
    recent: Float64
    """Purchases, each counting half after `half_life` days."""
    season: Float64
    """Purchases in these weeks of last year."""

    @classmethod
    def of(cls, queries: Queries, counted: Bool, n_items: int, half_life: float) -> Pairs:
        """Of the `counted` events of histories."""
        age = queries.age_days()[counted]
        key = queries.owner()[counted].astype(np.int64) * n_items + queries.item[counted]
        day = np.floor(age)
        order = np.lexsort((-age, key))  # oldest first within a pair
        key, age, day = key[order], age[order], day[order]
        kept = np.ones(len(key), np.bool_)
        kept[1:] = (key[1:] != key[:-1]) | (day[1:] != day[:-1])
        key, age = key[kept], age[kept]
        pairs, starts = np.unique(key, return_index=True)
        if not len(pairs):
            none = np.zeros(0)
            return cls(pairs, pairs, none, none, none, none, none, none, none)
        same = np.concatenate(([False], key[1:] == key[:-1]))
        gap = np.where(same, np.log(np.maximum(np.concatenate(([1.0], age[:-1] - age[1:])), 1.0)), 0.0)
        ago = np.abs(age - YEAR + 14.0) <= 21.0
        ends = np.concatenate((starts[1:], [len(key)])) - 1

        def total(values: Float64) -> Float64:
            return np.asarray(np.add.reduceat(values, starts), np.float64)

        return cls(
            pairs // n_items,
            pairs % n_items,
            (ends - starts + 1).astype(np.float64),
            age[ends],
            age[starts],
            total(gap),
            total(gap * gap),
            total(np.exp2(-age / half_life)),
            total(ago.astype(np.float64)),
        )


@dataclass(frozen=True)
class Intervals:
    """Log-days between purchases: `means` float64 [n] of each item, `shares` float64 [n] of pairs that came to a second
    purchase, both shrunk; a pair's own mean counts as `patience` intervals more of the item, `spread` about it."""

    means: Float64
    shares: Float64
    patience: float
    spread: float

    @classmethod
    def of(cls, pairs: Pairs, groups: Int64) -> Intervals:
        """From all pairs of a shop; `groups` int64 [n] are the items' categories, -1 where unknown."""
        n = len(groups)
        gaps = pairs.bought - 1
        count = np.bincount(pairs.item, weights=gaps, minlength=n).astype(np.float64)
        total = np.bincount(pairs.item, weights=pairs.intervals, minlength=n).astype(np.float64)
        whole = total.sum() / max(count.sum(), 1.0) if count.sum() else np.log(30.0)
        means = _shrunk(total, count, _group_means(total, count, groups, whole), pairs.squares.sum())
        again = np.bincount(pairs.item, weights=(pairs.bought > 1), minlength=n).astype(np.float64)
        buyers = np.bincount(pairs.item, minlength=n).astype(np.float64)
        rate = (again.sum() + 1) / (buyers.sum() + 2)
        shares = _shrunk(again, buyers, _group_means(again, buyers, groups, rate), again.sum())
        several = gaps > 0
        own = pairs.intervals[several] / gaps[several]
        inside = pairs.squares[several] - gaps[several] * own * own
        freedom = max(float((gaps[several] - 1).sum()), 1.0)
        within = max(float(inside.sum()) / freedom, LEAST_SPREAD**2) if several.any() else 1.0
        apart = own - means[pairs.item[several]]
        noise = within * float(np.mean(1 / gaps[several])) if several.any() else 0.0
        between = max(float(np.mean(apart * apart)) - noise, 1e-3) if several.any() else 1.0
        return cls(means, np.clip(shares, 1e-4, 1 - 1e-4), within / between, float(np.sqrt(within + between)))

    def due(self, pairs: Pairs, days: float) -> Float64:
        """float64 [p]: the probability that a pair that will be bought again is bought within `days`, given that it was
        not since: (S(t) - S(t + days)) / S(t)."""
        mean = self.mean_of(pairs)
        since, later = (self._left(pairs.newest + more, mean) for more in (0.0, days))
        return np.asarray(np.clip(1 - later / np.maximum(since, 1e-9), 1e-6, 1.0), np.float64)

    def mean_of(self, pairs: Pairs) -> Float64:
        """float64 [p]: mean log-days of each pair: its own, and the item's."""
        weight = pairs.bought - 1
        return np.asarray((pairs.intervals + self.patience * self.means[pairs.item]) / (weight + self.patience))

    def _left(self, days: Float64, mean: Float64) -> Float64:
        return np.asarray(ndtr(-(np.log(np.maximum(days, 0.5)) - mean) / self.spread), np.float64)


def _group_means(total: Float64, count: Float64, groups: Int64, whole: float) -> Float64:
    """float64 [n]: mean of each item's group, shrunk to the whole's; the whole's where it has no group."""
    found = np.full(len(groups), whole)
    known = groups >= 0
    if known.any():
        size = int(groups.max()) + 1
        sums, counts = (
            np.bincount(groups[known], weights=each[known], minlength=size).astype(np.float64)
            for each in (total, count)
        )
        found[known] = _shrunk(sums, counts, np.full(size, whole), None)[groups[known]]
    return found


def _shrunk(total: Float64, count: Float64, prior: Float64, squares: float | None) -> Float64:
    """float64 [n]: (total + m · prior) / (count + m), m observations' worth of belief in the prior by how much the
    means differ among those with ten observations or more. `squares` is the sum of squares of all observations."""
    plenty = count >= 10
    strength = 10.0
    if plenty.sum() >= 10 and squares is not None:
        means = total[plenty] / count[plenty]
        within = max(squares / max(count.sum(), 1.0) - float(np.average(means**2, weights=count[plenty])), 1e-6)
        differ = float(np.var(means - prior[plenty])) - within * float(np.mean(1 / count[plenty]))
        strength = float(np.clip(within / max(differ, 1e-6), 0.5, 200.0))
    return np.asarray((total + strength * prior) / (count + strength), np.float64)


def categories(codes: list[str | None]) -> Int64:
    """int64 [n] numbers of equal texts, -1 for None."""
    numbers: dict[str, int] = {}
    return np.array([-1 if each is None else numbers.setdefault(each, len(numbers)) for each in codes], np.int64)
