"""Training networks over fields, and asking them without PyTorch: a table of vectors and a head over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from endcap.recipes.neural.batches import Batches
from endcap.recipes.neural.tabular_heads import Head, Layout
from endcap.recipes.neural.tabular_rows import Shape, Slots, vectors
from endcap.seams import Progress
from endcap.types import Float32, Float64

ROWS = 16_384
"""Rows given to a network at once."""
LEAST_HELD = 20
"""Held-back rows of either label below which they can tell neither when to stop nor what a score means."""


@dataclass(frozen=True)
class Plan:
    """Which network, and how it is trained. `penalty` weighs half the squares of all vectors beside the mean loss;
    `members` networks of different seeds are averaged."""

    layout: Layout
    penalty: float = 0.05
    rate: float = 1e-3
    epochs: int = 12
    patience: int = 3
    members: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Networks:
    """Trained networks of one layout over rows of `fields` fields. `tables` float32 [members, 1 + features, columns]
    with row 0 empty, `heads` float32 [members, p], `scale` float64 [2]: logit = scale[0] · mean + scale[1]."""

    layout: Layout
    fields: int
    tables: Float32
    heads: Float32
    scale: Float64

    @cached_property
    def members(self) -> list[Head]:
        """The heads."""
        return [Head(self.layout, self.fields, each) for each in self.heads]

    def logits(self, rows: Slots) -> Float32:
        """float32 [m] of rows, calibrated."""
        found = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            found[part] = self.joined([vectors(table, rows.take(part)) for table in self.tables])
        return found

    def joined(self, rows: Sequence[Float32]) -> Float32:
        """float32 [m] calibrated logits of the members' vectors, float32 [m, fields, columns] each."""
        total = np.mean([head.logits(each) for head, each in zip(self.members, rows, strict=True)], axis=0)
        return np.asarray(self.scale[0] * total + self.scale[1], np.float32)


def learn(batches: Batches, shape: Shape, held: tuple[Slots, Float32], plan: Plan, progress: Progress) -> Networks:
    """Train on batches of `codes`, `weights` and `label`; `held` (rows, labels) tells when to stop and what a logit
    means. Raises `ResourceError` where the extra `deep` is missing."""
    judged = min(held[1].sum(), len(held[1]) - held[1].sum()) >= LEAST_HELD
    modules = [
        _trained(batches, shape, held if judged else None, plan, plan.seed + member, progress)
        for member in range(plan.members)
    ]
    tables = np.stack([module.table.detach().numpy() for module in modules])
    tables[:, 0] = 0.0
    heads = np.stack([module.parameters_of_head() for module in modules])
    found = Networks(plan.layout, shape.fields, tables, heads, np.array([1.0, 0.0]))
    return replace(found, scale=platt(found.logits(held[0]), held[1])) if judged else found


def _trained(
    batches: Batches, shape: Shape, held: tuple[Slots, Float32] | None, plan: Plan, seed: int, progress: Progress
) -> Any:
    from endcap.recipes.neural.tabular_networks import Tabular, one_thread, torch  # noqa: PLC0415
    from endcap.recipes.neural.training import Descent, seeded, train  # noqa: PLC0415

    with seeded(seed):
        module = Tabular(shape, plan.layout)

    def loss_of(module: Any, batch: dict[str, Any]) -> Any:
        if len(batch["label"]) == 1:  # a single row has no spread to normalise by
            batch = {name: each.repeat_interleave(2, 0) for name, each in batch.items()}
        logits = module(batch["codes"], batch["weights"])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), batch["label"])
        return loss + plan.penalty * module.penalty()

    def validate(module: Any) -> float:
        rows, labels = held or (None, None)
        assert rows is not None and labels is not None
        device = module.table.device
        parts = [rows.take(slice(start, start + ROWS)) for start in range(0, len(rows), ROWS)]
        found = [
            module(torch.from_numpy(part.codes).long().to(device), torch.from_numpy(part.weights).to(device))
            for part in parts
        ]
        return auc(labels, torch.cat(found).float().cpu().numpy())

    descent = Descent(plan.rate, schedule="cosine")
    with one_thread(module):
        train(
            module,
            batches,
            loss_of,
            epochs=plan.epochs,
            rate=descent,
            seed=seed,
            validate=None if held is None else validate,
            patience=plan.patience,
            progress=progress,
        )
    return module


def auc(labels: Float32, scores: Float32) -> float:
    """Share of pairs of a row of label 1 and one of label 0 that are scored in order, ties half; needs both labels."""
    ones = labels > 0
    count = float(ones.sum())
    _, tie, size = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2)[tie][ones].sum()
    return float((ranks - count * (count + 1) / 2) / (count * (len(labels) - count)))


def platt(logits: Float32, labels: Float32) -> Float64:
    """float64 [2]: a ≥ 0.05 and b under which sigmoid(a · logit + b) is likeliest to give the labels (Platt 1999).

    A row's worth of doubt holds them near 1 and 0.
    """
    from scipy import optimize  # noqa: PLC0415 - a quarter of a second, that only training needs

    given, wanted = logits.astype(np.float64), labels.astype(np.float64)

    def loss(scale: Float64) -> tuple[float, Float64]:
        value = scale[0] * given + scale[1]
        away = scale - (1.0, 0.0)
        wrong = special.expit(value) - wanted
        slope = np.array([wrong @ given, wrong.sum()]) + away
        return float((np.logaddexp(0, value) - wanted * value).sum() + 0.5 * away @ away), slope

    bounds = [(0.05, None), (None, None)]
    return np.asarray(optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds).x)
