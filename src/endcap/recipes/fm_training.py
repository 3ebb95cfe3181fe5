"""A factorization machine as arrays, and how it is learnt from sparse rows: passes, early stopping, one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from endcap.errors import InputError
from endcap.recipes import ffm_kernels
from endcap.recipes.fm_kernels import LOGISTIC, SOFTMAX, SQUARED, Rows, learn_rows, score_rows
from endcap.seams import Tick, rng
from endcap.stream.arrays import read_only
from endcap.types import Float32, Int32

LOSSES = {"logistic": LOGISTIC, "squared": SQUARED, "softmax": SOFTMAX}
SPREAD = 0.01
"""Standard deviation of the numbers that vectors start from."""
CAUTION = 0.1
"""What the sums of squared slopes start from: the larger, the shorter the first steps."""
LARGE = 1 << 20
"""So many rows are more than a core's cache holds."""
RUN, RUNS = 64, 1024
"""Rows that lie together, and how many such runs are learnt from as one."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn. `rate` is AdaGrad's, `ridge` pulls vectors to zero and `flat` weights, each time
    they are met. Learning ends after `epochs` passes, or `patience` passes that did not better the loss held back."""

    loss: str = "squared"
    epochs: int = 20
    rate: float = 0.1
    flat: float = 0.0
    ridge: float = 1e-5
    patience: int = 1
    seed: int = 0

    @property
    def steps(self) -> Float32:
        """float32 [3]: what the kernels take."""
        return np.array([self.rate, self.flat, self.ridge], np.float32)


@dataclass
class Machine:
    """What a machine has learnt: `bias` float32 [2] and `table` float32 [n, …] as in `fm_kernels`, vectors of `length`.

    Field-aware (Juan et al. 2016) where `field_of` int32 [n] is given: then a feature has a vector for each field.
    """

    bias: Float32
    table: Float32
    length: int
    field_of: Int32 | None = None

    @classmethod
    def start(cls, features: int, factors: int, seed: int, field_of: Int32 | None = None) -> Machine:
        """Vectors by chance, all else 0."""
        found = cls(np.array([0.0, 1.0], np.float32), np.zeros((0, 0), np.float32), factors, field_of)
        numbers = factors * found.fields
        found.table = np.zeros((features, numbers + 2 + found.fields), np.float32)
        drawn = rng(seed).standard_normal((features, numbers), dtype=np.float32)
        np.multiply(drawn, np.float32(SPREAD), out=found.table[:, :numbers])
        found.weights[1] = 1.0
        found.sums[:] = CAUTION
        return found

    @property
    def fields(self) -> int:
        """Vectors of a feature."""
        return 1 if self.field_of is None else int(self.field_of.max(initial=0)) + 1

    @property
    def factors(self) -> Float32:
        """float32 [n, k], or [n, fields, k], into the table: v."""
        numbers = self.table[:, : self.length * self.fields]
        return numbers if self.field_of is None else numbers.reshape(len(numbers), self.fields, self.length)

    @property
    def weights(self) -> Float32:
        """float32 [2, n], into the table: w and its sums."""
        after = self.length * self.fields
        return self.table[:, after : after + 2].T

    @property
    def sums(self) -> Float32:
        """float32 [n, fields], into the table: the sums of v."""
        return self.table[:, self.length * self.fields + 2 :]

    def copy(self) -> Machine:
        """One that further learning leaves alone."""
        return Machine(self.bias.copy(), self.table.copy(), self.length, self.field_of)

    def scores(self, rows: sparse.csr_matrix) -> Float32:
        """float32 [rows]: of a chance its log-odds, else what is expected. Raises `InputError` for other features."""
        _check(rows, len(self.table))
        out = np.zeros(rows.shape[0], np.float32)
        given = (parts(rows), self.bias, self.weights[0], self.table, self.length, out)
        if self.field_of is None:
            score_rows(*given)
        else:
            ffm_kernels.score_rows(*given, self.field_of, self.fields)
        return out

    def learn(self, rows: sparse.csr_matrix, target: Float32, worth: Float32, order: Int32, plan: Plan) -> float:
        """One pass over rows in this order, each worth so much (or all the same: one number); the mean loss, each row
        judged before it is learnt from."""
        goals = read_only(target), read_only(worth)
        given = (order, parts(rows), goals, self.bias, self.table, self.length, plan.steps, LOSSES[plan.loss])
        if self.field_of is None:
            return float(learn_rows(*given))
        return float(ffm_kernels.learn_rows(*given, self.field_of, self.fields))

    def loss(self, rows: sparse.csr_matrix, target: Float32, worth: Float32, loss: str) -> float:
        """The mean loss on rows that are not learnt from."""
        return mean_loss(self.scores(rows), target, loss, worth)

    def forget_unmet(self, met: np.ndarray) -> None:
        """What a feature that was never met starts from says nothing: it is 0."""
        self.factors[~met] = 0.0


@dataclass(frozen=True)
class HeldBack:
    """Rows that are not learnt from, with their targets."""

    rows: sparse.csr_matrix
    target: Float32


def learn(
    rows: sparse.csr_matrix,
    target: Float32,
    plan: Plan,
    factors: int,
    *,
    field_of: Int32 | None = None,
    held_back: HeldBack | None = None,
    tick: Tick | None = None,
) -> tuple[Machine, list[float]]:
    """A machine learnt from float32 csr [rows, features] and targets, and the loss after each pass: that of what was
    held back, else that of the pass itself. The best of all passes is returned.

    Raises `InputError` where targets and rows differ in number, or are no numbers.
    """
    target = _targets(rows, target, plan.loss)
    machine = Machine.start(rows.shape[1], factors, plan.seed, field_of)
    middle = float(target.mean()) if len(target) else 0.0
    machine.bias[0] = np.log(middle / (1 - middle)) if plan.loss == "logistic" and 0 < middle < 1 else middle
    worth = np.ones(1, np.float32)
    chance = rng(plan.seed + 1)

    def one_pass() -> float:
        order = shuffled(len(target), chance)
        return machine.learn(rows, target, worth, order, plan)

    def judge() -> float:
        assert held_back is not None
        return mean_loss(machine.scores(held_back.rows), held_back.target, plan.loss)

    best, losses = best_pass(machine, one_pass, judge if held_back is not None else None, plan, tick)
    met = np.zeros(rows.shape[1], np.bool_)
    met[rows.indices] = True
    best.forget_unmet(met)
    return best, losses


def shuffled(n: int, chance: np.random.Generator) -> Int32:
    """int32 0 … n - 1 in an order by chance.

    What no cache holds is not fetched row by row: runs are taken by chance, the rows of so many of them shuffled
    together. Rows of one user lie together, so those of a run have a vector in common.
    """
    if n < LARGE:
        order = np.arange(n, dtype=np.int32)
        chance.shuffle(order)
        return order
    starts = np.arange(0, n, RUN, dtype=np.int32)
    chance.shuffle(starts)
    found = []
    for first in range(0, len(starts), RUNS):
        rows = (starts[first : first + RUNS, None] + np.arange(RUN, dtype=np.int32)).ravel()
        chance.shuffle(rows)
        found.append(rows[rows < n])
    return np.concatenate(found)


def best_pass(
    machine: Machine, one_pass: Callable[[], float], judge: Callable[[], float] | None, plan: Plan, tick: Tick | None
) -> tuple[Machine, list[float]]:
    """The machine after the best of up to `plan.epochs` passes, and the losses: of `judge`, else of the passes."""
    best, losses = machine, list[float]()
    for _ in range(plan.epochs):
        loss = one_pass()
        losses.append(loss if judge is None else judge())
        if tick is not None:
            tick(1)
        if judge is None:
            continue
        if losses[-1] <= min(losses):
            best = machine.copy()
        elif len(losses) - 1 - int(np.argmin(losses)) >= plan.patience:
            break
    return best, losses


def mean_loss(scores: Float32, target: Float32, loss: str, worth: Float32 | None = None) -> float:
    """Mean log loss of log-odds, or half the mean squared error, of rows that are worth so much (all the same)."""
    wide = scores.astype(np.float64)
    each = np.logaddexp(0.0, wide) - target * wide if loss == "logistic" else (wide - target) ** 2 / 2
    return float(np.average(each, weights=worth))


def _targets(rows: sparse.csr_matrix, target: Float32, loss: str) -> Float32:
    found = np.asarray(target, np.float32)
    if len(found) != rows.shape[0] or not np.isfinite(found).all():
        odd = np.count_nonzero(~np.isfinite(found))
        raise InputError(
            f"{len(found)} targets for {rows.shape[0]} rows, {odd} of them no number.",
            fix="Give one finite number for each row.",
        )
    if loss == "logistic" and len(found) and not (found.min() >= 0 and found.max() <= 1):
        raise InputError(f"Targets lie in {found.min()} … {found.max()}; the logistic loss wants 0 … 1.")
    return found


def parts(rows: sparse.csr_matrix) -> Rows:
    """Rows of features as the kernels take them."""
    return (
        np.asarray(rows.indptr, np.int64),
        np.asarray(rows.indices, np.int32),
        np.asarray(rows.data, np.float32),
    )


def _check(rows: sparse.csr_matrix, features: int) -> None:
    if rows.shape[1] != features:
        raise InputError(f"Rows of {rows.shape[1]} features; this machine has learnt {features}.")
