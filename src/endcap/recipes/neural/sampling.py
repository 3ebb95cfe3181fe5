"""Negatives, drawn in one place: uniformly mixed with popularity, the probability of each known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from endcap.errors import InputError
from endcap.recipes.neural.extras import needed
from endcap.types import Float32, Float64

torch = needed("torch")


def shares(counts: Float32, exponent: float = 0.75, uniform: float = 0.1) -> Float64:
    """float64 [n]: probability of drawing each item, (1 - uniform) ∝ count^exponent plus uniform / n; sums to 1."""
    if len(counts) == 0:
        raise InputError("There are no items to draw negatives from.")
    weights = np.asarray(counts, np.float64) ** exponent * (np.asarray(counts) > 0)
    total = weights.sum()
    even = np.full(len(counts), 1 / len(counts))
    return even if total == 0 else (1 - uniform) * weights / total + uniform * even


class Sampler:
    """Draws item rows by given probabilities, with replacement, from the generator of their device."""

    def __init__(self, probabilities: Float64, device: Any) -> None:
        edges = np.cumsum(probabilities)
        self._edges = torch.from_numpy(edges / edges[-1]).to(device)
        self.log_share = torch.from_numpy(np.log(probabilities).astype(np.float32)).to(device)
        """float32 [n]: log probability of each item."""

    def draw(self, *shape: int) -> Any:
        """int64 item rows of this shape, by the inverse of the cumulative distribution."""
        uniform = torch.rand(shape, dtype=torch.float64, device=self._edges.device)
        return torch.searchsorted(self._edges, uniform, right=True).clamp_max(len(self._edges) - 1)
