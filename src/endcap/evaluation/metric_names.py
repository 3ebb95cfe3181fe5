"""Metrics by the names that the service gives them."""

from __future__ import annotations

import re

from endcap.errors import InputError

_MEASURES = {"normalized_discounted_cumulative_gain": "ndcg", "precision": "precision", "mean_reciprocal_rank": "mrr"}
_METRIC = re.compile(rf"({'|'.join(_MEASURES)})_at_([1-9][0-9]?|100)")


def measure_of(metric: str) -> tuple[str, int]:
    """(measure of `metrics.PER_QUERY`, places) of a metric by which recipes can be compared shopper by shopper.

    Raises `InputError` for another, coverage among them: no single shopper has one.
    """
    found = _METRIC.fullmatch(metric)
    if found is None:
        raise InputError(
            f"The metric to choose by is {metric!r}, expected {', '.join(f'{name}_at_K' for name in _MEASURES)}, "
            "with K from 1 to 100.",
            fix="Give one of these as metricName, or none.",
        )
    return _MEASURES[found[1]], int(found[2])
