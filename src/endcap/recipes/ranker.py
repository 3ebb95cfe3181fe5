"""The ranker: gradient-boosted trees over the features of candidates, and what their scores mean.

Burges 2010, "From RankNet to LambdaRank to LambdaMART"; Chen and Guestrin 2016, "XGBoost".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from endcap.recipes.ranker_calibration import calibrate
from endcap.recipes.ranker_examples import Examples, Judge
from endcap.recipes.ranker_start import Start, surest
from endcap.recipes.trees import Forest
from endcap.types import Bool, Float32, Int32

Objective = Literal["rank:ndcg", "binary:logistic"]
PATIENCE = 25
"""Trees are added until the held-back queries have not been ranked better for so many."""
LEAST_ANSWERED = 40
"""Queries with an answer, on either side, without which what trees learn would be chance."""


@dataclass(frozen=True)
class Growth:
    """How trees are grown. Larger values of features named in `rising` never lower a score, of those in `falling` they
    never raise it. `started`: from the retrieval's order (`ranker_start`), which ranking objectives know how to use."""

    objective: Objective = "rank:ndcg"
    trees: int = 200
    depth: int = 6
    rate: float = 0.1
    rising: tuple[str, ...] = ()
    falling: tuple[str, ...] = ()
    started: bool = True
    threads: int = 1
    seed: int = 0

    def parameters(self, names: Sequence[str]) -> dict[str, Any]:
        """As XGBoost takes them. Sums over rows depend on the number of threads in their last bits, so it is fixed."""
        return {
            "objective": self.objective,
            "eta": self.rate,
            "max_depth": self.depth,
            # Sums of second derivatives: of a row at most 1/4 under the logistic loss, of its pairs under the other.
            "min_child_weight": 20.0 if self.objective == "binary:logistic" else 1.0,
            "subsample": 0.5,
            "colsample_bytree": 0.5,
            "reg_lambda": 5.0,
            "max_bin": 64,
            "tree_method": "hist",
            "base_score": 0.5 if self.objective == "binary:logistic" else 0.0,
            "monotone_constraints": tuple((name in self.rising) - (name in self.falling) for name in names),
            "nthread": self.threads,
            "seed": self.seed,
            "verbosity": 0,
            **self._ranking(),
        }

    def _ranking(self) -> dict[str, Any]:
        if self.objective != "rank:ndcg":
            return {}
        # Gains may be fractions (position bias), which only linear gains take.
        return {"lambdarank_pair_method": "topk", "lambdarank_num_pair_per_sample": 20, "ndcg_exp_gain": False}


@dataclass(frozen=True)
class Ranker:
    """A trained ensemble over some columns of a block. `forest` None: the order of the retrieval stands.

    `model` is the UBJ it was read from, `columns` int32 the columns of the block that it reads, `knots` the calibration
    (see `ranker_calibration`), `gains` float32 [columns] the total gain of each, `start` what the trees' sum is added
    to, by the `names` of the block: the less trees are trusted, the steeper. `held_back` says how the order did on the
    queries held back (NDCG@10, gains of the grades) before those were learned from too, beside that of the retrieval,
    with how many trees and with which trust.
    """

    columns: Int32
    model: bytes
    knots: Float32
    gains: Float32
    forest: Forest | None
    start: Start = field(default_factory=Start)
    names: tuple[str, ...] = ()
    held_back: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def untrained(cls) -> Ranker:
        """One that keeps the order of the retrieval."""
        none = np.zeros(0, np.int32)
        return cls(none, b"", np.zeros((2, 0), np.float32), np.zeros(0, np.float32), None)

    @classmethod
    def fit(cls, train: Examples, held_back: Examples, names: Sequence[str], columns: Int32, growth: Growth) -> Ranker:
        """Grow trees on `train` until `held_back` (later in time) is ranked no better; the latter says how far they are
        trusted, and calibrates. Then as many are grown on both: what is newest tells most of what comes next.

        `names` are those of the block's columns. Where there are too few answers, or the order of the retrieval (the
        order in which candidates come) is as good, the result is `untrained`.
        """
        if min(len(train.answered), len(held_back.answered)) < LEAST_ANSWERED:
            return cls.untrained()
        columns = columns[_telling(train.block[:, columns])]
        judge, told = Judge(held_back), [names[column] for column in columns]
        start = _started(train, names, growth)
        starts = start.margins(train.block, names), start.margins(held_back.block, names)
        model, _ = _grown(train, starts[0], columns, growth, told, (held_back, starts[1], judge))
        forest = Forest.read(model)
        raised = forest.scores(held_back.block[:, columns])
        trust = surest(judge, starts[1], raised) if start != Start() else 1.0
        scores = start.over(trust).margins(held_back.block, names) + raised
        retrieved = judge.mean(-np.arange(len(scores), dtype=np.float32))
        found = {"ranked": judge.mean(scores), "retrieved": retrieved, "trees": float(len(forest)), "trust": trust}
        if not len(forest) or found["ranked"] <= retrieved:
            return cls.untrained()
        rows = _of_one_visit(held_back)
        knots = calibrate(scores[rows], held_back.gain[rows] > 0, held_back.weight[rows])
        whole, growth = Examples.join([train, held_back]), replace(growth, trees=len(forest))
        start = _started(whole, names, growth)
        model, gains = _grown(whole, start.margins(whole.block, names), columns, growth, told)
        return cls(columns, model, knots, gains, Forest.read(model), start.over(trust), tuple(names), found)

    def scores(self, block: Float32) -> Float32:
        """float32 [m], higher first, of a block float32 [m, f] with the columns it was trained on; needs a forest."""
        assert self.forest is not None
        return self.forest.scores(block[:, self.columns]) + self.start.margins(block, self.names)


def _telling(block: Float32) -> Bool:
    """bool [c]: columns that are not the same in every row; trees are grown the faster without the others."""
    found: Bool = np.array([not np.array_equal(each, np.full_like(each, each[0]), equal_nan=True) for each in block.T])
    return found


def _of_one_visit(examples: Examples) -> Bool:
    """bool [m]: rows that tell how likely it is that an item is acted on there and then: what was shown; where nothing
    was, what was asked after the cut, for questions at the cut itself are answered by weeks."""
    shown: Bool = examples.position > 0
    later: Bool = (examples.time > examples.time.min())[examples.owner]
    return shown if shown.any() else later if later.any() else ~later


def _started(examples: Examples, names: Sequence[str], growth: Growth) -> Start:
    return Start.fit(examples, names) if growth.started and growth.objective == "rank:ndcg" else Start()


def _grown(
    train: Examples,
    start: Float32,
    columns: Int32,
    growth: Growth,
    names: list[str],
    judged: tuple[Examples, Float32, Judge] | None = None,
) -> tuple[bytes, Float32]:
    """(UBJ bytes of the trees, up to the best one where examples, their starts and a judge say which that is, float32
    [columns] total gain)."""
    import xgboost  # noqa: PLC0415 - a second to load, and only training needs it

    data, settings = _matrix(xgboost, train, start, columns, growth), growth.parameters(names)
    if judged is None:
        model = xgboost.train(settings, data, growth.trees)
    else:
        held_back, begun, judge = judged
        watch = _watch(xgboost, judge, np.ascontiguousarray(held_back.block[:, columns]), begun)
        model = xgboost.train(settings, data, growth.trees, callbacks=[watch])[: watch.kept]
    gain = model.get_score(importance_type="total_gain")
    gains = np.array([gain.get(f"f{place}", 0.0) for place in range(len(columns))], np.float32)
    return bytes(model.save_raw("ubj")), gains


def _watch(xgboost: Any, judge: Judge, block: Float32, start: Float32) -> Any:
    """A callback that stops at `PATIENCE`, judging by our own NDCG: XGBoost's takes queries without an answer for
    perfectly ranked. `kept` is how many trees ranked best."""

    class Watch(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        kept, best = 0, -np.inf
        scores = start.copy()

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            del evals_log
            self.scores += model.inplace_predict(block, iteration_range=(epoch, epoch + 1), predict_type="margin")
            if (value := judge.mean(self.scores)) > self.best:
                self.best, self.kept = value, epoch + 1
            return epoch + 1 - self.kept >= PATIENCE

    return Watch()


def _matrix(xgboost: Any, examples: Examples, start: Float32, columns: Int32, growth: Growth) -> Any:
    block = np.ascontiguousarray(examples.block[:, columns])
    if growth.objective == "binary:logistic":
        data = xgboost.QuantileDMatrix(
            block, label=examples.gain > 0, weight=examples.weight, max_bin=64, nthread=growth.threads
        )
    else:
        lengths = np.diff(examples.indptr)
        weight = np.add.reduceat(examples.weight, examples.indptr[:-1][lengths > 0]) / lengths[lengths > 0]
        data = xgboost.QuantileDMatrix(
            block,
            label=examples.gain,
            group=lengths[lengths > 0],
            weight=weight,
            base_margin=start,
            max_bin=64,
            nthread=growth.threads,
        )
    return data
