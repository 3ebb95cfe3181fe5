"""What a factorization machine learns of single events: stars, pieces, thumbs, as numbers that suit its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from endcap.errors import InputError
from endcap.lake.dataset import Dataset, Interactions
from endcap.lake.labels import LABELS, PIECES, THUMBS
from endcap.recipes.fm_training import Machine
from endcap.types import Float32


@dataclass(frozen=True)
class Scale:
    """Amounts y are learnt as (y - middle) / spread, those of pieces as log(1 + y) in the place of y: an order of a
    thousand is no thousand orders. `least` and `most` are those that were learnt from."""

    middle: float
    spread: float
    least: float
    most: float
    logs: bool

    @classmethod
    def of(cls, amounts: Float32, objective: str) -> Self:
        """The scale of float32 [n]. Raises `InputError` for pieces below 0."""
        logs = objective == PIECES
        if logs and len(amounts) and amounts.min() < 0:
            raise InputError(
                f"A quantity is {amounts.min():g}, expected 0 or more.",
                fix="Leave returns out, or learn them as they are: objective=weight.",
            )
        told = np.log1p(amounts.astype(np.float64)) if logs else amounts.astype(np.float64)
        return cls(float(told.mean()), float(told.std()) or 1.0, float(amounts.min()), float(amounts.max()), logs)

    def learnt(self, amounts: Float32) -> Float32:
        """Amounts as they are learnt."""
        told = np.log1p(amounts) if self.logs else amounts
        return np.asarray((told - self.middle) / self.spread, np.float32)

    def undone(self, machine: Machine) -> None:
        """Let a machine that has learnt score y itself, or log(1 + y)."""
        machine.bias[0] = machine.bias[0] * self.spread + self.middle
        machine.weights[0] *= np.float32(self.spread)
        machine.factors[:] *= np.float32(np.sqrt(self.spread))


def amounts(scores: Float32, least: float, most: float, *, logs: bool) -> Float32:
    """What scores expect, no less and no more than was learnt from."""
    found = np.expm1(np.minimum(scores, 80.0)) if logs else scores
    return np.asarray(np.clip(found, least, most), np.float32)


def labelled(dataset: Dataset, label: str) -> Interactions:
    """All events that carry the label, of those that are left out of other learning as well, sorted by (user, time).

    Raises `InputError` where there are none, or where all thumbs are alike.
    """
    parts = [part for part in (dataset.interactions, dataset.left_out) if part is not None]
    told = [part.take(~np.isnan(part.label)) for part in parts if part.label is not None]
    if not sum(map(len, told)):
        raise InputError(
            f"The events say no {label}, which is to be learnt.", fix=f"{LABELS[label].fix} Or set another objective."
        )
    names = ("user", "item", "time", "event_type", "weight", "order", "label")
    events = Interactions(*(np.concatenate([getattr(part, name) for part in told]) for name in names))
    assert events.label is not None
    if label == THUMBS and events.label.min() == events.label.max():
        raise InputError(
            f"All {len(events):,} thumbs are {'up' if events.label[0] else 'down'}: there is nothing to tell apart.",
            fix=f"{LABELS[label].fix} Where event types are chosen, choose both.",
        )
    return events.take(np.lexsort((events.time, events.user)))
