"""Hybrid: content, collaborative and knowledge models, with metadata, in one calibrated likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

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
from endcap.recipes.mixing import HoldOut, Population, best_of_line, hold_out, ndcg
from endcap.recipes.mixing import mix as added
from endcap.recipes.queries import Queries
from endcap.recipes.ranker_calibration import calibrate, probabilities
from endcap.seams import Progress, rng
from endcap.types import ITEM_ID, USER_ID, Bool, Float32, Float64, Int32

PRIOR_ODDS = 2.5
HELD_BACK = 0.25
"""Share of the shoppers asked who judge and calibrate what was learned from the others."""


@dataclass
class Hybrid(Recipe):
    """score = σ(a · s + b), s = log softmax(Σ_s w_s · log(1 + x_s / floor)) + residual(x): see `blend` for the sum.

    The residual is a two-layer network over what every source says of an item, the vectors of those that have some
    (ALS: theirs and the query's, number by number), how often and when last the shopper had it, and the main
    directions of the metadata of items (their own, and times the taste of the history) and users. It is asked of the
    `depth` best of the sum and begins at 0, so that it learns what the sum does not know: the list-wise softmax (Cao
    et al. 2007, "Learning to rank: from pairwise approach to listwise approach") of what shoppers took in the last
    `holdout_days` given what came before. A quarter of these shoppers is held back: they say how much of the residual
    is believed, none if it does not help them, and what a score means as a probability of taking the item in that
    time. Then the sources learn from everything.
    """

    title: ClassVar[str] = "Hybrid"
    reason: ClassVar[str] = "Recommended for you"
    wants_profiles: ClassVar[bool] = True
    wants_context: ClassVar[bool] = True

    holdout_days: float = param(28.0, "The mix is learned on this much of the end of the training data.", low=0.01)
    max_queries: int = param(3000, "At most this many shoppers are asked to learn it.", low=1)
    depth: int = param(200, "So many of the best items by the sum are given to the network.", low=2, high=2000)
    hidden: int = param(32, "Hidden units of the network; 0: the sum alone.", low=0, high=1024, search=(8, 128), log=True)
    decay: float = param(0.05, "Weight decay of the network.", low=0.0, search=(1e-3, 1.0), log=True)
    metadata: str = param("both", "Whose metadata the network reads.", choices=("both", "items", "users", "none"))
    width: int = param(8, "Directions of metadata.", low=1, high=128)
    without: str = param("", "Sources that are left out, joined by commas.")
    floor: float = param(0.1, "Share of a query's best score from which a source's word counts.", low=1e-4)
    strength: float = param(20.0, "How many shoppers' evidence the weights of before the fit are worth.", low=0.0)
    seed: int = param(0, "Seed of hold-out, sample and network.", low=0)

    sources_: dict[str, Recipe] = fitted()
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
    knots_: Float32 = fitted()
    """float32 [2, k]: see `ranker_calibration`."""
    held_back_: Float32 = fitted()
    """float32 [2]: NDCG@20 of shoppers held back, with the network and without; NaN where nothing was learned."""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        self._facts(dataset)
        left_out = tuple(name.strip() for name in self.without.split(",") if name.strip())
        held = hold_out(dataset, self.holdout_days, self.max_queries, self.seed)
        self.sources_ = fitted_sources(dataset if held is None else held.earlier, left_out, progress)
        self.weights_ = np.array([SOURCES[name][2:] for name in self.sources_]).T.copy()
        self.odds_, self.knots_ = np.array([PRIOR_ODDS]), np.zeros((2, 0), np.float32)
        self.held_back_ = np.full(2, np.nan, np.float32)
        self._take(Network.untrained(self._ask(Queries.histories(dataset).batch(0, 1)).block.shape[2]))
        if held is not None:
            self._fit_mix(held)
            self._fit_network(dataset, held, progress)
            self.sources_ = fitted_sources(dataset, tuple(set(SOURCES) - set(self.sources_)), progress)
