"""Graph filter: the shopper's history as a signal on the graph of items, smoothed by it. Nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import linalg, sparse

from endcap.lake.dataset import Dataset
from endcap.recipes.base import Recipe, fitted, param
from endcap.recipes.neighbours import best_neighbours
from endcap.recipes.queries import Queries
from endcap.seams import Progress, rng
from endcap.types import Float32, Int32, Int64


@dataclass
class GraphFilter(Recipe):
    """score = h (P + ideal · D^-½ V Vᵀ D^½) then sharpened, with R̃ = D_u^-½ R D^-½, P = R̃ᵀR̃, V its top eigenvectors.

    """

    title: ClassVar[str] = "Graph filter"
    reason: ClassVar[str] = "Shoppers like you chose this"

    rank: int = param(256, "Eigenvectors kept by the ideal low-pass filter; 0: none.", low=0)
    ideal: float = param(0.3, "Weight of the ideal low-pass filter beside the linear one.", low=0.0)
    neighbours: int = param(1000, "Neighbours of each item kept by the linear filter.", low=1)
    seed: int = param(0, "Seed of the random start of the eigenvectors.", low=0)

    linear_: sparse.csr_matrix = fitted()
    """float32 [n, n]: P, its largest entries."""
    vectors_: Float32 = fitted()
    """float32 [n, d]: V."""
    degree_: Float32 = fitted()
    """float32 [n]: √ of the number of shoppers who took each item."""
