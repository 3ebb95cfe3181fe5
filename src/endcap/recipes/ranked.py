"""Ranked: candidates by one recipe, put in order by trees that read what is known of shopper, item and moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, cast, get_args

import numpy as np
from safetensors.numpy import load as read_arrays
from safetensors.numpy import save as write_arrays

from endcap.errors import InputError, UnknownName
from endcap.features.shop import ShopFeatures
from endcap.lake.dataset import Dataset
from endcap.recipes import create
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.queries import Exclusions, Queries
from endcap.recipes.ranker import Growth, Objective, Ranker
from endcap.recipes.ranker_calibration import probabilities
from endcap.recipes.ranker_examples import Examples
from endcap.recipes.ranker_logged import PLENTY, logged_examples
from endcap.recipes.ranker_replay import QUERIES, Plan, past_of, replay
from endcap.recipes.ranker_start import GAP, RANK, Start
from endcap.recipes.topk import top_k
from endcap.recipes.trees import Forest
from endcap.seams import Progress
from endcap.stream.histories import Past
from endcap.types import Bool, Float32, Int32, Int64

RETRIEVAL = "retrieval_score"
"""The feature that is the score of the retrieval."""
RISING = ("retrieval_score", "retrieval_gap")
"""Features of which more never counts against an item."""
FALLING = ("retrieval_rank",)
"""Features of which more never counts for an item."""
OF_THE_CLOCK = ("hour_of_week", "season")
"""Features that are not read where history was replayed: cuts are whole weeks apart, so trees would tell by the hour
the questions at a cut, whose answers took weeks, from those of a visit, and be wrong about any other hour."""
NOTES = "notes"
HELD_BACK = 0.2
"""Share of logged answers, the newest, that trees are judged and calibrated on."""


@dataclass
class Ranked(Recipe):
    """score = what the trees say of the `depth` best candidates of `retrieval`; all others follow in its order.

    LambdaMART (Burges 2010) or, by `objective`, a logistic loss, over the ranking features of the shop. LambdaMART
    starts from what the retrieval said (`ranker_start`) and adds what that did not know. It learns from a replay of the
    last weeks: at several cuts the retrieval is fitted on what came before, and asked at the cut and whenever a shopper
    came back; what they went on to do are the labels, purchase over cart over view. Once enough answers have been
    logged with their features, those are learned from too, then alone, corrected for position. The newest cut is held
    back: it says when to stop and what a score means, and where the order of the retrieval stands as good, that stays.
    Offline, features stand still at the end of training; live ones move.
    """

    title: ClassVar[str] = "Ranked"
    reason: ClassVar[str] = "Recommended for you"

    retrieval: str = param(
        "blend", "The recipe whose best items are ranked.", search=("blend", "item-item", "graph-filter", "als", "ease")
    )
    depth: int = param(100, "How many of them.", low=2, high=1000)
    objective: str = param(
        "rank:ndcg",
        "`rank:ndcg`, the order as a whole, or `binary:logistic`, each item alone.",
        choices=get_args(Objective),
        search=get_args(Objective),
    )
    trees: int = param(200, "At most so many trees; 0: the order of the retrieval.", low=0, high=2000)
    levels: int = param(4, "Steps from the root of a tree to its leaves.", low=1, high=10, search=(3, 8))
    rate: float = param(
        0.1, "How much of what it finds a tree adds.", low=0.001, high=1.0, search=(0.03, 0.3), log=True
    )
    cuts: int = param(6, "How often history is gone back to, at most.", low=2, high=50)
    cut_days: float = param(28.0, "Days from one cut to the next.", low=0.01)
    questions: int = param(8000, "No further than until so many are asked, all cuts together.", low=1)
    filtered: int = param(0, "Each so-manieth is asked again behind a filter on what was bought; 0: none.", low=0)
    without: str = param("", "Names of features that are not to be used, joined by commas.")
    seed: int = param(0, "Seed of samples and trees.", low=0)

    inner_: Recipe = fitted()
    start_: Float32 = fitted()
    """float32 [2]: what the sum of trees is added to, by the gap and the rank of the retrieval, see `ranker_start`."""
    model_: np.ndarray = fitted()
    """uint8: the trees as XGBoost writes them (UBJ); empty where the order of the retrieval stands."""
    columns_: Int32 = fitted()
    """int32 [c]: the features that the trees read."""
    knots_: Float32 = fitted()
    """float32 [2, k]: see `ranker_calibration`."""
    gains_: Float32 = fitted()
    """float32 [c]: what each of them gained, all trees together."""
    state_: np.ndarray = fitted()
    """uint8: the features as they stood at the end of training, in safetensors."""
    last_: Int64 = fitted()
    """int64 [1]: when training ended, µs; 0 without times."""
    held_back_: Float32 = fitted()
    """float32 [2]: NDCG@10 on what was held back, ranked and as retrieved; NaN where nothing was learned."""
    feature_names_: tuple[str, ...] = fitted()
    signature_: str = fitted()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.retrieval in ("ranked", "updated"):
            raise InputError(f"retrieval is {self.retrieval!r}.", fix="Name a recipe that needs no other.")

    @property
    def inner(self) -> Recipe:
        """The retrieval, fitted on the same items."""
        return self.inner_

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of a block."""
        return self.feature_names_

    @property
    def signature(self) -> str:
        """Which features, in which columns: what `ShopFeatures.signature` must be."""
        return self.signature_

    @property
    def plan(self) -> Plan:
        """Which moments of history are replayed."""
        return Plan(
            self.cuts, self.cut_days, enough=self.questions, depth=self.depth, filtered=self.filtered, seed=self.seed
        )

    @property
    def growth(self) -> Growth:
        """How trees are grown."""
        kind = cast(Objective, self.objective)
        return Growth(kind, self.trees, self.levels, self.rate, RISING, FALLING, seed=self.seed)

    def rank(self, block: Float32) -> Float32:
        """float32 [m], higher first, of candidates with features float32 [m, f]. Thread safe."""
        if self._forest is None:
            score = block[:, self.feature_names_.index(RETRIEVAL)]
            return np.where(np.isnan(score), -np.inf, score).astype(np.float32)
        return self._forest.scores(block[:, self.columns_]) + self._start.margins(block, self.feature_names_)

    def propensities(self, scores: Float32) -> Float32:
        """float32 [m]: probability that a candidate of such a score is acted on when it is looked at; NaN untrained."""
        return probabilities(self.knots_, scores)

    def contributions(self, block: Float32) -> Float32:
        """float32 [m, f]: what each feature adds to the score of `rank`, see `Forest.contributions`; 0 untrained.

        What the trees start from counts for gap and rank of the retrieval.
        """
        found = np.zeros((len(block), len(self.feature_names_)), np.float32)
        if self._forest is not None:
            found[:, self.columns_] = self._forest.contributions(block[:, self.columns_])
            places = [self.feature_names_.index(name) for name in (GAP, RANK)]
            found[:, places] += self._start.parts(block, self.feature_names_)
        return found

    def importances(self) -> dict[str, float]:
        """Share of each feature in what all splits gained, largest first; empty untrained."""
        total = float(self.gains_.sum())
        order = np.argsort(-self.gains_, kind="stable")
        return {self.feature_names_[self.columns_[at]]: float(self.gains_[at]) / total for at in order if total > 0}

    def score(self, queries: Queries, items: Int32 | None = None) -> Float32:
        scores = self.inner_.score(queries)
        if self._forest is not None and len(queries):
            chosen, values = top_k(scores, min(self.depth, self.n_items))
            there = chosen >= 0
            scores[np.nonzero(there)[0], chosen[there]] = self._raised(queries, chosen, values)[there]
        return scores if items is None else scores[:, items]

    def forbidden(self, queries: Queries) -> Bool | None:
        """bool [q, n]: what the retrieval forbids."""
        return self.inner_.forbidden(queries)

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: the retrieval's own."""
        return self.inner_.similar_scores(items)

    def _choose(self, queries: Queries, k: int, allowed: Bool | None, exclude: Exclusions) -> tuple[Int32, Float32]:
        """Only what may be shown is ranked: what is left out takes no place among the `depth`."""
        items, values = self.inner_._choose(queries, max(k, self.depth), allowed, exclude)
        if self._forest is not None:
            for start in range(0, len(queries), QUERIES):
                part = slice(start, min(start + QUERIES, len(queries)))
                chosen = items[part, : self.depth]
                raised = self._raised(queries.batch(part.start, part.stop), chosen, values[part, : self.depth])
                order = np.argsort(-raised, axis=1, kind="stable")  # ties as retrieved, NaN last
                items[part, : self.depth] = np.take_along_axis(chosen, order, 1)
                values[part, : self.depth] = np.take_along_axis(raised, order, 1)
        return items[:, :k], values[:, :k]

    def _raised(self, queries: Queries, chosen: Int32, values: Float32) -> Float32:
        """float32 [q, d]: the trees' scores of chosen items (-1: none), all above the least of the retrieval's."""
        there = chosen >= 0
        indptr = np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.int64)
        now = np.maximum(queries.now, self.last_[0] + 1)
        ranked = np.full(chosen.shape, np.nan, np.float32)
        ranked[there] = self.rank(self._features.values(past_of(queries), now, chosen[there], indptr, values[there]))
        least = np.min(values, axis=1, where=there, initial=np.inf)
        lift = np.where(np.isfinite(least), least + 0.01 * (1 + np.abs(least)), 0.0)
        lowest = np.min(ranked, axis=1, where=there, initial=np.inf)
        raised: Float32 = ranked + (lift - np.where(np.isfinite(lowest), lowest, 0.0)).astype(np.float32)[:, None]
        return raised

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        features = ShopFeatures.of(dataset)
        self.feature_names_, self.signature_ = features.names, features.signature
        self.last_ = np.array([dataset.last_time if dataset.time_kind == "micros" else 0], np.int64)
        ranker = self._learned(dataset, features, progress)
        self.model_, self.columns_ = np.frombuffer(ranker.model, np.uint8).copy(), ranker.columns
        self.knots_, self.gains_ = ranker.knots, ranker.gains
        self.start_ = np.array([ranker.start.gap, ranker.start.rank], np.float32)
        judged = [ranker.held_back.get(name, np.nan) for name in ("ranked", "retrieved")]
        self.held_back_ = np.array(judged, np.float32)
        self.inner_ = create(self.retrieval).fit(dataset, progress)
        self.state_ = _packed(features, int(self.last_[0]))
        self.__dict__.pop("_read", None)

    def _learned(self, dataset: Dataset, features: ShopFeatures, progress: Progress) -> Ranker:
        names = features.names
        width, score = len(names), names.index(RETRIEVAL)
        logged = logged_examples(dataset.decisions, features.signature, width, score, seed=self.seed)
        parts: list[tuple[Examples, Examples]] = []
        if logged is not None:
            parts.append(_halves(logged))
        columns = self._columns(names, replayed=False)
        if self.trees and (logged is None or len(logged.answered) < PLENTY):
            make = cast(Callable[[], Recipe], partial(create, self.retrieval))
            columns, found = self._columns(names, replayed=True), replay(dataset, make, self.plan, progress)
            if len(found) > 1:
                parts.append((Examples.join(found[:-1]), found[-1]))
        if not self.trees or not parts:
            return Ranker.untrained()
        train, held_back = (Examples.join(side) for side in zip(*parts, strict=True))
        return Ranker.fit(train, held_back, names, columns, self.growth)

    def _columns(self, names: tuple[str, ...], *, replayed: bool) -> Int32:
        left = {name.strip() for name in self.without.split(",") if name.strip()}
        if unknown := left - set(names):
            raise UnknownName("feature", min(unknown), names)
        left |= set(OF_THE_CLOCK) if replayed else set()
        return np.array([at for at, name in enumerate(names) if name not in left], np.int32)

    @property
    def _forest(self) -> Forest | None:
        return self._serving[0]

    @property
    def _features(self) -> ShopFeatures:
        return self._serving[1]

    @property
    def _start(self) -> Start:
        return self._serving[2]

    @property
    def _serving(self) -> tuple[Forest | None, ShopFeatures, Start]:
        """Trees, features and where trees start, read from the fitted arrays once; twice, where two threads come
        first, is no harm."""
        if "_read" not in self.__dict__:
            forest = Forest.read(self.model_.tobytes()) if len(self.model_) else None
            start = Start(*(float(each) for each in self.start_))
            self.__dict__["_read"] = forest, _unpacked(self.state_), start
        found: tuple[Forest | None, ShopFeatures, Start] = self.__dict__["_read"]
        return found


def _halves(examples: Examples) -> tuple[Examples, Examples]:
    """The older answers and the newest."""
    edge = np.quantile(examples.time, 1 - HELD_BACK)
    return examples.take(examples.time < edge), examples.take(examples.time >= edge)


def _packed(features: ShopFeatures, last: int) -> np.ndarray:
    """uint8: the features, without the single events that no later moment asks about."""
    none = (np.zeros(0, kind) for kind in (np.int32, np.int64, np.int16, np.float32, np.int64))
    nobody = Past(np.zeros(2, np.int64), *none)  # type: ignore[arg-type]
    nothing = np.zeros(0, np.int32)
    moment = np.array([last + 1], np.int64)
    features.values(nobody, moment, nothing, np.zeros(2, np.int64), nothing.astype(np.float32))
    arrays, notes = features.arrays()
    # As an array: the order of a header's own notes is another one each time.
    arrays[NOTES] = np.frombuffer(json.dumps(notes, sort_keys=True).encode(), np.uint8)
    packed = write_arrays({name: np.ascontiguousarray(each) for name, each in arrays.items()})
    return np.frombuffer(packed, np.uint8).copy()


def _unpacked(state: np.ndarray) -> ShopFeatures:
    arrays = read_arrays(state.tobytes())
    return ShopFeatures.from_arrays(arrays, json.loads(arrays.pop(NOTES).tobytes()))
