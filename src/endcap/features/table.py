"""The ranking features, in the order of their columns: a family a line."""

from __future__ import annotations

from endcap.features.candidate import CANDIDATE
from endcap.features.catalogue import CATALOGUE
from endcap.features.context import CONTEXT
from endcap.features.family import Family
from endcap.features.own import OWN
from endcap.features.popularity import POPULARITY
from endcap.features.rates import RATES
from endcap.features.shopper import SHOPPER
from endcap.features.taste import TASTE

FAMILIES: tuple[Family, ...] = (CANDIDATE, POPULARITY, RATES, CATALOGUE, OWN, TASTE, SHOPPER, CONTEXT)
FORMAT = 1
"""Raise it when a feature is computed differently under the same name: what was trained before is not served on."""
