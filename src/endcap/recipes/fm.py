"""Factorization machine: every pair of what is known of shopper, moment and item has its say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.errors import InputError, StateError
from endcap.lake.dataset import Dataset
from endcap.lake.labels import LABELS, PIECES, STARS, THUMBS
from endcap.lake.row_files import NumberedRows
from endcap.recipes import ffm_kernels
from endcap.recipes.base import InnerProductRecipe, fitted, param
from endcap.recipes.clicks import click_fields
from endcap.recipes.fields import Fields
from endcap.recipes.fm_chances import candidates, odds
from endcap.recipes.fm_groups import Groups, learn_groups
from endcap.recipes.fm_kernels import gather_rows
from endcap.recipes.fm_labels import Scale, amounts, labelled
from endcap.recipes.fm_rows import HISTORY, Baskets, Memory, asking, learn_asking, learn_items, profiles_of
from endcap.recipes.fm_training import HeldBack, Machine, Plan, learn, parts
from endcap.recipes.queries import Queries
from endcap.recipes.row_machine import RowMachine
from endcap.seams import Progress, no_progress
from endcap.types import DAY, Float32, Int32

LOSS = {
    **dict.fromkeys(("logistic", THUMBS), "logistic"),
    **dict.fromkeys(("weight", PIECES, STARS), "squared"),
    "softmax": "softmax",
}
"""Of each objective."""
DRAWING = ("logistic", "softmax")
"""Objectives that set what was taken against what was drawn."""
RATE, FORGET = 0.1, (0.5, 0.1)
"""Where none are given; to forget in general, and where what was said is learnt: else id and history would both be
given the whole of what they tell together."""
SAID = 0.2
"""Over the root of factors the rate there: a step's length grows with that root, and longer ones diverge."""
FEW = 200
"""Fewer baskets than this are all learnt from: what is held back of them would tell little."""


@dataclass
class FM(InnerProductRecipe):
    """score = w₀ + Σ_j w_j x_j + Σ_{j<l} <v_j, v_l> x_j x_l  over the features x of who asks, when, and of the item

    (Rendle 2010, "Factorization machines"): the shopper's id and profile, hour, weekday and month, the items of the
    history (newest weigh most, together of length 1, as in Koren 2008, "Factorization meets the neighborhood"), the
    item's id and its columns; with `field_aware` a vector for each pair of fields (Juan et al. 2016, "Field-aware
    factorization machines for CTR prediction"). Learnt from baskets given what came before them and items drawn
    beside them, by AdaGrad steps; the id is left out of some baskets, so that the rest learns to do without. Or learnt
    from what was said of single items, stars, pieces or thumbs, nothing drawn: then also from those that speak against
    an item. Pairs of one side and the other are an inner product, so it retrieves as it scores.
    """

    title: ClassVar[str] = "Factorization machine"
    wants_profiles: ClassVar[bool] = True
    wants_context: ClassVar[bool] = True

    factors: int = param(128, "Length of the vectors.", low=1, high=1024, search=(16, 256), log=True)
    objective: str = param(
        "softmax",
        "What is learnt: taken or not (`logistic`), which of several was taken (`softmax`), how much an event counts "
        "(`weight`), how many were bought (`quantity`), the stars given (`rating`), or liked or disliked (`thumbs`).",
        choices=("logistic", "softmax", "weight", *LABELS),
    )
    field_aware: bool = param(False, "A vector for each pair of fields; use fewer factors.")
    negatives: int = param(
        8,
        "Items drawn beside each one taken; none beside `quantity`, `rating`, `thumbs`.",
        low=0,
        high=200,
        search=(2, 32),
        log=True,
    )
    rate: float | None = param(
        None,
        "Length of steps; None: 0.1, of `quantity`, `rating`, `thumbs` at most 0.2 / √factors.",
        low=1e-5,
        high=10.0,
        search=(0.02, 0.5),
        log=True,
    )
    ridge: float = param(1e-5, "Pull of vectors to zero, each time they are met.", low=0.0)
    epochs: int = param(10, "Passes at most.", low=1)
    held_back: float = param(0.1, "Share of the newest baskets that says when to stop; 0: never.", low=0.0, high=0.5)
    forget: float | None = param(
        None,
        "Share of baskets learnt without the shopper's id; None: 0.5, of `quantity`, `rating`, `thumbs` 0.1.",
        low=0.0,
        high=1.0,
    )
    recent: int = param(200, "Items of the history that count.", low=1, high=1000)
    half_life_days: float = param(60.0, "Half-life of an event in the history.", low=0.01)
    memory_days: float = param(180.0, "Half-life of what a basket teaches.", low=0.01)
    least: int = param(3, "A value met less often counts as unknown.", low=1)
    seed: int = param(0, "Seed of start, order and drawn items.", low=0)

    asking_: Fields = fitted()
    describing_: Fields = fitted()
    bias_: Float32 = fitted()
    """float32 [1]: w₀."""
    weights_: Float32 = fitted()
    """float32 [features]: w, of who asks, of the history's items, of items."""
    factors_: Float32 = fitted()
    """float32 [features, k], or [features, fields, k]: v."""
    odds_: Float32 = fitted()
    """float32 [2]: by which scores become log-odds of being in the next basket (see `fm_chances`) or of a thumb up; of
    pieces and stars the least and the most that was learnt from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective in DRAWING and not self.negatives:
            raise InputError(
                f"FM: negatives is 0 with the objective {self.objective}: nothing would not be taken.",
                fix="Draw some, or learn the weight.",
            )

    @property
    def label(self) -> str:
        """The objective, where that is a label."""
        return self.objective if self.objective in LABELS else ""

    def _fit(self, dataset: Dataset, progress: Progress) -> None:
        if self.field_aware and self.objective == "softmax":
            raise InputError(
                "FM: a field-aware machine does not learn the objective softmax.",
                fix="Set another objective, such as logistic.",
            )
        baskets, scale = self._baskets(dataset)
        self.asking_ = learn_asking(dataset, baskets.now, baskets.user, self.least)
        self.describing_, items = learn_items(dataset, self.least)
        groups = self._groups(dataset, baskets, items)
        plan = Plan(LOSS[self.objective], self.epochs, self._rate, 0.0, self.ridge, seed=self.seed)
        few = len(baskets) < FEW
        machine = learn_groups(
            groups,
            plan,
            self.factors,
            progress,
            held_back=0 if few else int(self.held_back * len(baskets)),
            field_of=self._field_of(dataset.n_items) if self.field_aware else None,
        )
        self._settle(machine, groups, items, scale)

    def _baskets(self, dataset: Dataset) -> tuple[Baskets, Scale | None]:
        """(what is learnt from, how amounts were made alike)."""
        if not self.label:
            return Baskets.of(dataset), None
        baskets = Baskets.of_labels(dataset, labelled(dataset, self.label), total=self.label == PIECES)
        if self.label == THUMBS:
            return baskets, None
        scale = Scale.of(baskets.weight, self.label)
        return replace(baskets, weight=scale.learnt(baskets.weight)), scale

    def _groups(self, dataset: Dataset, baskets: Baskets, items: sparse.csr_matrix) -> Groups:
        order = np.argsort(baskets.now, kind="stable")
        profiles = profiles_of(dataset).take(pa.array(baskets.user[order]))
        asked = replace(
            Queries.of([], dataset.items), indptr=np.zeros(len(order) + 1, np.int64), now=baskets.now[order]
        )
        events = dataset.interactions
        history = self._memory.rows_until(
            baskets.starts[order], baskets.ends[order], events.item, events.time, baskets.now[order], dataset.n_items
        )
        askers = sparse.hstack((self.asking_.encode(asking(self.asking_, profiles, asked)), history), format="csr")
        taken = sparse.csr_matrix(
            (baskets.weight, baskets.items, baskets.indptr), shape=(len(baskets), dataset.n_items)
        )[order]
        age = (dataset.last_time - baskets.now[order]) / (self.memory_days * DAY)
        targets = np.ones(taken.nnz) if self.objective in DRAWING else taken.data
        met = np.unique(taken.indices) if self.label else np.flatnonzero(self.popularity_ > 0)
        return Groups(
            askers,
            items,
            taken.indptr.astype(np.int64),
            taken.indices.astype(np.int32),
            targets.astype(np.float32),
            np.exp2(-age).astype(np.float32),
            met.astype(np.int32),
            0 if self.label else self.negatives,
            int(self.asking_.starts[1]),
            FORGET[bool(self.label)] if self.forget is None else self.forget,
        )

    def _settle(self, machine: Machine, groups: Groups, items: sparse.csr_matrix, scale: Scale | None) -> None:
        """Take what was learnt; an item that was never met weighs what items weigh in the mean."""
        if scale is not None:
            scale.undone(machine)
        own = groups.askers.shape[1] + np.arange(len(self.popularity_))
        met = np.isin(np.arange(len(own)), groups.drawable)
        machine.weights[0, own[~met]] = machine.weights[0, own[met]].mean()
        self.bias_, self.weights_ = machine.bias[:1], machine.weights[0].copy()
        self.factors_ = np.ascontiguousarray(machine.factors)
        vectors, alone = self._gathered(items, groups.askers.shape[1])
        self.item_vectors_ = np.ascontiguousarray(np.column_stack((vectors, alone, np.ones(len(alone), np.float32))))
        if self.label:
            self.odds_ = np.array([1, 0] if scale is None else [scale.least, scale.most], np.float32)
            return
        who, what, taken = candidates(groups, self.seed)
        asked = self._asking_vectors(groups.askers[who[0] :])[who - who[0]]
        self.odds_ = odds(np.einsum("ij,ij->i", asked, self.item_vectors_[what]), taken, groups)

    def chances(self, scores: Float32) -> Float32 | None:
        """float32, shaped as `scores`: chances that items are in the next basket, or of a thumb up; None where an
        amount is learnt."""
        if LOSS[self.objective] == "squared":
            return None
        wide = self.odds_[0] * scores.astype(np.float64) + self.odds_[1]
        return np.asarray(1 / (1 + np.exp(-np.clip(wide, -60, 60))), np.float32)

    def amounts(self, scores: Float32) -> Float32:
        """float32, shaped as `scores`: the expected stars, or how many pieces an order has that is neither large nor
        small; else the scores themselves."""
        if self.label not in (STARS, PIECES):
            return scores
        return amounts(scores, float(self.odds_[0]), float(self.odds_[1]), logs=self.label == PIECES)

    def query_vectors(self, queries: Queries) -> Float32:
        queries = queries.with_current()
        told = self.asking_.encode(asking(self.asking_, queries.profiles, queries))
        history = self._memory.rows(queries.indptr, queries.item, queries.time, queries.now, self.n_items)
        return self._asking_vectors(sparse.hstack((told, history), format="csr", dtype=np.float32))

    def _asking_vectors(self, rows: sparse.csr_matrix) -> Float32:
        """float32 [m, d + 2] of who asks. What they score by themselves is not learnt where items of one basket are
        set against each other, and is left out there."""
        vectors, alone = self._gathered(rows, 0)
        own = np.zeros_like(alone) if self.objective == "softmax" else alone + self.bias_
        return np.column_stack((vectors, np.ones(len(alone), np.float32), own))

    def similar_scores(self, items: Int32) -> Float32:
        """float32 [m, n]: cosine of what items say to whoever asks, their weights left out."""
        vectors = self.item_vectors_[:, :-2]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(lengths > 0, lengths, np.nan)
        return np.asarray(unit[items] @ unit.T, np.float32)

    def score_features(self, rows: sparse.csr_matrix) -> Float32:
        """float32 [rows]: scores of float32 csr [rows, features] in the machine's own features (`feature_names`).

        Raises `InputError` where there are more or fewer features.
        """
        asked = len(self.asking_) + self.n_items
        if rows.shape[1] != len(self.weights_):
            raise InputError(
                f"Rows of {rows.shape[1]} features; this machine has {len(self.weights_)}.",
                fix="Number features as `feature_names` does, or ask by userId and itemId.",
            )
        vectors, alone = self._gathered(rows[:, asked:], asked)
        items = np.column_stack((vectors, alone, np.ones(len(alone), np.float32)))
        found: Float32 = (self._asking_vectors(rows[:, :asked]) * items).sum(axis=1)
        return found

    def fit_table(
        self, table: pa.Table, label: str, valid: pa.Table | None = None, progress: Progress = no_progress
    ) -> Self:
        """Learn the label of rows of a table, as `clicks.ClickModel` says: an amount where the objective is `weight`,
        `quantity` or `rating`, else 0 or 1. Raises `InputError` for labels that are no numbers, or none of these."""
        target, scale = self._targets(table[label])
        spec = {name: replace(each, unknown=False) for name, each in click_fields(table, label).items()}
        fields = Fields.learn(table, spec)
        stop = None if valid is None else HeldBack(fields.encode(valid), self._targets(valid[label], scale)[0])
        plan = Plan(
            "logistic" if scale is None else "squared", self.epochs, self._rate, 0.0, self.ridge, seed=self.seed
        )
        with progress("factorization machine", total=plan.epochs, unit="epochs") as tick:
            machine, _ = learn(
                fields.encode(table),
                target,
                plan,
                self.factors,
                field_of=fields.field_of if self.field_aware else None,
                held_back=stop,
                tick=tick,
            )
        if scale is not None:
            scale.undone(machine)
        self._of_tables = fields, machine, scale
        return self

    def _targets(self, column: pa.ChunkedArray, scale: Scale | None = None) -> tuple[Float32, Scale | None]:
        """(what rows shall score, how amounts are made alike: as is given, else as suits them)."""
        kinds = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
        if not any(is_kind(column.type) for is_kind in kinds) or column.null_count:
            raise InputError(
                f"The label holds {column.type}, {column.null_count} of {len(column)} empty, expected numbers.",
                fix="Convert it, and drop rows without one.",
            )
        found = column.cast(pa.float32(), safe=False).to_numpy()
        if LOSS[self.objective] != "squared":
            return found, None
        if not np.isfinite(found).all():
            raise InputError("The label is no finite number in every row.", fix="Drop such rows.")
        scale = scale or Scale.of(found, self.objective)
        return scale.learnt(found), scale

    def probabilities(self, table: pa.Table) -> Float32:
        """float32 [rows]: P(label = 1) after `fit_table`. Raises `StateError` before, and where amounts were learnt."""
        scores, scale = self._of_rows(table)
        if scale is not None:
            raise StateError(
                f"With objective={self.objective} amounts were learnt, which have no probability.",
                fix="Ask `expected`, or set the objective to logistic.",
            )
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -60, 60))), np.float32)

    def expected(self, table: pa.Table) -> Float32:
        """float32 [rows]: the expected amount (of pieces that of an order neither large nor small), or P(label = 1),
        after `fit_table`. Raises `StateError` before."""
        scores, scale = self._of_rows(table)
        if scale is None:
            return self.probabilities(table)
        return amounts(scores, scale.least, scale.most, logs=True) if scale.logs else scores

    def _of_rows(self, table: pa.Table) -> tuple[Float32, Scale | None]:
        learnt = getattr(self, "_of_tables", None)
        if learnt is None:
            raise StateError("This machine has not learnt from a table.", fix="Call fit_table first.")
        fields, machine, scale = learnt
        return machine.scores(fields.encode(table)), scale

    def fit_rows(
        self, given: NumberedRows, valid: NumberedRows | None = None, progress: Progress = no_progress
    ) -> RowMachine:
        """A machine of rows of numbered features, as `clicks.LearnsRows` says, with these settings."""
        if self.field_aware or self.objective not in ("softmax", "logistic"):
            raise InputError(
                f"FM: field_aware={self.field_aware}, objective={self.objective}: of numbered features no fields are "
                "known, and chances are learnt.",
                fix="Leave both as they are by default.",
            )
        plan = Plan("logistic", self.epochs, self._rate, 0.0, self.ridge, seed=self.seed)
        return RowMachine.learn(given, plan, self.factors, valid, progress)

    @property
    def n_features(self) -> int:
        """How many features there are: of who asks, the history's items, of items."""
        return len(self.weights_)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Of all features: of who asks, `history=` each item, of items."""
        items = (f"{HISTORY}={name.partition('=')[2]}" for name in self.describing_.names[: self.n_items])
        return (*self.asking_.names, *items, *self.describing_.names)

    @property
    def _rate(self) -> float:
        if self.rate is not None:
            return self.rate
        return min(RATE, SAID / self.factors**0.5) if self.label else RATE

    @property
    def _memory(self) -> Memory:
        return Memory(self.recent, self.half_life_days)

    def _field_of(self, n_items: int) -> Int32:
        """int32 [features]: fields of who asks, the history, those of items."""
        asked = len(self.asking_.fields)
        history = np.full(n_items, asked, np.int32)
        return np.concatenate((self.asking_.field_of, history, self.describing_.field_of + asked + 1)).astype(np.int32)

    def _gathered(self, rows: sparse.csr_matrix, first: int) -> tuple[Float32, Float32]:
        """What float32 csr [m, features] of one side, numbered from `first`, say to the other side (float32 [m, d]),
        and what they score by themselves (float32 [m])."""
        indptr, indices, data = parts(rows)
        given = (indptr, indices + np.int32(first), data)
        alone = np.zeros(rows.shape[0], np.float32)
        if not self.field_aware:
            means = np.zeros((rows.shape[0], self.factors), np.float32)
            gather_rows(given, self.weights_, self.factors_, means, alone)
            return means, alone
        fields, asked = self.factors_.shape[1], len(self.asking_.fields) + 1
        said = np.zeros((rows.shape[0], fields, fields, self.factors), np.float32)
        flat = self.factors_.reshape(len(self.factors_), -1)
        ffm_kernels.gather_rows(given, self.weights_, flat, self._field_of(self.n_items), said, alone)
        said = said[:, asked:, :asked].swapaxes(1, 2) if first else said[:, :asked, asked:]
        return said.reshape(len(alone), asked * (fields - asked) * self.factors), alone
