"""Training a network over histories: what is held out, which loss, how large; shared by the sequence recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from endcap.lake.dataset import Dataset
from endcap.recipes.fields import Fields, Spec
from endcap.recipes.neural import losses
from endcap.recipes.neural.batches import Batch, tensors
from endcap.recipes.neural.extras import needed
from endcap.recipes.neural.sampling import Sampler, shares
from endcap.recipes.neural.sequences import Steps, Windows, held_out
from endcap.recipes.neural.training import Descent, TrainingReport, train
from endcap.seams import Progress
from endcap.types import Float32, Int16, Int32, Int64

torch = needed("torch")

TOKENS = 4096
"""Steps of a batch, where there are many: enough for wide matrix products, few enough for a processor's cache."""
LEAST_BATCHES = 100
"""An epoch of few steps is cut into at least so many batches."""
FULL = 2e10
"""Steps × items up to which the loss runs over the whole catalogue; above, over drawn negatives."""
SMALL = 1_000_000
"""Steps of a batch × items up to which one thread is quicker than several."""
CATEGORIES = 2000
"""A column with more values says little more than the item's own vector."""


@dataclass(frozen=True)
class Lesson:
    """How a network is taught: epochs at most, patience, share of histories whose last moment is held out for
    validation, rate, weight decay, loss (softmax, sampled, binary, auto), drawn negatives, seed, steps of a batch."""

    epochs: int
    patience: int
    holdout: float
    rate: float
    decay: float
    loss: str
    negatives: int
    seed: int
    tokens: int = TOKENS


@dataclass(frozen=True)
class HeldOut:
    """The last moment of some histories: the steps before it, the gap (int16 [h]) before it, and its items (int32 [k])
    with the history that each is of (int64 [k])."""

    steps: Steps
    gap: Int16
    target: Int32
    owner: Int64


def hold_out(steps: Steps, share: float, seed: int) -> tuple[Steps, HeldOut | None]:
    """What is left to train on, and the last events of `held_out`: all of the last moment, where some came together."""
    chosen = held_out(steps.indptr, share, seed)
    cuts = steps.last_moments(chosen)
    chosen, cuts = chosen[cuts > steps.indptr[chosen]], cuts[cuts > steps.indptr[chosen]]
    if not len(chosen):
        return steps, None
    left, counts = steps.cut(chosen, cuts), steps.indptr[chosen + 1] - cuts
    owner = np.repeat(np.arange(len(chosen)), counts)
    places = np.repeat(cuts - np.cumsum(counts) + counts, counts) + np.arange(len(owner))
    return left, HeldOut(left.only(chosen), steps.gap[cuts], steps.item[places], owner)


def batch_rows(steps: Steps, length: int, tokens: int = TOKENS) -> int:
    """Windows of a batch, so that it has about so many steps, and an epoch `LEAST_BATCHES` batches where it can."""
    pairs = np.maximum(steps.lengths - 1, 0)
    windows = max(int((-(-pairs // length)).sum()), 1)
    mean = max(pairs.sum() / windows, 1.0)
    least = LEAST_BATCHES * TOKENS / tokens
    return int(np.clip(min(tokens / mean, windows / least), 4, 1024))


def largest_batch(steps: Steps, length: int) -> int:
    """Steps of a batch of the longest windows, padding included; batches are sorted by length."""
    longest = min(length, max(int(steps.lengths.max(initial=0)) - 1, 1))
    return batch_rows(steps, length) * longest


def teach(
    model: Any, steps: Steps, lesson: Lesson, *, length: int, counts: Float32, progress: Progress
) -> TrainingReport:
    """Train a module that has `items()` → float [n, d] and `forward(vectors, batch)` → float [b, t, d]."""
    steps, held = hold_out(steps, lesson.holdout, lesson.seed)
    windows = Windows(steps, length, batch_rows(steps, length, lesson.tokens), lesson.seed)
    tokens = windows.size * min(length, max(int(steps.lengths.mean()), 1))
    return train(
        model,
        windows,
        _Loss(lesson, counts, len(steps.item)),
        weigh=_weigh,
        epochs=lesson.epochs if len(windows) else 0,
        rate=Descent(
            lesson.rate, betas=(0.9, 0.98), decay=lesson.decay, norm=5.0, warmup=50, average=_average(windows)
        ),
        seed=lesson.seed,
        validate=None if held is None else _Judge(held, length),
        patience=lesson.patience,
        threads=1 if tokens * min(len(counts), 1000) < SMALL else None,
        progress=progress,
    )


def _average(windows: Windows) -> float:
    """Weights are averaged over about the last four epochs, at most a thousand steps."""
    return 1 - 1 / min(max(4 * len(windows), 20), 1000)


def _foretold(batch: Any) -> Any:
    """bool [rows, steps], array or tensor: the targets that a batch foretells, those that something came before."""
    there = batch["target"] >= 0
    return there & (batch["source"] >= 0) if "source" in batch else there


def _weigh(batch: Batch) -> float:
    """What the mean of `_Loss` is over."""
    there = _foretold(batch)
    return float(batch["weight"][there].sum() if "weight" in batch else there.sum())


class _Loss:
    """The loss of a batch of windows."""

    def __init__(self, lesson: Lesson, counts: Float32, steps: int) -> None:
        kind = lesson.loss
        if kind == "auto":
            kind = "softmax" if steps * len(counts) <= FULL or len(counts) <= lesson.negatives else "sampled"
        self.kind, self.lesson, self.counts = kind, lesson, counts
        self.sampler: Sampler | None = None

    def __call__(self, model: Any, batch: dict[str, Any]) -> Any:
        vectors = model.items()
        there, states = _foretold(batch), model(vectors, batch)
        owner = None
        if "source" in batch:  # what came together is foretold from one state
            rows = torch.arange(len(states), device=states.device)[:, None] * states.shape[1]
            places, owner = torch.unique_consecutive((rows + batch["source"])[there], return_inverse=True)
            states = states.flatten(0, 1)[places]
        else:
            states = states[there]
        targets, weights = batch["target"][there], batch["weight"][there] if "weight" in batch else None
        if not len(targets):  # all of one moment: there is no mean, and nothing to learn
            return states.sum() * 0.0
        if self.kind == "softmax":
            return losses.full_softmax(states, vectors, targets, weights, owner)
        if self.sampler is None:
            self.sampler = Sampler(shares(self.counts), states.device)
        if self.kind == "sampled":
            negatives = self.sampler.draw(self.lesson.negatives)
            return losses.sampled_softmax(states, vectors, targets, negatives, self.sampler.log_share, weights, owner)
        states = states if owner is None else states[owner]
        negatives = self.sampler.draw(len(targets), max(self.lesson.negatives // 256, 1))
        return losses.binary_against(states, vectors, targets, negatives)


class _Judge:
    """Mean 1 / log2(1 + rank) of the held-out items in the whole catalogue: an NDCG without a cut, hence less noisy."""

    def __init__(self, held: HeldOut, length: int) -> None:
        self.held, self.length = held, length

    def __call__(self, model: Any) -> float:
        vectors, held = model.items(), self.held
        device, total = vectors.device, 0.0
        lengths = np.minimum(held.steps.lengths, self.length)
        starts = held.steps.indptr[1:] - lengths
        for low in range(0, len(lengths), 128):
            part = slice(low, low + 128)
            made, there = held.steps.padded(starts[part], lengths[part])
            rows, last = np.arange(len(there)), lengths[part] - 1
            made["next_gap"] = np.roll(made["gap"], -1, axis=1)
            made["next_gap"][rows, last] = held.gap[part]
            made.pop("together", None)
            states = model(vectors, tensors({**made, "target": there.astype(np.int32) - 1}, device))[rows, last]
            first, end = np.searchsorted(held.owner, (low, low + len(rows)))
            owner = torch.from_numpy(held.owner[first:end] - low).to(device)
            wanted = torch.from_numpy(held.target[first:end].astype(np.int64)).to(device)[:, None]
            scores = (states.float() @ vectors.float().T)[owner]
            rank = (scores > scores.gather(1, wanted)).sum(1)
            total += float((1 / torch.log2(rank + 2.0)).sum())
        return total / len(held.target)


def item_features(dataset: Dataset) -> Any | None:
    """float32 csr [n, features] of the catalogue's categories, None where it tells of none that several items share."""
    table = dataset.item_metadata
    if table is None:
        return None
    spec = {}
    for name in table.column_names:
        kind = str(table.schema.field(name).type)
        if "string" not in kind:
            continue
        values = table[name].combine_chunks().unique()
        if 2 <= len(values) <= min(CATEGORIES, max(table.num_rows // 2, 2)):
            spec[name] = Spec("set", least=2, most=CATEGORIES, unknown=False)
    if not spec:
        return None
    found = Fields.learn(table, spec).encode(table)
    return found if found.nnz else None
