"""DCN: cross layers, which multiply fields with each other, beside a network over the same vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from endcap.recipes.base import param
from endcap.recipes.neural.propensity import PropensityRecipe
from endcap.recipes.neural.tabular_heads import Kind


@dataclass
class DCN(PropensityRecipe):
    """P = σ(w · [x_L, MLP(x₀)]), x_{l+1} = x₀ ⊙ (W_l x_l + b_l) + x_l, x₀ the vectors of all fields side by side.

    Wang et al. 2021, "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
    Systems" (parallel form, full matrices). Fields and training are those of `deepfm`.
    """

    title: ClassVar[str] = "Deep & cross network"
    network: ClassVar[Kind] = "dcn"

    crosses: int = param(3, "Cross layers: products of up to so many fields and one.", low=1, high=8, search=(1, 5))

    def _crosses(self) -> int:
        return self.crosses
