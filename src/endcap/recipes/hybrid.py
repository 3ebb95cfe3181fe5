"""Hybrid: content, collaborative and knowledge models, with metadata, in one calibrated likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.fields import Fields, guess
from endcap.recipes.hybrid_facts import LEAST, directions, item_vectors, pair_facts, profile_vectors, taste
from endcap.recipes.hybrid_network import Learning, Network, learn
from endcap.recipes.hybrid_sources import (
    SOURCES,
    Candidates,
    Mix,
    batches,
    candidates,
    fitted_sources,
    had_before,
    mixed,
)
from endcap.recipes.mixing import CUT, HoldOut, Population, best_of_line, hold_out, ndcg
from endcap.recipes.mixing import mix as added
from endcap.recipes.neural.tabular import platt
from endcap.recipes.queries import Queries
from endcap.seams import Progress, rng
from endcap.types import ITEM_ID, USER_ID, Bool, Float32, Float64, Int32, Int64

PRIOR_ODDS = 2.5
ASKED_CELLS = 40_000_000
"""At an end at most so many scores (shoppers × items) are asked of each source, and of 300 shoppers at least."""
HELD_BACK = 0.25
"""Share of the shoppers asked who judge and calibrate what was learned from the others, where there is one end."""


@dataclass
class Hybrid(Recipe):
    """score = σ(a · s + b), s = log softmax(Σ_s w_s · log(1 + x_s / floor)) + residual(x): see `blend` for the sum.

    The residual is a two-layer network over what every source says of an item, the vectors of those that have some
    (ALS: theirs and the query's, number by number), how often and when last the shopper had it, and the main
    directions of the metadata of items (their own, and times the taste of the history) and users. It is asked of the
    `depth` best of the sum and begins at 0, so that it learns what the sum does not know: the list-wise softmax (Cao
    et al. 2007, "Learning to rank: from pairwise approach to listwise approach") of what shoppers took in the last
    `holdout_days` given what came before. The network learns from the ends before the last (of one end: from three
    quarters of the shoppers); the last says how much of it is believed, none unless the gain is beyond chance, and what
    a score means as a probability of taking the item in that time. Then the sources learn from everything.
    """

    title: ClassVar[str] = "Hybrid"
    reason: ClassVar[str] = "Recommended for you"
    wants_profiles: ClassVar[bool] = True
    wants_context: ClassVar[bool] = True

    holdout_days: float = param(28.0, "The mix is learned on this much of the end of the training data.", low=0.01)
    max_queries: int = param(3000, "At most this many shoppers are asked to learn it.", low=1)
    cuts: int = param(3, "How many such ends, one before the other, the network learns from.", low=1, high=12)
    depth: int = param(200, "So many of the best items by the sum are given to the network.", low=2, high=2000)
    hidden: int = param(
        16, "Hidden units of the network; 0: the sum alone.", low=0, high=1024, search=(8, 128), log=True
    )
    decay: float = param(0.3, "Weight decay of the network.", low=0.0, search=(1e-3, 1.0), log=True)
    metadata: str = param("both", "Whose metadata the network reads.", choices=("both", "items", "users", "none"))
    width: int = param(8, "Directions of metadata.", low=1, high=128)
    without: str = param("", "Sources that are left out, joined by commas.")
    floor: float = param(0.1, "Share of a query's best score from which a source's word counts.", low=1e-4)
    strength: float = param(20.0, "How many shoppers' evidence the weights of before the fit are worth.", low=0.0)
    seed: int = param(0, "Seed of hold-out, sample and network.", low=0)

    sources_: dict[str, Recipe] = fitted()
    unheard_: tuple[str, ...] = fitted()
    """Sources that could not learn from this shop, as "name: why"."""
    weights_: Float64 = fitted()
    """float64 [2, s]: weight of each source; row 0 for items had before, row 1 for new ones."""
    odds_: Float64 = fitted()
    """float64 [1]: log-odds of an item had before against a new one."""
    item_vectors_: Float32 = fitted()
    """float32 [n, ≤ width]: main directions of the items' metadata."""
    fields_: Fields = fitted()
    """Columns of the users' metadata."""
    into_: Float32 = fitted()
    """float32 [features, ≤ width]: main directions of the users' metadata."""
    scale_: Float32 = fitted()
    first_: Float32 = fitted()
    second_: Float32 = fitted()
    """The network, see `hybrid_network`; without hidden units where it did not help."""
    platt_: Float64 = fitted()
    """float64 [2]: a and b; NaN where nobody was there to tell, then a score is s itself."""
    held_back_: Float32 = fitted()
    """float32 [2]: NDCG@20 of shoppers held back, with the network and without; NaN where nothing was learned."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self._facts(dataset)
        left_out = tuple(name.strip() for name in self.without.split(",") if name.strip())
        held = hold_out(dataset, self.holdout_days, self.max_queries, self.seed)
        self.sources_, self.unheard_ = fitted_sources(dataset if held is None else held.earlier, left_out, progress)
        self.weights_ = np.array([SOURCES[name][2:] for name in self.sources_]).T.copy()
        self.odds_, self.platt_ = np.array([PRIOR_ODDS]), np.full(2, np.nan)
        self.held_back_ = np.full(2, np.nan, np.float32)
        self._take(Network.untrained(0))
        if held is None:
            return
        self._fit_mix(held)
        asked, taken, wanted = self._answered(dataset, held)
        parts, names, now = [(asked, taken)], tuple(self.sources_), int(held.queries.now[0])
        left_out = tuple(set(SOURCES) - set(names))
        for _ in range(self.cuts - 1 if dataset.time_kind == "micros" and self.hidden else 0):
            before = dataset.before(now)
            older = (
                hold_out(before, self.holdout_days, self.max_queries, self.seed) if len(before.interactions) else None
            )
            if older is None:
                break
            now = int(older.queries.now[0])
            self.sources_, _ = fitted_sources(older.earlier, left_out, progress)
            if tuple(self.sources_) != names:  # too little was known then for one of them
                break
            parts.append(self._answered(before, older)[:2])
        alone = rng(self.seed + 1).random(len(wanted)) < HELD_BACK
        self._fit_network(parts, alone if len(parts) == 1 else np.ones_like(alone), wanted, progress)
        self.sources_, _ = fitted_sources(dataset, left_out, progress)

    def _facts(self, dataset: Dataset) -> None:
        items = dataset.item_metadata if self.metadata in ("both", "items") else None
        self.item_vectors_ = item_vectors(items, dataset.n_items, ITEM_ID, self.width, self.seed)
        users = dataset.user_metadata if self.metadata in ("both", "users") else None
        spec = {} if users is None else guess(users, least=LEAST, leave_out=(USER_ID,))
        self.fields_, self.into_ = Fields(()), np.zeros((0, 0), np.float32)
        if users is not None and spec:
            self.fields_ = Fields.learn(users, spec)
            self.into_ = directions(self.fields_.encode(users), self.width, self.seed)

    def _fit_mix(self, held: HoldOut) -> None:
        """As `Blend` does."""
        had = had_before(held.queries, held.taken.shape[1])
        scores = np.full(held.taken.shape, -np.inf, np.float32)
        raw = [source.score(held.queries) for source in self.sources_.values()]
        for row, population in enumerate((Population.of(had), Population.of(~had))):
            words = [population.feature(each, self.floor) for each in raw]
            weights = population.fit(words, held.taken, self.weights_[row], self.strength)
            self.weights_[row] = population.climb(words, held.taken, weights)
            scores[population.mask] = population.log_softmax(added(words, self.weights_[row]))

        def judged(odds: float) -> float:
            return ndcg(np.asarray(scores + np.float32(odds) * had, np.float32), held.taken)

        if had.any():
            self.odds_ = np.array([best_of_line(judged, -4.0, 4.0)])

    def _answered(self, dataset: Dataset, held: HoldOut) -> tuple[Candidates, Bool, Int64]:
        """(candidates of who is asked at a cut, which of them they took bool [q, d], int64 [q] how many they took)."""
        most = min(self.max_queries, max(300, ASKED_CELLS // dataset.n_items))
        queries, keys = questions(dataset, held, most, self.seed)
        asked = Candidates.join([self._ask(part)[1] for part in batches(queries, self.n_items)])
        place = np.arange(len(queries))[:, None] * np.int64(self.n_items)
        taken = np.isin(place + asked.items, keys) & (asked.items >= 0)
        return asked, taken, np.bincount(keys // self.n_items, minlength=len(queries))

    def _fit_network(
        self, parts: list[tuple[Candidates, Bool]], newest: Bool, wanted: Int64, progress: Progress
    ) -> None:
        """`parts`: candidates of each cut and what was taken, the newest first; `newest` bool [q] of whom of that are
        held back, `wanted` int64 [q] how many items they took."""
        asked, taken = Candidates.join([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        held = np.zeros(len(taken), np.bool_)
        held[: len(newest)] = newest
        judge = Judged(taken[held], wanted[newest])
        if self.hidden:
            how = Learning(self.hidden, decay=self.decay, seed=self.seed)
            network, found = learn(asked, taken, held, judge.ndcg, how, progress)
            self._take(network)
            self.held_back_ = np.array([found["with"], found["without"]], np.float32)
        final = asked.base[held] + self._network.residual(asked.block[held])
        there = asked.items[held] >= 0
        if taken[held].any():
            self.platt_ = platt(final[there], taken[held][there].astype(np.float32))

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever reads of a version should know: the sources that it does without."""
        return tuple(f"Learned without {told}" for told in self.unheard_)

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        found = np.empty((len(queries), self.n_items), np.float32)
        start = 0
        for part in batches(queries, self.n_items):
            found[start : start + len(part)] = self._scores(part)
            start += len(part)
        return found if items is None else found[:, items]

    def _scores(self, queries: Queries) -> Float32:
        total, asked = self._ask(queries)
        if len(self.second_):
            query, place = np.nonzero(asked.items >= 0)
            residual = self._network.residual(asked.block)
            total[query, asked.items[query, place]] += residual[query, place]
        if np.isnan(self.platt_[0]):
            return total
        return np.asarray(expit(self.platt_[0] * total + self.platt_[1]), np.float32)

    def chances(self, scores: Float32) -> Float32 | None:
        """float32, shaped as `scores`, which are chances of taking the item within `holdout_days`; None where nobody
        was there to tell what a score means."""
        return None if np.isnan(self.platt_[0]) else scores

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: what goes into one basket with each item."""
        sources = self.sources_
        return sources["together" if "together" in sources else next(iter(sources))].similar_scores(items)

    def _ask(self, queries: Queries) -> tuple[Float32, Candidates]:
        """(log-probabilities by the sum float32 [q, n], what the network reads of the best)."""
        total, words, _ = mixed(self.sources_, Mix(self.weights_, float(self.odds_[0]), self.floor), queries)
        tastes = taste(queries, self.item_vectors_)
        profiles = profile_vectors(queries, self.fields_, self.into_)

        def facts(chosen: Int32) -> Float32:
            return pair_facts(chosen, self.item_vectors_, tastes, profiles)

        return total, candidates(self.sources_, total, words, queries, self.depth, facts)

    def _take(self, network: Network) -> None:
        self.scale_, self.first_, self.second_ = network.scale, network.first, network.second

    @property
    def _network(self) -> Network:
        return Network(self.scale_, self.first_, self.second_)


def questions(dataset: Dataset, held: HoldOut, most: int, seed: int) -> tuple[Queries, Int64]:
    """(who is asked about what they took after the cut of `held`, int64 query · n + item of all they took, ascending).

    A hold-out asks only as many as fit with the whole catalogue into memory; where there are times, more are here.
    """
    n = dataset.n_items
    if dataset.time_kind != "micros":
        query, item = np.nonzero(held.taken)
        return held.queries, query.astype(np.int64) * n + item
    now = int(held.queries.now[0])
    events = dataset.interactions.take(dataset.interactions.time >= now)
    known = (np.diff(held.earlier.indptr)[events.user] > 0) & (held.earlier.popularity()[events.item] > 0)
    events = events.take(known)
    users = np.unique(events.user)
    if len(users) > most:
        users = np.sort(rng(seed).choice(users, most, replace=False))
    mine = np.isin(events.user, users)
    keys = np.searchsorted(users, events.user[mine]).astype(np.int64) * n + events.item[mine]
    return Queries.histories(held.earlier, users.astype(np.int32), now=now), np.unique(keys)


@dataclass(frozen=True)
class Judged:
    """NDCG at 20 of orders of candidates: `taken` bool [q, d], `wanted` int64 [q] how many items were taken at all."""

    taken: Bool
    wanted: Int64

    def ndcg(self, scores: Float32) -> Float64:
        """float64 [q] of float32 [q, d] scores; ties as they stand."""
        order = np.argsort(-scores, axis=1, kind="stable")[:, :CUT]
        discount = 1 / np.log2(np.arange(2, order.shape[1] + 2))
        found = np.take_along_axis(self.taken, order, 1) @ discount
        ideal = np.cumsum(discount)[np.clip(self.wanted, 1, len(discount)) - 1]
        return np.asarray(found / ideal, np.float64)
