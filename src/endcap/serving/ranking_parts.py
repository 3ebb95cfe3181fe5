"""What the ranker was told of an item, and what each of that added to its score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.serving.reranking import chosen
from endcap.serving.slate import Slate
from endcap.types import Float32


@dataclass(frozen=True)
class FeaturePart:
    """One feature: its `value` (None where unknown), and what it `adds` to the ranker's score."""

    name: str
    value: float | None
    adds: float


def feature_parts(slate: Slate, place: int) -> tuple[float | None, float, tuple[FeaturePart, ...]]:
    """(the ranker's score, what it begins with, what each feature adds) of the item shown at a place, counted from 0.

    The strongest first; those that add nothing are left out. (None, 0, ()) where nothing was ranked.
    """
    if place >= len(slate.told) or bool(np.isnan(slate.told[place]).all()):
        return None, 0.0, ()
    return parts_of(slate, slate.told[place : place + 1])


def parts_of(slate: Slate, row: Float32) -> tuple[float | None, float, tuple[FeaturePart, ...]]:
    """The same of what the ranker was told of any item, float32 [1, features]."""
    ranker, snapshot = slate.model.ranker, slate.snapshot
    columns = None if ranker is None else snapshot.columns(ranker.signature, ranker.feature_names)
    if ranker is None or columns is None:
        return None, 0.0, ()
    block = chosen(row, columns)
    judged, adds = float(ranker.rank(block)[0]), ranker.contributions(block)[0]
    told = [
        FeaturePart(name, None if np.isnan(value) else float(value), float(added))
        for name, value, added in zip(ranker.feature_names, block[0].tolist(), adds.tolist(), strict=True)
        if abs(added) > 1e-6
    ]
    base = judged - float(adds.sum())
    return judged, base, tuple(sorted(told, key=lambda part: -abs(part.adds)))
