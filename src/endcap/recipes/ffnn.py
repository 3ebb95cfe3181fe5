"""FFNN: a feed-forward network over the vectors of fields, the plain one of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from endcap.recipes.neural.propensity import PropensityRecipe
from endcap.recipes.neural.tabular_heads import Kind


@dataclass
class FFNN(PropensityRecipe):
    """P = σ(MLP(v₁ … v_F)), v_f the vector of field f's value.

    Covington, Adams and Sargin 2016, "Deep Neural Networks for YouTube Recommendations" (the ranking network). Fields
    and training are those of `deepfm`; what only a product of two fields tells must be found by the layers.
    """

    title: ClassVar[str] = "Feed-forward network"
    network: ClassVar[Kind] = "ffnn"
