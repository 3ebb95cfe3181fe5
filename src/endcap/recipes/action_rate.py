"""Action rate: how often an action is taken when it is offered, and how this shopper answers compared with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import optimize
from scipy.special import gammaln

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import DAY, Float32, Float64, Int16, Int32, Int64

TAKEN, NOT_TAKEN, VIEWED = "TAKEN", "NOT_TAKEN", "VIEWED"
ANSWERS = (TAKEN, NOT_TAKEN, VIEWED)
EVIDENCE_DAYS = 42.0
"""Weeks in which answers must lie to count as evidence: six."""
STRENGTHS = (np.inf, 100.0, 30.0, 10.0, 3.0, 1.0)
"""Offers' worth of belief that a shopper answers like everyone else; the first: always."""
FEWEST_SHOPPERS = 100
"""With fewer shoppers who answered twice, no difference between shoppers is believed."""


@dataclass(frozen=True)
class Trials:
    """Offers and what became of them: whose, which action, when, 1 or 0 for taken, how much each counts (0 … 1)."""

    owner: Int32
    item: Int32
    time: Int64
    taken: Float64
    weight: Float64


@dataclass
class ActionRate(Recipe):
    """score(a) = m r_a / (1 - r_a + m r_a), r_a = (taken_a + α) / (offered_a + α + β), m = (own + κ) / (expected + κ).

    r is the share of offers that are taken, its Beta prior fitted to all actions together (empirical Bayes, Robbins
    1956); m compares a shopper's answers with what the rates expect of them, κ being what predicts held-out answers
    best (κ = ∞: all shoppers alike). NOT_TAKEN is a refusal; a VIEWED offer is one unless TAKEN follows within
    `period_days`, and counts by how much of that time has gone. Older answers count less. All scores are 0 until there
    are `least` TAKEN and as many NOT_TAKEN or VIEWED within six weeks. Items are actions; where a dataset has no such
    event types, every event is TAKEN.
    """

    title: ClassVar[str] = "Action rate"
    reason: ClassVar[str] = "Often taken when offered"

    period_days: float = param(
        14.0, "A viewed offer counts as taken when that happens within this time.", low=1.0, high=90.0
    )
    half_life_days: float = param(42.0, "Age at which an answer counts half.", low=0.1)
    least: int = param(50, "Answers of either kind, in six weeks, without which all scores are 0.", low=0)

    rates_: Float32 = fitted()
    """float32 [n]: r; 0 where there is too little evidence."""
    prior_: Float64 = fitted()
    """float64 [2]: α, β."""
    strength_: Float64 = fitted()
    """float64 [1]: κ."""
    codes_: Int32 = fitted()
    """int32 [3]: codes of TAKEN, NOT_TAKEN and VIEWED, -1 where there is none."""
    timed_: Int32 = fitted()

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self.timed_ = np.array([dataset.time_kind == "micros"], np.int32)
        self.codes_ = _codes(dataset.event_types)
        events = dataset.interactions
        now, n = dataset.last_time + 1, dataset.n_items
        with progress("action rates", total=n, unit="actions") as tick:
            trials = self._trials(
                events.user, events.item, events.time, events.event_type, np.full(dataset.n_users, now)
            )
            weight = trials.weight
            if self.timed_[0]:
                weight = weight * np.exp2(-(now - trials.time) / DAY / self.half_life_days)
            offered = np.bincount(trials.item, weights=weight, minlength=n).astype(np.float64)
            taken = np.bincount(trials.item, weights=weight * trials.taken, minlength=n).astype(np.float64)
            self.prior_ = beta_prior(taken, offered)
            rates = (taken + self.prior_[0]) / (offered + self.prior_.sum())
            self.strength_ = np.array([_best_strength(trials, rates)])
            enough = self._is_enough(events.event_type, events.time, now)
            self.rates_ = (rates if enough else np.zeros(n)).astype(np.float32)
            tick(n)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        rates = self.rates_ if items is None else self.rates_[items]
        trials = self._trials(queries.owner(), queries.item, queries.time, queries.event_type, queries.now)
        factor = _factors(trials, self.rates_, len(queries), float(self.strength_[0]))
        odds = factor[:, None] * rates[None, :]
        return np.asarray(odds / (1 - rates[None, :] + odds), np.float32)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: the rates, whatever the action: no action goes with another."""
        return np.repeat(self.rates_[None, :], len(items), axis=0)

    def _is_enough(self, answers: Int16, time: Int64, now: int) -> bool:
        recent = time >= now - int(EVIDENCE_DAYS * DAY) if self.timed_[0] else np.ones(len(time), np.bool_)
        taken = answers[recent] == self.codes_[0]
        return bool(min(taken.sum(), (~taken).sum()) >= self.least)

    def _trials(self, owner: Int32, item: Int32, time: Int64, answers: Int16, now: Int64) -> Trials:
        """What became of each offer. `now` int64 [owners] is when each one's answers are looked at."""
        known = np.isin(answers, self.codes_[self.codes_ >= 0])
        owner, item, time, taken = owner[known], item[known], time[known], (answers == self.codes_[0])[known]
        viewed = (answers == self.codes_[2])[known]
        pair = owner.astype(np.int64) << 32 | item.astype(np.int64)
        order = np.lexsort((np.arange(len(pair)), time, pair))
        pair, taken, time, viewed = pair[order], taken[order], time[order], viewed[order]
        # The place of the next TAKEN at or after each answer, wherever it is; then whether it is the same offer's.
        places = np.where(taken, np.arange(len(pair)), len(pair))
        following = np.minimum.accumulate(places[::-1])[::-1]
        inside = np.minimum(following, max(len(pair) - 1, 0))
        period = int(self.period_days * DAY) if self.timed_[0] else np.iinfo(np.int64).max
        answered = (following < len(pair)) & (pair[inside] == pair) & (time[inside] - time <= period) & viewed
        elapsed = (now[owner[order]] - time) / period if self.timed_[0] else np.ones(len(pair))
        weight = np.where(viewed, np.clip(elapsed, 0.0, 1.0), 1.0)
        keep = ~answered
        return Trials(owner[order][keep], item[order][keep], time[keep], taken[keep].astype(np.float64), weight[keep])


def beta_prior(taken: Float64, offered: Float64) -> Float64:
    """float64 [2]: α, β that make the counts (taken of offered, per action) most likely under a beta-binomial.

    Held to means of 0.001 … 0.999 and 0.5 … 1,000 offers' worth. Without a single offer it is the uniform prior.
    """
    seen = offered > 0
    if not seen.any():
        return np.ones(2)
    t, n = taken[seen], offered[seen]

    def surprise(place: Float64) -> float:
        mean, strength = 1 / (1 + np.exp(-place[0])), np.exp(place[1])
        a, b = mean * strength, (1 - mean) * strength
        whole = gammaln(t + a) + gammaln(n - t + b) - gammaln(n + a + b) - gammaln(a) - gammaln(b) + gammaln(a + b)
        return float(-whole.sum())

    share = float(np.clip(t.sum() / n.sum(), 0.001, 0.999))
    start = np.array([np.log(share / (1 - share)), np.log(10.0)])
    bounds = [(np.log(0.001 / 0.999), np.log(0.999 / 0.001)), (np.log(0.5), np.log(1000.0))]
    found = optimize.minimize(surprise, start, method="L-BFGS-B", bounds=bounds).x
    mean, strength = 1 / (1 + np.exp(-found[0])), np.exp(found[1])
    return np.array([mean * strength, (1 - mean) * strength])


def _codes(event_types: tuple[str, ...]) -> Int32:
    places = {name.upper().replace(" ", "_"): code for code, name in enumerate(event_types)}
    found = np.array([places.get(name, -1) for name in ANSWERS], np.int32)
    return found if (found >= 0).any() else np.array([0, -1, -1], np.int32)


def _factors(trials: Trials, rates: Float32 | Float64, owners: int, strength: float) -> Float64:
    """float64 [owners]: m."""
    if not np.isfinite(strength):
        return np.ones(owners)
    expected = np.bincount(trials.owner, weights=trials.weight * rates[trials.item], minlength=owners)
    taken = np.bincount(trials.owner, weights=trials.weight * trials.taken, minlength=owners)
    return np.asarray((taken + strength) / (expected + strength))


def _best_strength(trials: Trials, rates: Float64) -> float:
    """κ under which everyone's last answer is least surprising given the ones before."""
    order = np.lexsort((trials.time, trials.owner))
    owner = trials.owner[order]
    last = np.flatnonzero(np.diff(owner, append=-1) != 0)
    several = last[np.isin(owner[last], owner[np.flatnonzero(np.diff(owner) == 0)])]
    if len(several) < FEWEST_SHOPPERS:
        return float(STRENGTHS[0])
    asked = order[several]
    earlier = np.ones(len(order), np.bool_)
    earlier[order[last]] = False
    known = Trials(*(getattr(trials, name)[earlier] for name in ("owner", "item", "time", "taken", "weight")))
    rate, taken = rates[trials.item[asked]], trials.taken[asked]

    def surprise(strength: float) -> float:
        odds = _factors(known, rates, int(owner.max()) + 1, strength)[trials.owner[asked]] * rate
        share = np.clip(odds / (1 - rate + odds), 1e-6, 1 - 1e-6)
        return float(-(taken * np.log(share) + (1 - taken) * np.log(1 - share)).mean())

    return _least(surprise)


def _least(surprise: Callable[[float], float]) -> float:
    """The strength of least surprise; the earlier one of equals."""
    return float(min(STRENGTHS, key=surprise))
