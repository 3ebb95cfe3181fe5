"""DeepFM: a factorization machine and a network over the same vectors of fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from endcap.recipes.neural.propensity import PropensityRecipe
from endcap.recipes.neural.tabular_heads import Kind


@dataclass
class DeepFM(PropensityRecipe):
    """P = σ(w₀ + Σ_f w_f + Σ_{f<g} ⟨v_f, v_g⟩ + MLP(v₁ … v_F)), v_f the vector of field f's value.

    Guo, Tang, Ye, Li and He 2017, "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction". Fields of
    a shop: profile, weekday, hour and month, the mean of the newest items had, the item, its metadata, how often and
    when last the shopper had it. A number is its value times the field's vector, a set or a text the sum over its
    parts. The loss is logistic, with half the squares of all vectors beside it; batch normalisation, dropout, AdamW.
    """

    title: ClassVar[str] = "DeepFM"
    network: ClassVar[Kind] = "deepfm"
