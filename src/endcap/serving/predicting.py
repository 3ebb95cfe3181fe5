"""Scores of given pairs of customer and product, or of rows of features: what a campaign's version says of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from endcap.errors import InputError
from endcap.registry.variants import Variant
from endcap.serving.asking import asked
from endcap.serving.model import COMPUTE, ServedModel
from endcap.serving.recommend import resolve
from endcap.serving.slate import Request, Slate
from endcap.serving.snapshot import Snapshot
from endcap.types import Bool, Float32

TOGETHER = 64
"""Pairs that are scored in one pass."""
LIKELY = 0.5
"""From this chance on the label is 1."""


@runtime_checkable
class Chances(Protocol):
    """A recipe that tells how likely its scores make what it learnt."""

    def chances(self, scores: Float32) -> Float32 | None:
        """float32 in 0 … 1, shaped as `scores`; None where what was learnt is no chance."""


@runtime_checkable
class Amounts(Protocol):
    """A recipe that tells what its scores expect in the units of what it learnt."""

    def amounts(self, scores: Float32) -> Float32:
        """float32, shaped as `scores`."""


@runtime_checkable
class OfFeatures(Protocol):
    """A recipe that scores rows of its own features."""

    @property
    def n_features(self) -> int:
        """How many those are."""

    def score_features(self, rows: sparse.csr_matrix) -> Float32:
        """float32 [rows]. Raises `InputError` for rows of another width."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One customer, one product, and what is told of the moment."""

    user_id: str
    item_id: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """`score` is a chance where there is a `label` (0 or 1), an amount where one was learnt, else what the recipe says;
    None where it cannot tell."""

    score: float | None
    label: int | None = None


@dataclass(frozen=True)
class Oracle:
    """One version of a campaign, asked about pairs or rows of features.

    `key` decides which variant that is: the same key, the same variant; `variant` names one.
    """

    snapshot: Snapshot
    variant: Variant
    model: ServedModel
    asked_at: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot, key: str, asked_at: int = 0, variant: str = "") -> Oracle:
        """Raises `InputError` for a variant that the campaign has not."""
        _, chosen, model = snapshot.variant_for(key)
        if variant:
            named = {each.name: each for each in snapshot.deployment.variants}
            if variant not in named:
                raise InputError(f"There is no variant {variant!r}; {snapshot.arn} has {', '.join(sorted(named))}.")
            chosen, model = named[variant], snapshot.models[named[variant].version_id]
        return cls(snapshot, chosen, model, asked_at)

    def pairs(self, pairs: Sequence[Pair]) -> list[Prediction]:
        """Of each pair, given the customer's history and profile as they are now.

        A customer may be unknown; a product may not: raises `InputError`, naming it.
        """
        found: list[Prediction] = []
        for start in range(0, len(pairs), TOGETHER):
            found += self._some(pairs[start : start + TOGETHER], start)
        return found

    def _some(self, pairs: Sequence[Pair], first: int) -> list[Prediction]:
        rows = self.model.rows_of(self.snapshot.ordinals([pair.item_id for pair in pairs]))
        for place in np.flatnonzero(rows < 0).tolist():
            raise InputError(
                f"instances[{first + place}]: version {self.model.version} does not know the item "
                f"{pairs[place].item_id!r}.",
                fix="Ask about items that were there when it was trained, or train again.",
            )
        slates = [self._slate(pair) for pair in pairs]
        wanted, columns = np.unique(rows, return_inverse=True)
        scores = self.model.scores_of(asked(slates), wanted.astype(np.int32))
        return self._told(scores[np.arange(len(pairs)), columns])

    def _slate(self, pair: Pair) -> Slate:
        request = Request(1, pair.user_id, context=pair.context, asked=self.asked_at)
        slate = Slate(self.snapshot, request, "")
        resolve(slate)
        slate.model = self.model
        return slate

    def features(self, rows: sparse.csr_matrix) -> list[Prediction]:
        """Of float32 csr [m, features] in the recipe's own features. Raises `InputError` where it has none, or other
        ones."""
        recipe = self.model.retriever
        if not isinstance(recipe, OfFeatures):
            raise InputError(
                f"Version {self.model.version} of the recipe {self.model.recipe_name} reads no features.",
                fix="Ask with userId and itemId.",
            )
        with COMPUTE:
            scores = recipe.score_features(rows)
        return self._told(scores)

    def _told(self, scores: Float32) -> list[Prediction]:
        known: Bool = np.isfinite(scores)
        recipe = self.model.retriever
        chances = recipe.chances(np.where(known, scores, 0.0)) if isinstance(recipe, Chances) else None
        if chances is None:
            found = recipe.amounts(scores) if isinstance(recipe, Amounts) else scores
            return [Prediction(amount if there else None) for amount, there in _pairs(found, known)]
        return [
            Prediction(chance, int(chance >= LIKELY)) if there else Prediction(None)
            for chance, there in _pairs(chances, known)
        ]


def _pairs(values: Float32, known: Bool) -> list[tuple[float, bool]]:
    return list(zip(values.tolist(), known.tolist(), strict=True))
