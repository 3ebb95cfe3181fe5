"""Networks over the vectors of fields as they are asked: matrix products in NumPy, so that serving needs no more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from endcap.errors import ArtefactError
from endcap.types import Float32

Kind = Literal["ffnn", "deepfm", "dcn"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Layout:
    """Which network and how wide: vectors of `width`, `hidden` units in each layer, `crosses` cross layers (dcn)."""

    kind: Kind
    width: int = 10
    hidden: tuple[int, ...] = (256, 128, 64)
    crosses: int = 0
    dropout: float = 0.2

    @property
    def columns(self) -> int:
        """Numbers of a vector; the one more of deepfm is what a value says alone."""
        return self.width + (self.kind == "deepfm")

    def sizes(self, fields: int) -> list[tuple[int, int]]:
        """(inputs, outputs) of every linear map: cross layers, hidden layers, the last."""
        inputs = fields * self.width
        crosses = [(inputs, inputs)] * self.crosses
        last = (inputs, *self.hidden)[-1] + (inputs if self.crosses else 0)
        return [*crosses, *pairwise((inputs, *self.hidden)), (last, 1)]


class Head:
    """logits of vectors: see `deepfm`, `ffnn` and `dcn` for the formulas."""

    def __init__(self, layout: Layout, fields: int, parameters: Float32) -> None:
        """`parameters` float32 [p]: matrix and offsets of each linear map, one after the other. Raises `ArtefactError`
        where they are not as many as the layout has."""
        sizes = layout.sizes(fields)
        ends = np.cumsum([size * (inputs + 1) for inputs, size in sizes])
        if len(parameters) != ends[-1]:
            raise ArtefactError(
                f"The network has {len(parameters):,} parameters, expected {ends[-1]:,}.", fix="Train it again."
            )
        self._layout = layout
        parts = zip(sizes, np.split(parameters, ends[:-1]), strict=True)
        maps = [(part[:-size].reshape(inputs, size), part[-size:]) for (inputs, size), part in parts]
        self._crosses, self._deep, self._out = maps[: layout.crosses], maps[layout.crosses : -1], maps[-1]

    def logits(self, vectors: Float32) -> Float32:
        """float32 [m] of float32 [m, fields, columns]."""
        factors = vectors[:, :, : self._layout.width]
        first = np.ascontiguousarray(factors).reshape(len(vectors), -1)
        deep = first
        for matrix, offset in self._deep:
            deep = deep @ matrix
            deep += offset
            np.maximum(deep, 0, out=deep)
        if self._crosses:
            crossed = first
            for matrix, offset in self._crosses:
                crossed = first * (crossed @ matrix + offset) + crossed
            deep = np.concatenate((crossed, deep), axis=1)
        found = deep @ self._out[0][:, 0] + self._out[1]
        if self._layout.kind == "deepfm":
            total = factors.sum(axis=1)
            found += 0.5 * (np.einsum("mw,mw->m", total, total) - np.einsum("mfw,mfw->m", factors, factors))
            found += vectors[:, :, -1].sum(axis=1)
        return np.asarray(found, np.float32)
