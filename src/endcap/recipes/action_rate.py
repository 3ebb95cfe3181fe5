"""Action rate: how often an action is taken when it is offered, and how this shopper answers compared with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.special import gammaln, logit

from endcap.lake.dataset import Dataset
from endcap.recipes.action_taste import (
    PARTS,
    Known,
    fit_opinions,
    fit_weights,
    opinions,
    parts_of_day,
    profile_fields,
)
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.fields import Fields
from endcap.recipes.queries import Queries
from endcap.seams import Progress
from endcap.types import DAY, USER_ID, Bool, Float32, Float64, Int16, Int32, Int64

TAKEN, NOT_TAKEN, VIEWED = "TAKEN", "NOT_TAKEN", "VIEWED"
ANSWERS = (TAKEN, NOT_TAKEN, VIEWED)
EVIDENCE_DAYS = 42.0
"""Weeks in which answers must lie to count as evidence: six."""
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
    """score(a) = σ(logit r_a + x · w_a + u_a), r_a = (taken_a + α) / (offered_a + α + β).

    r is the share of offers that are taken, its Beta prior fitted to all actions together (empirical Bayes, Robbins
    1956); x what the profile and the part of the day tell, u the shopper's own opinion, told by their answers to this
    action and, by a covariance, to others (see `action_taste`). Both are believed as far as they predict answers held
    out. NOT_TAKEN is a refusal; a VIEWED offer is one unless TAKEN follows within `period_days`, and counts by how much
    of that time has gone. Older answers count less. All scores are 0 until there are `least` TAKEN and as many
    NOT_TAKEN or VIEWED within six weeks. Items are actions; where a dataset has no such event types, every event is
    TAKEN.
    """

    title: ClassVar[str] = "Action rate"
    reason: ClassVar[str] = "Often taken when offered"
    wants_profiles: ClassVar[bool] = True

    period_days: float = param(
        14.0,
        "A viewed offer counts as taken when that happens within this time.",
        low=1.0,
        high=90.0,
        search=(7, 28),
    )
    half_life_days: float = param(42.0, "Age at which an answer counts half.", low=0.1)
    least: int = param(50, "Answers of either kind, in six weeks, without which all scores are 0.", low=0)

    rates_: Float32 = fitted()
    """float32 [n]: r; 0 where there is too little evidence."""
    prior_: Float64 = fitted()
    """float64 [2]: α, β."""
    fields_: Fields = fitted()
    """What is read of profiles."""
    weights_: Float64 = fitted()
    """float64 [f + PARTS, n]: w of each action."""
    opinions_: Float64 = fitted()
    """float64 [n, r]: a root of the covariance of opinions; r = 0 where shoppers are not told apart."""
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
            self._fit_tastes(dataset, trials, rates)
            enough = self._is_enough(events.event_type, events.time, now)
            self.rates_ = (rates if enough else np.zeros(n)).astype(np.float32)
            tick(n)

    def _fit_tastes(self, dataset: Dataset, trials: Trials, rates: Float64) -> None:
        """Set what profiles, the part of the day and answers tell."""
        self.fields_ = profile_fields(dataset.user_metadata)
        users = Queries.histories(dataset)
        known = self._known(trials, self._profiles(users))
        base = logit(rates)
        self.weights_ = fit_weights(known, base)
        logits = base + self._profiles(users) @ self.weights_[:-PARTS]
        self.opinions_ = fit_opinions(known, np.asarray(logits), _last_answers(trials))

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        if not self.rates_.any():
            return np.zeros((len(queries), self.n_items if items is None else len(items)), np.float32)
        told = self._profiles(queries)
        trials = self._trials(queries.owner(), queries.item, queries.time, queries.event_type, queries.now)
        logits = logit(self.rates_.astype(np.float64)) + told @ self.weights_[:-PARTS]
        said = logits + opinions(self._known(trials, told), logits, self.opinions_)
        said += parts_of_day(queries.now, bool(self.timed_[0])) @ self.weights_[-PARTS:]
        scores: Float32 = (1 / (1 + np.exp(-said))).astype(np.float32)
        return scores if items is None else scores[:, items]

    def _profiles(self, queries: Queries) -> sparse.csr_matrix:
        """float32 csr [q, f]."""
        table = queries.profiles
        if table is None:
            table = pa.table({USER_ID: pa.nulls(len(queries), pa.string())})
        return self.fields_.encode(table)

    def _known(self, trials: Trials, profiles: sparse.csr_matrix) -> Known:
        told = sparse.hstack((profiles[trials.owner], parts_of_day(trials.time, bool(self.timed_[0]))), format="csr")
        return Known(told, trials.owner, trials.item, trials.taken, trials.weight)

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
    from scipy import optimize  # noqa: PLC0415 - a quarter of a second, that only training needs

    found = optimize.minimize(surprise, start, method="L-BFGS-B", bounds=bounds).x
    mean, strength = 1 / (1 + np.exp(-found[0])), np.exp(found[1])
    return np.array([mean * strength, (1 - mean) * strength])


def _codes(event_types: tuple[str, ...]) -> Int32:
    places = {name.upper().replace(" ", "_"): code for code, name in enumerate(event_types)}
    found = np.array([places.get(name, -1) for name in ANSWERS], np.int32)
    return found if (found >= 0).any() else np.array([0, -1, -1], np.int32)


def _last_answers(trials: Trials) -> Bool:
    """bool [m]: the last answer of every shopper who gave several; of too few shoppers none."""
    order = np.lexsort((trials.time, trials.owner))
    owner = trials.owner[order]
    last = np.flatnonzero(np.diff(owner, append=-1) != 0)
    several = last[np.isin(owner[last], owner[np.flatnonzero(np.diff(owner) == 0)])]
    found = np.zeros(len(order), np.bool_)
    if len(several) >= FEWEST_SHOPPERS:
        found[order[several]] = True
    return found
