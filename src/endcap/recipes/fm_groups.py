"""Learning a factorization machine from groups: who asks, what they took, and items drawn beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from endcap.recipes.fm_kernels import learn_groups as learn_kernel
from endcap.recipes.fm_training import LOSSES, Machine, Plan, best_pass, parts
from endcap.seams import Progress, rng
from endcap.types import Float32, Int32, Int64

POOL = 1 << 20
"""Items drawn for one pass; then they come again."""
TOGETHER = 2000
"""Groups that are laid out as rows at once, where a kernel knows rows only."""


@dataclass(frozen=True)
class Groups:
    """`askers` float32 csr [g, features of who asks], `items` float32 csr [n, features of items], what each group took
    in `indptr` int64 [g + 1], `taken` int32 and `targets` float32, and what it is `worth` float32 [g].

    `known` are the first so many features of who asks, which name them; a group is learnt without in a share `forget`
    of all passes. `drawable` int32 are the items that are drawn, `negatives` of them for each one taken.
    """

    askers: sparse.csr_matrix
    items: sparse.csr_matrix
    indptr: Int64
    taken: Int32
    targets: Float32
    worth: Float32
    drawable: Int32
    negatives: int
    known: int
    forget: float

    def __len__(self) -> int:
        return len(self.worth)

    @property
    def features(self) -> int:
        """Of who asks and of items together; those of items come last."""
        return int(self.askers.shape[1] + self.items.shape[1])

    def forgetful(self, chance: np.random.Generator) -> sparse.csr_matrix:
        """The askers, some without what names them."""
        data = self.askers.data.copy()
        names = self.askers.indices < self.known
        forgotten = np.repeat(chance.random(len(self)) < self.forget, np.diff(self.askers.indptr))
        data[names & forgotten] = 0.0
        return sparse.csr_matrix((data, self.askers.indices, self.askers.indptr), shape=self.askers.shape)

    def pool(self, chance: np.random.Generator) -> Int32:
        """int32 drawn items."""
        size = min(POOL, max(1, len(self.taken) * self.negatives))
        return self.drawable[chance.integers(0, len(self.drawable), size)]

    def met(self) -> np.ndarray:
        """bool [features]: which occur in what is learnt from."""
        found = np.zeros(self.features, np.bool_)
        found[self.askers.indices] = True
        found[self.items[np.unique(np.concatenate((self.taken, self.drawable)))].indices + self.askers.shape[1]] = True
        return found


def learn_groups(
    groups: Groups, plan: Plan, factors: int, progress: Progress, *, held_back: int = 0, field_of: Int32 | None = None
) -> Machine:
    """A machine learnt from groups; the last `held_back` of them say after how many passes all are learnt from anew."""
    told = "factorization machine"
    if held_back:
        first = np.arange(len(groups) - held_back, dtype=np.int32)
        last = np.arange(len(groups) - held_back, len(groups), dtype=np.int32)
        with progress(f"{told}, held back", total=plan.epochs, unit="epochs") as tick:
            lesson = _Lesson(groups, plan, factors, field_of)
            _, losses = best_pass(lesson.machine, lambda: lesson.over(first), lambda: lesson.judged(last), plan, tick)
        plan = replace(plan, epochs=int(np.argmin(losses)) + 1)
    with progress(told, total=plan.epochs, unit="epochs") as tick:
        lesson = _Lesson(groups, plan, factors, field_of)
        everything = np.arange(len(groups), dtype=np.int32)
        machine, _ = best_pass(lesson.machine, lambda: lesson.over(everything), None, plan, tick)
    machine.forget_unmet(groups.met())
    return machine


class _Lesson:
    """One machine on its way through groups."""

    def __init__(self, groups: Groups, plan: Plan, factors: int, field_of: Int32 | None):
        self.groups, self.plan = groups, plan
        self.machine = Machine.start(groups.features, factors, plan.seed, field_of)
        if plan.loss == "logistic" and not groups.negatives:  # drawn ones would make a mean of their own
            share = float(np.clip(groups.targets.mean(), 1e-3, 1 - 1e-3))
            self.machine.bias[0] = np.log(share / (1 - share))
        self._chance = rng(plan.seed + 1)
        items = groups.items
        indptr, indices, data = parts(items)
        self._items = (indptr, indices + np.int32(groups.askers.shape[1]), data)

    def over(self, some: Int32) -> float:
        """One pass in an order of its own; the mean loss."""
        return self._pass(self._chance.permutation(some).astype(np.int32), self._chance, learns=True)

    def judged(self, some: Int32) -> float:
        """The mean loss beside items that are the same each time."""
        return self._pass(some, rng(self.plan.seed + 2), learns=False)

    def _pass(self, order: Int32, chance: np.random.Generator, *, learns: bool) -> float:
        groups, machine = self.groups, self.machine
        askers, pool = groups.forgetful(chance), groups.pool(chance)
        if machine.field_of is not None:
            return self._over_rows(order, askers, pool, learns=learns)
        return float(
            learn_kernel(
                order,
                parts(askers),
                self._items,
                (groups.indptr, groups.taken, groups.targets),
                groups.worth,
                pool,
                groups.negatives,
                machine.bias,
                machine.table,
                machine.length,
                self.plan.steps,
                LOSSES[self.plan.loss],
                learns,
            )
        )

    def _over_rows(self, order: Int32, askers: sparse.csr_matrix, pool: Int32, *, learns: bool) -> float:
        """The same with every candidate laid out as a row of its own."""
        groups, machine, drawn, total, mass = self.groups, self.machine, 0, 0.0, 0.0
        for start in range(0, len(order), TOGETHER):
            some = order[start : start + TOGETHER]
            lengths = np.diff(groups.indptr)[some]
            asked = np.repeat(some, lengths)
            ends = np.cumsum(lengths)
            place = np.arange(ends[-1]) + np.repeat(groups.indptr[some] - (ends - lengths), lengths)
            negatives = pool[(drawn + np.arange(len(place) * groups.negatives)) % len(pool)]
            drawn += len(negatives)
            who = np.concatenate((asked, np.repeat(asked, groups.negatives)))
            what = np.concatenate((groups.taken[place], negatives))
            target = np.concatenate((groups.targets[place], np.zeros(len(negatives), np.float32)))
            rows = sparse.hstack((askers[who], groups.items[what]), format="csr", dtype=np.float32)
            worth = groups.worth[who]
            shuffled = rng(self.plan.seed + start).permutation(len(who)).astype(np.int32)
            if learns:
                loss = machine.learn(rows, target, worth, shuffled, self.plan)
            else:
                loss = machine.loss(rows, target, worth, self.plan.loss)
            total += loss * float(worth.sum())
            mass += float(worth.sum())
        return total / max(mass, 1e-12)
