"""What a crowd did, per variant: sums per shopper, from which come means with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from endcap.types import Float64

MEASURES = (
    *("slates", "clicks", "carts", "purchases", "revenue", "expected_clicks", "expected_purchases", "elsewhere"),
    *("potential", "shadow_purchases"),
)
"""Of slates that the server gave; `expected_` are the true expectations of the same slates; `elsewhere`: purchases
of what the shopper found without the server's help; `potential`: what the truth expects of popular products of the type
that each page was after, whatever was shown. Slates and potential are the same under any variant.
`shadow_purchases`: what the truth expects of the slates that another campaign would have shown at the same moments."""
SLATES, CLICKS, CARTS, PURCHASES, REVENUE, EXPECTED_CLICKS, EXPECTED_PURCHASES, ELSEWHERE, POTENTIAL = range(9)
SHADOW_PURCHASES = 9
Z = 1.959964
"""Half the width of a 95 % interval, in standard errors."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def json(self) -> dict[str, float]:
        """As plain data."""
        return {"mean": round(self.mean, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass
class Outcomes:
    """Sums per (variant, shopper), and what went wrong. A shopper who is not known yet counts by session."""

    sums: dict[str, dict[str, Float64]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    """Answers by rung of the fallback ladder, and refusals by status and type."""
    seconds: list[float] = field(default_factory=list)
    """How long each answer took."""
    acknowledged: list[str] = field(default_factory=list)
    """Ids of events that the server took."""
    refused: int = 0
    """Events that it did not take."""
    visits: int = 0

    def add(self, variant: str, unit: str, measure: int, amount: float = 1.0) -> None:
        """Count something of one shopper under a variant."""
        units = self.sums.setdefault(variant, {})
        if unit not in units:
            units[unit] = np.zeros(len(MEASURES))
        units[unit][measure] += amount

    def table(self, variant: str) -> Float64:
        """float64 [shoppers, measures] of a variant."""
        units = self.sums.get(variant, {})
        return np.stack(list(units.values())) if units else np.zeros((0, len(MEASURES)))

    def per_shopper(self, variant: str, measure: int) -> Estimate:
        """The mean over a variant's shoppers; NaN bounds below two of them."""
        values = self.table(variant)[:, measure]
        return _estimate(_mean(values), _error(values))

    def per_slate(self, variant: str, measure: int) -> Estimate:
        """The mean over a variant's slates, which are not independent of each other: delta method over shoppers."""
        table = self.table(variant)
        slates, values = table[:, SLATES], table[:, measure]
        if slates.sum() == 0:
            return _estimate(float("nan"), float("nan"))
        ratio = float(values.sum() / slates.sum())
        return _estimate(ratio, _error(values - ratio * slates) / float(slates.mean()))

    def difference(self, one: str, other: str, measure: int) -> Estimate:
        """Mean per shopper of `one` less that of `other` (independent samples, unequal variances)."""
        a, b = self.table(one)[:, measure], self.table(other)[:, measure]
        return _estimate(_mean(a) - _mean(b), float(np.hypot(_error(a), _error(b))))

    def adjusted(self, one: str, other: str, measure: int) -> Estimate:
        """The same difference, freed of what would have differed anyway: pages visited and what they were after.

        Regression adjustment with covariates that no variant moves (Deng et al. 2013, CUPED; Lin 2013).
        """
        samples = [self.table(one), self.table(other)]
        if min(len(each) for each in samples) < 4:
            return self.difference(one, other, measure)
        centre = np.concatenate(samples)[:, [SLATES, POTENTIAL]].mean(0)
        values, errors = [], []
        for table in samples:
            design = np.column_stack((np.ones(len(table)), table[:, [SLATES, POTENTIAL]] - centre))
            fitted, *_ = np.linalg.lstsq(design, table[:, measure], rcond=None)
            left = table[:, measure] - design @ fitted
            values.append(float(fitted[0]))
            errors.append(float(left.std(ddof=3) / np.sqrt(len(table))))
        return _estimate(values[0] - values[1], float(np.hypot(errors[0], errors[1])))

    def over_shadow(self, variant: str) -> Estimate:
        """Expected purchases per shopper of what a variant showed less those of the shadow's slates: paired
        page by page, with the same shopper in the same mood, so far less noisy than two groups of shoppers."""
        table = self.table(variant)
        lead = table[:, EXPECTED_PURCHASES] - table[:, SHADOW_PURCHASES]
        return _estimate(_mean(lead), _error(lead))

    def json(self) -> dict[str, Any]:
        """The report: each variant, and each compared with the first by name."""
        names = sorted(self.sums)
        took = np.sort(self.seconds) if self.seconds else np.zeros(1)
        return {
            "visits": self.visits,
            "answers": dict(self.answers),
            "milliseconds": {f"p{q}": round(float(np.quantile(took, q / 100)) * 1000, 2) for q in (50, 99)},
            "events": {"acknowledged": len(self.acknowledged), "refused": self.refused},
            "variants": {name: self._variant(name) for name in names},
            "differences": [self._difference(name, names[0]) for name in names[1:]],
        }

    def _variant(self, name: str) -> Mapping[str, Any]:
        table = self.table(name)
        totals = {measure: round(float(total), 3) for measure, total in zip(MEASURES, table.sum(0), strict=True)}
        per_slate = {MEASURES[each]: self.per_slate(name, each).json() for each in (CLICKS, CARTS, PURCHASES)}
        shopper = {MEASURES[each]: self.per_shopper(name, each).json() for each in range(1, len(MEASURES))}
        return {"shoppers": len(table), "totals": totals, "per_shopper": shopper, "per_slate": per_slate}

    def _difference(self, one: str, other: str) -> Mapping[str, Any]:
        measured = range(CLICKS, POTENTIAL)
        found = {MEASURES[each]: self.difference(one, other, each).json() for each in measured}
        adjusted = {MEASURES[each]: self.adjusted(one, other, each).json() for each in measured}
        return {"of": one, "less": other, "per_shopper": found, "adjusted": adjusted}


def _mean(values: Float64) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _error(values: Float64) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def _estimate(mean: float, error: float) -> Estimate:
    return Estimate(mean, mean - Z * error, mean + Z * error)
